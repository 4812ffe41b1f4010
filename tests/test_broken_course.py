"""Ways to break a course. Each: one sentence says what is wrong and what to do, nothing is lost, the way out works.

A row of `ROWS` is one way: how the course is broken, the command, what its sentence holds, and what to do then.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.broken_course import Course, apart, give_by_hand
from tests.conftest import A1, ROOT, copy_course

STUDENTS = ("ada", "carlos", "greta")  # right, late, cut off
QUESTION, COMMENT = "why_share_weights", "Well said: the same everywhere."
GRADE, CACHED = ("grade", A1), ("grade", A1, "--no-gradebook")
FEEDBACK, EXPORT, BACKUP, RESTORE = ("feedback",), ("export",), ("backup",), ("restore",)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course that was graded, also by hand, with a backup of all that."""
    root = copy_course(tmp_path_factory.mktemp("graded") / "course")
    course = Course(root)
    assert course.run("sample", A1).code == 0
    for folder in (root / "submitted").iterdir():
        if folder.name not in STUDENTS:
            shutil.rmtree(folder)
    for words in (GRADE, None, FEEDBACK, EXPORT, BACKUP):
        if words is None:
            give_by_hand(root, "ada", QUESTION, 2.5, COMMENT)
        else:
            done = course.run(*words)
            assert done.code == 0, done
    return root


# --- ways to break it -------------------------------------------------------------------------------------------


def write(place: str, content: bytes | str) -> Callable[[Course], None]:
    def breaks(course: Course) -> None:
        path = course.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return breaks


def cut(pattern: str, left: int) -> Callable[[Course], None]:
    """Cut the files that match a pattern short."""

    def breaks(course: Course) -> None:
        found = [path for path in course.root.glob(pattern) if path.is_file()]
        assert found
        for path in found:
            path.write_bytes(path.read_bytes()[:left])

    return breaks


def change(place: str, old: str, new: str) -> Callable[[Course], None]:
    def breaks(course: Course) -> None:
        path = course.root / place
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return breaks


def remove(place: str) -> Callable[[Course], None]:
    def breaks(course: Course) -> None:
        path = course.root / place
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    return breaks


def folder_instead(place: str) -> Callable[[Course], None]:
    def breaks(course: Course) -> None:
        (course.root / place).unlink(missing_ok=True)
        (course.root / place).mkdir()

    return breaks


def file_instead(place: str) -> Callable[[Course], None]:
    def breaks(course: Course) -> None:
        shutil.rmtree(course.root / place, ignore_errors=True)
        (course.root / place).write_text("a file")

    return breaks


def killed(
    step: str, number: int = 1, before: Callable[[Course], None] = lambda course: None
) -> Callable[[Course], None]:
    def breaks(course: Course) -> None:
        before(course)
        course.kill_at = (step, number)

    return breaks


def full(before: Callable[[Course], None] = lambda course: None) -> Callable[[Course], None]:
    def breaks(course: Course) -> None:
        before(course)
        course.fill_disk()

    return breaks


def other_database(course: Course) -> None:
    course.book.unlink()
    with sqlite3.connect(course.book) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


def old_schema(course: Course) -> None:
    with sqlite3.connect(course.book) as database:
        database.execute("ALTER TABLE grade DROP COLUMN extra_credit")


def torn_page(course: Course) -> None:
    raw = bytearray(course.book.read_bytes())
    raw[4096 * 5 : 4096 * 9] = b"\xff" * (4096 * 4)
    course.book.write_bytes(raw)


def lock(course: Course) -> None:
    database = sqlite3.connect(course.book)
    database.execute("BEGIN EXCLUSIVE")
    course.held.append(database)


def unlock(course: Course) -> None:
    course.held.pop().close()


def forget_reports(course: Course) -> None:
    shutil.rmtree(course.state / "reports")
    shutil.rmtree(course.state / "latest")


def dangling(course: Course) -> None:
    (course.root / "submitted").rename(course.root / "kept")
    (course.root / "submitted").symlink_to("nowhere")


def put_submissions_back(course: Course) -> None:
    (course.root / "submitted").unlink()
    (course.root / "kept").rename(course.root / "submitted")


def no_bubblewrap(course: Course) -> None:
    forget_reports(course)
    course.environment["PATH"] = "/nowhere"


def both(*ways: Callable[[Course], None]) -> Callable[[Course], None]:
    def breaks(course: Course) -> None:
        for way in ways:
            way(course)

    return breaks


def move_away(place: str) -> Callable[[Course], None]:
    def mends(course: Course) -> None:
        (course.root / place).rename(course.root / "moved-away")

    return mends


def put_back(*places: str) -> Callable[[Course], None]:
    """Have an author's files as they were."""

    def mends(course: Course) -> None:
        for place in places:
            shutil.copy(ROOT / "solutions" / A1 / place, course.source / place)

    return mends


put_manifest_back = put_back("assignment.toml")
put_suite_back = put_back("hidden/test_conv2d.py")
put_notebook_back = put_back(f"{A1}.ipynb")


def undo(course: Course) -> None:
    """Take back what was changed in the environment, and what would be killed."""
    course.environment.clear()
    course.kill_at = None


# --- the rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One way to break a course.

    ``says`` are parts of the one sentence; none where the command is killed (``code`` -9) or goes on (0). ``mend`` is
    what the sentence, or plain sense, asks a person to do, and ``then`` are the commands that must work. After the last
    all is as it was, but that without ``by_hand`` points given by hand are gone with the gradebook.
    """

    name: str
    breaks: Callable[[Course], None]
    words: tuple[str, ...]
    says: tuple[str, ...] = ()
    mend: Callable[[Course], None] = undo
    then: tuple[tuple[str, ...], ...] = (GRADE,)
    code: int = 2
    by_hand: bool = True


RESTORED = (RESTORE, GRADE)
DAMAGED = "gradebook.db is damaged"
ROWS = [
    Row("a gradebook of garbage", write("gradebook.db", b"garbage" * 999), GRADE, (DAMAGED, "restore"), then=RESTORED),
    Row("a gradebook cut short", cut("gradebook.db", 40_000), EXPORT, (DAMAGED, "restore"), then=RESTORED),
    Row("a gradebook of no bytes", write("gradebook.db", b""), FEEDBACK, (DAMAGED, "it is empty"), then=RESTORED),
    Row("a gradebook with a torn page", torn_page, GRADE, (DAMAGED, "restore"), then=RESTORED),
    Row("another program's database", other_database, GRADE, (DAMAGED, "no table"), then=RESTORED),
    Row("a gradebook of another nbgrader", old_schema, GRADE, ("another version of nbgrader",), then=RESTORED),
    Row("a folder for a gradebook", folder_instead("gradebook.db"), GRADE, ("it is not a file",), then=RESTORED),
    Row(
        "a damaged gradebook and no backup",
        both(write("gradebook.db", b"garbage"), remove("backups")),
        GRADE,
        (DAMAGED, "no backup", "move the file away", "grade"),
        move_away("gradebook.db"),
        by_hand=False,
    ),
    Row("a damaged gradebook is not kept", write("gradebook.db", b"garbage"), BACKUP, ("damaged",), then=RESTORED),
    Row("no gradebook", remove("gradebook.db"), GRADE, code=0, by_hand=False),
    Row("no gradebook to export", remove("gradebook.db"), EXPORT, ("no gradebook", "grade"), then=RESTORED),
    Row("a gradebook in use", lock, EXPORT, ("in use by another program", "locked"), unlock, (EXPORT, GRADE)),
    Row("an empty secret", write(".autograder/secret", b""), GRADE, ("0 bytes", "restore"), then=RESTORED),
    Row("a secret cut short", cut(".autograder/secret", 31), GRADE, ("31 bytes", "graded again"), then=RESTORED),
    Row("a short secret is not kept", cut(".autograder/secret", 5), BACKUP, ("5 bytes",), then=RESTORED),
    Row(
        "a folder for a secret",
        both(remove(".autograder/secret"), folder_instead(".autograder/secret")),
        GRADE,
        ("a folder where a file should be",),
        move_away(".autograder/secret"),
        RESTORED,
    ),
    Row("a backup cut short", cut("backups/*.zip", 9_000), RESTORE, ("not a whole backup", "nothing was changed")),
    Row("a backup of garbage", write("backups/9.zip", b"PK garbage"), RESTORE, ("not a whole backup",)),
    Row("no backup", remove("backups"), RESTORE, ("no backup", "autograder backup")),
    Row("a backup that is not there", undo, (*RESTORE, "gone.zip"), ("no file gone.zip",)),
    Row("nowhere to export to", undo, (*EXPORT, "--to", "/nowhere/at/all.csv"), ("no folder /nowhere/at",)),
    Row("a place where nobody can write", undo, (*EXPORT, "--to", "/proc/grades.csv"), ("/proc/grades.csv",)),
    Row("a folder to export into", undo, (*EXPORT, "--to", "feedback"), ("feedback", "a folder where a file should")),
    Row(
        "a folder for grades.csv",
        both(remove("grades.csv"), folder_instead("grades.csv")),
        GRADE,
        ("grades.csv", "a folder where a file should be"),
        move_away("grades.csv"),
    ),
    Row(
        "a file for the feedback",
        file_instead("feedback"),
        FEEDBACK,
        ("feedback", "a file where a folder should be"),
        move_away("feedback"),
    ),
    Row(
        "a file for a student's feedback",
        file_instead("feedback/ada"),
        GRADE,
        ("where a folder should be",),
        move_away("feedback/ada"),
    ),
    Row(
        "a file for the autograded notebooks",
        file_instead("autograded"),
        GRADE,
        ("where a folder should be",),
        move_away("autograded"),
    ),
    Row("no feedback", remove("feedback"), FEEDBACK, code=0),
    Row("no report page", remove(f"feedback/ada/{A1}/report.html"), GRADE, code=0),
    Row("no autograded notebook", remove(f"autograded/ada/{A1}"), GRADE, code=0),
    Row(
        "reports cut short",
        both(cut(".autograder/reports/*/*.json", 50), remove("feedback")),
        FEEDBACK,
        ("no report", "autograder grade"),
        code=1,
    ),
    Row("latest entries cut short", cut(f".autograder/latest/{A1}/*.json", 30), GRADE, code=0),
    Row("no memory of the feedback", write(f".autograder/feedback/{A1}.json", "[garbage"), GRADE, code=0),
    Row("no release", remove(f"assignments/{A1}"), GRADE, ("autograder release",), then=(("release", A1), GRADE)),
    Row(
        "a manifest that is not TOML",
        write(f"solutions/{A1}/assignment.toml", "title = "),
        GRADE,
        ("assignment.toml", "not valid TOML"),
        put_manifest_back,
    ),
    Row(
        "a manifest that is not text",
        write(f"solutions/{A1}/assignment.toml", b"title = '\xff'"),
        GRADE,
        ("assignment.toml",),
        put_manifest_back,
    ),
    Row(
        "an unknown word in a manifest",
        change(f"solutions/{A1}/assignment.toml", "points = 2", "point = 2"),
        EXPORT,
        ("assignment.toml", "output_size"),
        put_manifest_back,
    ),
    Row(
        "no hidden suite",
        remove(f"solutions/{A1}/hidden/test_conv2d.py"),
        GRADE,
        ("no hidden suite for conv2d",),
        put_suite_back,
    ),
    Row(
        "a hidden suite that is not Python",
        write(f"solutions/{A1}/hidden/test_conv2d.py", "def ("),
        GRADE,
        ("test_conv2d.py cannot be imported",),
        put_suite_back,
    ),
    Row("no source notebook", remove(f"solutions/{A1}/{A1}.ipynb"), ("release", A1), (A1,), put_notebook_back),
    Row("no bubblewrap", no_bubblewrap, GRADE, ("bubblewrap", "install"), then=RESTORED),
    Row("submissions that a link only promises", dangling, GRADE, ("nothing to grade",), put_submissions_back),
    Row("a file for a student's folder", write("submitted/eve", "?"), GRADE, code=0),
    Row("a configuration that is not Python", write("nbgrader_config.py", "def ("), GRADE, code=0),
    *(
        Row(
            f"a read-only course: {words[0]}",
            both(before, Course.make_read_only),
            words,
            ("read",),
            Course.make_writable,
        )
        for before, words in (
            (undo, GRADE),
            (remove("feedback"), FEEDBACK),
            (undo, EXPORT),
            (undo, BACKUP),
            (undo, RESTORE),
            (undo, ("sample", A1)),
        )
    ),
    *(
        Row(
            f"a full disk: {name}",
            full(before),
            words,
            ("no space left", "make room"),
            Course.make_room,
            (words, GRADE),
        )
        for name, before, words in (
            ("feedback", remove("feedback"), FEEDBACK),
            ("notebooks", remove("autograded"), GRADE),
            ("export", remove("grades.csv"), EXPORT),
            ("backup", undo, BACKUP),
            ("restore", undo, RESTORE),
            ("the first secret", remove(".autograder/secret"), GRADE),
        )
    ),
    *(
        Row(f"killed: {name}", killed(step, number, before), words, code=-9, then=then)
        for name, before, words, step, number, then in (
            ("a report is stored", forget_reports, CACHED, "sync", 1, RESTORED),
            ("a report is a student's latest", forget_reports, CACHED, "sync", 2, (GRADE,)),
            ("a gradebook is made", remove("gradebook.db"), GRADE, "sync", 1, RESTORED),
            ("a notebook is recorded", remove("autograded"), GRADE, "write", 2, (GRADE,)),
            ("a submission is committed", remove("autograded"), GRADE, "commit", 2, (GRADE,)),
            ("a notebook is put in place", remove("autograded"), GRADE, "replace", 3, (GRADE,)),
            ("feedback is written", remove("feedback"), FEEDBACK, "write", 1, (FEEDBACK,)),
            ("feedback is put in place", remove("feedback"), FEEDBACK, "sync", 3, (FEEDBACK,)),
            ("grades are exported", undo, EXPORT, "sync", 1, (GRADE,)),
            ("a backup is made", undo, BACKUP, "sync", 1, (BACKUP, GRADE)),
            ("a backup is unpacked", undo, RESTORE, "sync", 4, (RESTORE, GRADE)),
            *((f"a backup is put back, step {n}", undo, RESTORE, "rename", n, (GRADE,)) for n in range(1, 9)),
        )
    ),
]


@pytest.fixture(scope="module")
def well(graded: Path) -> tuple[list[Any], dict[str, Any]]:
    """The grades, and all that is made of them, of the course that nobody broke."""
    course = Course(graded)
    return course.grades(), course.made()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_broken_is_said_in_a_sentence_and_loses_nothing(
    row: Row, graded: Path, well: tuple[list[Any], dict[str, Any]], tmp_path: Path
) -> None:
    root = Path(shutil.copytree(graded, tmp_path / "course", symlinks=True))
    apart(lambda: play(row, Course(root), *well))


def play(row: Row, course: Course, grades: list[Any], made: dict[str, Any]) -> None:
    """Break the course, run the command, mend what it says, and run the commands that must work then."""
    row.breaks(course)
    before = course.kept()
    done = course.run(*row.words)
    assert done.code == row.code, (done, row.words)
    assert "Traceback" not in done.err and "Warning" not in done.err, done.err
    if row.code > 0:
        assert len(done.lines) == 1 if row.code == 2 else done.lines, done.err
        assert all(part in line for line in done.lines for part in row.says), (done.err, row.says)
        assert "fault of autograder" not in done.err, done.err
    if row.code >= 0:
        assert_kept(before, course.kept(), row.code > 0)
    undo(course)
    if row.mend is not undo:
        row.mend(course)
    for words in row.then:
        done = course.run(*words)
        assert done.code == 0, (words, done)
    wanted = grades if row.by_hand else [(*row[:3], None, row[4], None) for row in grades]
    assert course.grades() == wanted
    if row.by_hand:
        assert course.made() == made
    if row.code < 0:
        assert_kept(before, course.kept(), False)


def assert_kept(before: dict[str, Any], after: dict[str, Any], gradebook: bool) -> None:
    """Nothing of what was there is gone or another; ``gradebook`` says whether that holds for grades as well."""
    files = [kind for kind in before if kind != "gradebook"]
    lost = [name for kind in files for name in before[kind] if after[kind].get(name) != before[kind][name]]
    assert lost == []
    assert not gradebook or before["gradebook"] == after["gradebook"]
