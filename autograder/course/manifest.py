"""``assignment.toml``: what an author states of an assignment, read and checked."""

import difflib
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from autograder.course import equivalents, late_policy
from autograder.course.errors import AssignmentError
from autograder.course.late_policy import LateStep
from autograder.course.limits import Limits


class Exercise(BaseModel):
    """One exercise.

    ``forbid`` holds operators, seen while a call runs whatever name they are called by (``aten::cumsum*``), and dotted
    names, looked for in the source (``scipy``). ``loop_free`` asks `validate` to find a gate in its suites; it is the
    gate that measures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str
    points: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    kind: Literal["code", "written"] = "code"
    loop_free: bool = False
    forbid: tuple[str, ...] = ()
    gate_credit: Annotated[float, Field(ge=0, le=1)] = 0.5

    @property
    def forbidden_operators(self) -> tuple[str, ...]:
        """The patterns of dispatched operators in ``forbid``, and of others that do what one of them does."""
        return equivalents.operators_forbidden_with(pattern for pattern in self.forbid if "::" in pattern)

    @property
    def forbidden_names(self) -> tuple[str, ...]:
        """The patterns of Python names in ``forbid``, and the names that do what a forbidden operator does."""
        named = tuple(pattern for pattern in self.forbid if "::" not in pattern)
        return (*named, *equivalents.names_forbidden_with(self.forbidden_operators))


class Manifest(BaseModel):
    """``assignment.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str
    due: datetime
    late: tuple[LateStep, ...] = ()
    limits: Limits = Limits()
    exercise: dict[str, Exercise]

    @field_validator("due")
    @classmethod
    def _with_zone(cls, due: datetime) -> datetime:
        if due.tzinfo is None:
            raise ValueError("needs a time zone, for example 2026-12-01T23:59:00+00:00")
        return due

    @field_validator("late")
    @classmethod
    def _in_order(cls, steps: tuple[LateStep, ...]) -> tuple[LateStep, ...]:
        if problem := late_policy.order_problem(steps):
            raise ValueError(problem)
        return steps

    @field_validator("exercise")
    @classmethod
    def _at_least_one(cls, exercises: dict[str, Exercise]) -> dict[str, Exercise]:
        if not exercises:
            raise ValueError("needs at least one [exercise.<name>] table")
        for name in exercises:
            if not name.isidentifier():
                raise ValueError(f"the exercise name {name!r} should be a Python identifier")
        return exercises

    def share_lost(self, seconds_late: float) -> float:
        """The share of its score that work handed in ``seconds_late`` after the due time loses, from 0 to 1."""
        return late_policy.share_lost(self.late, seconds_late)


def read_manifest(path: Path) -> Manifest:
    """Read and check one ``assignment.toml``. Raises `AssignmentError` with the first thing that is wrong with it."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except FileNotFoundError:
        raise AssignmentError(f"{path} does not exist; every assignment needs one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{path} is not valid TOML: {error}") from None
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        # A key that does not exist first: where it is a typo, the key that is lacking is lacking for that.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise AssignmentError(f"{path}: {_in_words(first)}") from None


# What a value of each kind may be, in words.
_KINDS = {
    str: "a text in quotes",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    datetime: "a date and time with its zone, as 2026-12-01T23:59:00+00:00",
    tuple[str, ...]: "a list of texts in brackets",
    Literal["code", "written"]: '"code" or "written"',
    tuple[LateStep, ...]: "tables [[late]], each with within_hours and loses",
    Limits: "a table [limits]",
    dict[str, Exercise]: "tables [exercise.<name>]",
}


def _in_words(error: ErrorDetails) -> str:
    """One thing that is wrong with a manifest's table: which key, in which table, and what it may be."""
    match error["loc"]:
        case "exercise", str(name), key, *_:
            table, model = f"[exercise.{name}]", Exercise
        case "late", int(number), key, *_:
            table, model = f"[[late]] number {number + 1}", LateStep
        case "limits", key, *_:
            table, model = "[limits]", Limits
        case key, *_:
            table, model = "the manifest", Manifest
    fields = model.model_fields
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(key), fields, 1)
        return f"{table} has no key {key!r}; " + (
            f"did you mean {near[0]}?" if near else f"it may have {', '.join(fields)}"
        )
    if error["type"] == "missing":
        return f"{table} lacks {key}, which should be {allowed(fields[key])}"
    if error["type"] == "value_error":
        return f"{key} in {table}: {error['ctx']['error']}"
    return f"{key} in {table} should be {allowed(fields[key])}, and it is {error['input']!r:.60}"


def allowed(field: FieldInfo) -> str:
    """What a key may be, in words: the kind of its value, and its bounds."""
    kind = _KINDS[field.annotation]
    bounds = {type(bound): bound for bound in field.metadata}
    if Gt in bounds:
        return f"{kind} above {bounds[Gt].gt:g}"
    if Ge in bounds and Le in bounds:
        return f"{kind} from {bounds[Ge].ge:g} to {bounds[Le].le:g}"
    return f"{kind} of at least {bounds[Ge].ge:g}" if Ge in bounds else kind
