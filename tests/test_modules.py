"""A module that a student builds stays where it was built; a test asks of it what it would ask of its own."""

import pytest
import torch
from torch import nn

from autograder.grading.batching import BatchedStudent
from autograder.grading.session import JailedStudent, Session
from autograder.jail.sandbox import SandboxDied
from autograder.suite.errors import Forbidden, StudentError, SuiteError
from autograder.suite.runner import run_suite
from autograder.suite.student import LocalStudent, StudentModule

SEED = 11
CELL = """
import os
import torch
from torch import nn
import torch.nn.functional as F

class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.unused = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return F.relu(self.norm(self.conv(x))) + x

def pair(channels):
    return [Block(channels), {"second": nn.Identity()}]

def fit(net, x, steps):
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        net(x).square().mean().backward()
        optimiser.step()
    return net

def no_module():
    return {1, 2}

def set_of(module):
    return {module}

class Liar(Block):
    def named_parameters(self, *args, **kwargs):
        return iter([("conv.weight", torch.zeros(1))])

class Fatal(nn.Module):
    def forward(self, x):
        os._exit(3)
"""


class Block(nn.Module):
    """What the cell above builds, here."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.unused = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x))) + x


@pytest.fixture(params=["notebook", "jail"])
def student_of(request, a1, submit, supervisor):
    """Makes a test's ``student`` of a cell, in a notebook and behind the wall; with operators that are forbidden."""
    if request.param == "notebook":

        def local(source, forbidden=()):
            space = {}
            exec(source, space)
            return LocalStudent(space, forbidden)

        yield local
        return
    sessions = []

    def jailed(source, forbidden=()):
        sessions.append(Session(supervisor, a1, submit(source)).__enter__())
        return JailedStudent(sessions[-1], forbidden)

    yield jailed
    for session in sessions:
        session.__exit__(None, None, None)


@pytest.fixture
def student(student_of):
    return student_of(CELL)


def twin(net):
    """A block here with the values of the student's."""
    own = Block(3)
    own.load_state_dict({**own.state_dict(), **net.parameters(), **net.buffers()})
    return own


def image(number=2):
    return torch.randn(number, 3, 5, 4, generator=torch.Generator().manual_seed(SEED))


def test_its_parameters_and_buffers_are_values_in_its_own_order(student):
    net = student.Block(3)
    assert isinstance(net, StudentModule)
    assert list(net.parameters()) == ["unused", "conv.weight", "norm.weight", "norm.bias"]
    assert [tuple(p.shape) for p in net.parameters().values()] == [(2,), (3, 3, 3, 3), (3,), (3,)]
    assert not any(p.requires_grad for p in net.parameters().values())
    assert list(net.buffers()) == ["norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]


def test_what_it_returns_is_what_its_parameters_imply(student):
    net = student.Block(3)
    torch.testing.assert_close(net(image()), twin(net)(image()))


def test_a_test_holds_copies(student):
    net = student.Block(3)
    before, kept = net.parameters(), {name: p.clone() for name, p in net.parameters().items()}
    student.fit(net, image(), 2)
    assert all(torch.equal(before[name], kept[name]) for name in kept)
    assert not torch.equal(net.parameters()["conv.weight"], kept["conv.weight"])


def test_values_are_loaded_by_name_and_all_others_stay(student):
    net = student.Block(3)
    weight, bias = net.parameters()["conv.weight"], torch.arange(3.0)
    net.load({"norm.bias": bias, "norm.running_mean": -bias})
    assert torch.equal(net.parameters()["norm.bias"], bias) and torch.equal(net.parameters()["conv.weight"], weight)
    assert torch.equal(net.buffers()["norm.running_mean"], -bias)
    torch.testing.assert_close(net(image()), twin(net)(image()))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"norm.bais": torch.zeros(3)}, "no parameter or buffer called norm.bais"),
        ({"norm.bias": torch.zeros(1)}, r"\(1,\)"),
    ],
)
def test_what_does_not_fit_is_not_loaded(student, values, words):
    net = student.Block(3)
    kept = net.parameters()
    with pytest.raises(ValueError, match=words):
        net.load({"conv.weight": torch.zeros(3, 3, 3, 3), **values})
    assert torch.equal(net.parameters()["conv.weight"], kept["conv.weight"])


def test_training_and_evaluation(student):
    net = student.Block(3)
    net(image())
    assert net.buffers()["norm.num_batches_tracked"] == 1
    net.eval()
    torch.testing.assert_close(net(image(1)), twin(net).eval()(image(1)))
    assert net.buffers()["norm.num_batches_tracked"] == 1
    net.train()
    net(image())
    assert net.buffers()["norm.num_batches_tracked"] == 2


def test_gradients_of_its_input_and_of_each_parameter(student):
    net, upstream = student.Block(3), image() + 1
    own, x = twin(net), image().requires_grad_()
    (own(x) * upstream).sum().backward()
    (found,) = net.gradients(image(), upstream=upstream)
    torch.testing.assert_close(found, x.grad)
    gradients = net.parameter_gradients(image(), upstream=upstream)
    assert gradients.pop("unused") is None and own.unused.grad is None
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, own.get_parameter(name).grad)


def test_it_is_given_to_functions_and_comes_back(student):
    net = student.Block(3)
    own = twin(net)
    optimiser = torch.optim.SGD(own.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        own(image()).square().mean().backward()
        optimiser.step()
    trained = student.fit(net, image(), steps=3)
    for name, value in trained.parameters().items():
        torch.testing.assert_close(value, own.get_parameter(name).detach())
    torch.testing.assert_close(student.fit(net=trained, x=image(), steps=0)(image()), own(image()))


def test_modules_among_other_values(student):
    block, others = student.pair(3)
    assert block(image()).shape == (2, 3, 5, 4) and others["second"](torch.ones(2)).tolist() == [1, 1]


def test_a_module_that_overrides_what_is_asked_is_asked_all_the_same(student):
    assert list(student.Liar(3).parameters()) == ["unused", "conv.weight", "norm.weight", "norm.bias"]


def test_forbidden_operators_are_found_in_it(student_of):
    student = student_of(CELL, ("aten::*batch_norm*",))
    net = student.Block(3)
    with pytest.raises(Forbidden):
        net(image())
    with pytest.raises(Forbidden):
        net.gradients(image(), upstream=image())
    with pytest.raises(Forbidden):
        net.parameter_gradients(image(), upstream=image())
    net.parameters()


def test_an_error_in_it_is_the_students(student):
    net = student.Block(3)
    with pytest.raises(RuntimeError) as caught:
        net(image()[:, :2])
    assert isinstance(caught.value, StudentError)


# --- behind the wall ----------------------------------------------------------------------------------------------


@pytest.fixture
def session(a1, submit, supervisor):
    with Session(supervisor, a1, submit(CELL)) as opened:
        yield opened


def test_what_is_no_module_says_so_when_it_is_asked(session):
    kept = JailedStudent(session, ()).no_module()
    with pytest.raises(TypeError, match=r"torch.nn.Module, and it is of type set") as caught:
        kept.parameters()
    assert isinstance(caught.value, StudentError)
    with pytest.raises(TypeError, match="not callable"):
        kept(1)


def test_a_module_ends_with_its_process_and_costs_no_other(session):
    student = JailedStudent(session, ())
    fatal, other = student.Fatal(), student.Block(3)
    with pytest.raises(SandboxDied):
        fatal(image())
    again = student.Block(3)  # in a process of its own, whose numbers are given out anew
    for gone in (other, fatal):
        with pytest.raises(SandboxDied):
            gone(image())
        with pytest.raises(SandboxDied):
            student.fit(gone, image(), 1)
    assert again(image()).shape == image().shape


def test_a_call_with_a_module_is_not_clocked_beside_the_author(session):
    student = JailedStudent(session, (), clocked=True)
    net = student.Block(3)
    assert not net.is_clocked
    with pytest.raises(SuiteError, match="cannot be clocked with a module"):
        student.fit.beside_reference(net, image(), 1)


SUITE = '''
"""A suite whose tests hold modules."""

import torch

from autograder.suite import Failure, assert_close, normal


def test_zero_weights_leave_the_input(student, rng):
    "With weights of zero the block should return its input."
    x, net = normal(rng, 1, 3, 4, 4), student.Block(3)
    net.load({"conv.weight": torch.zeros(3, 3, 3, 3)})
    assert_close(net(x), x)


def test_training_changes_weights(student, rng):
    "Training should change the weights."
    net = student.Block(3)
    before = net.parameters()["conv.weight"]
    student.fit(net, normal(rng, 2, 3, 4, 4), 2)
    if torch.equal(before, net.parameters()["conv.weight"]):
        raise Failure("the weights are what they were")


def test_every_parameter_gets_a_gradient(student, rng):
    "Every parameter should get a gradient."
    x = normal(rng, 2, 3, 4, 4)
    if None in student.Block(3).parameter_gradients(x, upstream=x).values():
        raise Failure("a parameter gets none")
'''


def test_tests_that_hold_modules_run_side_by_side(session, tmp_path):
    suite = tmp_path / "test_blocks.py"
    suite.write_text(SUITE)
    batched = BatchedStudent(session, ())
    together = run_suite(suite, batched, SEED, batched.batcher)
    alone = run_suite(suite, JailedStudent(session, ()), SEED)
    for run in (together, alone):
        assert [result.verdict for result in run.results] == ["passed", "passed", "wrong"], run.failures
