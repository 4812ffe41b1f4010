"""What a row of the ledger is, and how its verdict follows from the two numbers in it."""

import functools
import inspect
import math
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Number: TypeAlias = int | float
Value: TypeAlias = "Number | str | tuple[Value, ...]"
Verdict: TypeAlias = Literal["holds", "holds to rounding", "differs", "cited"]
VERDICTS: tuple[Verdict, ...] = ("holds", "holds to rounding", "differs", "cited")

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True)
class Row:
    """A numeric claim and what became of it.

    `claim` is in our words. `source` says who claims it: lectures L0 to L4, a chapter of this course, torchvision;
    `references` are keys of the bibliography: who claims it where `source` is empty, otherwise the papers that describe
    what is counted. `convention` says how is counted. `claimed` is a number, a word or a
    tuple of them. `compute` computes the same quantity; for a row that is `cited` it returns what the paper states.
    `rounding` is the unit to which the claim is rounded: 1e6 for "138 M", 0 for an exact number. With `at_least` the
    claim is a bound. `form` prints one number, as a format string; `between` stands between those of a tuple. `why`
    explains a verdict that needs it.
    """

    key: str
    chapter: int
    claim: str
    source: str
    claimed: Value
    verdict: Verdict
    compute: Callable[[], Value] = field(compare=False)
    references: tuple[str, ...] = ()
    convention: str = ""
    rounding: float = 0
    at_least: bool = False
    is_cited: bool = False
    form: str = ""
    between: str = ", "
    why: str = ""

    @functools.cached_property
    def computed(self) -> Value:
        """What `compute` returns, computed once."""
        return self.compute()

    def judged(self) -> Verdict:
        """Return the verdict that follows from the claimed and the computed value."""
        if self.at_least:
            agrees = exact = self.computed >= self.claimed
        else:
            exact = _close(self.claimed, self.computed, rounding=0)
            agrees = exact or _close(self.claimed, self.computed, self.rounding)
        if not agrees:
            return "differs"
        return "cited" if self.is_cited else "holds" if exact else "holds to rounding"

    def written(self, which: Literal["claimed", "computed"]) -> str:
        """Return the claimed or the computed value as the page prints it."""
        if which == "computed":
            return _written(self.computed, self.form, self.between)
        # A claim has no more digits than it was made with.
        form = self.form if "%}" in self.form else re.sub(r"{:.*?}", "{:g}", self.form)
        return ("at least " if self.at_least else "") + _written(self.claimed, form, self.between)

    def how(self) -> str:
        """Return the source of the function that computes the row, without its decorator, and the names it is given."""
        source = textwrap.dedent(inspect.getsource(self.compute))
        # Rows that share a function differ in what it closes over.
        given = inspect.getclosurevars(self.compute).nonlocals
        known = [f"{name} = {value!r}\n" for name, value in given.items() if isinstance(value, (int, str, dict))]
        return "".join(known) + source[source.index("def ") :].strip()


ROWS: dict[str, Row] = {}


def row(**fields: object) -> Callable[[Callable[[], Value]], Row]:
    """Turn the function below, which computes the value, into a row; its name, with hyphens, is the row's key.

    Raises `ValueError` when the key is taken.
    """

    def register(compute: Callable[[], Value]) -> Row:
        return add(Row(key=compute.__name__.replace("_", "-"), compute=compute, **fields))

    return register


def cited(key: str, states: Value, **fields: object) -> Row:
    """Add a row whose number nobody can compute here: what the paper in `references` states.

    Raises `ValueError` when the key is taken or no reference is given.
    """
    if not fields.get("references"):
        raise ValueError(f"The row {key!r} cites nothing: name the paper in `references`.")
    return add(Row(key=key, compute=lambda: states, is_cited=True, **fields))


def add(made: Row) -> Row:
    """Add a row to the ledger. Raises `ValueError` when its key is taken."""
    if made.key in ROWS:
        raise ValueError(f"The ledger has a row {made.key!r} already.")
    ROWS[made.key] = made
    return made


def printed(key: str, which: str = "computed") -> str:
    """Return the "computed" or "claimed" value of a row as prose prints it.

    Raises `KeyError`, with a sentence, when there is no such row or value.
    """
    if key not in ROWS:
        raise KeyError(f"The ledger has no row {key!r}; its keys are in pixelwise.ledger.ROWS.")
    if which not in ("computed", "claimed"):
        raise KeyError(f"A row prints what is 'computed' or 'claimed', not {which!r}.")
    return ROWS[key].written(which)


def author_and_year(reference: str) -> str:
    """Return "Simonyan 2015" for the key simonyan2015very."""
    name, year = re.match(r"([a-z]+)(\d{4})", reference).groups()
    return f"{ {'lecun': 'LeCun', 'ilsvrc': 'ILSVRC'}.get(name, name.capitalize()) } {year}"


def _close(claimed: Value, computed: Value, rounding: float) -> bool:
    if isinstance(claimed, tuple):
        return (
            isinstance(computed, tuple)
            and len(claimed) == len(computed)
            and all(_close(one, other, rounding) for one, other in zip(claimed, computed, strict=True))
        )
    if isinstance(claimed, str) or isinstance(computed, str):
        return claimed == computed
    # A claim rounded to a unit may be off by half of it. Whole numbers agree exactly, others up to float64's noise.
    noise = 0 if isinstance(claimed, int) and isinstance(computed, int) else 1e-12
    return math.isclose(claimed, computed, rel_tol=noise, abs_tol=rounding / 2 + noise)


def _written(value: Value, form: str, between: str = ", ") -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        nested = any(isinstance(part, tuple) for part in value)
        return ("; " if nested else between).join(_written(part, form) for part in value)
    if form:
        # Number and unit stay on one line.
        return re.sub(r"(?<=\d) ?(?=[%A-Za-z])", NARROW_SPACE, form.format(value))
    if isinstance(value, int) or value == int(value):
        whole = f"{int(value):,}".replace(",", NARROW_SPACE)
        return whole if abs(value) >= 10_000 else str(int(value))
    return f"{value:g}"
