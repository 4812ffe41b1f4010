"""What `check("occlusion_map")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def definition(base, scores, shape, size, stride=1):
    """Pixel by pixel, for a square of one number."""
    rows, columns = (sorted({*range(0, n - size + 1, stride), n - size}) for n in shape)
    corners = [(top, left) for top in rows for left in columns]
    result = torch.zeros(*base.shape, *shape, dtype=base.dtype)
    for y in range(shape[0]):
        for x in range(shape[1]):
            covering = [p for p, (top, left) in enumerate(corners) if 0 <= y - top < size and 0 <= x - left < size]
            result[:, :, y, x] = (base[:, None] - scores[:, covering]).mean(1)
    return result


def test_the_example(student):
    "The example of the text: the middle pixel is covered twice."
    base, scores = torch.tensor([[10.0]]), torch.tensor([[[9.0], [4.0]]])
    assert_close(student.occlusion_map(base, scores, (1, 3), (1, 2)), torch.tensor([1.0, 3.5, 6.0]).view(1, 1, 1, 3))


def test_maps_by_example(student, rng):
    "Several images and scores, with strides that end at the edge and strides that do not."
    for stride, positions in ((1, 20), (2, 9), (3, 6)):
        base, scores = normal(rng, 2, 3), normal(rng, 2, positions, 3)
        wanted = definition(base, scores, (6, 7), 3, stride)
        assert_close(student.occlusion_map(base, scores, (6, 7), 3, stride), wanted)


def test_pairs_by_example(student):
    "A pair is (vertical, horizontal)."
    base, scores = torch.zeros(1, 1), -torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1)
    expected = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]).view(1, 1, 2, 3)
    assert_close(student.occlusion_map(base, scores, (2, 3), (2, 1), (2, 1)), expected)


def test_half_precision_by_example(student):
    "Large drops in float16 have a large sum and a mean that fits."
    base, scores = torch.full((1, 1), 4e4, dtype=torch.float16), torch.zeros(1, 2, 1, dtype=torch.float16)
    assert_close(student.occlusion_map(base, scores, (1, 3), (1, 2)), base.view(1, 1, 1, 1).expand(1, 1, 1, 3))


def test_refusals(student, rng):
    "Scores and squares that do not fit should raise a ValueError; what fits should be right."
    base, scores = normal(rng, 2, 2), normal(rng, 2, 4, 2)
    wanted = definition(base, scores, (3, 3), 2)
    assert_close(student.occlusion_map(base, scores, (3, 3), 2), wanted)  # so refusing everything does not pass
    for args in (
        *((base, scores[:, :3], (3, 3), 2), (base, scores[:1], (3, 3), 2), (base[:, :1], scores, (3, 3), 2)),
        *((base, scores, (3, 3), 4), (base, scores, (3, 3), 0), (base, scores, (4, 4), 1, 3)),
    ):
        assert_refuses(student.occlusion_map, *args)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with images, scores or positions: look for a loop over one of them."

    def answers(images, classes, rows):
        return normal(rng, images, classes), normal(rng, images, (rows - 1) ** 2, classes), (rows, rows), 2

    loop_free(student.occlusion_map, lambda n: answers(n, n + 1, 3), definition, (2, 4, 7))
    loop_free(student.occlusion_map, lambda n: answers(1, 2, n), definition, (3, 5, 8))
