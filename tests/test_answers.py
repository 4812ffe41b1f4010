"""Whatever a sandbox answers is a plain answer, or ends it as tampered: nothing that arrives raises anything else."""

import json
import os
import socket
import subprocess

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.course.limits import Limits
from autograder.course.report import TestResult
from autograder.course.verdict import Verdict
from autograder.jail import protocol, sandbox
from autograder.jail.sandbox import Budget, Sandbox, SandboxDied
from autograder.measure.calls import Call, Mode, Outcome
from autograder.suite.assertions import assert_close
from autograder.suite.errors import Mismatch, StudentError, error_words
from autograder.suite.runner import _STUMBLES

ASKED = "the number that is asked for"
CALLS = [Call("f", Mode.VALUE), Call("f", Mode.WORK)]


@pytest.fixture(scope="module")
def process():
    """A process that stands for a sandbox's."""
    with subprocess.Popen(["sleep", "1000"]) as child:
        yield child.pid
        child.kill()


@pytest.fixture(scope="module")
def answered(process):
    """Asks a sandbox a question to which the answer is already there."""

    def ask(frame, question):
        ours, theirs = socket.socketpair()
        output, written = os.pipe()
        os.close(written)
        ours.setblocking(False)
        with theirs:
            theirs.sendall(frame)
            theirs.shutdown(socket.SHUT_WR)
            asked = Sandbox(
                ours, output, os.pidfd_open(process), Limits(), Budget(60), error_words, zygote_lives=lambda: True
            )
            asked._only_one = True
            try:
                return question(asked)
            finally:
                asked.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox.secrets, "token_hex", lambda _: ASKED)
        patch.setattr(Sandbox, "_kill", lambda self: None)
        patch.setattr(Sandbox, "_seal", lambda self: None)
        patch.setattr(Sandbox, "room", lambda self: 1 << 40)  # the process has not the small file systems of a sandbox
        yield ask


def frame(text, numbers=b""):
    return protocol.PREFIX.pack(len(text), len(numbers)) + text + numbers


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([10**400, -1, 2**63, "\ud800", float("inf"), float("nan"), "aten::mul", "error", "NameError"])
)  # fmt: skip
KEYS = (
    "replies", "operators", "error", "kind", "message", "where", "value", "work", "opcodes", "intact", "absent",
    "names", "list", "tuple", "dict", "tensor", "array", "handle", "type", "strided", "size", "stride",
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=16,
)  # fmt: skip
errors = st.fixed_dictionaries(
    {"error": trees | st.fixed_dictionaries(dict.fromkeys(("kind", "message", "where"), trees))}
)
values = st.fixed_dictionaries({"value": trees | st.builds(lambda v, a: {"list": [v, a]}, trees, trees), "work": trees})
replies = st.fixed_dictionaries({"replies": st.lists(errors | values | trees, max_size=3), "operators": trees})
QUESTIONS = {
    "run": lambda asked: asked.run("pass"),
    "names": lambda asked: asked.names(["f", "g"]),
    "calls": lambda asked: asked.calls(CALLS),
}


@pytest.mark.parametrize("question", QUESTIONS)
@settings(deadline=None, max_examples=100)
@given(reply=replies | errors | trees)
def test_any_tree_is_an_answer_or_tampered(answered, question, reply):
    header = {**reply, "id": ASKED} if isinstance(reply, dict) else reply
    text = json.dumps([header, [["<f4", [2]], ["u1", [3]]]]).encode()
    try:
        got = answered(frame(text, bytes(128)), QUESTIONS[question])
    except SandboxDied as death:
        # One error for several calls at once is nobody's; all else is the doing of who answers.
        assert death.verdict is (Verdict.ERROR if "it raised" in death.detail else Verdict.TAMPERED)
        return
    if question == "calls":
        outcomes, operators = got
        assert len(outcomes) == 2 and all(type(count) is int for count in operators.values())
        assert all(isinstance(each, Outcome | StudentError) for each in outcomes)
        for each in outcomes:
            if isinstance(each, StudentError):
                TestResult(name="t", verdict=each.verdict, points=1, detail=each.detail).model_dump_json()
    elif question == "names":
        assert got <= {"f", "g"}
    else:
        assert got is None or all(type(text) is str for text in got.values())


@pytest.mark.parametrize("question", QUESTIONS)
@settings(deadline=None, max_examples=40)
@given(data=st.binary(max_size=60))
def test_any_bytes_are_tampered_or_the_end(answered, question, data):
    with pytest.raises(SandboxDied) as death:
        answered(data, QUESTIONS[question])
    assert death.value.verdict in (Verdict.TAMPERED, Verdict.ERROR)


@pytest.mark.parametrize(
    "text",
    [
        b'[{"id": 1}, []]',
        b'[{"id": ' + b"9" * 100_000 + b"}, []]",
        b'[{"id": "ID", "error": {"kind": "A", "message": "m"}}, []]',
        b'[{"id": "ID", "error": null}, []]',
        b'[{"id": "ID", "replies": [1, 2], "operators": {}}, []]',
        b'[{"id": "ID", "replies": [{"absent": 0}, {"absent": 1}], "operators": {}}, []]',
        b'[{"id": "ID", "replies": [], "operators": {}}, []]',
        b'[{"id": "ID", "replies": [{"absent": 1}, {"absent": 1}], "operators": {"a": 1e3}}, []]',
        b'[{"id": "ID", "replies": [{"absent": 1}, {"absent": 1}], "operators": {"a": true}}, []]',
        b'[{"id": "ID", "replies": [{"absent": 1}, {"absent": 1}], "operators": {"a": 1000000000001}}, []]',
        b'[{"id": "ID", "replies": ' + b"[" * 100_000 + b"]" * 100_000 + b"}, []]",
    ],
)
def test_an_answer_that_is_none_is_tampered(answered, text):
    with pytest.raises(SandboxDied) as death:
        answered(frame(text.replace(b"ID", ASKED.encode())), QUESTIONS["calls"])
    assert death.value.verdict is Verdict.TAMPERED


def test_the_end_of_the_process_is_no_tampering(answered):
    with pytest.raises(SandboxDied) as death:
        answered(b"", QUESTIONS["run"])
    assert death.value.verdict is Verdict.ERROR


def test_a_machine_that_runs_out_of_memory_is_not_the_submissions_doing(answered, monkeypatch):
    kills = iter((3, 4))
    monkeypatch.setattr(sandbox.processes, "out_of_memory_kills", lambda: next(kills))
    with pytest.raises(sandbox.SupervisorError, match="the machine ran out of memory"):
        answered(b"", QUESTIONS["run"])


EXPECTED = (
    torch.ones(2), torch.ones(2, dtype=torch.int64), np.ones(2), 1, 1.5, True, "a", None, [1, 2.0], (1, (2, 3)),
    {"a": 1}, {1: torch.ones(1)},
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(value=trees)
def test_any_value_that_arrives_is_right_or_wrong_and_no_fault(value):
    try:
        got = protocol.decode(value, [torch.ones(2), torch.zeros(2, dtype=torch.bool)])
    except protocol.ProtocolError:
        return
    for expected in EXPECTED:
        try:
            assert_close(got, expected)
        except (Mismatch, *_STUMBLES):
            pass
