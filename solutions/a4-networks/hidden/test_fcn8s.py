"""Hidden suite: FCN-8s in float64; an enlarged map is laid on a frame of the finer one before it is cut."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    Failure,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    loop_free,
    normal,
    scattered,
)

HERE = (0, 0, 0)


def halves(value):
    return (value, value) if isinstance(value, int) else value


def onto(enlarged, height, width, offset):
    """``enlarged`` on a frame of ``height`` × ``width``, moved by ``offset``, and the rows and columns it covers."""
    (h, w), (down, right) = enlarged.shape[2:], halves(offset)
    frame = F.pad(enlarged, (right, width - right - w, down, height - down - h))
    rows = [i for i in range(height) if 0 <= i - down < h]
    columns = [j for j in range(width) if 0 <= j - right < w]
    return frame, rows, columns


def expected(s32, s16, s8, kernels, size, offsets=(5, 9, -31)):
    total = s32.double()
    for finer, kernel, offset in ((s16, kernels[0], offsets[0]), (s8, kernels[1], offsets[1])):
        enlarged = F.conv_transpose2d(total, kernel.double(), stride=2)
        frame, rows, columns = onto(enlarged, *finer.shape[2:], offset)
        total = (frame + finer.double())[:, :, rows][..., columns]
    enlarged = F.conv_transpose2d(total, kernels[2].double(), stride=8)
    return onto(enlarged, *size, offsets[2])[0].to(s32.dtype)


def compare(student, *args):
    # Scores of several maps and kernels are added up, so that small sums come of large terms.
    wanted = expected(*args)
    loose = {"rtol": 1e-3, "atol": 1e-4} if wanted.dtype == torch.float32 else {}
    assert_close(student.fcn8s(*args), wanted, **loose)


def blocks(classes=1, dtype=torch.float32):
    """Kernels that make a block of each score, each class by itself."""
    return tuple(torch.eye(classes, dtype=dtype)[:, :, None, None] * torch.ones(k, k, dtype=dtype) for k in (2, 2, 8))


def maps(rng, images, classes, *sizes, dtype=torch.float32):
    return tuple(normal(rng, images, classes, *size, dtype=dtype) for size in sizes)


FIT = (2, 3), (4, 6), (8, 12)  # three sizes that fit at the offset 0, for an image of 64 × 96 pixels


@pytest.mark.points(2)
def test_the_coarse_scores(student, rng):
    "The coarsest scores are enlarged three times, by strides of two, two and eight."
    s32, s16, s8 = maps(rng, 2, 2, *FIT)
    compare(student, s32, s16 * 0, s8 * 0, blocks(2), (64, 96), HERE)


@pytest.mark.points(2)
def test_the_finer_scores(student, rng):
    "Each finer map is added as it is, before the next enlarging, and nothing is averaged."
    s32, s16, s8 = maps(rng, 2, 2, *FIT)
    compare(student, s32 * 0, s16, s8 * 0, blocks(2), (64, 96), HERE)
    compare(student, s32 * 0, s16 * 0, s8, blocks(2), (64, 96), HERE)


def test_classes_mix_where_the_kernels_say_so(student, rng):
    "A kernel has weights from each class to each class, with the classes that go in as its first axis."
    mixing = tuple(normal(rng, 3, 3, 1, 1) * kernel[:1, :1] for kernel in blocks(1))
    compare(student, *maps(rng, 1, 3, *FIT), mixing, (64, 96), HERE)


@pytest.mark.points(2)
def test_each_kernel_has_its_place(student, rng):
    "The kernels are used in the order in which they are given, and each of them may be different."
    scores = maps(rng, 1, 1, *FIT)
    compare(student, *scores, tuple(normal(rng, 1, 1, k, k) for k in (2, 2, 8)), (64, 96), HERE)


def test_kernels_of_any_size(student, rng):
    "Kernels may overlap or leave holes between them; the enlarged size follows from the stride and the kernel."
    kernels = normal(rng, 1, 1, 4, 3), normal(rng, 1, 1, 1, 4), normal(rng, 1, 1, 16, 5)
    sizes = (3, 4), (8, 9), (15, 20)  # exactly what the kernels make of the maps before
    compare(student, *maps(rng, 1, 1, *sizes), kernels, (128, 157), HERE)


@pytest.mark.points(2)
def test_a_finer_map_that_is_longer(student, rng):
    "Rows and columns of a finer map that are not covered at its end are left out."
    compare(student, *maps(rng, 1, 2, (2, 3), (5, 9), (8, 12)), blocks(2), (64, 96), HERE)
    compare(student, *maps(rng, 1, 2, (2, 3), (4, 6), (11, 13)), blocks(2), (64, 96), HERE)


@pytest.mark.points(2)
def test_an_enlarged_map_that_is_longer(student, rng):
    "Rows and columns of an enlarged map that reach beyond the finer one are left out."
    compare(student, *maps(rng, 1, 2, (2, 3), (3, 5), (6, 10)), blocks(2), (48, 80), HERE)
    compare(student, *maps(rng, 1, 2, (2, 3), (4, 6), (7, 9)), blocks(2), (56, 72), HERE)


def test_each_axis_is_cut_for_itself(student, rng):
    "Along one axis the finer map may be the longer one while along the other axis it is the shorter one."
    compare(student, *maps(rng, 1, 2, (2, 3), (5, 5), (9, 9)), blocks(2), (64, 72), HERE)
    compare(student, *maps(rng, 1, 2, (3, 2), (5, 5), (9, 9)), blocks(2), (72, 64), HERE)


@pytest.mark.points(2)
def test_offsets_into_the_finer_map(student, rng):
    "An offset above zero leaves out the first rows and columns of the finer map."
    compare(student, *maps(rng, 1, 2, (2, 3), (6, 8), (8, 12)), blocks(2), (64, 96), (2, 0, 0))
    compare(student, *maps(rng, 1, 2, (2, 3), (4, 6), (11, 15)), blocks(2), (64, 96), (0, 3, 0))


@pytest.mark.points(2)
def test_offsets_into_the_enlarged_map(student, rng):
    "An offset below zero leaves out the first rows and columns of the enlarged map."
    compare(student, *maps(rng, 1, 2, (3, 4), (4, 6), (8, 12)), blocks(2), (64, 96), (-2, 0, 0))
    compare(student, *maps(rng, 1, 2, (2, 3), (4, 6), (5, 9)), blocks(2), (40, 72), (0, -3, 0))


def test_an_offset_for_each_axis(student, rng):
    "A pair gives the offset of the rows first and that of the columns second."
    compare(student, *maps(rng, 1, 2, (3, 3), (7, 7), (9, 9)), blocks(2), (72, 72), ((1, 0), 0, 0))
    compare(student, *maps(rng, 1, 2, (3, 3), (6, 6), (14, 14)), blocks(2), (96, 96), (0, (0, 2), 0))


def test_offsets_of_both_signs(student, rng):
    "One axis may have an offset above zero and the other one below, and what is left is what both maps have."
    compare(student, *maps(rng, 1, 2, (4, 4), (7, 7), (9, 9)), blocks(2), (48, 40), ((2, -3), (1, -1), 0))


def test_the_second_offset_counts_from_the_sum(student, rng):
    "After a crop, the next offset counts from the first row of the sum that is left."
    compare(student, *maps(rng, 1, 2, (4, 4), (6, 6), (12, 12)), blocks(2), (64, 64), (-2, 2, 0))
    compare(student, *maps(rng, 1, 2, (4, 4), (9, 9), (20, 20)), blocks(2), (80, 80), (1, 3, 0))


@pytest.mark.points(2)
def test_the_image_begins_inside(student, rng):
    "The last offset leaves out the first rows and columns of what has been enlarged by eight."
    for offset in (-3, (-9, 0), (0, -17), (-5, -20)):
        compare(student, *maps(rng, 1, 2, *FIT), blocks(2), (44, 76), (0, 0, offset))


def test_the_image_ends_inside(student, rng):
    "The result has the size of the image, odd or even, and what reaches beyond is cropped at the end."
    for size in ((64, 95), (63, 96), (1, 96), (37, 1)):
        compare(student, *maps(rng, 1, 2, *FIT), blocks(2), size, HERE)


def test_the_authors_offsets(student, rng):
    "By default the offsets are those of the text."
    args = *maps(rng, 1, 2, (2, 3), (14, 16), (28, 32)), blocks(2), (24, 40)
    kernels = tuple(normal(rng, 2, 2, k, k) for k in (4, 4, 16))
    assert_close(student.fcn8s(*args), expected(*args, (5, 9, -31)))
    compare(student, *args[:3], kernels, (57, 105))


def test_one_image_one_class_one_score(student, rng):
    "One image, one class or a single score are still axes of length one."
    compare(student, *maps(rng, 1, 1, (1, 1), (2, 2), (4, 4)), blocks(1), (32, 32), HERE)
    compare(student, *maps(rng, 3, 1, (1, 2), (1, 4), (2, 1)), blocks(1), (16, 8), HERE)
    compare(student, *maps(rng, 1, 2, (1, 1), (1, 1), (1, 1)), blocks(2), (1, 1), HERE)


def test_one_row_in_common(student, rng):
    "Maps that have a single row or column in common have a sum."
    compare(student, *maps(rng, 1, 2, (2, 2), (4, 4), (8, 8)), blocks(2), (16, 16), (3, 0, 0))
    compare(student, *maps(rng, 1, 2, (2, 2), (4, 4), (8, 8)), blocks(2), (16, 16), (-3, 0, 0))
    compare(student, *maps(rng, 1, 2, (2, 2), (4, 4), (8, 8)), blocks(2), (8, 8), (0, (7, -7), 0))
    compare(student, *maps(rng, 1, 2, *FIT), blocks(2), (64, 16), ((0, 5), 0, 0))
    compare(student, *maps(rng, 1, 2, *FIT), blocks(2), (64, 16), ((0, -5), 0, 0))


def test_many_classes(student, rng):
    "There may be many classes, and each has its scores."
    compare(student, *maps(rng, 1, 150, (1, 1), (2, 2), (4, 4)), blocks(150), (32, 32), HERE)


def test_empty_batch(student, rng):
    "A batch of no images gives a batch of no maps."
    args = *maps(rng, 0, 2, (2, 2), (3, 5), (6, 6)), blocks(2), (33, 41), (0, (1, 0), -5)
    assert_close(student.fcn8s(*args), torch.zeros(0, 2, 33, 41))


def test_double_precision(student, rng):
    "In float64 the result should be float64 and right to its last digits."
    kernels = tuple(normal(rng, 2, 2, k, k, dtype=torch.float64) for k in (4, 4, 16))
    scores = maps(rng, 1, 2, (2, 2), (6, 6), (14, 14), dtype=torch.float64)
    compare(student, *scores, kernels, (90, 90), (0, 0, -7))


def test_what_is_cropped_leaves_no_trace(student, rng):
    "What is cropped away may be infinite or NaN, and the result is as finite as the rest."
    s32, s16, s8 = maps(rng, 1, 1, (2, 2), (6, 6), (9, 9))
    s16[..., :1, :], s16[..., 5:] = float("inf"), float("nan")
    s8[..., 8, :], s8[..., 8] = float("nan"), -float("inf")
    compare(student, s32, s16, s8, blocks(1), (64, 64), (1, 0, 0))
    s32, s16, s8 = maps(rng, 1, 1, (2, 3), (4, 4), (8, 8))
    s32[..., 2] = float("nan")
    compare(student, s32, s16, s8, blocks(1), (64, 64), HERE)


def test_infinite_scores_stay(student, rng):
    "A score of −∞, which rules a class out, or of NaN comes out where the image shows it."
    s32, s16, s8 = maps(rng, 1, 1, *FIT)
    s16[0, 0, 1, 2], s8[0, 0, 5, 3] = -float("inf"), float("nan")
    args = s32, s16, s8, blocks(1), (64, 96), HERE
    got, wanted = student.fcn8s(*args), expected(*args)
    if got.shape != wanted.shape or not got[wanted.isnan()].isnan().all() or got[wanted.isinf()].isfinite().any():
        raise Failure("a score that is infinite or NaN comes out as something else")


def test_maps_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded maps should give what their copies give."
    s32, s16, s8 = maps(rng, 1, 2, *FIT)
    compare(student, scattered(s32), scattered(s16), scattered(s8), blocks(2), (64, 96), HERE)
    compare(student, s32, normal(rng, 6, 4, 2, 1).permute(3, 2, 1, 0), s8, blocks(2), (64, 96), HERE)
    many = [s.expand(3, -1, -1, -1) for s in (s32, s16, s8)]
    compare(student, *many, tuple(kernel.expand(2, 2, -1, -1) for kernel in blocks(1)), (64, 96), HERE)


def test_leaves_its_inputs_alone(student, rng):
    "The scores should be afterwards what they were before, whether or not something is cropped."
    untouched(student, *maps(rng, 2, 2, *FIT), blocks(2), (64, 96), HERE)
    untouched(student, *maps(rng, 1, 2, (2, 2), (5, 5), (9, 9)), blocks(2), (40, 40), (1, 1, -1))
    untouched(student, *maps(rng, 1, 2, (2, 2), (3, 3), (5, 5)), blocks(2), (32, 32), (-1, -1, 0))
    untouched(student, *maps(rng, 1, 2, *FIT, dtype=torch.float64), blocks(2, torch.float64), (64, 96), HERE)


def untouched(student, *args):
    assert_untouched(student.fcn8s, *args)


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, autograd should find the gradients of all three maps: nothing may cut them off."
    gradients_agree(student, rng, (64, 96), HERE, *FIT)


def test_gradients_through_crops(student, rng):
    "Once crops are right, a score that is left has its gradient, and one that is cropped away has none."
    gradients_agree(student, rng, (40, 45), ((1, -1), (-1, 2), -3), (3, 3), (6, 6), (10, 12))


def gradients_agree(student, rng, size, offsets, *sizes):
    scores = maps(rng, 1, 2, *sizes)
    leaves = [s.clone().requires_grad_() for s in scores]
    y = expected(*leaves, blocks(2), size, offsets)
    upstream = normal(rng, *y.shape)
    assert_close(student.fcn8s(*scores, blocks(2), size, offsets), y.detach())
    wanted = torch.autograd.grad(y, leaves, upstream)
    got = student.fcn8s.gradients(*scores, blocks(2), size, offsets, upstream=upstream)
    assert_close(list(got[:3]), list(wanted), 1e-3, 1e-4)


def test_refuses_other_images_or_classes(student, rng):
    "Maps with other numbers of images or classes, be it one, should raise a ValueError and never broadcast."
    right = maps(rng, 2, 3, *FIT)
    student.fcn8s(*right, blocks(3), (64, 96), HERE)  # so refusing everything does not pass
    for at in (0, 1, 2):
        for cut in (lambda s: s[:1], lambda s: s[:, :1], lambda s: s[:, :2]):
            scores = [cut(s) if i == at else s for i, s in enumerate(right)]
            assert_refuses(student.fcn8s, *scores, blocks(scores[0].shape[1]), (64, 96), HERE)


def test_refuses_maps_with_nothing_in_common(student, rng):
    "Maps that have no row or no column in common should raise a ValueError."
    scores = maps(rng, 1, 2, *FIT)
    student.fcn8s(*scores, blocks(2), (16, 16), (3, 0, 0))  # so refusing everything does not pass
    for offset in (4, -4, (4, 0), (0, 6), (-4, 0), (0, -6), (-5, 0), (0, 50), (0, -50), (50, 0), (-50, 0)):
        assert_refuses(student.fcn8s, *scores, blocks(2), (1, 1), (offset, 0, 0))
    for offset in ((8, 0), (0, 12), (-8, 0), (0, -12), (9, 9)):
        assert_refuses(student.fcn8s, *scores, blocks(2), (1, 1), (0, offset, 0))


def test_refuses_pixels_without_a_score(student, rng):
    "An image that the enlarged map does not cover, at its beginning or its end, should raise a ValueError."
    scores = maps(rng, 1, 2, *FIT)
    student.fcn8s(*scores, blocks(2), (64, 96), HERE)  # so refusing everything does not pass
    for size, offset in (((65, 96), 0), ((64, 97), 0), ((64, 90), (-1, 0)), ((60, 96), (0, -1)), ((200, 200), -3)):
        assert_refuses(student.fcn8s, *scores, blocks(2), size, (0, 0, offset))
    for offset in ((1, 0), (0, 1), 5):
        assert_refuses(student.fcn8s, *scores, blocks(2), (40, 40), (0, 0, offset))
    # A sum ends where the shorter map does, so these reach no further than those.
    for sizes, (rows, columns) in ((((2, 3), (5, 7), (11, 15)), (64, 96)), (((2, 3), (3, 5), (5, 9)), (40, 72))):
        scores = maps(rng, 1, 2, *sizes)
        for size in ((rows + 1, columns), (rows, columns + 1)):
            assert_refuses(student.fcn8s, *scores, blocks(2), size, HERE)


def fitting(rng, images, classes, rows, columns):
    sizes = [(rows * f, columns * f) for f in (1, 2, 4)]
    return *maps(rng, images, classes, *sizes), blocks(classes), (32 * rows, 32 * columns), HERE


@pytest.mark.gate
def test_large_maps(student, rng):
    "What is right for small maps is right for large ones, by the same code: the loops are looked for in these."
    small = [fitting(rng, 2, 2, 1, 2), fitting(rng, 1, 3, 2, 3)]
    large = [fitting(rng, 7, 2, 1, 2), fitting(rng, 1, 8, 1, 2), fitting(rng, 1, 1, 5, 6)]
    assert_right_when_large(student.fcn8s, expected, small, large)


@pytest.mark.gate
def test_no_loop_over_images_or_classes(student, rng):
    "The work should not grow with images or classes: look for a loop over one of them, also a hidden one."
    images, classes = lambda n: fitting(rng, n, 2, 1, 2), lambda n: fitting(rng, 1, n, 1, 2)
    long = [lambda: fitting(rng, 600, 1, 1, 1)]
    loop_free(student.fcn8s, images, expected, (2, 4, 7), clocked=long)
    loop_free(student.fcn8s, classes, expected, (2, 4, 7))


@pytest.mark.gate
def test_no_loop_over_the_scores(student, rng):
    "The work should not grow with rows or columns: look for a loop over scores, also a hidden one."
    make = lambda n: fitting(rng, 1, 1, n, n + 1)  # noqa: E731
    loop_free(student.fcn8s, make, expected, (1, 3, 6), clocked=[lambda: fitting(rng, 1, 1, 100, 1)])
