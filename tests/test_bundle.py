"""What students download: the release, what it needs to run, and nothing that is for authors alone."""

import zipfile

import pytest

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
