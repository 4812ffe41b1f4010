"""Hidden suite: boxes along one axis, against a walk from each unit down to the image, layer by layer."""

import pytest
import torch

from autograder.suite import (
    Mismatch,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    scattered,
)

BOX, CLIPPED = 0, 1


def definition(units, kernels, strides, paddings, size):
    layers = [torch.as_tensor(v).tolist() for v in (kernels, strides, paddings)]
    boxes, clips = [], []
    for unit in units.flatten().tolist():
        first = last = unit
        for k, s, p in zip(*(reversed(v) for v in layers), strict=True):
            first, last = first * s - p, last * s - p + k - 1
        boxes.append((first, last))
        clips.append((max(first, 0), min(last, size - 1)) if first < size and last >= 0 else (0, -1))
    shape = (*units.shape, 2)
    return tuple(torch.tensor(v, dtype=torch.int64).reshape(shape) for v in (boxes, clips))


def compare(student, which, *call):
    """Compare those of the two results that ``which`` names."""
    wanted, got = definition(*call), student.field_box(*call)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of two boxes", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index])


@pytest.mark.points(2)
def test_without_padding(student, rng):
    "Without padding unit 0 begins at pixel 0, neighbours lie one jump apart, and both ends of a box are included."
    units = integers(rng, 0, 9, 6)
    compare(student, [BOX], units, [3, 4, 2], [1, 1, 1], [0, 0, 0], 40)
    compare(student, [BOX], units, [5, 2, 3, 2], [2, 1, 3, 1], [0, 0, 0, 0], 900)


@pytest.mark.points(2)
def test_padding_moves_the_box(student):
    "Padding moves the box towards smaller pixels, by its pixels and at one end only, and does not make it larger."
    compare(student, [BOX], torch.tensor([0, 19, 4, 11, 7]), [3, 5, 2], [1, 1, 1], [1, 4, 1], 300)


@pytest.mark.points(2)
def test_padding_counts_in_units_of_its_input(student):
    "A layer's padding is made of units of its input, each one jump of the layers before it, without its own stride."
    units = torch.tensor([0, 8, 3, 5, 1])
    compare(student, [BOX], units, [7, 3, 2, 3], [2, 3, 1, 4], [3, 1, 1, 2], 2000)
    compare(student, [BOX], units, [3, 3], [5, 1], [0, 1], 600)


@pytest.mark.points(2)
def test_clipped_to_the_image(student, rng):
    "Clipping moves what is before pixel 0 to 0 and what is behind the last pixel to the last, which is n − 1."
    units = torch.arange(12)
    compare(student, [CLIPPED], units, [3, 3, 3], [1, 1, 1], [1, 1, 1], 12)
    compare(student, [CLIPPED], units, [9, 3], [1, 1], [4, 1], 12)


@pytest.mark.points(2)
def test_box_and_clipped_box_differ(student):
    "The box is where the field lies, also in the padding; only the clipped box ends at the image's edges."
    units = torch.arange(6)
    compare(student, [BOX, CLIPPED], units, [5, 3], [1, 1], [2, 1], 6)


@pytest.mark.points(2)
def test_fields_outside_the_image(student):
    "A field wholly outside the image, left or right of it, has the empty clipped box that the text names."
    for call in (
        (torch.arange(12), [2], [1], [5], 3),
        (torch.arange(20), [3, 2], [1, 1], [6, 3], 4),
        (torch.arange(30), [1], [2], [10], 1),
    ):
        compare(student, [CLIPPED], *call)


def test_fields_that_touch_the_edge(student):
    "A field whose last pixel is pixel 0, or whose first one is the last pixel, sees one pixel and is not empty."
    compare(student, [CLIPPED], torch.tensor([2, 3, 4]), [3], [1], [4], 9)
    compare(student, [CLIPPED], torch.tensor([11, 12, 13]), [3], [1], [4], 9)


def test_a_field_larger_than_the_image(student):
    "A field may be larger than the image on both sides; the clipped box is then the whole image."
    compare(student, [BOX, CLIPPED], torch.arange(4), [7, 7], [1, 1], [3, 3], 4)
    compare(student, [BOX, CLIPPED], torch.arange(1), [5], [1], [2], 1)


def test_units_of_any_shape(student, rng):
    "The result has the shape of the units and one more axis: for one unit, a matrix of them, or none at all."
    layers = [3, 2], [1, 1], [0, 0], 40
    for units in (torch.tensor(3), integers(rng, 0, 9, 4, 3), integers(rng, 0, 9, 2, 1, 5), integers(rng, 0, 9, 1)):
        compare(student, [BOX, CLIPPED], units, *layers)
    compare(student, [BOX, CLIPPED], torch.zeros(0, dtype=torch.int64), *layers)
    compare(student, [BOX, CLIPPED], torch.zeros(3, 0, dtype=torch.int64), *layers)


def test_units_are_not_sorted(student):
    "Units may come in any order and more than once; each has its own box."
    compare(student, [BOX, CLIPPED], torch.tensor([7, 0, 3, 3, 11, 0]), [3, 3], [1, 1], [0, 0], 40)


def test_units_beyond_the_map(student):
    "A unit is not checked against the number of units of its layer: the formula holds for any."
    compare(student, [BOX], torch.tensor([1000, 50, 0]), [3, 3], [1, 1], [0, 0], 12)


def test_small_integer_dtypes(student):
    "Units of a small dtype such as uint8 cannot hold the pixels: convert them before you multiply."
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        units = torch.tensor([0, 100, 127], dtype=dtype)
        compare(student, [BOX], units, [3, 3, 2], [200, 300, 500], [0, 0, 0], 2**40)
        strides = torch.tensor([100, 100, 100], dtype=dtype)
        few = torch.tensor([3, 120, 100], dtype=dtype)
        compare(student, [BOX], units, few, strides, torch.zeros(3, dtype=dtype), 2**40)


def test_large_numbers_are_exact(student):
    "Whole numbers should stay whole: floating point loses the last digits of large ones."
    units = torch.tensor([3**18, 3**19 + 1, 0])
    compare(student, [BOX], units, [2, 3], [3**10, 3**8], [0, 0], 100)
    compare(student, [BOX], torch.arange(3), [2, 3**17], [3**19, 1], [1, 3**16 + 5], 100)
    compare(student, [BOX], torch.arange(3), [3**24, 3], [3**22, 3**10], [0, 0], 100)
    compare(student, [BOX], torch.arange(3), [3**24, 3], [1, 1], [3**23, 3**22], 100)
    compare(student, [CLIPPED], units, [2, 2], [3**9, 3**9], [0, 0], 3**39 + 2)


def test_no_layers(student):
    "In a stack of no layers the units are the pixels, and each sees itself."
    compare(student, [BOX, CLIPPED], torch.tensor([1, 4, 8]), [], [], [], 10)


def test_tuples_and_tensors(student):
    "The stack may come as lists, as tuples or as tensors."
    units, layers = torch.arange(5), ([3, 2, 3], [1, 1, 1], [0, 0, 0])
    for kind in (tuple, torch.tensor):
        compare(student, [BOX, CLIPPED], units, *(kind(v) for v in layers), 40)


def test_tensors_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give."
    units, layers = integers(rng, 0, 9, 4, 3), torch.tensor([[3, 1, 0], [2, 1, 0], [4, 1, 0]])
    compare(student, [BOX, CLIPPED], scattered(units), *layers.unbind(1), 40)
    compare(student, [BOX, CLIPPED], units.T, *layers.unbind(1), 40)
    compare(student, [BOX, CLIPPED], torch.tensor(5).expand(3, 2), *layers.unbind(1), 40)


def test_leaves_its_inputs_alone(student, rng):
    "What came in should be afterwards what it was before."
    layers = (torch.tensor(v) for v in ([3, 2, 3], [2, 1, 2], [1, 0, 1]))
    assert_untouched(student.field_box, integers(rng, 0, 9, 5), *layers, 20)


def test_refuses_unlike_lengths(student):
    "Arguments of unlike lengths describe no stack: raise a ValueError, also where one of them has just one number."
    units = torch.arange(3)
    student.field_box(units, [3, 3], [1, 1], [0, 0], 9)  # allowed, so refusing everything does not pass
    for layers in (([3, 3], [1], [0, 0]), ([3, 3], [1, 1], [0]), ([3], [1, 1], [0, 0]), ([3, 3], [1, 1], [0, 0, 0])):
        assert_refuses(student.field_box, units, *layers, 9)


def test_refuses_numbers_without_a_meaning(student):
    "A kernel, a stride or a size below 1 and a negative padding or unit should raise a ValueError."
    units = torch.arange(3)
    student.field_box(units, [1, 1], [1, 1], [0, 0], 1)  # allowed, so refusing everything does not pass
    for call in (
        (units, [3, 0], [1, 1], [0, 0], 9),
        (units, [3, 3], [0, 1], [0, 0], 9),
        (units, [3, 3], [-1, -1], [0, 0], 9),
        (units, [3, 3], [1, 1], [0, -1], 9),
        (units, [3, 3], [1, 1], [-1, 2], 9),
        (units, [3, 3], [1, 1], [0, 0], 0),
        (units, [3, 3], [1, 1], [0, 0], -4),
        (units - 1, [3, 3], [1, 1], [0, 0], 9),
        (torch.tensor(-1), [3, 3], [1, 1], [0, 0], 9),
    ):
        assert_refuses(student.field_box, *call)


def stack_of(rng, layers):
    """Strides of 2 at the second and the last layer, and padding that is never the same twice in a row."""
    strides = [2 if at in (1, layers - 1) else 1 for at in range(layers)]
    return integers(rng, 2, 9, layers), torch.tensor(strides), torch.arange(1, layers + 1) % 3


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for few units and layers is right for many, by the same code: loops are looked for in these."
    calls = [
        [(integers(rng, 0, 9, *shape), *stack_of(rng, layers), 100_000) for shape, layers in each]
        for each in ((((5,), 4), ((3, 2), 5)), (((120,), 4), ((3,), 90)))
    ]
    assert_right_when_large(student.field_box, definition, *calls)


@pytest.mark.gate
def test_no_loop_over_units(student, rng):
    "The work should not grow with the number of units: look for a loop over them, also a hidden one."
    make = lambda n: (integers(rng, 0, 50, n), *stack_of(rng, 4), 100_000)  # noqa: E731
    loop_free(student.field_box, make, definition, (6, 20, 70), [lambda: make(20_000)])
    loop_free(student.field_box, lambda n: (integers(rng, 0, 50, n, n + 1), *stack_of(rng, 4), 100_000), definition)


@pytest.mark.gate
def test_no_loop_over_layers(student, rng):
    "The work should not grow with the number of layers: look for a loop over them, also a hidden one."
    make = lambda n: (integers(rng, 0, 50, 3), *stack_of(rng, n), 100_000)  # noqa: E731
    loop_free(student.field_box, make, definition, (6, 20, 70), [lambda: make(20_000)])
