"""The red team: every attack gets the verdict that it must, and would have worked on a grader without the walls."""

import json
import os
import subprocess

import pytest

from autograder.authoring import leftovers, redteam
from autograder.authoring.attacks import CARELESS, MARK, ROWS, UNUSUAL, Attack, attacks
from autograder.course.assignment import assignment_names, load_assignment
from autograder.grading.local import LocalExecutor
from tests import naive
from tests.conftest import A1, ROOT

FORGING = range(1, 9)
PLAIN_WRONG = "def $name(*args, **kwargs):\n    return None"


def all_attacks():
    return attacks(load_assignment(ROOT, "a1-convolution"))


ATTACKS = all_attacks()
CONTROLLED = [attack for attack in ATTACKS if attack.control]


@pytest.fixture(scope="module")
def outcomes(a1):
    return {outcome.id: outcome for outcome in redteam.run(a1, LocalExecutor(2))}


# --- what must come of it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.id for attack in ATTACKS])
def test_an_attack_gets_the_verdict_that_it_must(outcomes, attack):
    outcome = outcomes[attack.id]
    if attack.gap:
        assert not outcome.held, f"{attack.id} is stopped now: take its `gap` away"
        pytest.xfail(attack.gap)
    assert outcome.problems == ()


def test_honest_submissions_in_between_keep_their_grades(outcomes):
    assert outcomes["neighbours"].problems == ()
    assert int(outcomes["neighbours"].got["honest"]) >= 10


def test_nothing_is_left_behind(outcomes):
    assert outcomes["leftovers"].problems == ()


# --- that the list is whole ---------------------------------------------------------------------------------------


def test_every_row_of_the_threats_has_attacks():
    assert list(ROWS) == [*range(1, 26), UNUSUAL, CARELESS]
    for row in ROWS:
        assert sum(attack.row == row for attack in ATTACKS) >= 3, row
    assert len(ATTACKS) >= 80


def test_every_attack_has_a_sentence_of_its_own():
    titles = [attack.title for attack in ATTACKS]
    assert len(set(titles)) == len(titles)
    assert [title for title in titles if not title.endswith((".", "?"))] == []


def test_attacks_are_not_written_for_one_assignment_alone():
    general = [attack for attack in ATTACKS if not attack.only]
    # Forbidden operators are those of one assignment: no other need forbid a convolution. So are careless mistakes.
    assert {attack.row for attack in general} == set(ROWS) - {14, CARELESS}


# --- that it can fail ---------------------------------------------------------------------------------------------


def cells(attack, assignment):
    target = attack.target(assignment)
    return target.name, [target.fill(source) for source in (*attack.before, attack.cell, *attack.after)]


def test_every_forging_row_has_a_control():
    assert {attack.row for attack in CONTROLLED} >= set(FORGING)
    assert {attack.control for attack in CONTROLLED} <= set(naive.WAYS)


@pytest.mark.parametrize("attack", CONTROLLED, ids=[attack.id for attack in CONTROLLED])
def test_a_forgery_works_where_tests_run_beside_the_code(attack, a1, tmp_path):
    name, sources = cells(attack, a1)
    assert naive.believes(attack.control, name, sources, tmp_path)


# Those that compare by built-in means judge a number, the others a tensor.
NAIVE = [(how, "output_size" if how == "builtins" else "im2col") for how in naive.WAYS if how != "unwalled"]


@pytest.mark.parametrize(("how", "name"), NAIVE)
def test_the_naive_graders_know_right_from_wrong(how, name, a1, reference, tmp_path):
    for folder in ("right", "wrong"):
        (tmp_path / folder).mkdir()
    assert naive.believes(how, name, [reference[name]], tmp_path / "right")
    wrong = Attack("x", 1, "x", on=name).target(a1).fill(PLAIN_WRONG)
    assert not naive.believes(how, name, [wrong], tmp_path / "wrong")


def test_the_watch_sees_what_is_left_behind(tmp_path):
    before = leftovers.traces([tmp_path])
    (tmp_path / f"{MARK}.txt").touch()
    child = subprocess.Popen(["cat", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pidfd = os.pidfd_open(child.pid)
    try:
        # It has answered, so it has its own command line: for a moment after `Popen` returns it has none.
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        found = leftovers.leftovers(before, leftovers.traces([tmp_path]))
    finally:
        os.close(pidfd)
        child.kill()
        child.communicate()
    assert any("cat -" in line for line in found)
    assert any(MARK in line for line in found) and any("pidfd" in line for line in found)
    (tmp_path / f"{MARK}.txt").unlink()
    assert leftovers.leftovers(before, leftovers.traces([tmp_path])) == []


def test_the_watch_sees_orphans(tmp_path):
    with leftovers.watch(tmp_path) as left:
        (tmp_path / "tmp" / "forgotten").touch()
        subprocess.run(["sh", "-c", "setsid sleep 61 >/dev/null 2>&1 &"], check=True)
    assert any("sleep 61" in line for line in left) and any("forgotten" in line for line in left)
    for pid, line in leftovers.descendants(os.getpid()).items():
        if line == "sleep 61":
            os.kill(pid, 9)
            os.waitpid(pid, 0)


def test_an_attack_that_works_is_reported(a1):
    honest = Attack("honest", 1, "The answer is right.", "$reference", ("wrong",))
    fell = {outcome.id: outcome for outcome in redteam.run(a1, LocalExecutor(1), chosen=[honest])}["honest"]
    assert fell.fell and "got passed, not wrong" in fell.problems[0]


@pytest.mark.parametrize("name", [name for name in assignment_names(ROOT) if name != A1])
def test_a_right_answer_among_the_attacks_is_right_in_every_assignment(name):
    """Else nothing is proved by those that are refused: a right answer of a5 needs more memory than attacks have."""
    chosen = [attack for attack in ATTACKS if attack.id == "stderr-from-a-right-answer"]
    found = redteam.run(load_assignment(ROOT, name), LocalExecutor(2), chosen=chosen)
    assert [outcome.problems for outcome in found] == [(), (), ()]


def test_the_command_prints_a_line_an_outcome(a1, monkeypatch, capsys):
    chosen = [attack for attack in ATTACKS if attack.id in ("liar-int", "empty-file")]
    monkeypatch.setattr(redteam, "attacks", lambda _: chosen)
    assert redteam.command([a1], LocalExecutor(2), as_json=True) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in lines] == ["liar-int", "empty-file", "neighbours", "leftovers"]
    assert all(line["held"] and line["assignment"] == a1.name for line in lines)
