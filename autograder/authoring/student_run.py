"""Runs the notebook that students get, solved as the author does, from top to bottom as a student would.

A kernel of its own, in a folder that holds what the bundle gives and nothing else, and the real `autograder.check`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

from autograder.authoring import sample_class
from autograder.authoring.sample_class import Recipe
from autograder.course.assignment import Assignment
from autograder.course.text import printable
from autograder.course.verdict import Verdict

SECONDS = 300  # that one cell may take


def problems(assignment: Assignment) -> Iterator[str]:
    """Each cell that raises an error, with the others that raise the same, and each check that is not green."""
    solved = sample_class.notebook_bytes(Recipe("reference", "Solves everything."), assignment).decode()
    notebook = nbformat.reads(solved, as_version=4)
    with tempfile.TemporaryDirectory(prefix="autograder-validate-") as place:
        folder = Path(place) / assignment.name
        shutil.copytree(assignment.release, folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        stopped = _execute(notebook, folder)
    raised: dict[str, list[str]] = {}
    for number, cell in enumerate(notebook.cells, 1):
        name = cell.metadata.get("nbgrader", {}).get("grade_id") or f"cell {number}"
        error = next((output for output in cell.get("outputs", ()) if output.output_type == "error"), None)
        if error is not None:
            raised.setdefault(printable(f"{error.ename}: {error.evalue}", 300), []).append(name)
        elif name.removeprefix("check-") in assignment.exercises.keys() - {name} and not stopped:
            yield from _not_green(name, cell)
    for error, (first, *others) in raised.items():
        yield f"the cell {first} raises {error}" + (f" (and so do {', '.join(others)})" if others else "")
    if stopped:
        yield stopped


def _execute(notebook: nbformat.NotebookNode, folder: Path) -> str:
    """Run all cells in a new kernel, with their outputs in ``notebook``; returns why it stopped before the last."""
    # Imported here: it takes a while, and what is proved before needs none of it.
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    kernel = client.create_kernel_manager()
    # Sockets that are files: what runs here goes over no network, and no other user can listen.
    kernel.transport, kernel.ip = "ipc", str(folder.parent / "kernel")
    try:
        client.execute()
    except CellTimeoutError:
        return f"a cell took longer than {SECONDS} seconds, so the cells below it were not run"
    except DeadKernelError:
        return "a cell ended its kernel, so the cells below it were not run"
    return ""


def _not_green(name: str, cell: nbformat.NotebookNode) -> Iterator[str]:
    """What a check's cell says, unless all of its tests pass. A check that shows nothing is none."""
    shown = [output.data.get("text/plain", "") for output in cell.outputs if output.output_type == "display_data"]
    lines = "\n".join(shown).splitlines()
    if not lines:
        yield f"{name} shows no result; `check` has to be the one of autograder.check"
    elif not lines[0].startswith(Verdict.PASSED.symbol):
        failed = [line.strip() for line in lines[1:] if line.strip() and line.lstrip()[0] != Verdict.PASSED.symbol]
        yield f"{name} is not green: {' '.join([lines[0], *failed[:2]])}"
