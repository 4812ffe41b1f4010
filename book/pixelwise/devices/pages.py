"""The book's pages and their code cells, read from their sources without any notebook library."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CELL = re.compile(r"^(`{3,})\{code-cell\}[^\n]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
OPTIONS = re.compile(r"\A(?::[\w-]+:[^\n]*\n)+\n*")
TITLE = re.compile(r"^\s+- file: *(\S+)\n\s+title: *([^\n]+)$", re.MULTILINE)
HEADING = re.compile(r"^# ([^\n]+)$", re.MULTILINE)
FILE = re.compile(r"^(?:root|\s+- file): *(\S+)\s*$", re.MULTILINE)
# It shows the records, so it is no part of them.
SHOWN = "book/appendices/cpu-and-gpu"


def cells(text: str) -> list[str]:
    """Return the sources of the code cells of a MyST page, in their order."""
    return [OPTIONS.sub("", found[2]).strip("\n") for found in CELL.finditer(text)]


def listed(course: Path) -> list[str]:
    """Return the pages with cells that `_toc.yml` in the folder `course` lists, as `book/index`, in their order."""
    names = FILE.findall((course / "_toc.yml").read_text(encoding="utf-8"))
    return [name for name in names if name != SHOWN and cells(source(course, name).read_text(encoding="utf-8"))]


def titles(course: Path) -> dict[str, str]:
    """Return the titles of pages by name, as `_toc.yml` gives them, or their headings; empty where it is not there."""
    toc = course / "_toc.yml"
    if not toc.exists():
        return {}
    text = toc.read_text(encoding="utf-8")
    headings = {name: HEADING.search(source(course, name).read_text(encoding="utf-8")) for name in FILE.findall(text)}
    return {name: found[1].strip() for name, found in headings.items() if found} | dict(TITLE.findall(text))


def source(course: Path, name: str) -> Path:
    """Return the file of the page `name` of `listed`."""
    return course / f"{name}.md"


def first_line(cell: str) -> str:
    """Return the first line of a cell that does something, at most 80 characters of it."""
    lines = [line.strip() for line in cell.splitlines()]
    said = [line for line in lines if line and not line.startswith(("#", "import ", "from "))] or lines
    return said[0][:80] if said else ""


def key(sources: Iterable[str]) -> str:
    """Return 16 hexadecimal digits that change when one of these texts does, or a file of the library.

    The files of this folder do not count for a page: they run its cells and decide nothing of what these give.
    """
    found = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent != Path(__file__).parent:
            found.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    for each in sources:
        found.update(each.encode() + b"\0")
    return found.hexdigest()[:16]
