"""Loop-freeness is measured: the same counts at every size, or there is a loop."""

import functools
import gc
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import _disable_current_modes

from autograder.measure import work
from autograder.measure.operators import used_operators
from autograder.measure.work import Work, grows
from autograder.suite.errors import Loops, Mismatch, Slow, StudentError
from autograder.suite.loops import assert_right_when_large, loop_free
from autograder.suite.student import LocalFunction, LocalStudent, StudentFunction, Timed

SIZES = (6, 9, 13)


def image(n):
    return (torch.rand(1, 2, n, n),)


def test_counting_is_exact_and_repeats():
    x = torch.rand(3)
    work.measure(lambda: (x + 1) * 2)  # the very first operator also imports what later ones have
    first, second = (work.measure(lambda: (x + 1) * 2) for _ in range(2))
    assert first == second
    assert first.operators == {"aten::add": 1, "aten::mul": 1}


def rows(x):
    return torch.stack([row.sum() for row in x[0, 0]])


def comprehension(x):
    return [v for v in x.shape[-1] * [0]]  # noqa: C416 - the comprehension is what is tried


def recursion(x):
    def down(n):
        return 0 if n == 0 else down(n - 1)

    return down(x.shape[-1])


def mapped(x):
    return list(map(lambda row: row.sum(), x[0, 0]))  # noqa: C417 - so is the map


def reduced(x):
    return functools.reduce(lambda a, b: a + b, x[0, 0])


def vectorized(x):
    return np.vectorize(lambda v: v + 1)(x.numpy())


def along_axis(x):
    return np.apply_along_axis(np.sum, 0, x.numpy())


def generator(x):
    return sum(v for v in x[0, 0, 0])


def while_loop(x):
    n = x.shape[-1]
    while n:
        n -= 1
    return n


def hidden_in_getitem(x):
    class Rows:
        def __getitem__(self, i):
            if i >= x.shape[-1]:
                raise IndexError
            return i

    return list(Rows())


def hidden_in_exec(x):
    exec("for row in x[0, 0]: row.sum()", {"x": x})


def only_when_large(x):
    return rows(x) if x.shape[-1] > 10 else x.sum(-1)


@torch.jit.script
def scripted(x):
    total = torch.zeros(1)
    for i in range(x.shape[-1]):
        total = total + x[0, 0, 0, i]
    return total


def test_what_the_garbage_collector_does_is_no_work_of_the_call():
    class Left:
        def __init__(self):
            self.itself = self

        def __del__(self):
            sum(i for i in range(100))

    def lists():
        return [[] for _ in range(5000)]  # so many that Python looks for garbage

    quiet = work.measure(lists)
    Left()
    assert work.measure(lists) == quiet
    assert gc.isenabled()


@pytest.mark.parametrize(
    "loop",
    [rows, comprehension, recursion, mapped, reduced, vectorized, along_axis, generator, while_loop, hidden_in_getitem,
     hidden_in_exec, only_when_large, scripted],
    ids=lambda f: getattr(f, "__name__", "scripted"),
)  # fmt: skip
def test_loops_are_seen_however_they_are_written(loop):
    with pytest.raises(Loops) as found:
        loop_free(LocalFunction("f", loop), image, loop)
    assert found.value.works[-1] != found.value.works[0]


def unfolded(x):
    return F.unfold(x, 3)


def strided(x):
    n = x.shape[-1] - 2
    windows = x.as_strided((1, 2, n, n, 3, 3), (*x.stride(), *x.stride()[2:]))
    return torch.einsum("ncijkl->ncij", windows)


def two_axes(x):
    for axis in (2, 3):
        x = x.unfold(axis, 3, 1).sum(-1)
    return x


def arrays(x):
    return np.lib.stride_tricks.sliding_window_view(x.numpy(), (3, 3), (2, 3)).sum((-1, -2))


@pytest.mark.parametrize("flat", [unfolded, strided, two_axes, arrays, torch.fft.fft2])
def test_vectorised_code_is_not_taken_for_a_loop(flat):
    loop_free(LocalFunction("f", flat), image, flat)


def test_switching_the_counter_off_is_noticed():
    import sys

    def quiet(x):
        sys.settrace(None)
        return rows(x)

    assert not work.measure(lambda: quiet(*image(6))).intact


def test_going_back_through_a_view_counts_as_autograd():
    x = torch.rand(4, requires_grad=True)
    _, used = used_operators(lambda: x.as_strided((2, 2), (1, 1)).sum().backward(), ("autograd::*",))
    assert used["autograd::backward"] > 0
    _, used = used_operators(lambda: x.as_strided((2, 2), (1, 1)).sum(), ("autograd::*",))
    assert "autograd::backward" not in used


X, W = torch.ones(1, 2, 6, 6), torch.ones(3, 2, 3, 3)


class Plain(torch.Tensor):
    """A subclass that changes nothing."""


def without_a_mode(x, w):
    with _disable_current_modes():
        return F.conv2d(x, w)


def in_inference(x, w):
    with torch.inference_mode():
        return F.conv2d(x, w)


def in_half_precision(x, w):
    with torch.autocast("cpu", torch.bfloat16):
        return F.conv2d(x, w)


def by_a_layer(x, w):
    layer = torch.nn.Conv2d(2, 3, 3, bias=False)
    return torch.func.functional_call(layer, {"weight": w}, (x,))


def on_the_way_back(x, w):
    return torch.autograd.grad(F.conv_transpose2d(x.requires_grad_(), w.transpose(0, 1)).sum(), x)


WAYS = {
    "function": F.conv2d,
    "operator": lambda x, w: torch.ops.aten.convolution(x, w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
    "out": lambda x, w: torch.ops.aten.convolution.out(
        x, w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, out=torch.empty(0)
    ),
    "composed": lambda x, w: torch.ops.aten.conv2d(x, w),
    "leaf": lambda x, w: torch.ops.aten._slow_conv2d_forward(x, w, [3, 3], None, [1, 1], [0, 0]),
    "transposed": lambda x, w: F.conv_transpose2d(x, w.transpose(0, 1)),
    "one dimension": lambda x, w: F.conv1d(x[:, :, 0], w[:, :, 0]),
    "with gradients": lambda x, w: F.conv2d(x, w.requires_grad_()),
    "the way back": on_the_way_back,
    "layer": by_a_layer,
    "vmap": lambda x, w: torch.func.vmap(lambda image: F.conv2d(image, w))(x[None]),
    "vjp": lambda x, w: torch.func.vjp(lambda image: F.conv2d(image, w), x)[1](torch.ones(1, 3, 4, 4)),
    "forward mode": lambda x, w: torch.func.jvp(lambda image: F.conv2d(image, w), (x,), (x,)),
    "traced": lambda x, w: torch.jit.trace(lambda image: F.conv2d(image, W), x)(x),
    "subclass": lambda x, w: F.conv2d(x.as_subclass(Plain), w),
    "meta": lambda x, w: F.conv2d(x.to("meta"), w.to("meta")),
    "double": lambda x, w: F.conv2d(x.double(), w.double()),
    "quantized": lambda x, w: torch.ao.nn.quantized.functional.conv2d(
        torch.quantize_per_tensor(x, 0.1, 0, torch.quint8), torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), None
    ),
    "inference": in_inference,
    "autocast": in_half_precision,
    "no mode": without_a_mode,
}


@pytest.mark.filterwarnings("ignore")  # some of these ways are old
@pytest.mark.parametrize("way", WAYS)
def test_a_convolution_is_noted_however_it_is_called(way):
    """The kernels see what PyTorch's own dispatch mode sees, and the mode is not needed for it."""
    patterns = ("*::*conv[!e]*",)
    _, used = used_operators(lambda: WAYS[way](X.clone(), W.clone()), patterns)
    assert work.matching(used, patterns) == sorted(used) and used
    if way not in ("no mode", "traced"):  # the mode would see nothing of the one and break the other
        assert work.matching(work.measure(lambda: WAYS[way](X.clone(), W.clone())).operators, patterns)


def test_kernels_change_no_value_and_note_nothing_else():
    def harmless(x, w):
        windows = x.unfold(2, 3, 1).unfold(3, 3, 1)
        return torch.einsum("nchwij,ocij->nohw", windows, w)

    patterns = ("*::*conv[!e]*", "aten::im2col*", "autograd::*")
    value, used = used_operators(lambda: harmless(X, W), patterns)
    assert not used and torch.equal(value, harmless(X, W))
    value, used = used_operators(lambda: F.conv2d(X, W, stride=2), patterns)
    assert used == {"aten::convolution": 1} and torch.equal(value, F.conv2d(X, W, stride=2))


def test_kernels_are_of_no_effect_outside_of_the_call():
    used_operators(lambda: None, ("aten::mul",))
    assert (X * 2).sum() == 144
    assert used_operators(lambda: None, ("aten::mul",))[1] == {}


def test_what_a_watched_operator_raises_comes_through():
    with pytest.raises(RuntimeError, match="expected input"):
        used_operators(lambda: F.conv2d(X, torch.ones(3, 5, 3, 3)), ("*::*conv[!e]*",))
    _, used = used_operators(lambda: F.conv2d(X, W), ("*::*conv[!e]*",))
    assert used == {"aten::convolution": 1}


def test_operators_that_are_defined_later_are_noted():
    patterns = ("late::*",)
    used_operators(lambda: None, patterns)
    library = torch.library.Library("late", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")
    value, used = used_operators(lambda: torch.ops.late.twice(X), patterns)
    assert used == {"late::twice": 1} and value[0, 0, 0, 0] == 2


def test_patterns_match_operators_by_name():
    names = ["aten::convolution", "aten::add", "aten::conv2d"]
    assert work.matching(names, ["aten::*conv*"]) == ["aten::conv2d", "aten::convolution"]


def test_the_first_call_of_an_operator_takes_no_more_work_than_the_next():
    x = torch.ones(3, 4)
    for call in (lambda: x.cumprod(0), lambda: x.var((0, 1)), lambda: torch.special.bessel_j0(x)):
        first, second = work.measure(call), work.measure(call)
        assert first == second


def test_a_function_has_to_be_right_where_it_is_measured():
    def cheat(x):
        return rows(x) * (x.shape[-1] < SIZES[-1])

    with pytest.raises(Mismatch) as found:
        loop_free(LocalFunction("f", cheat_without_loop := lambda x: x.sum(-1) * (len(x[0, 0]) < 13)), image, total)
    assert "right for a small input and wrong for a large one" in found.value.detail
    assert cheat_without_loop(*image(6)).any()
    with pytest.raises(Mismatch):
        loop_free(LocalFunction("f", lambda x: total(x) * (sys.gettrace() is None)), image, total)
    with pytest.raises(Loops):  # what is slow as well as wrong is said to be slow
        loop_free(LocalFunction("f", cheat), image, rows)


def total(x):
    return x.sum(-1)


@pytest.mark.parametrize(
    "wrong",
    [lambda x: x.sum(-1) + 1, lambda x: x.sum(-2), lambda x: x.sum(-1).clamp(max=len(x[0, 0]) * 0.6), lambda x: None],
    ids=["everywhere", "another axis", "in some places", "nothing"],
)
def test_what_is_wrong_at_every_size_is_no_business_of_loops(wrong):
    loop_free(LocalFunction("f", wrong), image, total)


def test_a_wrong_answer_that_is_right_by_chance_for_one_small_input_breaks_no_gate():
    answers = iter([0, 0, 1])  # what is added at the greatest size, measured, at the least, and at the least again

    def wrong(x):
        return x.sum(-1) + (1 if len(x[0, 0]) > 6 else next(answers))

    loop_free(LocalFunction("f", wrong), image, total)


def test_each_part_of_a_result_has_to_be_right_when_large():
    def split(x):
        return x.sum(-1), x.sum(-2) + 1

    def fails_when_large(x):
        return x.sum(-1) * (len(x) < 5), x.sum(-2)

    small, large = (torch.rand(3, 4),), (torch.rand(6, 4),)
    assert_right_when_large(LocalFunction("f", lambda x: (x.sum(-1), x.sum(-2))), split, [small], [large])
    with pytest.raises(Mismatch):
        assert_right_when_large(LocalFunction("f", fails_when_large), split, [small], [large])


@pytest.mark.parametrize(
    "wrong",
    [lambda x: x.sum(-1) + 1, lambda x: x.sum((-1, -2))],
    ids=["other values", "another shape"],
)
def test_only_what_is_right_in_every_place_when_small_has_to_be_right_when_large(wrong):
    def right_in_most_places_when_small(x):
        return torch.cat([total(x)[:, :, :-1], total(x)[:, :, -1:] + 1], -1) if len(x[0, 0]) < 13 else wrong(x)

    for function in (wrong, right_in_most_places_when_small):
        assert_right_when_large(LocalFunction("f", function), total, [image(6)], [image(13)])


def test_being_right_for_one_of_the_small_inputs_is_enough_to_have_to_be_right_when_large():
    sabotaged = LocalFunction("f", lambda x: total(x) * (len(x[0, 0]) == 6))
    with pytest.raises(Mismatch):
        assert_right_when_large(sabotaged, total, [image(5), image(6)], [image(13)])
    assert_right_when_large(sabotaged, total, [image(5)], [image(13)])


def test_an_error_breaks_the_gate_where_the_function_is_right_for_smaller_inputs():
    def cheat(x):
        return total(x) if len(x[0, 0]) < 13 else 1 / 0

    for make in (image, lambda n: image(n + 7)):
        with pytest.raises(StudentError, match="division by zero") as found:
            loop_free(LocalFunction("f", cheat), make, total)
        assert found.value.breaks_gate == (make is image)
    with pytest.raises(StudentError, match="division by zero"):
        assert_right_when_large(LocalFunction("f", cheat), total, [image(6)], [image(13)])
    with pytest.raises(StudentError, match="no function") as found:
        loop_free(LocalStudent({}).f, image, total)
    assert found.value.breaks_gate


def test_a_process_that_ends_where_its_work_is_measured_is_not_let_pass():
    class Dies(StudentFunction):
        def perform(self, *_):
            raise StudentError("", "its process ended")

    with pytest.raises(StudentError, match="its process ended") as found:
        loop_free(Dies("f"), image, total)
    assert found.value.breaks_gate
    with pytest.raises(StudentError, match="its process ended"):
        assert_right_when_large(Dies("f"), total, [image(5)], [image(13)])


def test_what_a_call_should_give_is_worked_out_from_inputs_that_the_call_did_not_change():
    def spoils(x):
        return x.mul_(2).sum(-1) / 2 if len(x[0, 0]) < 13 else x.zero_().sum(-1)

    with pytest.raises(Mismatch):
        loop_free(LocalFunction("f", spoils), image, total)


def test_another_branch_for_larger_inputs_is_no_loop_where_two_large_ones_have_one_count():
    branches = [
        Work(800, {"aten::mul": 9}),
        Work(900, {"aten::mul": 3, "aten::add": 9}),
        Work(900, {"aten::mul": 3, "aten::add": 9}),
    ]
    assert not grows(branches)
    assert grows([*branches[:2], Work(901, branches[1].operators)])
    assert grows([branches[0], branches[2]])  # two sizes alone do not tell


class Clocked(LocalFunction):
    """A function with given times beside the author's solution's."""

    is_clocked = True

    def __init__(self, seconds: list[float], reference: list[float]) -> None:
        super().__init__("double", lambda x: x * 2)
        self.times = iter(zip(seconds, reference, strict=True))

    def beside_reference(self, *args, **kwargs):
        return Timed(self.function(*args, **kwargs), *next(self.times), 0.0005)


@pytest.mark.parametrize(
    ("seconds", "reference"),
    [
        ([0.9, 0.001, 0.9], [0.001] * 3),  # the first imports, the last collects garbage
        ([0.0006] * 3, [0.0006, 0.0, 0.0005]),  # a clock that stood still, and a call that takes no time
        ([0.9] * 3 + [0.001], [0.001] * 4),  # a busy machine, three times
    ],
)
def test_one_fast_call_is_enough_for_the_clock(seconds, reference):
    double = Clocked(seconds, reference)
    loop_free(double, lambda n: (torch.ones(n),), lambda x: x * 2, clocked=[lambda: (torch.ones(9),)])
    assert next(double.times, None) is None


def test_what_is_slow_each_time_is_told_by_how_much():
    double = Clocked([0.9005] * 6, [0.0015] * 6)
    with pytest.raises(Slow, match="900 times"):
        loop_free(double, lambda n: (torch.ones(n),), lambda x: x * 2, clocked=[lambda: (torch.ones(9),)])


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("def f(x):\n    raise NotImplementedError()", "missing"),
        ("def f(x):\n    raise NotImplementedError", "missing"),
        ("def f(x):\n    return torch.matmul(x > 0, x > 0)", "error"),
        ("def f(x):\n    return torch.bincount(x)", "error"),
    ],
)
def test_what_a_library_cannot_do_is_no_stub(source, verdict):
    namespace = {"torch": torch}
    exec(compile(source, "<cell>", "exec"), namespace)
    with pytest.raises(StudentError) as caught:
        LocalStudent(namespace).f(torch.ones(3, 3) if "matmul" in source else torch.ones(3))
    assert caught.value.verdict == verdict
