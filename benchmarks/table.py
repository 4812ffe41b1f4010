"""Turns the results into Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def markdown(results: dict[str, Any]) -> str:
    """All of ``results``, as `grading.measure` gives them, as a page of tables."""
    parts = [_machine(results), _ways(results), _ratios(results)]
    if results["anatomy"]:
        parts.append(_anatomy(results["anatomy"]))
    if results["linearity"]:
        parts.append(_linearity(results["linearity"]))
    if results["memory"]:
        parts.append(_memory(results["memory"]))
    if results["check"]:
        parts.append(_check(results["check"]))
    parts += [f"*{note}*" for note in results["notes"]]
    return "\n\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine(results: dict[str, Any]) -> str:
    m = results["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in m["packages"].items())
    return (
        f"Measured on {m['date']} at commit {m['commit']} on {m['processor']}, {m['cores']} cores, "
        f"{m['memory_gb']:g} GB, {m['system']}, as {m['user']}, with Python {m['python']}, {packages}; "
        f"load {m['load']:.1f} before the start. {results['assignment']}, {results['rounds']} rounds, "
        f"{results['jobs']} jobs; medians."
    )


def _ways(results: dict[str, Any]) -> str:
    rows = [
        (
            way["title"],
            str(way["submissions"]),
            f"{way['seconds']['median']:.1f}",
            f"{1000 * way['each']['median']:.0f}",
            f"{1 / way['each']['median']:.2f}",
        )
        for way in results["ways"].values()
    ]
    return _table(("way of grading", "submissions", "seconds", "ms a submission", "submissions a second"), rows)


def _ratios(results: dict[str, Any]) -> str:
    rows = [
        (r["title"], f"{r['median']:.2f}", f"{r['least']:.2f} – {r['most']:.2f}") for r in results["ratios"].values()
    ]
    return _table(("time a submission, ratio of two ways within a round", "median", "range"), rows)


def _anatomy(anatomy: dict[str, Any]) -> str:
    rows = []
    wholes = [part for part in anatomy["parts"] if not part["of"]]
    for whole in wholes:
        rows.append((f"**{whole['name']}**", f"**{1000 * whole['seconds']:.1f}**", ""))
        for part in anatomy["parts"]:
            if part["of"] == whole["name"]:
                share = part["seconds"] / whole["seconds"]
                rows.append((part["name"], f"{1000 * part['seconds']:.1f}", f"{share:.0%}"))
    table = _table(
        (
            f"where the time goes ({anatomy['calls']:.0f} calls a submission, "
            f"in {anatomy['crossings']:.0f} crossings of the wall)",
            "ms",
            "share",
        ),
        rows,
    )
    return f"{table}\n\nOf one worker with nothing beside it, the mean of {anatomy['submissions']} submissions."


def _linearity(runs: list[dict[str, Any]]) -> str:
    rows = [
        (str(r["submissions"]), f"{r['seconds']:.1f}", f"{1000 * r['seconds'] / r['submissions']:.0f}") for r in runs
    ]
    return _table(("submissions, to gradebook and feedback", "seconds", "ms a submission"), rows)


def _memory(memory: dict[str, Any]) -> str:
    rows = [
        (kind, f"{memory['peak'][kind]:.0f}", *(f"{amount:.0f}" for amount in quarters))
        for kind, quarters in memory["quarters"].items()
    ]
    header = (f"MB over {memory['submissions']} submissions", "peak", *(f"quarter {n}" for n in range(1, 5)))
    return _table(header, rows)


def _check(check: dict[str, Any]) -> str:
    rows = [
        (f'`check("{exercise}")`', *(f"{1000 * wait[key]:.0f}" for key in ("median", "worst", "first")))
        for exercise, wait in check.items()
    ]
    return _table(("in a notebook, ms", "median", "95th percentile", "first"), rows)
