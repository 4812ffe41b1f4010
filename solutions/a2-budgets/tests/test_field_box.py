"""What `check("field_box")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, assert_untouched, loop_free


def walk(units, kernels, strides, paddings, size):
    """From each unit down to the image, layer by layer."""
    layers = list(zip(*(torch.as_tensor(v).tolist() for v in (kernels, strides, paddings)), strict=True))
    boxes, clips = [], []
    for unit in units.flatten().tolist():
        first = last = unit
        for k, s, p in reversed(layers):
            first, last = first * s - p, last * s - p + k - 1
        boxes.append((first, last))
        seen = range(max(first, 0), min(last, size - 1) + 1)
        clips.append((seen[0], seen[-1]) if seen else (0, -1))
    shape = (*units.shape, 2)
    return tuple(torch.tensor(v, dtype=torch.int64).reshape(shape) for v in (boxes, clips))


def test_the_example(student):
    "The example of the text, for units 0 and 1."
    wanted = torch.tensor([[-1, 3], [1, 5]]), torch.tensor([[0, 3], [1, 5]])
    assert_close(student.field_box(torch.tensor([0, 1]), [3, 2], [2, 1], [1, 0], 6), wanted)


def test_padding_of_a_later_layer(student):
    "The padding of a later layer is made of units that lie a jump apart."
    call = torch.arange(5), [3, 3, 3], [2, 2, 3], [0, 1, 1], 100
    assert_close(student.field_box(*call), walk(*call))


def test_both_edges(student):
    "A box may hang over both edges of the image; the clipped box may not."
    call = torch.arange(5), [5, 3], [1, 1], [2, 1], 5
    assert_close(student.field_box(*call), walk(*call))


def test_nothing_but_padding(student):
    "A field wholly in the padding, left or right of the image, has the empty clipped box of the text."
    call = torch.arange(11), [2], [1], [4], 4
    assert_close(student.field_box(*call), walk(*call))


def test_shapes(student):
    "The result has the shape of the units and one more axis of length 2."
    for units in (torch.tensor(2), torch.arange(6).view(2, 3), torch.zeros(0, dtype=torch.int64)):
        call = units, [3, 3], [2, 1], [1, 1], 12
        assert_close(student.field_box(*call), walk(*call))


def test_small_dtypes(student):
    "Units may be of a small integer dtype; the pixels that they see may be too large for it."
    call = torch.tensor([0, 200], dtype=torch.uint8), [3, 3], [4, 4], [1, 1], 5000
    assert_close(student.field_box(*call), walk(*call))


def test_no_layers_by_example(student):
    "Without layers each unit is a pixel."
    call = torch.arange(4), [], [], [], 4
    assert_close(student.field_box(*call), walk(*call))


def test_leaves_its_inputs_alone_by_example(student):
    "What came in should be afterwards what it was before."
    assert_untouched(student.field_box, torch.arange(4), *(torch.tensor(v) for v in ([3, 2], [2, 1], [1, 0])), 9)


def test_refuses_what_is_no_stack(student):
    "Unlike lengths and numbers that make no sense raise a ValueError."
    units = torch.arange(2)
    student.field_box(units, [3, 3], [1, 1], [0, 0], 5)  # allowed, so refusing everything does not pass
    for call in (
        (units, [3, 3], [1], [0, 0], 5),
        (units, [0, 3], [1, 1], [0, 0], 5),
        (units, [3, 3], [1, 1], [0, -1], 5),
        (units, [3, 3], [1, 1], [0, 0], 0),
        (units - 1, [3, 3], [1, 1], [0, 0], 5),
    ):
        assert_refuses(student.field_box, *call)


@pytest.mark.gate
def test_all_units_and_layers_at_once(student):
    "The work should grow neither with the units nor with the layers."

    def stack(n):
        return torch.arange(n) % 5 + 1, torch.tensor([2 if at == 2 else 1 for at in range(n)]), torch.arange(n) % 3

    # So large an image that every unit sees some of it: what is true of the others, another test asks.
    loop_free(student.field_box, lambda n: (torch.arange(n), *stack(4), 300), walk, sizes=(5, 15, 45))
    loop_free(student.field_box, lambda n: (torch.arange(3), *stack(n), 300), walk, sizes=(5, 15, 45))
