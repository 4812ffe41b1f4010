"""What `check("fcn8s")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, loop_free, normal

HERE = (0, 0, 0)


def line(*values):
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, -1)


def ones(classes=1, rows=1):
    """Kernels that repeat each score, once in each row or as often in both directions."""
    return tuple(torch.eye(classes)[:, :, None, None] * torch.ones(k if rows > 1 else 1, k) for k in (2, 2, 8))


def repeated(x, factor):
    return x.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def test_the_example(student):
    "The example of the text, from the enlarged scores to the row of ten pixels."
    s8 = line(1000, 2000, 3000, 4000, 5000)
    got = student.fcn8s(line(1, 10), line(100, 200, 300), s8, ones(), (1, 10), ((0, 1), 0, (0, -3)))
    assert_close(got, line(*[1201] * 5, *[2201] * 5))


def test_the_example_with_a_negative_offset(student):
    "The example of the text: an offset below zero leaves out the first columns of the enlarged map."
    got = student.fcn8s(line(1, 10), line(100, 200, 300), torch.zeros(1, 1, 1, 6), ones(), (1, 48), ((0, -1), 0, 0))
    assert_close(got, line(*[101] * 16, *[210] * 16, *[310] * 16))


def test_offsets_of_rows(student, rng):
    "Rows have offsets of their own: one above zero leaves out rows of the finer map, one below of the other."
    s32, s16, s8 = normal(rng, 1, 2, 2, 1), normal(rng, 1, 2, 6, 2), normal(rng, 1, 2, 9, 4)
    first = repeated(s32, 2) + s16[:, :, 1:5]
    second = repeated(first, 2)[:, :, 2:] + s8[:, :, :6]
    offsets = (1, 0), (-2, 0), (-5, 0)
    got = student.fcn8s(s32, s16, s8, ones(2, 2), (40, 32), offsets)
    assert_close(got, repeated(second, 8)[:, :, 5:45])


def test_maps_that_fit(student, rng):
    "Where all sizes fit and all offsets are zero, three enlarged maps are added up."
    s32, s16, s8 = normal(rng, 2, 3, 2, 3), normal(rng, 2, 3, 4, 6), normal(rng, 2, 3, 8, 12)
    wanted = repeated(repeated(repeated(s32, 2) + s16, 2) + s8, 8)
    assert_close(student.fcn8s(s32, s16, s8, ones(3, 2), (64, 96), HERE), wanted)


def test_the_shorter_map_decides(student, rng):
    "At the end, rows and columns that only one of the maps has are left out."
    s32, s16, s8 = normal(rng, 1, 2, 2, 2), normal(rng, 1, 2, 3, 5), normal(rng, 1, 2, 7, 6)
    wanted = repeated(repeated(repeated(s32, 2)[:, :, :3] + s16[..., :4], 2)[..., :6] + s8[:, :, :6], 8)
    assert_close(student.fcn8s(s32, s16, s8, ones(2, 2), (48, 48), HERE), wanted)


def test_each_kernel_in_its_place(student, rng):
    "The first kernel enlarges the coarsest scores, the second one the first sum and the third one the second sum."
    s32, s16, s8 = normal(rng, 1, 2, 2, 3), normal(rng, 1, 2, 6, 8), normal(rng, 1, 2, 12, 17)
    kernels = normal(rng, 2, 2, 4, 4), normal(rng, 2, 2, 2, 3), normal(rng, 2, 2, 9, 8)
    first = F.conv_transpose2d(s32, kernels[0], stride=2) + s16
    second = F.conv_transpose2d(first, kernels[1], stride=2) + s8
    wanted = F.conv_transpose2d(second, kernels[2], stride=8)
    assert_close(student.fcn8s(s32, s16, s8, kernels, (97, 136), HERE), wanted, 1e-3, 1e-3)


def test_nothing_infinite_comes_in(student, rng):
    "What is cropped away leaves no trace, be it infinite."
    s8 = normal(rng, 1, 1, 4, 5)
    s8[..., 4] = float("inf")
    got = student.fcn8s(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 2, 2), s8, ones(1, 2), (32, 32), HERE)
    assert_close(got, repeated(s8[..., :4], 8))


def test_autograd_gets_through(student, rng):
    "Once values are right, autograd should reach the three maps of scores through your code."
    maps = normal(rng, 1, 1, 1, 2), normal(rng, 1, 1, 2, 4), normal(rng, 1, 1, 4, 8)
    leaves = [s.clone().requires_grad_() for s in maps]
    y = repeated(repeated(repeated(leaves[0], 2) + leaves[1], 2) + leaves[2], 8)
    upstream = normal(rng, *y.shape)
    assert_close(student.fcn8s(*maps, ones(1, 2), (32, 64), HERE), y.detach())
    got = student.fcn8s.gradients(*maps, ones(1, 2), (32, 64), HERE, upstream=upstream)
    assert_close(got[:3], torch.autograd.grad(y, leaves, upstream))


def test_no_images(student):
    "A batch of no images is still a batch."
    maps = torch.zeros(0, 1, 1, 1), torch.zeros(0, 1, 2, 2), torch.zeros(0, 1, 4, 4)
    assert_close(student.fcn8s(*maps, ones(1, 2), (32, 31), HERE), torch.zeros(0, 1, 32, 31))


def test_refuses_what_does_not_fit(student, rng):
    "Maps with other classes, with nothing in common and pixels without a score should raise a ValueError."
    s32, s16, s8 = normal(rng, 1, 2, 1, 1), normal(rng, 1, 2, 2, 2), normal(rng, 1, 2, 4, 4)
    student.fcn8s(s32, s16, s8, ones(2, 2), (32, 32), HERE)  # so refusing everything does not pass
    assert_refuses(student.fcn8s, s32, s16[:, :1], s8, ones(2, 2), (32, 32), HERE)
    assert_refuses(student.fcn8s, s32, s16, s8, ones(2, 2), (32, 32), (2, 0, 0))
    assert_refuses(student.fcn8s, s32, s16, s8, ones(2, 2), (33, 32), HERE)
    assert_refuses(student.fcn8s, s32, s16, s8, ones(2, 2), (8, 8), (0, 0, (0, 1)))


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with the maps: look for a loop over images, classes or pixels."

    def make(n):
        shapes = (n, n, 1, n), (n, n, 2, 2 * n), (n, n, 4, 4 * n)
        return (*(normal(rng, *shape) for shape in shapes), ones(n, 2), (32, 32 * n), HERE)

    expected = lambda s32, s16, s8, *_: repeated(repeated(repeated(s32, 2) + s16, 2) + s8, 8)  # noqa: E731
    loop_free(student.fcn8s, make, expected, sizes=(2, 3, 4))
