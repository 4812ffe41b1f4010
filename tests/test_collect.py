"""An archive of students' files is unpacked to where each belongs, whatever its names, sizes and times claim."""

import gzip
import io
import json
import os
import re
import resource
import shlex
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from autograder import cli
from autograder.collect.collect import MAX_NOTEBOOKS, collect
from autograder.collect.entry import ArchiveLimits
from autograder.collect.errors import ArchiveError
from autograder.collect.owners import EXAMPLE
from autograder.course.submission import read_submission, timestamp
from tests.conftest import ROOT, command, copy_course

A = "a1-convolution"
NOTEBOOK = (ROOT / "assignments" / A / f"{A}.ipynb").read_bytes()
EARLY, LATE = (2026, 11, 30, 10, 0, 0), (2026, 12, 1, 10, 0, 0)


def packed(files, *, method=zipfile.ZIP_DEFLATED):
    """A zip of (name or ZipInfo, content) pairs, which may share a name, as bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as out:
        for name, content in files:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name, EARLY)
            info.compress_type = method
            info.filename = info.orig_filename  # ZipInfo cuts a name at a NUL, which an attacker would not
            out.writestr(info, content)
    return made.getvalue()


def tarred(files, mode="w:gz"):
    """A tar of TarInfo or (name, content) pairs."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as out:
        for each in files:
            if isinstance(each, tarfile.TarInfo):
                out.addfile(each)
            else:
                info = tarfile.TarInfo(each[0])
                info.size, info.mtime = len(each[1]), 1_800_000_000
                out.addfile(info, io.BytesIO(each[1]))
    return made.getvalue()


def at(name, when=EARLY, mode=0):
    info = zipfile.ZipInfo(name, when)
    info.external_attr = mode << 16
    return info


@pytest.fixture
def submitted(tmp_path):
    return tmp_path / "course" / "submitted"


@pytest.fixture
def take(tmp_path, submitted):
    """Collects an archive given as bytes, or as the files of a zip."""

    def run(content, **options):
        path = tmp_path / options.pop("name", "download.zip")
        path.write_bytes(content if isinstance(content, bytes) else packed(content))
        return collect(path, submitted, A, **options)

    return run


def tree(submitted):
    return sorted(str(path.relative_to(submitted)) for path in submitted.rglob("*") if not path.is_dir())


def place(student):
    return f"{student}/{A}/{A}.ipynb"


def why(collected):
    (outcome,) = collected.refused
    return outcome.why


# --- whose a file is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "student"),
    [
        (f"ada/{A}/{A}.ipynb", "ada"),
        (f"submitted/ada/{A}/{A}.ipynb", "ada"),
        (f"download/ada/{A}/{A}.ipynb", "ada"),
        (f"ada/{A}.ipynb", "ada"),
        (f"ada_{A}.ipynb", "ada"),
        (f"jane_doe_{A}.ipynb", "jane_doe"),
        (f"jane_doe_{A} (2).ipynb", "jane_doe"),
        (f"{A}/ada_{A}.ipynb", "ada"),
        (f"Jane Doe_12345_assignsubmission_file_{A}.ipynb", "Jane Doe"),
        (f"Jane Doe_12345_assignsubmission_file_/{A}.ipynb", "Jane Doe"),
        (f"Émilie 山田_12_assignsubmission_file/{A}.ipynb", "Émilie 山田"),
        (f"doejane_12345_678901_{A}.ipynb", "doejane"),
        (f"doejane_LATE_12345_678901_{A}-3.ipynb", "doejane"),
        (f"Homework 1_jdoe_attempt_2026-11-30-15-00-00_{A}.ipynb", "jdoe"),
        (f"./ada/{A}/{A}.ipynb", None),
        (f"ada/a1_convolution/{A}.ipynb", "ada"),
        (f"ada/A1-Convolutoin/{A}.ipynb", "ada"),
        (f"ada/{A}/my work/{A}.ipynb", "ada"),
        (f"ada/{A}/{A}.ipynb.txt", "ada"),
        (f"ada_{A}.ipynb.json", "ada"),
        (f"Jane Doe_12345_assignsubmission_file/homework/{A}.ipynb", "Jane Doe"),
        (f"Participant_7_assignsubmission_file_{A}.ipynb", "Participant_7"),
        (f"Participant_7_assignsubmission_file/{A}.ipynb", "Participant_7"),
        (f"anon_xEzfd_678901_{A}.ipynb", "anon_xEzfd"),
        (f"LATE_anon_xEzfd_678901_{A}.ipynb", "anon_xEzfd"),
        (f"397063-2557369 - Mary-Ann Smith - Sep 24, 2024 926 PM/{A}.ipynb", "Mary-Ann Smith"),
        (f"assignment_2000_export/submission_123456/{A}.ipynb", "submission_123456"),
        (f"submission_123456/{A}.ipynb", "submission_123456"),
        (f"Jane Doe - {A}.ipynb", "Jane Doe"),
        (f"{A}-submissions/{A}-octocat/{A}.ipynb", "octocat"),
        (f"{A}-octo-cat/{A}.ipynb", "octo-cat"),
    ],
)
def test_the_owner_is_found_in_the_names_that_known_systems_give(take, submitted, name, student):
    got = take([(name, NOTEBOOK)])
    assert tree(submitted) == ([place(student)] if student else [])
    assert got.students("taken") == ([student] if student else [])


def test_a_tars_names_may_start_with_a_dot(take, submitted):
    take(tarred([(f"./ada/{A}/{A}.ipynb", NOTEBOOK)]))
    assert tree(submitted) == [place("ada")]


def test_a_pattern_says_how_names_are_built(take, submitted):
    pattern = rf".*/(?P<student_id>\w+)-(?P<timestamp>[\d-]+)-(?P<file_id>{A})"
    take([(f"x/y/ada-2026-11-30-10-00-00-{A}.ipynb", NOTEBOOK)], pattern=pattern)
    assert tree(submitted) == [place("ada")]


@pytest.mark.parametrize(("pattern", "words"), [("(", "not a regular expression"), ("x", "student_id")])
def test_a_pattern_that_is_none_is_refused_with_an_example(take, pattern, words):
    with pytest.raises(ArchiveError, match=words) as refused:
        take([("x", b"")], pattern=pattern)
    assert EXAMPLE in str(refused.value)


def test_the_example_of_a_pattern_does_what_it_says(take, submitted):
    _, pattern, _, name = shlex.split(EXAMPLE)
    take([(name, NOTEBOOK)], pattern=pattern)
    assert tree(submitted) == [place("ada")]


@pytest.mark.parametrize("name", [f"{A}.ipynb", "mystery.ipynb", "a/b/c/d.ipynb", f"other/{A}-notes.ipynb"])
def test_a_file_that_could_be_anyones_is_refused_with_advice(take, submitted, name):
    got = take([(name, NOTEBOOK), (place("ada"), NOTEBOOK)])
    assert "--pattern" in why(got) and tree(submitted) == [place("ada")]


def test_a_student_cannot_name_another_as_owner(take, submitted):
    inside = packed([(place("ada"), b"forged")])
    take(
        [
            (place("ada"), NOTEBOOK),
            ("eve.zip", inside),
            (f"mallory/{A}/ada/{A}/{A}.ipynb", b"forged"),
            (f"Trudy_1_assignsubmission_file_/ada/{A}/{A}.ipynb", b"forged"),
        ]
    )
    assert (submitted / place("ada")).read_bytes() == NOTEBOOK
    assert tree(submitted) == [place("Trudy"), place("ada"), place("eve"), place("mallory")]


def moodle(person, content=NOTEBOOK, name="Jane Doe"):
    return f"{name}_{person}_assignsubmission_file_{A}.ipynb", content


def holds(submitted, student):
    path = submitted / place(student)
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize(
    "names",
    [
        [f"Jane Doe_{number}_assignsubmission_file_{A}.ipynb" for number in (1, 2)],
        [f"Jane Doe_{number}_assignsubmission_file_/{A}.ipynb" for number in (1, 2)],
        [f"Jane Doe_{number}_9{number}_{A}.ipynb" for number in (1, 2)],
        [f"{number}-99 - Jane Doe - Sep 24, 2024 926 PM/{A}.ipynb" for number in (1, 2)],
    ],
    ids=["Moodle", "Moodle's folders", "Canvas", "Brightspace"],
)
def test_two_people_of_one_name_are_both_taken_where_the_system_numbers_them(take, submitted, names):
    got = take([(name, content) for name, content in zip(names, (b"one", b"two"), strict=True)])
    assert tree(submitted) == [place("Jane Doe_1"), place("Jane Doe_2")] and got.refused == ()
    assert holds(submitted, "Jane Doe_1") == b"one" and holds(submitted, "Jane Doe_2") == b"two"
    (attention,) = got.attention
    assert "Jane Doe_1 and Jane Doe_2" in attention.what and "who has which number" in attention.to_do


def test_two_people_of_one_name_keep_their_folders_whoever_hands_in_next(take, submitted):
    take([moodle(1, b"one")])
    assert holds(submitted, "Jane Doe") == b"one"
    got = take([moodle(1, b"one"), moodle(2, b"two")])
    assert (holds(submitted, "Jane Doe"), holds(submitted, "Jane Doe_2")) == (b"one", b"two")
    assert got.students("unchanged") == ["Jane Doe"] and "more than one person" in got.attention[0].what
    take([moodle(2, b"two, again")])
    take([moodle(3, b"three")])
    assert tree(submitted) == [place("Jane Doe"), place("Jane Doe_2"), place("Jane Doe_3")]
    assert (holds(submitted, "Jane Doe"), holds(submitted, "Jane Doe_2")) == (b"one", b"two, again")


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"a1-convolution": 3}', b"\xff"])
def test_a_damaged_note_of_who_is_who_stops_nothing(take, submitted, damage):
    take([moodle(1)])
    people = submitted.parent / ".autograder" / "people.json"
    people.write_bytes(damage)
    take([moodle(1), moodle(5, name="Ada")])
    assert json.loads(people.read_text()) == {A: {"Ada": "5", "Jane Doe": "1"}}


def test_two_people_of_one_name_without_numbers_are_both_listed_and_neither_is_taken(take, submitted):
    pattern = r"(?:(?P<person>\d+)-)?(?P<student_id>\w+)\.ipynb"
    got = take([("1-jane.ipynb", b"one"), ("jane.ipynb", b"two"), ("2-ada.ipynb", NOTEBOOK)], pattern=pattern)
    assert tree(submitted) == [place("ada")]
    listed = [a.where.name for a in got.attention if "two people have this name" in a.what]
    assert listed == ["1-jane.ipynb", "jane.ipynb"]


def test_a_name_made_with_a_number_that_is_anothers_is_not_taken_for_it(take, submitted):
    got = take([moodle(1, b"one"), moodle(2, b"two"), ("Jane Doe_1/" + f"{A}/{A}.ipynb", b"three")])
    assert tree(submitted) == [place("Jane Doe_2")] and len(got.refused) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"Participant_7_assignsubmission_file_{A}.ipynb", "grading worksheet"),
        (f"anon_xEzfd_678901_{A}.ipynb", "no longer anonymous"),
        (f"submission_123456/{A}.ipynb", "submission_metadata.yml"),
    ],
)
def test_a_name_that_stands_for_nobody_is_taken_and_told_of(take, name, words):
    (attention,) = take([(name, NOTEBOOK)]).attention
    assert "a number for a name" in attention.what and words in attention.to_do


def test_work_that_canvas_marks_as_late_is_told_of_until_its_time_is_known(take, submitted):
    late = [(f"doejane_LATE_12345_678901_{A}.ipynb", NOTEBOOK), (f"poe_1_2_{A}.ipynb", NOTEBOOK)]
    (attention,) = take(late).attention
    assert attention.who == "doejane" and "marks it as late" in attention.what and "timestamp.txt" in attention.to_do
    (submitted / "doejane" / A / "timestamp.txt").write_text("2026-12-02 10:00:00 UTC")
    assert take(late).attention == ()


UNTAKEN = {
    "a script": [(f"ada/{A}/{A}.py", b"def conv2d(): ...")],
    "a page": [(f"Jane_1_assignsubmission_file_{A}.html", b"<html>")],
    "a text and a picture": [(f"ada_1_2_{A}.pdf", b"%PDF"), ("ada_1_3_photo.png", b"png")],
    "what Jupyter saved by itself": [(f"ada/{A}/.ipynb_checkpoints/{A}-checkpoint.ipynb", NOTEBOOK)],
}


@pytest.mark.parametrize("how", UNTAKEN)
def test_a_student_of_whose_files_none_is_a_notebook_is_told_of(take, submitted, how):
    got = take([*UNTAKEN[how], (place("bob"), NOTEBOOK), (f"bob/{A}/notes.pdf", b"")])
    (attention,) = got.attention
    assert attention.who in ("ada", "Jane") and "handed in no notebook but" in attention.what and attention.ungraded
    assert tree(submitted) == [place("bob")]


def test_of_two_people_of_one_name_the_one_without_a_notebook_is_told_of(take):
    got = take([moodle(1), ("Jane Doe_2_assignsubmission_file_essay.pdf", b"")])
    (attention,) = got.attention
    assert attention.who == "Jane Doe" and "essay.pdf" in attention.what


def test_a_file_that_is_refused_is_told_of(take):
    got = take([("mystery.ipynb", NOTEBOOK), ("../evil.ipynb", b""), (place("ada"), NOTEBOOK)])
    assert [a.where.name for a in got.attention] == ["mystery.ipynb", "evil.ipynb"]
    assert all(a.ungraded and a.to_do for a in got.attention)


def test_of_two_hand_ins_of_brightspace_the_later_is_taken(take, submitted):
    days = {"Sep 24, 2024 105 PM": b"later", "Sep 24, 2024 1159 AM": b"earlier", "Sep 4, 2024 1005 PM": b"first"}
    take([(f"7-9 - Ada - {day}/{A}.ipynb", content) for day, content in days.items()], zone=ZoneInfo("Europe/Vienna"))
    assert holds(submitted, "Ada") == b"later"
    assert stamp(submitted, "Ada") == datetime(2024, 9, 24, 11, 5, tzinfo=ZoneInfo("UTC"))


def test_a_wrongly_named_notebook_keeps_its_name_so_that_grading_says_what_to_do(take, submitted):
    take([(f"ada/{A}/solution.ipynb", NOTEBOOK)])
    assert "rename" in read_submission(submitted / "ada" / A, "ada", A).problem


# --- one archive a student --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [packed, tarred, lambda files: tarred(files, "w")], ids=["zip", "tar.gz", "tar"])
@pytest.mark.parametrize("inner", [f"{A}.ipynb", f"my work/{A}.ipynb", f"{A}/{A}.ipynb"])
def test_a_students_own_archive_is_opened(take, submitted, make, inner):
    end = "zip" if make is packed else "tar.gz"
    content = make([(inner, NOTEBOOK), ("__MACOSX/._x", b"junk"), ("photo.png", b"png")])
    take([(f"ada.{end}", content), (f"bob_{A}.{end}", content), (f"doe_1_2_work.{end}", content)])
    assert tree(submitted) == [place("ada"), place("bob"), place("doe")]


def test_of_notebooks_in_a_students_archive_the_one_that_lies_highest_is_taken(take, submitted):
    take([("ada.zip", packed([(at(f"old/{A}.ipynb", LATE), b"old"), (f"{A}.ipynb", NOTEBOOK)]))])
    assert (submitted / place("ada")).read_bytes() == NOTEBOOK


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no archive", "neither a zip nor a tar"),
        (packed([("readme.txt", b"sorry")]), "no notebook in it"),
        (packed([("inner.zip", packed([(f"{A}.ipynb", NOTEBOOK)]))]), "is not opened"),
        (packed([(f"{A}.ipynb", NOTEBOOK)])[:-30], "damaged"),
        (packed([(f"{n}.txt", b"") for n in range(501)]), "holds 501 files"),
    ],
    ids=["no archive", "empty", "nested twice", "cut off", "too many"],
)
def test_a_students_unusable_archive_costs_nobody_else_anything(take, submitted, content, words):
    got = take([("eve.zip", content), (place("ada"), NOTEBOOK)])
    assert tree(submitted) == [place("ada")]
    assert any(words in o.why and o.student == "eve" for o in got.refused)


# --- names ------------------------------------------------------------------------------------------------------

HOSTILE_PATHS = [
    f"../{A}.ipynb",
    f"ada/../../{A}/{A}.ipynb",
    f"../../ada/{A}/{A}.ipynb",
    f"/etc/{A}/{A}.ipynb",
    f"//server/{A}/{A}.ipynb",
    f"C:/x/{A}.ipynb",
    f"C:_{A}.ipynb",
    f"..\\..\\ada_{A}.ipynb",
    f"ada\\{A}\\{A}.ipynb",
    f"ada/./{A}.ipynb",
    f"ada//{A}.ipynb",
    f"ada\n/{A}/{A}.ipynb",
    f"\x1b[2Jada_{A}.ipynb",
    f"ad\u202ea_{A}.ipynb",
    f"ad\u200ba_{A}.ipynb",
    f"ada\0_{A}.ipynb",
    f"con/{A}/{A}.ipynb",
    f"NUL.txt/{A}/{A}.ipynb",
    f"ada /{A}/{A}.ipynb",
    f"ada./{A}/{A}.ipynb",
    f"{'x' * 300}/{A}/{A}.ipynb",
    "a/" * 50 + f"{A}.ipynb",
]


@pytest.mark.parametrize("name", HOSTILE_PATHS, ids=ascii)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_hostile_path_writes_nothing_anywhere(take, submitted, tmp_path, name, kind):
    if kind == "tar" and "\0" in name:
        pytest.skip("a tar's name ends at a NUL")
    files = [(name, b"hostile"), (place("ok"), NOTEBOOK)]
    got = take(tarred(files) if kind == "tar" else packed(files))
    assert tree(submitted) == [place("ok")]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["course", "download.zip"]
    assert len(got.refused) == 1
    assert str(got.refused[0]).isprintable()


@pytest.mark.parametrize("student", [".", "..", ".hidden", "a/b", "a\nb", ""])
def test_a_pattern_cannot_be_led_elsewhere_by_a_name(take, submitted, student):
    got = take([(f"x;{student};{A}.ipynb", b"hostile")], pattern=r"x;(?P<student_id>[^;]*);")
    assert tree(submitted) == [] and got.refused


def test_names_that_differ_in_case_alone_are_not_taken_for_two_students(take, submitted):
    got = take([(place("ada"), NOTEBOOK), (place("Ada"), b"other"), (place("bob"), NOTEBOOK)])
    assert tree(submitted) == [place("bob")] and "one name on many systems" in got.refused[0].why
    got = take([(place("BOB"), b"other")])
    assert (submitted / place("bob")).read_bytes() == NOTEBOOK and "already" in why(got)


def test_a_name_in_decomposed_letters_is_the_student_who_is_there(take, submitted):
    take([(place("émilie"), b"old")])
    take([(place("e\u0301milie"), NOTEBOOK)])
    assert tree(submitted) == [place("émilie")]


def test_what_computers_add_by_themselves_is_passed_over(take, submitted):
    got = take([(f"__MACOSX/ada/{A}/._{A}.ipynb", b"x"), ("ada/.DS_Store", b"x"), (f"ada/{A}/", b"")])
    assert got.outcomes == () and tree(submitted) == []


# --- what is not a file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140644], ids=oct)
def test_links_and_devices_in_a_zip_are_refused(take, submitted, mode):
    got = take([(at(place("eve"), mode=mode), b"/etc/passwd"), (place("ada"), NOTEBOOK)])
    assert tree(submitted) == [place("ada")] and ("link" in why(got) or "regular" in why(got))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V"]
)
def test_links_and_devices_in_a_tar_are_refused(take, submitted, kind):
    odd = tarfile.TarInfo(place("eve"))
    odd.type, odd.linkname = kind, f"../../ada/{A}/{A}.ipynb"
    got = take(tarred([odd, (place("ada"), NOTEBOOK)]))
    assert tree(submitted) == [place("ada")] and ("link" in why(got) or "regular" in why(got))


def test_a_link_to_a_folder_does_not_lead_what_follows_it_elsewhere(take, submitted, tmp_path):
    link = tarfile.TarInfo("eve")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    take(tarred([link, (place("eve"), NOTEBOOK)]))
    assert tree(submitted) == [place("eve")] and not (submitted / "eve").is_symlink()


def test_a_students_folder_that_is_a_link_is_left_alone(take, submitted, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    submitted.mkdir(parents=True)
    (submitted / "ada").symlink_to(tmp_path / "elsewhere")
    assert "not a folder" in why(take([(place("ada"), NOTEBOOK)]))
    assert list((tmp_path / "elsewhere").iterdir()) == []


# --- bombs ------------------------------------------------------------------------------------------------------


def patched(data, signature, offset, value, layout="<L"):
    """A zip in which every header with ``signature`` has ``value`` at ``offset``."""
    out, start = bytearray(data), data.find(signature)
    while start >= 0:
        struct.pack_into(layout, out, start + offset, value)
        start = data.find(signature, start + 1)
    return bytes(out)


def test_a_file_that_unpacks_to_far_more_than_its_size_is_refused(take, submitted):
    got = take([(place("eve"), bytes(30 << 20)), (place("ada"), NOTEBOOK)])
    assert tree(submitted) == [place("ada")] and "200 times its size" in why(got)


def test_a_large_file_is_refused(take, submitted):
    got = take([(place("eve"), os.urandom(33 << 20)), (place("ada"), NOTEBOOK)])
    assert tree(submitted) == [place("ada")] and "larger than 32 MB" in why(got)


@pytest.mark.parametrize("claim", [0, 10, 0xFFFFFFF0])
def test_a_size_that_lies_convinces_nobody(take, submitted, claim):
    data = packed([(place("eve"), bytes(30 << 20)), ("padding", os.urandom(4 << 20))])
    lying = patched(patched(data, b"PK\1\2", 24, claim), b"PK\3\4", 22, claim)
    got = take(lying)
    assert tree(submitted) == [] and any(o.name == place("eve") for o in got.refused)


def test_a_bomb_in_a_students_archive_ends_with_that_archive(take, submitted):
    bomb = packed([(f"{n}.ipynb", os.urandom(1 << 10) + bytes(190 << 10)) for n in range(500)])
    bomb_of_bombs = packed([("1.zip", packed([("2.zip", packed([("3.ipynb", bytes(60 << 20))]))]))])
    got = take([("eve.zip", bomb), ("mallory.zip", bomb_of_bombs), (place("ada"), NOTEBOOK)])
    assert got.students() == ["ada", "eve"] and len(list((submitted / "eve" / A).iterdir())) == MAX_NOTEBOOKS
    assert {o.student for o in got.refused} == {"eve", "mallory"}


def test_a_gzip_bomb_is_stopped_on_the_way(take, submitted):
    held = tarred([(place("eve"), NOTEBOOK), ("zeros", bytes(300 << 20))])
    with pytest.raises(ArchiveError, match="unpacks to more than"):
        take(held)
    assert tree(submitted) == []


def test_entries_that_overlap_are_refused(take):
    data = packed([(place("a"), b"x" * 5000), (place("b"), b"y" * 5000)])
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    overlapping = bytearray(data)
    struct.pack_into("<L", overlapping, second + 42, 0)
    with pytest.raises(ArchiveError, match="overlap"):
        take(bytes(overlapping))


def many_entries(count):
    """A zip of ``count`` empty files, by hand: zipfile takes long to write so many."""
    local = b"".join(
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 8, 0) + b"%08d" % n for n in range(count)
    )
    contents = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 8, 0, 0, 0, 0, 0, n * 38) + b"%08d" % n
        for n in range(count)
    )
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(contents), len(local))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + len(contents), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return local + contents + zip64 + locator + end


def test_a_hundred_thousand_entries_are_refused_soon_and_in_little_memory(tmp_path):
    (tmp_path / "many.zip").write_bytes(many_entries(100_000))
    (tmp_path / "many.tar.gz").write_bytes(gzip.compress(tarfile.TarInfo("s/x.ipynb").tobuf() * 100_000))
    code = (
        "import sys; from pathlib import Path; from autograder.collect.collect import ArchiveError, collect\n"
        "for name in sys.argv[2:]:\n"
        "    try: collect(Path(name), Path(sys.argv[1]), 'a1-convolution')\n"
        "    except ArchiveError as error: print(error)\n"
        # Not getrusage: there a new program begins with the peak of the one that started it.
        "print(next(line.split()[1] for line in Path('/proc/self/status').open() if line.startswith('VmHWM')))"
    )
    files = [str(tmp_path / name) for name in ("submitted", "many.zip", "many.tar.gz")]
    command = [sys.executable, "-c", code, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    *said, kilobytes = done.stdout.splitlines()
    assert len(said) == 2 and "100000 files" in said[0] and "more than 20000 files" in said[1]
    assert int(kilobytes) < 600_000


def test_a_table_of_contents_of_any_size_is_not_read_into_memory(take):
    size = 20 << 20
    with pytest.raises(ArchiveError, match="table of contents"):
        take(b"PK\3\4" + bytes(size) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size, 4, 0))
    with pytest.raises(ArchiveError, match="damaged"):
        take(patched(packed([(place("a"), b"x")]), b"PK\5\6", 12, 0xF0000000))


def test_a_tar_header_of_gigabytes_is_refused(take):
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 3 << 30
    with pytest.raises(ArchiveError, match="more words"):
        take(long.tobuf() + bytes(10 << 20))


def header(name, size=0, kind=tarfile.REGTYPE):
    """One block of a tar, which may state any size."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def extended(records, kind=tarfile.XHDTYPE):
    """An extended header of a tar, with any records in it."""
    return header("more", len(records), kind) + records + bytes(-len(records) % 512)


def records(number):
    return b"".join(b"23 %018d=\n" % (1000 * number + n) for n in range(300))


X = header("x")
HOSTILE_TARS = {
    "a chain of headers": (extended(b"") * 10_000 + X, "more words"),
    "much said of all files": (b"".join(extended(records(n), tarfile.XGLTYPE) + X for n in range(500)), "too much"),
    "records that overlap": ((extended(b"3 x" * 5000 + b"=") + X) * 100, "too much|damaged"),
    "a negative size": (header("x", -1024) + X, "backwards"),
    "a negative size back to the start": (header("x", -3 * 512) + X, "damaged"),
    "a negative size in words": (extended(b"14 size=-1024\n") + X, "backwards"),
    "a file larger than any disk": (header("x", 1 << 60) + X, "unpacks to more"),
    "a damaged header": (b"?" * 512 + X, "damaged"),
    "a header of nothing": (extended(b"11 path=ab\n"), "damaged"),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_a_tar_that_misleads_its_reader_is_refused_soon_and_in_little_memory(take, submitted, name, pack):
    content, words = HOSTILE_TARS[name]
    content = pack(header("a") + header("b") + content + bytes(1024))
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    got = take(packed([("eve.tar", content), (place("ada"), NOTEBOOK)], method=zipfile.ZIP_STORED))
    assert re.search(words, why(got)) and tree(submitted) == [place("ada")]
    assert time.process_time() - start < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


@pytest.mark.parametrize("said", [b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n", b"25 GNU.sparse.size=100000\n"])
def test_a_sparse_file_is_refused_and_costs_no_other(take, submitted, said):
    sparse = extended(said) + header(place("eve"), 512) + b"0\n" + bytes(510)
    got = take(sparse + header(place("ada"), 0) + bytes(1024))
    assert tree(submitted) == [place("ada")] and "not a regular file" in why(got)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_unusual_compression_is_refused(take, method):
    got = take(packed([(place("eve"), NOTEBOOK)], method=method))
    assert "unusual way" in why(got)


def test_encrypted_files_are_refused(take, submitted):
    data = packed([(place("eve"), NOTEBOOK)])
    got = take(patched(patched(data, b"PK\1\2", 8, 1, "<H"), b"PK\3\4", 6, 1, "<H"))
    assert "encrypted" in why(got) and tree(submitted) == []


def test_damage_to_one_file_costs_no_other(take, submitted):
    data = bytearray(packed([(place("ada"), NOTEBOOK), (place("eve"), NOTEBOOK)]))
    middle = data.index(b"PK\3\4", 10) + 200
    data[middle : middle + 50] = bytes(50)
    got = take(bytes(data))
    assert tree(submitted) == [place("ada")] and "damaged" in why(got)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"PK\3\4" + bytes(100),
        NOTEBOOK,
        gzip.compress(b"not a tar", mtime=0),
        gzip.compress(b"x" * 2000, mtime=0)[:-9],
        tarred([(place("a"), os.urandom(99999))])[:-5000],
        packed([(place("a"), NOTEBOOK)])[:-400],
        bytes(511) + b"x" + bytes(600),
    ],
)
def test_what_is_no_archive_is_refused_in_a_sentence(take, submitted, content):
    with pytest.raises(ArchiveError) as refused:
        take(content)
    assert str(refused.value).isprintable() and tree(submitted) == []


def test_a_total_that_is_too_large_changes_nothing(take, submitted):
    take([(place("ada"), b"old")])
    with pytest.raises(ArchiveError, match="unpacks to more"):
        take([(place(n), os.urandom(1 << 20)) for n in ("ada", "bob", "cleo")], limits=ArchiveLimits(total=2 << 20))
    assert tree(submitted) == [place("ada")] and (submitted / place("ada")).read_bytes() == b"old"


# --- duplicates, and what was there before ----------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_files_for_one_place_the_newer_is_taken_and_that_is_said(take, submitted, first):
    files = [(at(f"ada_{A}.ipynb", LATE), NOTEBOOK), (at(f"ada_{A}-1.ipynb", EARLY), b"old")]
    got = take([files[first], files[1 - first]])
    assert (submitted / place("ada")).read_bytes() == NOTEBOOK
    (skipped,) = [o for o in got.outcomes if o.action == "skipped"]
    assert skipped.name == f"ada_{A}-1.ipynb" and "a newer file for the same place was taken" in skipped.why


def test_a_later_attempt_of_the_same_time_is_taken(take, submitted):
    take([(f"doe_1_9_{A}-2.ipynb", NOTEBOOK), (f"doe_1_8_{A}-1.ipynb", b"old")])
    assert (submitted / place("doe")).read_bytes() == NOTEBOOK


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_in_one_archive_is_two_files_of_one_place(take, submitted):
    got = take([(at(place("ada"), LATE), NOTEBOOK), (at(place("ada"), EARLY), b"old")])
    assert (submitted / place("ada")).read_bytes() == NOTEBOOK and len(got.outcomes) == 2


def test_a_newer_file_that_is_damaged_does_not_cost_the_older(take, submitted):
    data = bytearray(packed([(at(f"ada_{A}.ipynb"), NOTEBOOK), (at(f"ada_{A}-1.ipynb", LATE), NOTEBOOK)]))
    middle = data.index(b"PK\3\4", 10) + 200
    data[middle : middle + 50] = bytes(50)
    assert "damaged" in why(take(bytes(data)))
    assert (submitted / place("ada")).read_bytes() == NOTEBOOK


def test_what_was_there_before_is_kept(take, submitted):
    take([(place("ada"), b"first")])
    (submitted / "ada" / A / "notes.txt").write_text("the instructor's")
    got = take([(place("ada"), NOTEBOOK)])
    assert got.students("replaced") == ["ada"] and tree(submitted) == [place("ada")]
    kept = sorted(p.name for p in (submitted.parent / ".autograder" / "replaced").rglob("*") if p.is_file())
    assert kept == [f"{A}.ipynb", "notes.txt"]


def test_collecting_again_changes_nothing(take, submitted):
    take([(place("ada"), NOTEBOOK)], zone=ZoneInfo("UTC"))
    before = (submitted / place("ada")).stat()
    got = take([(place("ada"), NOTEBOOK)])
    after = (submitted / place("ada")).stat()
    assert got.students("unchanged") == ["ada"] and (before.st_ino, before.st_mtime_ns) == (
        after.st_ino,
        after.st_mtime_ns,
    )
    assert not (submitted.parent / ".autograder").exists()


def test_another_assignments_work_is_not_touched(take, submitted):
    (submitted / "ada" / "a2").mkdir(parents=True)
    (submitted / "ada" / "a2" / "a2.ipynb").write_bytes(b"a2")
    take([(place("ada"), NOTEBOOK)])
    assert tree(submitted) == [place("ada"), "ada/a2/a2.ipynb"]


# --- times ------------------------------------------------------------------------------------------------------


def stamp(submitted, student="ada"):
    return timestamp(submitted / student / A)[0]


def test_times_are_taken_only_when_asked_for_and_in_the_zone_that_was_said(take, submitted):
    take([(at(place("ada"), (2026, 7, 1, 12, 0, 0)), NOTEBOOK)])
    assert stamp(submitted) is None
    take([(at(place("ada"), (2026, 7, 1, 12, 0, 0)), NOTEBOOK)], zone=ZoneInfo("Europe/Vienna"))
    assert stamp(submitted) == datetime(2026, 7, 1, 10, tzinfo=ZoneInfo("UTC"))


def test_a_tars_times_and_a_names_times_need_no_zone(take, submitted):
    take(tarred([(place("ada"), NOTEBOOK)]), zone=ZoneInfo("Asia/Tokyo"))
    assert stamp(submitted).timestamp() == 1_800_000_000
    take([(f"hw_bob_attempt_2026-11-30-15-00-00_{A}.ipynb", NOTEBOOK)], zone=ZoneInfo("Asia/Tokyo"))
    assert stamp(submitted, "bob") == datetime(2026, 11, 30, 15, tzinfo=ZoneInfo("UTC"))


def test_a_student_cannot_date_their_own_work(take, submitted):
    forged = packed([(at(f"{A}/{A}.ipynb", (2020, 1, 1, 0, 0, 0)), NOTEBOOK), (f"{A}/timestamp.txt", b"2020-01-01")])
    take(
        [(at("eve.zip", LATE), forged), (at("Eva_1_assignsubmission_file_/timestamp.txt"), b"2020-01-01")],
        zone=ZoneInfo("UTC"),
    )
    assert stamp(submitted, "eve") == datetime(*LATE, tzinfo=ZoneInfo("UTC"))


def test_the_timestamp_of_nbgraders_own_layout_is_kept(take, submitted):
    take([(place("ada"), NOTEBOOK), (f"ada/{A}/timestamp.txt", b"2026-12-01 10:00:00 UTC")])
    assert stamp(submitted) == datetime(2026, 12, 1, 10, tzinfo=ZoneInfo("UTC"))


def test_an_archive_in_another_does_not_say_in_which_zone_the_others_times_are(take, submitted):
    inner = tarred([(f"{A}.ipynb", NOTEBOOK)])
    take([(at("eve.tar.gz", (2026, 7, 1, 12, 0, 0)), inner)], zone=ZoneInfo("Europe/Vienna"))
    assert stamp(submitted, "eve") == datetime(2026, 7, 1, 10, tzinfo=ZoneInfo("UTC"))


@pytest.mark.parametrize("date", [(1980, 0, 0, 0, 0, 0), (2107, 15, 31, 31, 63, 62)])
def test_a_date_that_there_is_not_is_no_time(take, submitted, date):
    take([(at(place("ada"), date), NOTEBOOK)], zone=ZoneInfo("Asia/Tokyo"))
    assert tree(submitted) == [place("ada")]


# --- the command, and nbgrader's own ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return copy_course(tmp_path_factory.mktemp("collect") / "course")


def run_command(course, *words):
    return cli.main(["--root", str(course), "collect", *map(str, words)])


def test_the_command_says_of_every_file_what_became_of_it(course, tmp_path, capsys):
    path = tmp_path / "class.zip"
    path.write_bytes(packed([(place("ada"), NOTEBOOK), ("../evil.ipynb", b""), ("notes.pdf", b"")]))
    assert run_command(course, A, path) == 1
    said = capsys.readouterr().out
    assert f"taken: {place('ada')} (ada)" in said and "refused: ../evil.ipynb" in said and "skipped: notes.pdf" in said
    assert "1 students' work taken" in said and "nobody counts as late" in said
    assert "2 need a look:" in said and "evil.ipynb: " in said and "the one that was given out" in said
    assert (course / "submitted" / place("ada")).read_bytes() == NOTEBOOK


@pytest.mark.parametrize(
    ("words", "said"), [(("nothing.zip",), "not a file"), (("x.zip", "--timestamps", "Mars/Base"), "time zone")]
)
def test_the_command_refuses_in_a_sentence(course, words, said, capsys):
    assert run_command(course, A, *words) == 2
    assert said in capsys.readouterr().err


def test_nbgraders_own_zip_collect_follows_the_same_rules(tmp_path):
    root = copy_course(tmp_path / "course")
    config = root / "nbgrader_config.py"
    config.write_text(
        config.read_text()
        + 'c = get_config()\nc.ZipCollectApp.extractor_plugin = "autograder.nbgrader.zip_collect.SafeExtractor"\n'
        'c.ZipCollectApp.collector_plugin = "autograder.nbgrader.zip_collect.SafeCollector"\n'
        rf'c.FileNameCollectorPlugin.named_regexp = r".*/(?P<student_id>[^/;]+);(?P<file_id>{A})"' + "\n"
    )
    downloads = root / "downloaded" / A / "archive"
    downloads.mkdir(parents=True)
    link = tarfile.TarInfo(f"eve;{A}.ipynb")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    (downloads / "class.zip").write_bytes(
        packed([(f"ada;{A}.ipynb", NOTEBOOK), ("../../../evil.ipynb", b"x"), (f"x/..;{A}.ipynb", b"x")])
    )
    (downloads / "more.tar.gz").write_bytes(tarred([link]))
    (downloads / "bomb.zip").write_bytes(packed([(f"bomb;{A}.ipynb", bytes(100 << 20))]))
    (downloads / f"zoe;{A}.ipynb").symlink_to("/etc/passwd")
    (downloads / "broken.zip").write_bytes(b"PK\3\4")
    done = command("nbgrader", "zip_collect", A, cwd=root)
    assert done.returncode == 0, done.stderr
    assert tree(root / "submitted") == [place("ada")]
    assert not list(tmp_path.rglob("evil.ipynb"))


def test_memory_stays_flat_whatever_is_unpacked(take, submitted):
    content = os.urandom(20 << 20)
    take([(place(f"s{n}"), content) for n in range(2)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    take([(place(f"t{n}"), content) for n in range(2)], name="second.zip")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10
