"""What students download: the release, what it needs to run, and nothing that is for authors alone."""

import subprocess
import sys
import zipfile

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.errors import AssignmentError
from autograder.nbgrader.bundle import build_wheel, make
from tests.conftest import A1


def test_a_bundle_holds_the_release_the_wheel_and_how_to_begin(a1, tmp_path):
    with zipfile.ZipFile(make(a1, tmp_path)) as bundle:
        names = {name.removeprefix(f"{A1}/") for name in bundle.namelist()}
        (wheel,) = (name for name in names if name.endswith(".whl"))
        requirements = bundle.read(f"{A1}/requirements.txt").decode()
        readme = bundle.read(f"{A1}/README.txt").decode()
    release = {p.relative_to(a1.release).as_posix() for p in a1.release.rglob("*") if p.is_file()}
    assert names - {wheel, "requirements.txt", "README.txt"} == {name for name in release if "__pycache__" not in name}
    assert requirements.splitlines()[0] == f"./{wheel}" and "jinja2==" in requirements.lower()
    assert "Up to 24 hours late costs 15%. Up to 48 hours late costs 30%. Later than that earns nothing." in readme


@pytest.mark.parametrize("folder", ["hidden", "variants", "solutions/a1"])
def test_a_wheel_that_would_give_students_what_is_the_authors_is_refused(tmp_path, folder):
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "course"\nversion = "1"\n[tool.hatch.build.targets.wheel]\npackages = ["library"]\n'
    )
    (tmp_path / "library" / folder).mkdir(parents=True)
    (tmp_path / "library" / folder / "test_conv2d.py").write_text("")
    (tmp_path / "dist").mkdir()
    with pytest.raises(AssignmentError, match=r"test_conv2d\.py to students; exclude it"):
        build_wheel(tmp_path, tmp_path / "dist")


def test_the_readme_says_how_to_begin_on_every_system_and_where_the_work_goes(a1, tmp_path):
    with zipfile.ZipFile(make(a1, tmp_path)) as bundle:
        readme = bundle.read(f"{A1}/README.txt").decode()
    for line in (
        r"       .venv/bin/pip install -r requirements.txt",
        r"       .venv\Scripts\pip install -r requirements.txt",
        r"       .venv/bin/jupyter lab a1-convolution.ipynb",
        r"       .venv\Scripts\jupyter lab a1-convolution.ipynb",
    ):
        assert line in readme.splitlines()
    assert "Hand in a1-convolution.ipynb, under this name, the way your instructor says," in readme
    assert "before 1 December 2026, 23:59 UTC. Up to 24 hours late" in readme


def test_a_course_without_packages_of_its_own_is_told_what_to_do(a1, make_course, tmp_path):
    course = load_assignment(make_course(), A1)
    with pytest.raises(AssignmentError, match=r"there is no pyproject\.toml in .*/course: a bundle holds a wheel"):
        make(course, tmp_path / "bundles")
    assert not (tmp_path / "bundles").exists()


def test_a_course_that_pins_nothing_has_bundles_all_the_same(make_course, tmp_path):
    root = make_course()
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "course"\nversion = "1"\ndependencies = ["numpy>=2", "nice~=1.0"]\n'
        '[project.optional-dependencies]\ngrader = ["rich"]\n[tool.hatch.build.targets.wheel]\npackages = ["library"]\n'
    )
    (root / "library").mkdir()
    (root / "library" / "__init__.py").touch()
    with zipfile.ZipFile(make(load_assignment(root, A1), tmp_path)) as bundle:
        requirements = bundle.read(f"{A1}/requirements.txt").decode().splitlines()
    assert requirements[0].startswith("./course-1-")
    assert requirements[1:] == ["jupyterlab", "nice", "numpy"]


def test_a_place_that_cannot_be_written_is_named(a1, tmp_path):
    (tmp_path / "bundles").write_text("a file")
    with pytest.raises(AssignmentError, match=r"bundles/a1-convolution\.zip cannot be written: "):
        make(a1, tmp_path / "bundles")


@pytest.mark.parametrize(("words", "status"), [([], 0), (["--help"], 0), (["grade"], 2)])
def test_a_student_who_calls_the_command_is_told_what_there_is_instead(words, status):
    # As in an environment without what only instructors install.
    without = "import sys; sys.modules['rich'] = None; from autograder.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", without, *words], capture_output=True, text=True)
    assert done.returncode == status
    assert 'check("an_exercise")' in (done.stderr if status else done.stdout)
    assert "Traceback" not in done.stderr
