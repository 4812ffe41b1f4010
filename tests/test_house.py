"""The house: rooms import only from those above them, no two files import each other, and files stay small."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import autograder
from autograder.grading import keys
from autograder.jail import bubblewrap

PACKAGE = Path(autograder.__file__).parent
ROOMS = [line.split()[0] for line in autograder.__doc__.split("\n\n")[2].splitlines()]
FILES = {
    ".".join(("autograder", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
MOST_LINES = 420


def imported(path: Path) -> set[str]:
    """The modules of the package that a file imports, also inside of functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from autograder.suite import runner` imports a file; `from autograder.suite import normal` a name.
            found |= {f"{node.module}.{alias.name}" for alias in node.names if f"{node.module}.{alias.name}" in FILES}
            found |= {node.module} if any(f"{node.module}.{a.name}" not in FILES for a in node.names) else set()
    return {name for name in found if name in FILES}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


IMPORTS = {module: imported(path) - {module} for module, path in FILES.items()}


def closure(*modules: str) -> set[str]:
    """The modules and all that they import, directly or not."""
    found, pending = set(), list(modules)
    while pending:
        module = pending.pop()
        if module not in found:
            found.add(module)
            pending += IMPORTS[module]
    return found


def test_every_room_is_in_the_list_and_says_what_it_is_for():
    assert {room(module) for module in FILES} - {""} == set(ROOMS)
    for name in ROOMS:
        module = f"autograder.{name}"
        assert len(ast.get_docstring(ast.parse(FILES[module].read_text())) or "") > 40, module


def test_the_guide_names_every_file_of_every_room():
    guide = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    rooms = re.split(r"^(\w+)/ {2,}", guide.partition("has rooms.")[2].split("```")[1], flags=re.MULTILINE)
    listed = {name: set(re.findall(r"\w+", text)) for name, text in zip(rooms[1::2], rooms[2::2], strict=True)}
    assert list(listed) == list(ROOMS)
    files = {tuple(module.split(".")[1:]) for module in FILES if room(module) not in ("", "cli")}
    inside = {"inside"}  # a room in a room, whose files are listed with it
    missing = {f"{each[0]}/{each[-1]}" for each in files if set(each[1:]) - inside - listed[each[0]]}
    assert missing == set()


@pytest.mark.parametrize("module", FILES)
def test_a_room_imports_only_from_rooms_above_it(module):
    if not room(module):
        return
    below = ROOMS[ROOMS.index(room(module)) + 1 :]
    assert [name for name in IMPORTS[module] if room(name) in below] == []


def test_no_two_files_import_each_other():
    # A room's __init__ may gather what its files define.
    graph = {
        module: {name for name in found if name != f"autograder.{room(module)}"} for module, found in IMPORTS.items()
    }
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_no_file_is_long(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_pytest_is_imported_by_the_runner_of_suites_alone():
    users = [module for module, path in FILES.items() if "import pytest" in path.read_text()]
    assert users == ["autograder.suite.runner"]


def test_what_runs_inside_the_jail_imports_nothing_that_is_not_there():
    inside = {
        f"autograder.{place.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")
        for place in bubblewrap.files_inside()
    }
    assert closure("autograder.jail.inside.zygote") <= inside


def test_the_course_is_read_without_pytorch():
    for module in FILES:
        if room(module) in ("course", "collect") or module in ("autograder.grading.grader", "autograder.grading.keys"):
            assert "import torch" not in FILES[module].read_text(), module


# Of what grading imports these decide no grade: they read what is hashed by its content, or say what was found.
NOT_DECIDING = {
    "autograder",
    "autograder.course",
    "autograder.course.assignment",
    "autograder.course.attention",
    "autograder.course.errors",
    "autograder.course.late_policy",
    "autograder.course.limits",
    "autograder.course.manifest",
    "autograder.course.places",
    "autograder.course.text",
    "autograder.course.verdict",
    "autograder.course.written",
    "autograder.grading",
}


def test_keys_hash_all_that_decides_a_grade_and_nothing_else():
    deciding = closure("autograder.grading.grade", "autograder.suite", "autograder.jail.inside.zygote") - NOT_DECIDING
    hashed = {module for module, path in FILES.items() if path in keys.deciding_files()}
    assert deciding <= hashed
    rooms = {"autograder.measure", "autograder.suite", "autograder.jail", "autograder.jail.inside"}
    assert hashed - deciding <= rooms | {"autograder.jail.inside.check_stub"}
