"""Rows 21-25: breaking the file. What cannot be read is said to be so; what can is graded as if nothing had been edited."""

# ruff: noqa: E501 - attacks read best as the one line that they are

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from autograder.authoring.attacks import Attack, Target
from autograder.course.report import Report
from autograder.nbgrader import feedback_page

FILE = {"beside": None}
HONEST = ("passed",)
NONE = ("unreadable",)


def raw(id: str, title: str, data: bytes, wanted: tuple[str, ...] = NONE) -> Attack:
    """A file that holds ``data`` and nothing else."""
    return Attack(id, 21, title, wanted=wanted, file=lambda _: data, **FILE)


def changed(
    id: str,
    row: int,
    title: str,
    edit: Callable[[dict[str, Any], Target], object],
    wanted: tuple[str, ...] = HONEST,
    **more: object,
) -> Attack:
    """An honest notebook after an ``edit`` of its tree."""

    def file(target: Target) -> bytes:
        tree = json.loads(target.notebook)
        edit(tree, target)
        return json.dumps(tree).encode("utf-8", "surrogatepass")

    return Attack(id, row, title, wanted=wanted, file=file, **{**FILE, **more})


def marks(tree: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """nbgrader's metadata of each marked cell, by its grade_id."""
    found = (cell["metadata"].get("nbgrader") for cell in tree["cells"])
    return {about["grade_id"]: about for about in found if about}


def cell(tree: dict[str, Any], grade_id: str) -> dict[str, Any]:
    return next(c for c in tree["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def every_mark(**values: object) -> Callable[[dict[str, Any], Target], None]:
    def edit(tree: dict[str, Any], _: Target) -> None:
        for about in marks(tree).values():
            about.update(values)

    return edit


def swap(tree: dict[str, Any], target: Target) -> None:
    one, other = marks(tree)[target.name], marks(tree)[target.beside]
    one["grade_id"], other["grade_id"] = other["grade_id"], one["grade_id"]


def forge_check(tree: dict[str, Any], target: Target) -> None:
    cell(tree, target.name)["source"] = target.fill("$wrong")
    cell(tree, f"check-{target.name}")["source"] = f"def {target.name}(*a, **k): return 1\nprint('passed')\n100"


def other_name(folder: Path, target: Target) -> None:
    (folder / "another-assignment.ipynb").write_bytes(target.notebook)


def two(folder: Path, target: Target) -> None:
    (folder / f"{target.assignment.name}.ipynb").write_bytes(b'{"nbformat": 4, "cells": [], "metadata": {}}')
    (folder / f"{target.assignment.name}-1.ipynb").write_bytes(target.notebook)


SCRIPT = "<script>alert('redteam')</script><img src=x onerror=alert(1)>\"'&amp;"


def escaped(report: Report, target: Target) -> list[str]:
    """No element of the submission's may be on a page that an instructor or student opens."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = {name for name, _ in attrs}
            if tag in ("script", "iframe", "object", "svg") or any(name.startswith("on") for name in names):
                found.append(f"the page holds the submission's own <{tag}>")
            if any(value and value.strip().lower().startswith("javascript:") for _, value in attrs):
                found.append("the page holds a link that runs script")

    Reader().feed(feedback_page.page(report, target.assignment.manifest, datetime.now(UTC), None))
    for exercise in report.exercises:
        title = target.assignment.exercises[exercise.name].title
        Reader().feed(feedback_page.summary_html(exercise, title))
    return found


def raising(id: str, title: str, error: str, before: str) -> Attack:
    """Every call raises an error that is honest, if odd."""
    return Attack(id, 25, title, f"{before}\ndef $name(*args, **kwargs):\n    raise {error}", ("error",))


def no_formula(report: Report, target: Target) -> list[str]:
    """A spreadsheet must not run a student's name."""
    from autograder.nbgrader.export import harmless

    text = io.StringIO()
    csv.writer(text).writerow([harmless(report.student), report.score])
    first = next(csv.reader([text.getvalue()]))[0] if "\n" not in report.student else text.getvalue().lstrip('"')
    return ["the name is a formula in the exported table"] if first[:1] in "=+-@\t\r" else []


ATTACKS = [
    # --- 21: broken JSON
    raw("empty-file", "The file is empty.", b""),
    raw("not-json", "The file is a word.", b"hello"),
    raw("python-instead", "The file is Python.", b"print('hello')\n"),
    Attack("cut-short", 21, "The file ends in the middle.", wanted=NONE, file=lambda t: t.notebook[: len(t.notebook) // 2], **FILE),
    changed("format-3", 21, "The notebook has format 3.", lambda t, _: t.update(nbformat=3), NONE, remark="format 3"),
    changed("format-5", 21, "The notebook has a format that is not made yet.", lambda t, _: t.update(nbformat=5), NONE),
    changed("format-true", 21, "The notebook's format is true, or a list.", lambda t, _: t.update(nbformat=[4]), NONE),
    raw("a-list", "The file is a list of notebooks.", b"[[], {}, 4]"),
    raw("a-number", "The file is one infinite number.", b"1e999"),
    raw("deep-json", "The file is a hundred thousand brackets.", b"[" * 100_000),
    raw("huge-integer", "The format is an integer of a hundred thousand digits.", b'{"nbformat": ' + b"4" * 100_000 + b', "cells": []}'),
    raw("cells-of-wrong-types", "Cells are numbers, lists and null.", b'{"nbformat": 4, "cells": [1, null, [], "x", {"cell_type": []}]}'),
    raw("cells-no-list", "The list of cells is a dict.", b'{"nbformat": 4, "cells": {"0": {}}}'),
    raw("latin-1", "The file is not in UTF-8.", '{"nbformat": 4, "cells": [{"cell_type": "raw", "source": "é"}]}'.encode("latin-1")),
    raw("utf-16", "The file is in UTF-16.", '{"nbformat": 4, "cells": []}'.encode("utf-16")),
    Attack("byte-order-mark", 21, "The file begins with a byte-order mark, and is right.", wanted=HONEST,
           file=lambda t: b"\xef\xbb\xbf" + t.notebook, **FILE),
    changed("metadata-of-wrong-types", 21, "Metadata are lists, numbers and null; the answers are right.",
            lambda t, _: [c.update(metadata=m, outputs=[m]) for c, m in zip(t["cells"], [[], 1, None, "x", {}] * 99, strict=False)]
            + [t.update(metadata=None)]),
    changed("grade-ids-of-wrong-types", 21, "Every grade_id is a dict; the answers are right.", every_mark(grade_id={"a": 1})),
    changed("nul-and-surrogates", 21, "Sources hold NUL bytes and lone surrogates.",
            lambda t, target: t["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "a\0b\ud800c"})),
    changed("surrogate-in-code", 21, "The solution holds a lone surrogate and a NUL in a comment, and is right.",
            lambda t, target: cell(t, target.name).update(source=target.fill("# \ud800 \0 x\n$reference"))),
    Attack("duplicate-keys", 21, "Every key stands twice; the last is the right one.", wanted=HONEST,
           file=lambda t: b'{"cells": 1, "nbformat": 99, ' + t.notebook.lstrip()[1:], **FILE),
    changed("not-a-number", 21, "Metadata hold NaN and infinity; the answers are right.",
            lambda t, _: t["metadata"].update(a=float("nan"), b=float("inf"))),
    changed("attachments", 21, "Twenty megabytes of attachments; the answers are right.",
            lambda t, _: t["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "x",
                                               "attachments": {"a.png": {"image/png": "A" * (20 << 20)}}})),
    changed("too-large", 21, "A hundred megabytes of attachments.",
            lambda t, _: t["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "x",
                                               "attachments": {"a.png": {"image/png": "A" * (100 << 20)}}}), NONE),
    changed("outputs-of-others", 21, "Stored outputs hold errors, widgets and forged results.",
            lambda t, _: [c.update(outputs=[{"output_type": "error", "ename": "x", "evalue": [], "traceback": 1},
                                            {"output_type": "execute_result", "data": {"text/plain": "100"}}])
                          for c in t["cells"] if c["cell_type"] == "code"]),
    # --- 22: edited metadata
    changed("points-raised", 22, "Every cell is worth a thousand points.", every_mark(points=1000)),
    changed("points-negative", 22, "Every cell is worth minus one point, or no number.", every_mark(points=-1)),
    changed("all-unlocked", 22, "Nothing is locked and nothing is graded.", every_mark(locked=False, grade=False, solution=False)),
    changed("all-graded", 22, "Everything is graded, a solution and a task.", every_mark(grade=True, solution=True, task=True)),
    changed("renamed", 22, "Every grade_id has another name.",
            lambda t, _: [about.update(grade_id=f"mine-{n}") for n, about in enumerate(marks(t).values())]),
    changed("one-name-for-all", 22, "Every cell has the same grade_id.", every_mark(grade_id="x")),
    changed("deleted", 22, "nbgrader's metadata are gone.", lambda t, _: [c["metadata"].pop("nbgrader", 0) for c in t["cells"]]),
    changed("swapped", 22, "Two cells have exchanged their names.", swap),
    changed("checks-edited", 22, "The checked cell redefines the exercise and prints a score.", forge_check, ("wrong",), beside=HONEST, keeps=0.2),
    changed("checks-deleted", 22, "Every check is gone.",
            lambda t, _: t.update(cells=[c for c in t["cells"] if not str(c["metadata"].get("nbgrader", {}).get("grade_id")).startswith("check")])),
    changed("setup-edited", 22, "The author's locked setup cell imports nothing any more and ends the process.",
            lambda t, target: next(c for c in t["cells"] if c["cell_type"] == "code").update(source="import os; os._exit(0)")),
    changed("copied", 22, "Every cell stands there twice.", lambda t, _: t["cells"].extend([dict(c, id=f"b{n}") for n, c in enumerate(t["cells"])])),
    changed("reversed", 22, "The cells stand in the opposite order.", lambda t, _: t["cells"].reverse()),
    changed("another-kernel", 22, "The kernel is R, and the language is none.",
            lambda t, _: t["metadata"].update(kernelspec={"name": "ir", "language": "R", "display_name": "R"}, language_info={"name": "R"})),
    changed("nbgrader-schema", 22, "The metadata claim a schema of the future and a forged checksum.", every_mark(schema_version=99, checksum="0" * 32)),
    # --- 23: the wrong notebook
    Attack("another-name", 23, "The notebook has another assignment's name.", wanted=("missing",), folder=other_name, remark="rename", **FILE),
    Attack("two-notebooks", 23, "Two notebooks; the one with the right name is empty.", wanted=("missing",), folder=two, remark="only", **FILE),
    Attack("empty-folder", 23, "The folder is empty.", wanted=("missing",), folder=lambda folder, target: None, **FILE),
    Attack("another-content", 23, "A valid notebook about something else.", wanted=("missing",),
           file=lambda _: json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
               {"cell_type": "code", "source": "print(1)", "metadata": {"nbgrader": {"grade_id": "other", "grade": True}}}]}).encode(), **FILE),
    Attack("the-release-itself", 23, "The untouched release is handed in.", wanted=("missing",),
           file=lambda t: (t.assignment.release / f"{t.assignment.name}.ipynb").read_bytes(), **FILE),
    Attack("somebody-elses", 23, "Somebody else's right notebook is handed in again: it is graded as it is.", wanted=HONEST,
           file=lambda t: t.notebook, **FILE),
    # --- 24: script and formulas
    Attack("script-in-output", 24, "The cell prints HTML and script.", f"print({SCRIPT!r})\n$wrong", also=escaped),
    Attack("script-in-error", 24, "An error's name, message and line are HTML and script.",
           f"Bad = type('<script>x</script>', (Exception,), {{}})\ndef $name(*args, **kwargs):\n    raise Bad({SCRIPT!r})  # <script>",
           ("error",), also=escaped),
    Attack("script-in-type", 24, "The result's type is called like a script.",
           f"def $name(*args, **kwargs):\n    return type({SCRIPT!r}, (), {{}})()", also=escaped),
    Attack("script-in-name", 24, "The student is called like a script.", "$wrong", student="<script>alert(1)</script>", also=escaped),
    Attack("script-in-file-name", 24, "A file beside the notebook is called like a script.", wanted=("missing",), also=escaped,
           folder=lambda folder, target: (folder / "<img src=x onerror=alert(1)>.ipynb").write_bytes(b"{}"), **FILE),
    Attack("formula-in-name", 24, "The student is called like a formula.", "$wrong", student='=HYPERLINK("http:x","y")', also=no_formula),
    Attack("formula-with-a-tab", 24, "The student's name hides a formula behind a tab.", "$wrong", student="\t=1+1", also=no_formula),
    Attack("name-of-controls", 24, "The student's name is control characters and a right-to-left mark.", "$wrong",
           student="\x1b]0;x\x07\u202e\r\n", also=escaped),
    Attack("markup-in-print", 24, "The output is rich's and Markdown's own markup.",
           "print('[red]passed[/red] [link=javascript:alert(1)]x[/link] ![x](javascript:alert(1))')\n$wrong", also=escaped),
    # --- 25: one broken cell
    Attack("syntax-error", 25, "A bracket is missing in one cell; the others score.", "def $name(x:\n    return x", ("error",)),
    Attack("error-at-import", 25, "A cell raises an error before its definition; the others score.", "1 / 0\n$wrong", ("error",)),
    Attack("error-in-between", 25, "Cells between the exercises fail in three ways; all exercises score.", "$reference", HONEST,
           before=("1 / 0", "def f(:", "import nothing_of_the_kind"), after=("raise SystemExit", "undefined")),
    Attack("dies-in-between", 25, "A cell between the exercises kills the process; all exercises score.", "$reference", HONEST,
           before=("import os; os._exit(1)",)),
    *(raising(f"raises-{id}", title, error, before) for id, title, error, before in (
        ("a-group", "Every call raises a group of errors.", "ExceptionGroup('several', [ValueError(1), TypeError(2)])", ""),
        ("a-base-group", "Every call raises a group of errors that no `except Exception` takes.",
         "BaseExceptionGroup('several', [KeyboardInterrupt(), ValueError(1)])", ""),
        ("a-decoding-error", "Every call raises an error that needs five arguments.", "UnicodeDecodeError('utf-8', b'x', 0, 1, 'no')", ""),
        ("the-end-of-an-iteration", "Every call raises what ends an iteration.", "StopIteration(3)", ""),
        ("the-end-of-a-generator", "Every call raises what closes a generator.", "GeneratorExit()", ""),
        ("an-interrupt", "Every call raises what Ctrl-C does.", "KeyboardInterrupt()", ""),
        ("half-a-character", "Every call raises an error of half a character.", "ValueError('\\ud800')", ""),
        ("a-warning", "Every call raises a warning.", "UserWarning('careful')", ""),
        ("an-operating-system-error", "Every call raises an error with a number.", "OSError(2, 'no such file', 'x', None, 'y')", ""),
        ("what-cannot-be-told", "Every call raises an error that raises another when it is printed, and has a name of no letters.",
         "type('1 2\\n', (Exception,), {'__str__': lambda self: 1 / 0})()", ""),
        ("a-chain", "Every call raises the last of a thousand errors that each come from the one before.", "last",
         "last = ValueError()\nfor n in range(1000):\n    new = ValueError(n)\n    new.__cause__, last = last, new"),
    )),
    Attack("indentation", 25, "One cell mixes tabs and spaces.", "def $name(*args):\n\tif args:\n        return 1\n\treturn 2", ("error",)),
    Attack("not-python", 25, "One cell is another language.", "%%javascript\nalert(1)", ("missing", "error")),
    Attack("name-is-a-number", 25, "The exercise's name is bound to a number.", "$name = 3", ("missing",)),
    Attack("name-is-deleted", 25, "The exercise is defined and deleted.", "$reference\ndel $name", ("missing",)),
]  # fmt: skip
