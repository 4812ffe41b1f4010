"""Judges what a sandbox answered: makes of it what was asked for, or raises.

Whatever arrives is the submission's doing. `Sandbox` calls this within one guard: any error here ends the sandbox.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from autograder.jail import protocol
from autograder.measure.calls import Call, Mode, Outcome
from autograder.measure.work import Work
from autograder.suite.errors import StudentError, student_error

MOST_OPERATORS = 1000  # of different names: more than there are
MOST_COUNTED = 10**12  # of steps or of one operator: more than a machine does in the time of a call

# What a report may say of an error, by its kind, its message and its line.
Tell = Callable[[str, str, str], str]


def error_record(told: Any) -> dict[str, str]:
    """The kind, message and line of an error. Raises `TypeError` for what is none."""
    found = {key: _text(told[key], cap) for key, cap in protocol.ERROR_CAPS.items()}
    if not found["kind"].isidentifier():
        found["kind"] = "Exception"
    return found


def _text(told: Any, cap: int) -> str:
    if type(told) is not str:
        raise TypeError("words that are no text")
    return told[:cap].encode("utf-8", "replace").decode()  # half of a surrogate pair can be written nowhere


def names(told: Any, asked: Sequence[str]) -> set[str]:
    """Those of the names ``asked`` for that are among those ``told``."""
    return set(asked) & set(told)


def outcomes(
    calls: Sequence[Call], reply: dict[str, Any], tensors: list[torch.Tensor], remote: Callable[[Any], Any], tell: Tell
) -> tuple[list[Outcome | StudentError], dict[str, int]]:
    """The outcome or error of each call, and the operators of all; ``remote`` stands in for a value that stayed.

    One error alone, whatever the number of calls, says that the answer as a whole could not be sent.
    """
    if "error" in reply:
        return [_student_error(reply["error"], tell)], {}
    answers = zip(calls, reply["replies"], strict=True)
    return [_outcome(call, answer, tensors, remote, tell) for call, answer in answers], _counts(reply["operators"])


def _outcome(
    call: Call, reply: dict[str, Any], tensors: list[torch.Tensor], remote: Callable[[Any], Any], tell: Tell
) -> Outcome | StudentError:
    if reply.get("absent"):
        return student_error("NameError", f"there is no function called {call.function}", missing=True)
    if "error" in reply:
        return _student_error(reply["error"], tell)
    told = protocol.decode(reply["value"], tensors)
    if type(told) is not list or type(told[1]) is not list:  # to go through a tensor would take forever
        raise TypeError("an answer that is no value and its arguments")
    value, after = told
    work = None
    if call.mode is Mode.WORK:
        done = reply["work"]
        work = Work(_count(done["opcodes"]), _counts(done["operators"]), done["intact"] is True)
    return Outcome(_wrapped(value, remote), tuple(_wrapped(a, remote) for a in after), work=work)


def _wrapped(value: Any, remote: Callable[[Any], Any]) -> Any:
    if isinstance(value, protocol.Handle):
        return remote(value)
    if type(value) in (list, tuple):
        return type(value)(_wrapped(item, remote) for item in value)
    return {k: _wrapped(v, remote) for k, v in value.items()} if type(value) is dict else value


def _student_error(told: Any, tell: Tell) -> StudentError:
    record = error_record(told)
    return student_error(**record, told=tell(**record))


def _counts(told: dict[str, Any]) -> dict[str, int]:
    """How often each operator was used."""
    if len(told) > MOST_OPERATORS:
        raise ValueError("more operators than there are")
    return {name: _count(count) for name, count in told.items()}


def _count(told: Any) -> int:
    if type(told) is not int or not 0 <= told <= MOST_COUNTED:
        raise ValueError("a count that is none")
    return told
