"""What students download: one zip with the notebook, the visible tests and all that is needed to run them.

It holds what the release holds, and the wheel of the packages that `pyproject.toml` names. What is for authors alone no
release holds (`AUTHORS_ONLY`), and the build fails when any of it is in the wheel.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import requires
from pathlib import Path

from autograder.course import late_policy
from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError

FORBIDDEN = {"solutions", "hidden", "variants"}  # folders that no wheel may hold
ALSO = ("jupyterlab",)  # what a student opens the notebook with
EPOCH = (2020, 1, 1, 0, 0, 0)  # one date for every file, so that equal content makes equal bundles

README = """{title}
{underline}

1. Install Python 3.11 or newer, then, in this folder:
       python3 -m venv .venv
       .venv/bin/pip install -r requirements.txt
2. Open the notebook:
       .venv/bin/jupyter lab {name}.ipynb
3. Write your solutions in the cells that ask for them and run check("...") as often as you like.
4. Hand in {name}.ipynb before {due}. {late}
"""


def make(assignment: Assignment, folder: Path) -> Path:
    """Write ``<folder>/<assignment>.zip`` and return its path. Raises `AssignmentError` when it cannot be made."""
    if not (assignment.release / f"{assignment.name}.ipynb").is_file():
        raise AssignmentError(
            f"assignments/{assignment.name} has not been made; run `autograder release {assignment.name}`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{assignment.name}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        wheel = build_wheel(assignment.root, Path(scratch))
        files = {
            path.relative_to(assignment.release).as_posix(): path.read_bytes()
            for path in sorted(assignment.release.rglob("*"))
            if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
        }
        files[wheel.name] = wheel.read_bytes()
        files["requirements.txt"] = _requirements(assignment.root, wheel.name).encode()
        files["README.txt"] = _readme(assignment).encode()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in files.items():
                bundle.writestr(zipfile.ZipInfo(f"{assignment.name}/{name}", EPOCH), content, zipfile.ZIP_DEFLATED)
    return target


def build_wheel(root: Path, folder: Path) -> Path:
    """Build the wheel of both packages, hidden suites left out. Raises `AssignmentError` when that fails."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise AssignmentError(f"the course library's wheel could not be built: {''.join(last)}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        if leaked := [name for name in wheel.namelist() if FORBIDDEN & set(name.split("/"))]:
            raise AssignmentError(f"the wheel would give {leaked[0]} to students; exclude it in pyproject.toml")
    return wheels[0]


def _requirements(root: Path, wheel: str) -> str:
    pins = {}
    for line in (root / "requirements.txt").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)==\S+", line):
            pins[match[1].lower()] = match[0]
    names = [re.split(r"[<>=!; \[]", r)[0].lower() for r in requires("pixelwise") or [] if "extra ==" not in r]
    return "\n".join([f"./{wheel}", *(pins.get(name, name) for name in sorted({*names, *ALSO}))]) + "\n"


def _readme(assignment: Assignment) -> str:
    manifest = assignment.manifest
    return README.format(
        title=manifest.title,
        underline="=" * len(manifest.title),
        name=assignment.name,
        due=manifest.due.strftime("%-d %B %Y, %H:%M %Z"),
        late=late_policy.in_words(manifest.late),
    )
