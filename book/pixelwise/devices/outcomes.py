"""Compares what a page gave on two devices: values that it put into its text, by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["equal", "rounding", "differs", "time"]
POWER = "\N{MIDDLE DOT}10"
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
RAISE = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NUMBER = re.compile(rf"[-−]?\d+(?:[\u202f,]\d{{3}})*(?:\.(\d+))?(?:{POWER}([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?")
# Names of values that are times, or follow from them: two devices, or two runs, never agree on them.
TIME = re.compile(r"second|minute|milli|(?:^|[_-])(?:time|took|ms)(?:$|[_-])|faster|slower|speed")


@dataclass(frozen=True)
class Pair:
    """A value of `page` called `name` on the CPU and on the GPU."""

    page: str
    name: str
    cpu: Any
    gpu: Any

    @property
    def verdict(self) -> Verdict:
        """Return whether both are "equal", differ by "rounding" or more ("differs"), or measure "time"."""
        if TIME.search(self.name):
            return "time"
        return verdict(self.cpu, self.gpu)


def pairs(cpu: Mapping[str, Any], gpu: Mapping[str, Any]) -> list[Pair]:
    """Return the values that two records have both, in the order of the first: only of pages that ran to the end."""
    there = {run["page"]: run for run in gpu["runs"] if not run["error"]}
    found = []
    for run in cpu["runs"]:
        other = there.get(run["page"])
        if run["error"] or other is None:
            continue
        values, others = run.get("outcomes", {}), other.get("outcomes", {})
        found += [Pair(run["page"], name, values[name], others[name]) for name in values if name in others]
    return found


def verdict(first: Any, second: Any) -> Verdict:
    """Return how two values compare.

    Values differ by rounding where the words are the same and each number differs by at most one unit of its last
    digit, and has two digits or more; a number that was not written as text, by a ten-thousandth of itself.
    """
    if first == second:
        return "equal"
    if isinstance(first, bool) or isinstance(second, bool) or first is None or second is None:
        return "differs"
    if isinstance(first, int) and isinstance(second, int):
        return "differs"
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return "rounding" if abs(first - second) <= 1e-4 * max(abs(first), abs(second)) else "differs"
    first, second = str(first), str(second)
    if NUMBER.sub("0", first) != NUMBER.sub("0", second):
        return "differs"
    both = zip(NUMBER.finditer(first), NUMBER.finditer(second), strict=True)
    return "rounding" if all(_near(one, other) for one, other in both) else "differs"


def _near(one: re.Match[str], other: re.Match[str]) -> bool:
    if one[0] == other[0]:
        return True
    unit = max(_unit(one), _unit(other))
    digits = min(len(re.sub(r"\D", "", each[0].partition(POWER)[0]).lstrip("0")) for each in (one, other))
    return digits >= 2 and abs(_value(one) - _value(other)) <= 1.001 * unit


def _unit(found: re.Match[str]) -> float:
    """Return one unit of the last digit of a number."""
    return 10.0 ** (_power(found) - len(found[1] or ""))


def _value(found: re.Match[str]) -> float:
    mantissa = found[0].partition(POWER)[0].replace("−", "-")
    return float(re.sub(r"[\u202f,]", "", mantissa)) * 10.0 ** _power(found)


def _power(found: re.Match[str]) -> int:
    return int((found[2] or "0").translate(RAISED))
