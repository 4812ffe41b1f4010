"""The assignment that CONTRIBUTING.md shows whole, made from its very lines: a small one to break."""

import re
from pathlib import Path

import nbformat

from tests.conftest import ROOT

NAME = "b1"
FILE = re.compile(r"^`(solutions/b1/[\w./]+)`[^\n]*:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CELL = re.compile(r"^Cell `([\w-]+)` \((\w+), ([\w -]+)\)[^\n]*:\n\n```\w+\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
ROW = re.compile(r"^\| ([\w -]+) \| [^|]* \| (true|false) \| (true|false) \| (true|false) \|([^|]*)\|$", re.MULTILINE)


def write_assignment(root: Path) -> Path:
    """Write ``solutions/b1`` into a course's folder, as the guide says, and return its folder."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    for name, content in FILE.findall(guide):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    types = {name: (*flags, points) for name, *flags, points in ROW.findall(guide)}
    points = {"check-scale": 4, "why": 2}
    cells = []
    for grade_id, kind, label, source in CELL.findall(guide):
        grade, locked, solution, has_points = types[label]
        about = {"grade_id": grade_id, "schema_version": 3, "task": False}
        about |= {"grade": grade == "true", "locked": locked == "true", "solution": solution == "true"}
        about |= {"points": points[grade_id]} if has_points.strip() else {}
        new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        cells.append(new(source, id=grade_id, metadata={"nbgrader": about}))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder = root / "solutions" / NAME
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / f"{NAME}.ipynb")
    return folder
