"""Hidden suite: boundary IoU, against shifted one-hot maps, every shift within the width by itself."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    scattered,
)

SEED_OF_LABELS = 5


def expected(prediction, truth, classes, width):
    def region(labels):
        mask = F.one_hot(labels.long(), classes).bool().movedim(-1, 0)
        near = torch.zeros_like(mask)
        rows, columns = labels.shape[1:]
        for down in range(-min(width, rows - 1), min(width, rows - 1) + 1):
            for right in range(-min(width, columns - 1), min(width, columns - 1) + 1):
                to = [slice(max(0, -by), n - max(0, by)) for by, n in ((down, rows), (right, columns))]
                come = [slice(max(0, by), n + min(0, by)) for by, n in ((down, rows), (right, columns))]
                near[:, :, to[0], to[1]] |= ~mask[:, :, come[0], come[1]]
        return mask & near

    a, b = region(truth), region(prediction)
    return (a & b).sum((1, 2, 3)).double() / (a | b).sum((1, 2, 3)).double()


def blocks(classes, images, rows, columns, size=4):
    """Label maps of square blocks: a prediction, which is the truth moved a little, and the truth.

    They are the same in every draw, as those of `noise` are: in shares of a few pixels two rules may agree by luck.
    """
    fixed = torch.Generator().manual_seed(SEED_OF_LABELS)
    labels = integers(fixed, 0, classes, images, -(-rows // size), -(-columns // size))
    truth = labels.repeat_interleave(size, 1).repeat_interleave(size, 2)[:, :rows, :columns]
    return truth.roll((1, 2), (1, 2)), truth


def noise(classes, *shape):
    fixed = torch.Generator().manual_seed(SEED_OF_LABELS)
    return tuple(integers(fixed, 0, classes, *shape) for _ in range(2))


def compare(student, prediction, truth, classes, width):
    assert_close(student.boundary_iou(prediction, truth, classes, width), expected(prediction, truth, classes, width))


def island(*box, rows=14, columns=15):
    labels = torch.zeros(1, rows, columns, dtype=torch.int64)
    labels[:, box[0] : box[1], box[2] : box[3]] = 1
    return labels


@pytest.mark.points(2)
def test_regions_lie_within_the_class(student, rng):
    "A region holds pixels of the class alone, on its own side of the outline, each map by its own outlines."
    by = int(integers(rng, 0, 2))
    compare(student, island(5, 10, 5 + by, 10), island(4, 9, 4, 10 - by), 2, 1)


@pytest.mark.points(2)
def test_width(student, rng):
    "A region of width d holds the pixels at a distance of at most d: next to a straight outline, d rows of them."
    by = int(integers(rng, 0, 2))
    truth = (torch.arange(16) >= 8 - by).long().view(1, 16, 1).expand(1, 16, 5)
    for width in (1, 2, 3, 4):
        compare(student, truth.roll(1, 1).where(torch.arange(16)[:, None] > 1, 0), truth, 2, width)
        across = truth.mT
        compare(student, across.roll(1, 2).where(torch.arange(16) > 1, 0), across, 2, width)


@pytest.mark.points(2)
def test_distance_is_that_of_the_chessboard(student, rng):
    "A pixel diagonally beside another is at distance 1: the window in which one looks is a square."
    for width in (1, 2, 3):
        truth = island(5, 6, 6, 7, rows=13, columns=14)
        prediction = truth.clone()
        prediction[0, 5 + int(integers(rng, 0, 2)), 7] = 1
        compare(student, prediction, truth, 2, width)
        compare(student, island(6, 13, 7, 14, rows=13, columns=14), truth, 2, width)


@pytest.mark.points(2)
def test_the_edge_of_the_image_is_no_outline(student, rng):
    "Beyond the edge of the image there are no pixels: where an object touches the edge it has no outline."
    by = int(integers(rng, 0, 3))
    for width in (1, 2):
        compare(student, island(0, 6, 0, 14), island(0, 6 + by, 0, 15), 2, width)
        compare(student, island(8, 14, 9, 15), island(8 - by, 14, 10, 15), 2, width)


@pytest.mark.points(2)
def test_several_classes(student):
    "Regions are those of each class, and a pixel is in two of them only where both maps give it the same class."
    compare(student, *blocks(4, 1, 19, 22), 4, 1)
    compare(student, *blocks(5, 1, 20, 18), 5, 2)


def test_pixels_at_random(student):
    "Where labels change from pixel to pixel, every pixel that has a different one near it is in a region."
    compare(student, *noise(3, 1, 7, 8), 3, 1)
    compare(student, *noise(2, 1, 9, 6), 2, 2)


def test_labels_in_any_order(student):
    "An outline has a larger label on one side and a smaller one on the other, and a region on each."
    for labels in ((0, 2), (2, 0), (1, 0), (1, 2)):
        truth = torch.tensor(labels).repeat_interleave(5).view(1, 1, 10).expand(1, 4, 10)
        compare(student, truth.roll(1, 2).where(torch.arange(10) > 0, labels[0]), truth, 3, 3)


@pytest.mark.points(2)
def test_all_images_count_together(student):
    "The pixels of all images are counted before anything is divided: the mean of the images' scores is another number."
    prediction, truth = blocks(2, 3, 12, 13)
    truth[0], prediction[0] = 0, 0
    truth[0, 5:7, 5:7], prediction[0, 5:8, 5:7] = 1, 1
    compare(student, prediction, truth, 2, 1)


def test_images_are_no_neighbours(student):
    "The last row of an image is no neighbour of the first row of the next one."
    truth = torch.tensor([0, 1, 0, 2]).view(4, 1, 1).expand(4, 5, 6).clone()
    prediction = truth.clone()
    prediction[1, 2, 3] = 0
    compare(student, prediction, truth, 3, 2)
    compare(student, prediction.transpose(1, 2), truth.transpose(1, 2), 3, 2)


def test_nothing_to_compare(student):
    "A class without an outline in either map is NaN; one with an outline in one of the maps is not."
    filled = torch.full((2, 5, 6), 2)
    compare(student, filled, filled, 4, 1)
    compare(student, filled, 0 * filled, 4, 1)
    other = filled.clone()
    other[1, 2, 2] = 1
    compare(student, filled, other, 4, 1)
    compare(student, other, filled, 4, 1)


def test_no_images(student):
    "Without images there is nothing to compare: NaN for every class."
    nothing = torch.zeros(0, 6, 7, dtype=torch.int64)
    assert_close(student.boundary_iou(nothing, nothing, 3, 2), torch.full((3,), torch.nan, dtype=torch.float64))


def test_wider_than_the_image(student):
    "The width may be larger than the image, along one axis or both: then a region is the whole class."
    for rows, columns, width in ((4, 5, 6), (3, 12, 5), (11, 2, 4), (5, 5, 90)):
        compare(student, *blocks(2, 2, rows, columns, 2), 2, width)
        compare(student, *noise(3, 2, rows, columns), 3, width)


def test_wide_regions_in_large_images(student):
    "A wide region in a larger image still ends at the distance that was asked for."
    truth = (torch.arange(60) >= 30).long().view(1, 1, 60).expand(2, 50, 60)
    for width in (9, 17):
        compare(student, truth.roll(3, 2).where(torch.arange(60) > 3, 0), truth, 2, width)


def test_rows_columns_and_single_pixels(student):
    "An image may have a single row, a single column or a single pixel, and there may be one class."
    for rows, columns in ((1, 9), (9, 1), (1, 1), (2, 2)):
        compare(student, *noise(2, 3, rows, columns), 2, 1)
    compare(student, *noise(1, 2, 4, 4), 1, 1)


def test_labels_of_few_bits(student):
    "Labels may have any integer dtype, and not the same in both maps: widen them before you negate, add or compare."
    prediction, truth = blocks(4, 2, 13, 12)
    wanted = expected(prediction, truth, 4, 2)
    for one, two in ((torch.uint8, torch.uint8), (torch.int8, torch.int64), (torch.int16, torch.uint8)):
        assert_close(student.boundary_iou(prediction.to(one), truth.to(two), 4, 2), wanted)
    prediction, truth = (200 + labels for labels in (prediction, truth))
    wanted = expected(prediction, truth, 205, 1)
    assert_close(student.boundary_iou(prediction.to(torch.uint8), truth.to(torch.uint8), 205, 1), wanted)
    truth = torch.tensor([250, 60]).repeat_interleave(6).view(1, 1, 12).expand(1, 3, 12)
    prediction = truth.roll(1, 2)
    wanted = expected(prediction, truth, 310, 1)
    assert_close(student.boundary_iou(prediction.to(torch.uint8), truth.to(torch.uint8), 310, 1), wanted)


def test_hundreds_of_classes(student):
    "There may be hundreds of classes, and neighbouring labels are unlike however large they are."
    # Stripes, so that the window's shape has no part in it.
    truth = (299 - torch.arange(20) * 7 % 20).repeat_interleave(2).view(1, 1, 40).expand(1, 3, 40)
    compare(student, truth.roll(1, 2), truth, 300, 1)
    truth = torch.where(torch.arange(8) < 4, 2048, 2049).view(1, 1, 8).expand(1, 3, 8)
    compare(student, truth, truth, 2050, 1)


def test_maps_that_are_not_contiguous(student):
    "Slices, transposes and expanded maps should give what their copies give, however they lie in memory."
    prediction, truth = blocks(3, 2, 11, 12)
    compare(student, scattered(prediction), scattered(truth), 3, 1)
    compare(student, prediction.transpose(1, 2), truth.transpose(1, 2), 3, 2)
    compare(student, prediction[:1].expand(2, 11, 12), truth, 3, 1)


def test_leaves_its_inputs_alone(student):
    "Both maps should be afterwards what they were before, whatever their dtype."
    for dtype in (torch.int64, torch.uint8):
        prediction, truth = (labels.to(dtype) for labels in blocks(3, 2, 8, 9))
        assert_untouched(student.boundary_iou, prediction, truth, 3, 1)
        assert_untouched(student.boundary_iou, prediction[:1, :3], truth[:1, :3], 3, 7)


def test_refuses_widths_below_one(student):
    "A region is at least one pixel wide: a width of 0 or less should raise a ValueError."
    maps = blocks(2, 1, 6, 7)
    student.boundary_iou(*maps, 2, 1)  # so refusing everything does not pass
    for width in (0, -1, -5):
        assert_refuses(student.boundary_iou, *maps, 2, width)


@pytest.mark.points(2)
def test_refuses_labels_outside(student):
    "A label below 0 or above K − 1 should raise a ValueError, in either map."
    maps = noise(3, 2, 6, 7)
    student.boundary_iou(*maps, 3, 1)
    for label in (3, -1, 255, 2**16 + 1, 2**32 + 1):
        for which in range(2):
            outside = [labels.clone() for labels in maps]
            outside[which][1, 3, 2] = label
            assert_refuses(student.boundary_iou, *outside, 3, 1)
            outside[which][:] = label  # everywhere, so that nothing is near an outline
            assert_refuses(student.boundary_iou, *outside, 3, 1)


def test_refuses_what_are_no_two_label_maps(student):
    "Maps of unlike shapes or of a floating-point dtype should raise a ValueError."
    prediction, truth = blocks(2, 2, 6, 8)
    student.boundary_iou(prediction, truth, 2, 1)
    for other in (truth[:1], truth[:, :5], truth[..., :1], truth.transpose(1, 2), truth.float(), truth.double()):
        assert_refuses(student.boundary_iou, prediction, other, 2, 1)
        assert_refuses(student.boundary_iou, other, prediction, 2, 1)


@pytest.mark.gate
def test_large_inputs(student):
    "What is right for small maps is right for large ones, by the same code: the loops are looked for in these."
    small = [(*blocks(4, 2, 19, 22), 4, 2)]  # no noise, in which any region is the whole class
    large = [(*blocks(17, 7, 31, 30), 17, 1), (*blocks(2, 2, 40, 43, 8), 2, 6)]
    assert_right_when_large(student.boundary_iou, expected, small, large)


@pytest.mark.gate
def test_no_loop_over_the_images(student):
    "The work should not grow with images, rows or columns: look for a loop, also a hidden one."
    long = [(6000, 3, 2), (1, 6000, 3), (1, 3, 6000)]
    clocked = [lambda shape=shape: (*noise(2, *shape), 2, 1) for shape in long]
    loop_free(student.boundary_iou, lambda n: (*blocks(4, n, 13, 14), 4, 1), expected, (2, 4, 7), clocked)
    loop_free(student.boundary_iou, lambda n: (*blocks(4, 2, n, n + 2, 6), 4, 2), expected, (13, 18, 26))


@pytest.mark.gate
def test_no_loop_over_classes_or_width(student):
    "The work should not grow with classes or the width: one window can be as wide as you like."
    width = [lambda: (*noise(2, 1, 3, 1500), 2, 700)]
    loop_free(student.boundary_iou, lambda n: (*blocks(n, 2, 9, 8), n, 1), expected, (3, 6, 11))
    loop_free(student.boundary_iou, lambda n: (*blocks(2, 1, 24, 25), 2, n), expected, (1, 4, 9), width)
