"""`make proof`: it runs what is listed, says what it proved, what failed and what not, and fails when anything did."""

import re
import sys
from dataclasses import replace

import pytest

from tests import proof
from tests.proof import Finding, Proof

TESTS = """
import pytest

def test_right(): ...
def test_wrong(): assert 1 == 2
@pytest.mark.skip(reason="no such program")
def test_without_a_program(): ...
@pytest.mark.xfail(reason="a known gap")
def test_known(): raise ValueError
"""


def counted(log, report):
    return Finding(f"{len(log.read_text().split())} words")


def proving(name, code, **more):
    return Proof(name, f"{name} is so", (sys.executable, "-c", code), counted, **more)


@pytest.fixture
def prove(tmp_path, capsys):
    """Proves; returns the exit status and the lines printed: seconds left out, one space between columns."""

    def main(*proofs, names=()):
        status = proof.main(names, proofs, tmp_path / "logs")
        lines = (" ".join(line.split()) for line in capsys.readouterr().out.splitlines())
        return status, [re.sub(r" \d+ (?=(passed|failed)$)", " ", line) for line in lines]

    return main


def test_the_table_says_what_was_proved_and_how_much_of_it(prove):
    status, lines = prove(proving("two", "print('a b')"), proving("one", "print('a')", times=2))
    assert status == 0
    assert lines[-4:] == [
        "proof what how much seconds result",
        "two two is so 2 words passed",
        "one 1 of 2 one is so 1 words passed",
        "one 2 of 2 one is so 1 words passed",
    ]


def test_one_failure_fails_the_whole_and_stops_nothing(prove):
    status, lines = prove(proving("bad", "print('why'); raise SystemExit(3)"), proving("good", "print('fine')"))
    assert status == 1
    assert "bad bad is so 1 words failed" in lines and "good good is so 1 words passed" in lines
    assert lines[-1] == "failed in bad: exit status 3: why"


def test_what_was_not_asked_for_is_said_to_be_not_run(prove):
    status, lines = prove(proving("good", ""), proving("bad", "raise SystemExit(3)"), names=["good"])
    assert status == 0
    assert lines[-1] == "bad bad is so not run: not asked for"


def test_what_follows_an_interruption_is_not_run_and_not_proved(prove):
    def interrupt(log, report):
        raise KeyboardInterrupt

    status, lines = prove(proving("first", ""), replace(proving("second", ""), read=interrupt), proving("third", ""))
    assert status == 1
    assert [line.partition("is so ")[2] for line in lines[-3:]] == [
        "0 words passed", "not run: interrupted", "not run: interrupted",
    ]  # fmt: skip


def test_what_failed_and_what_is_not_proved_is_named_with_the_reason(prove, tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS)
    words = proof.pytest(str(tmp_path / "test_some.py"), f"--rootdir={tmp_path}", "-p", "no:cacheprovider")
    status, lines = prove(Proof("some", "they hold", words, proof.tests))
    assert status == 1
    assert lines[-4].startswith("some they hold 2 tests")
    assert lines[-3:] == [
        "failed in some: test_some::test_wrong: assert 1 == 2",
        "not proved in some: test_some::test_without_a_program: no such program",
        "not proved in some: test_some::test_known: a known gap",
    ]


def test_the_red_teams_outcomes_are_read(tmp_path):
    (tmp_path / "log").write_text(
        "attacking a1\n"
        '{"id": "liar", "problems": [], "gap": ""}\n'
        '{"id": "walker", "problems": ["got passed"], "gap": ""}\n'
        '{"id": "sleeper", "problems": ["got passed"], "gap": "nobody knows how"}\n'
    )
    found = proof.attacks(tmp_path / "log", tmp_path / "report")
    assert found == Finding("2 outcomes", ("walker: got passed",), ("sleeper: nobody knows how",))


def test_the_checks_of_assignments_are_read(tmp_path):
    (tmp_path / "log").write_text(
        "✓ It holds\n"
        '{"assignment": "a1", "checks": ['
        '{"title": "It holds", "problems": []}, {"title": "It is so", "problems": ["no"]}]}\n'
    )
    found = proof.checks(tmp_path / "log", tmp_path / "report")
    assert found == Finding("2 checks of 1 assignments", ("a1: It is so: no",))


def test_a_name_that_is_no_proof_is_refused_and_nothing_is_run(prove):
    status, lines = prove(proving("good", ""), proving("better", ""), names=["good", "best"])
    assert (status, lines) == (2, [])
