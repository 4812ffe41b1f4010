"""Loop-freeness is measured: the same counts at every size, or there is a loop."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from autograder import work
from autograder.dialect import LocalFunction, Loops, loop_free

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


@pytest.mark.parametrize(
    "loop",
    [rows, comprehension, recursion, mapped, reduced, vectorized, along_axis, generator, while_loop, hidden_in_getitem,
     hidden_in_exec, only_when_large, scripted],
    ids=lambda f: getattr(f, "__name__", "scripted"),
)  # fmt: skip
def test_loops_are_seen_however_they_are_written(loop):
    with pytest.raises(Loops) as found:
        loop_free(LocalFunction("f", loop), image)
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
    loop_free(LocalFunction("f", flat), image)


def test_switching_the_counter_off_is_noticed():
    import sys

    def quiet(x):
        sys.settrace(None)
        return rows(x)

    assert not work.measure(lambda: quiet(*image(6))).intact


def test_going_back_through_a_view_counts_as_autograd():
    x = torch.rand(4, requires_grad=True)
    _, used = work.operators(lambda: x.as_strided((2, 2), (1, 1)).sum().backward())
    assert used["autograd::backward"] > 0
    _, used = work.operators(lambda: x.as_strided((2, 2), (1, 1)).sum())
    assert "autograd::backward" not in used


def test_patterns_match_operators_by_name():
    names = ["aten::convolution", "aten::add", "aten::conv2d"]
    assert work.matching(names, ["aten::*conv*"]) == ["aten::conv2d", "aten::convolution"]
