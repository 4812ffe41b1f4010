"""What students download: one zip with the notebook, the visible tests and all that is needed to run them.

It holds what the release holds, and the wheel of the packages that `pyproject.toml` names. What is for authors alone no
release holds (`AUTHORS_ONLY`), and the build fails when any of it is in the wheel.
"""

import email
import io
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from autograder.course import late_policy
from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError
from autograder.course.files import write_whole

FORBIDDEN = {"solutions", "hidden", "variants"}  # folders that no wheel may hold
ALSO = ("jupyterlab",)  # what a student opens the notebook with
EPOCH = (2020, 1, 1, 0, 0, 0)  # one date for every file, so that equal content makes equal bundles

README = """{title}
{underline}

1. Install Python 3.11 or newer. Then, in this folder, on macOS and Linux:
       python3 -m venv .venv
       .venv/bin/pip install -r requirements.txt
   and on Windows:
       py -m venv .venv
       .venv\\Scripts\\pip install -r requirements.txt
2. Open the notebook, on macOS and Linux:
       .venv/bin/jupyter lab {name}.ipynb
   and on Windows:
       .venv\\Scripts\\jupyter lab {name}.ipynb
3. Write your solutions in the cells that ask for them, and run check("...") as often as you like.
   check() without a name shows where you stand with all exercises.
4. Before you hand in, choose Run > Restart Kernel and Run All Cells, look at the results, and save.
5. Hand in {name}.ipynb, under this name, the way your instructor says,
   before {due}. {late}
"""


def make(assignment: Assignment, folder: Path) -> Path:
    """Write ``<folder>/<assignment>.zip`` and return its path. Raises `AssignmentError` when it cannot be made."""
    if not (assignment.release / f"{assignment.name}.ipynb").is_file():
        raise AssignmentError(
            f"assignments/{assignment.name} has not been made; run `autograder release {assignment.name}`"
        )
    target = folder / f"{assignment.name}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        wheel = build_wheel(assignment.root, Path(scratch))
        files = {
            path.relative_to(assignment.release).as_posix(): path.read_bytes()
            for path in sorted(assignment.release.rglob("*"))
            if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
        }
        files[wheel.name] = wheel.read_bytes()
        files["requirements.txt"] = _requirements(assignment.root, wheel).encode()
        files["README.txt"] = _readme(assignment).encode()
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, data in files.items():
                bundle.writestr(zipfile.ZipInfo(f"{assignment.name}/{name}", EPOCH), data, zipfile.ZIP_DEFLATED)
    try:
        write_whole(target, content.getvalue())
    except OSError as error:
        raise AssignmentError(f"{target} cannot be written: {error.strerror or error}") from None
    return target


def build_wheel(root: Path, folder: Path) -> Path:
    """Build the wheel of the course's packages, hidden suites left out. Raises `AssignmentError` when that fails."""
    if not (root / "pyproject.toml").is_file():
        raise AssignmentError(
            f"there is no pyproject.toml in {root}: a bundle holds a wheel of what the notebooks import, and that file "
            "says which packages these are (this project's own shows how). To do without, hand out the folder "
            "assignments/<assignment> as it is, to students who have `autograder` installed"
        )
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


def _requirements(root: Path, wheel: Path) -> str:
    """The wheel, and what it needs, in the versions that the course pins in ``requirements.txt`` where it does."""
    pins = {}
    path = root / "requirements.txt"
    for line in path.read_text().splitlines() if path.is_file() else ():
        if match := re.match(r"([A-Za-z0-9_.-]+)==\S+", line):
            pins[match[1].lower()] = match[0]
    with zipfile.ZipFile(wheel) as packed:
        (about,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        needed = email.message_from_bytes(packed.read(about)).get_all("Requires-Dist") or []
    names = [re.split(r"[<>=!~; \[]", each)[0].lower() for each in needed if "extra ==" not in each]
    return "\n".join([f"./{wheel.name}", *(pins.get(name, name) for name in sorted({*names, *ALSO}))]) + "\n"


def _readme(assignment: Assignment) -> str:
    manifest = assignment.manifest
    return README.format(
        title=manifest.title,
        underline="=" * len(manifest.title),
        name=assignment.name,
        due=f"{manifest.due.day} {manifest.due:%B %Y, %H:%M %Z}",
        late=late_policy.in_words(manifest.late),
    )
