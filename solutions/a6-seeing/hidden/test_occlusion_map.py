"""Hidden suite: the map of drops, against sums over squares, one by one, in float64."""

import pytest
import torch

from autograder.suite import (
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    loop_free,
    normal,
    scattered,
)


def beginnings(n, k, s):
    found = list(range(0, n - k + 1, s))
    return found if found[-1] == n - k else [*found, n - k]


def both(value):
    return (value, value) if isinstance(value, int) else value


def squares(shape, size, stride):
    (kh, kw), (sh, sw) = both(size), both(stride)
    tops, lefts = beginnings(shape[0], kh, sh), beginnings(shape[1], kw, sw)
    return [(slice(top, top + kh), slice(left, left + kw)) for top in tops for left in lefts]


def expected(base, scores, shape, size, stride=1):
    total = torch.zeros(*base.shape, *shape, dtype=torch.float64)
    count = torch.zeros(shape, dtype=torch.float64)
    for p, (rows, columns) in enumerate(squares(shape, size, stride)):
        total[:, :, rows, columns] += (base.double() - scores[:, p].double())[..., None, None]
        count[rows, columns] += 1
    return (total / count).to(base.dtype)


def answers(rng, images, classes, shape, size, stride=1, dtype=torch.float32):
    """Scores without and with squares, and the parameters that belong to them. The first square raises all scores."""
    positions = len(squares(shape, size, stride))
    base, scores = normal(rng, images, classes, dtype=dtype), normal(rng, images, positions, classes, dtype=dtype)
    scores[:, :1] = base[:, None] + scores[:, :1].abs() + 0.5
    return base, scores, shape, size, stride


def compare(student, *args):
    wanted = expected(*args)
    assert_close(student.occlusion_map(*args), wanted)


@pytest.mark.points(2)
def test_mean_over_the_squares(student, rng):
    "A pixel has the mean of the drops at those positions whose square covers it."
    for n, size in ((4, 2), (6, 3), (7, 5)):
        base, scores, shape, *_ = answers(rng, 1, 1, (1, n), (1, size))
        compare(student, base, scores, shape, (1, size))


@pytest.mark.points(2)
def test_squares_of_two_dimensions(student, rng):
    "Positions are read row by row, and a square covers rows and columns."
    for n, size in ((4, 2), (5, 3), (6, 5)):
        compare(student, *answers(rng, 1, 1, (n, n), size)[:4])


def test_squares_that_do_not_overlap(student, rng):
    "Where the stride is as large as the square, each pixel is covered once and has the drop of its square."
    compare(student, *answers(rng, 1, 1, (6, 6), 2, 2))
    compare(student, *answers(rng, 1, 1, (5, 5), 1, 1))


@pytest.mark.points(2)
def test_drops_below_zero(student, rng):
    "A square may raise a score: the drop is negative there, and stays so."
    base, scores, *rest = answers(rng, 1, 1, (1, 6), (1, 2))
    compare(student, base, base[:, None] + scores.abs(), *rest)
    compare(student, base, base[:, None] - scores.abs(), *rest)


@pytest.mark.points(2)
def test_maps_that_are_not_square(student, rng):
    "The shape is (rows, columns)."
    compare(student, *answers(rng, 1, 1, (3, 6), 2))
    compare(student, *answers(rng, 1, 1, (7, 4), 3))


@pytest.mark.points(2)
def test_stride_that_ends_at_the_edge(student, rng):
    "With a larger stride there are fewer positions, and a pixel is covered less often."
    compare(student, *answers(rng, 1, 1, (7, 7), 3, 2))
    compare(student, *answers(rng, 1, 1, (8, 8), 5, 3))


@pytest.mark.points(2)
def test_last_square_lies_at_the_edge(student, rng):
    "Where the steps do not end at the edge the last square does, and overlaps the one before it by more."
    compare(student, *answers(rng, 1, 1, (6, 6), 3, 2))
    compare(student, *answers(rng, 1, 1, (8, 8), 3, 3))


@pytest.mark.points(2)
def test_size_as_a_pair(student, rng):
    "A pair of sizes is (vertical, horizontal)."
    for size in ((2, 3), (4, 1), (1, 2)):
        compare(student, *answers(rng, 1, 1, (5, 5), size))


@pytest.mark.points(2)
def test_stride_as_a_pair(student, rng):
    "A pair of strides is (vertical, horizontal), and each axis moves by its own."
    for stride in ((2, 1), (1, 2), (2, 3)):
        compare(student, *answers(rng, 1, 1, (7, 7), 3, stride))


@pytest.mark.points(2)
def test_every_score_has_its_map(student, rng):
    "Every score has a map of its own, made of its own drops, however many scores there are."
    for classes in (2, 3, 300):
        compare(student, *answers(rng, 1, classes, (3, 5), 3))


@pytest.mark.points(2)
def test_every_image_has_its_maps(student, rng):
    "Every image is compared with its own scores without a square."
    for images in (2, 5):
        compare(student, *answers(rng, images, 1, (3, 5), 3))


def test_no_images(student):
    "A batch of no images has no maps, with the other axes as long as ever."
    compare(student, torch.zeros(0, 3), torch.zeros(0, 3, 3), (3, 5), 3)


def test_one_square(student, rng):
    "A square as large as the image has one position, and the map is the same everywhere."
    compare(student, *answers(rng, 2, 2, (4, 4), 4))
    compare(student, *answers(rng, 1, 1, (1, 1), 1))


def test_double_precision(student, rng):
    "In float64 the map is float64 and right to its last digits."
    compare(student, *answers(rng, 1, 2, (3, 6), 3, dtype=torch.float64))


def test_small_drops(student, rng):
    "In float64 a drop may be small beside the scores, and is computed before anything is rounded."
    base, scores, *rest = answers(rng, 1, 1, (3, 6), 3, dtype=torch.float64)
    compare(student, 1e3 + base, 1e3 + base[:, None] + (scores - base[:, None]) / 256, *rest)


def test_half_precision(student, rng):
    "In float16 drops are added up in float32: many large drops have a sum that float16 cannot hold."
    base, scores, *rest = answers(rng, 1, 1, (3, 9), 3, dtype=torch.float16)
    compare(student, base, scores, *rest)
    base, scores, *rest = answers(rng, 1, 1, (7, 7), 3, dtype=torch.float16)
    compare(student, base + 30000, scores, *rest)


def test_scores_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded scores should give what their copies give, however they lie in memory."
    base, scores, *rest = answers(rng, 2, 3, (3, 5), 3)
    compare(student, scattered(base), scattered(scores), *rest)
    compare(student, base.mT.contiguous().mT, scores.mT.contiguous().mT, *rest)
    compare(student, base[:, :1].expand(2, 3), scores[:1].expand(2, 3, 3), *rest)


def test_leaves_the_scores_alone(student, rng):
    "Both tensors of scores should be afterwards what they were before, whatever their dtype."
    for dtype in (torch.float32, torch.float64, torch.float16):
        assert_untouched(student.occlusion_map, *answers(rng, 2, 2, (3, 5), 3, dtype=dtype))


@pytest.mark.points(2)
def test_refuses_other_numbers_of_positions(student, rng):
    "An entry too many or too few for the positions of the square should raise a ValueError."
    base, _, *rest = answers(rng, 1, 2, (3, 6), 3)
    student.occlusion_map(base, normal(rng, 1, 4, 2), *rest)  # so refusing everything does not pass
    for positions in (1, 3, 5, 8, 16):
        assert_refuses(student.occlusion_map, base, normal(rng, 1, positions, 2), *rest)


def test_refuses_scores_of_other_shapes(student, rng):
    "Other images or scores than those of the base should raise a ValueError, never broadcast."
    base, scores, *rest = answers(rng, 3, 2, (3, 6), 3)
    student.occlusion_map(base, scores, *rest)  # so refusing everything does not pass
    for other in (scores[:1], scores[:2], scores[..., :1], scores[:, :, 0], scores[0], scores.repeat(1, 1, 2)):
        assert_refuses(student.occlusion_map, base, other, *rest)
    for other in (base[:1], base[:, :1], base[0], base[:, 0]):
        assert_refuses(student.occlusion_map, other, scores, *rest)


def test_refuses_squares_that_do_not_fit(student, rng):
    "A square larger than the map or below one pixel should raise a ValueError, along either axis."
    base, scores = normal(rng, 1, 1), normal(rng, 1, 2, 1)
    student.occlusion_map(base, scores, (4, 5), 4)  # so refusing everything does not pass
    for size in ((5, 4), (4, 6), 6, 0, (0, 4), (4, 0), -1):
        assert_refuses(student.occlusion_map, base, scores, (4, 5), size)


def test_refuses_strides_that_leave_gaps(student, rng):
    "A stride that is larger than the square, or less than one, should raise a ValueError, along either axis."
    base, scores = normal(rng, 1, 1), normal(rng, 1, 4, 1)
    student.occlusion_map(base, scores, (3, 6), 3)  # so refusing everything does not pass
    for shape, size, stride in (((6, 6), 2, 4), ((1, 10), (1, 1), 3), ((6, 2), (2, 1), (4, 1)), ((3, 6), 3, 0)):
        assert_refuses(student.occlusion_map, base, scores, shape, size, stride)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small maps is right for large ones, by the same code: the loops are looked for in these."
    small = [answers(rng, 2, 2, (6, 7), 3, 2), answers(rng, 3, 2, (9, 8), 3, 2)]
    large = [answers(rng, 3, 5, (14, 15), 3), answers(rng, 9, 11, (9, 9), 3, 2), answers(rng, 2, 2, (31, 30), 4, 3)]
    assert_right_when_large(student.occlusion_map, expected, small, large)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with images, scores, pixels or positions: look for a loop, also a hidden one."
    shapes = [(3000, 1, (2, 2), 2), (1, 3000, (2, 2), 2), (1, 1, (1, 1200), (1, 2)), (1, 1, (1200, 1), (2, 1))]
    long = [lambda shape=shape: answers(rng, *shape) for shape in shapes]
    loop_free(student.occlusion_map, lambda n: answers(rng, n, n + 1, (5, 5), 3), expected, (2, 5, 9), long)
    loop_free(student.occlusion_map, lambda n: answers(rng, 2, 2, (n, n + 1), 3, 2), expected, (6, 9, 14))
