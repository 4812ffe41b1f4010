"""Hidden suite: parameters, activations and MACs, against Python's whole numbers layer by layer and against modules."""

import pytest
import torch
from torch import nn

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

PARAMETERS, ACTIVATIONS, MACS = 0, 1, 2


def definition(table, height, width, channels):
    counts = [], [], []
    for kernel, stride, made, groups, normalised in table.tolist():
        height, width = -(-height // stride), -(-width // stride)
        weights = made * (channels // groups) * kernel * kernel if groups else 0
        counts[PARAMETERS].append(weights + (made + made * normalised if groups else 0))
        counts[ACTIVATIONS].append(made * height * width)
        counts[MACS].append(weights * height * width)
        channels = made
    return tuple(torch.tensor(count, dtype=torch.int64) for count in counts)


def by_modules(table, height, width, channels):
    """The same, counted in real layers with odd kernels, whose padding is symmetric."""
    counts, x = ([], [], []), torch.zeros(1, channels, height, width)
    for kernel, stride, made, groups, normalised in table.tolist():
        if groups:
            conv = nn.Conv2d(x.shape[1], made, kernel, stride, kernel // 2, groups=groups, bias=not normalised)
            layer = nn.Sequential(conv, nn.BatchNorm2d(made)) if normalised else conv
            x = layer.eval()(x)
            macs = conv.weight.numel() * x.shape[2] * x.shape[3]
        else:
            layer, macs = nn.MaxPool2d(kernel, stride, kernel // 2), 0
            x = layer(x)
        counts[PARAMETERS].append(sum(p.numel() for p in layer.parameters()))
        counts[ACTIVATIONS].append(x.numel())
        counts[MACS].append(macs)
    return tuple(torch.tensor(count, dtype=torch.int64) for count in counts)


def compare(student, which, *call, expected=definition):
    """Compare those of the three counts that ``which`` names."""
    wanted, got = expected(*call), student.budget(*call)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of parameters, activations and MACs", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index])


def chain(rng, *rows):
    """A table of convolutions from rows (kernel, stride) with drawn channels, in one group and with biases."""
    made = integers(rng, 2, 12, len(rows)).tolist()
    return torch.tensor([(k, s, c, 1, 0) for (k, s), c in zip(rows, made, strict=True)])


@pytest.mark.points(2)
def test_parameters_of_convolutions(student, rng):
    "A convolution has a kernel of k × k for each pair of an input and an output channel, and a bias for each output."
    compare(student, [PARAMETERS], chain(rng, (3, 1), (5, 1), (1, 1)), 9, 8, 3)


@pytest.mark.points(2)
def test_activations(student, rng):
    "Activations are the numbers of each layer's output, channels times rows times columns, without the image."
    compare(student, [ACTIVATIONS], chain(rng, (3, 1), (5, 1), (1, 1)), 9, 8, 3)


@pytest.mark.points(2)
def test_macs(student, rng):
    "There is one MAC for each weight at each position of the output: a multiplication and its addition are one."
    compare(student, [MACS], chain(rng, (3, 1), (5, 1), (1, 1)), 9, 8, 3)


@pytest.mark.points(2)
def test_strides_shrink_the_maps(student, rng):
    "The size of a map follows from all strides up to its layer, its own included."
    table = chain(rng, (3, 2), (3, 1), (5, 4), (3, 2))
    compare(student, [ACTIVATIONS, MACS], table, 32, 64, 3)


@pytest.mark.points(2)
def test_sizes_round_up(student, rng):
    'With "same" padding a size that the stride does not divide is rounded up, on each axis by itself.'
    table = chain(rng, (3, 2), (3, 3), (5, 2))
    for height, width in ((13, 24), (24, 13), (25, 37), (5, 7)):
        compare(student, [ACTIVATIONS, MACS], table, height, width, 3)


def test_maps_of_one_pixel(student, rng):
    "A map shrinks to one pixel and no further, however many strides follow."
    compare(student, [ACTIVATIONS, MACS], chain(rng, (3, 4), (3, 4), (3, 4), (3, 2)), 7, 1, 2)


@pytest.mark.points(2)
def test_groups(student):
    "With groups each output channel sees the input channels of its own group alone: fewer weights, and as many biases."
    table = torch.tensor([(3, 1, 8, 1, 0), (3, 1, 12, 4, 0), (5, 1, 12, 12, 0), (1, 1, 6, 2, 0)])
    compare(student, [PARAMETERS, MACS], table, 6, 7, 4)
    compare(student, [PARAMETERS, MACS], torch.tensor([(3, 1, 6, 3, 0)]), 6, 7, 3)


@pytest.mark.points(2)
def test_batch_normalisation(student):
    "A normalised convolution has no bias; its batch normalisation learns a scale and a shift and adds nothing else."
    table = torch.tensor([(3, 1, 8, 1, 1), (3, 1, 5, 1, 0), (1, 1, 7, 1, 1)])
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], table, 6, 7, 4)


@pytest.mark.points(2)
def test_pooling(student):
    "Pooling learns nothing and multiplies nothing, and its output counts among the activations like any other."
    table = torch.tensor([(3, 1, 8, 1, 0), (2, 2, 8, 0, 0), (3, 1, 4, 1, 0), (3, 2, 4, 0, 0)])
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], table, 12, 16, 3)
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], torch.tensor([(2, 2, 3, 0, 0), (3, 1, 4, 1, 0)]), 10, 14, 3)


def test_real_layers(student):
    "The counts should be those of PyTorch's own convolutions, batch normalisations and poolings."
    table = [(7, 2, 8, 1, 1), (3, 2, 8, 0, 0), (1, 1, 6, 2, 0), (3, 2, 6, 6, 1), (5, 3, 9, 3, 0), (3, 1, 9, 0, 0)]
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], torch.tensor(table), 37, 30, 3, expected=by_modules)


def test_vgg16(student):
    "The table may be that of a VGG, convolutions and poolings in turn: find the first layer that is wrong."
    rows = []
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        rows += [(3, 1, width, 1, 0)] * count + [(2, 2, width, 0, 0)]
    table = torch.tensor(rows)
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], table, 224, 224, 3)


@pytest.mark.points(2)
def test_large_counts_are_exact(student):
    "Whole numbers should stay whole and not overflow: floating point and int32 are too small for large counts."
    compare(student, [PARAMETERS], torch.tensor([(3**6, 1, 3**13, 1, 0)]), 1, 1, 3**13)
    compare(student, [ACTIVATIONS], torch.tensor([(1, 1, 3**9 + 2, 1, 0)]), 3**14, 3**15, 1)
    compare(student, [ACTIVATIONS], torch.tensor([(1, 1, 1, 1, 0)]), 3**22, 3**15 + 1, 1)
    compare(student, [MACS], torch.tensor([(3, 1, 3**9, 1, 0)]), 3**8 + 1, 3**8, 3**9)


def test_many_groups_and_large_counts(student):
    "Divide by the groups before you multiply: a product that is divided later may have been too large already."
    compare(student, [PARAMETERS, MACS], torch.tensor([(3, 1, 3**19, 3**19, 0)]), 3**3, 2, 3**19)
    compare(student, [PARAMETERS], torch.tensor([(3**3, 1, 2**32, 2**31, 0)]), 1, 1, 2**32)


def test_small_integer_dtypes(student):
    "A table of int32 or int16 holds its own numbers and not their products: convert it before you multiply."
    rows = [(3, 2, 1000, 1, 0), (3, 1, 2000, 10, 1), (5, 3, 2000, 1, 0)]
    for dtype in (torch.int32, torch.int16):
        compare(student, [PARAMETERS, ACTIVATIONS, MACS], torch.tensor(rows, dtype=dtype), 9000, 7200, 300)
    table = torch.tensor([(3, 2, 100, 1, 0), (11, 100, 100, 0, 0), (15, 2, 240, 20, 1)], dtype=torch.uint8)
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], table, 3200, 2000, 300)


def test_one_row(student):
    "A network may have a single layer, and an image a single channel."
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], torch.tensor([(5, 3, 1, 1, 0)]), 9, 12, 1)
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], torch.tensor([(2, 3, 4, 0, 0)]), 9, 12, 4)


def test_no_rows(student):
    "A table of no rows gives three empty tensors."
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], torch.zeros(0, 5, dtype=torch.int64), 10, 11, 3)


def test_many_rows(student, rng):
    "A network may have hundreds of layers."
    table = chain(rng, *[(3, 2 if at % 50 == 9 else 1) for at in range(200)])
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], table, 320, 160, 3)


def test_tables_that_are_not_contiguous(student, rng):
    "A slice or a transpose of a larger table should give what its copy gives."
    table = chain(rng, (3, 2), (5, 1), (1, 3))
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], scattered(table), 18, 30, 3)
    compare(student, [PARAMETERS, ACTIVATIONS, MACS], table.T.contiguous().T, 18, 30, 3)


def test_leaves_the_table_alone(student, rng):
    "The table should be afterwards what it was before, also with pooling and groups in it."
    assert_untouched(student.budget, chain(rng, (3, 2), (5, 1)), 20, 30, 3)
    assert_untouched(student.budget, torch.tensor([(2, 2, 4, 0, 0), (3, 1, 4, 4, 1), (3, 2, 8, 2, 0)]), 20, 30, 4)


def test_refuses_tables_of_another_shape(student):
    "A table without its five columns is no table: raise a ValueError."
    table = torch.tensor([(3, 1, 8, 1, 0), (3, 1, 8, 1, 0)])
    student.budget(table, 9, 9, 3)  # allowed, so refusing everything does not pass
    for wrong in (
        table[:, :4],
        torch.cat([table, table], 1),
        table[0],
        table[0, 0],
        table[None],
        table.new_zeros(0, 4),
    ):
        assert_refuses(student.budget, wrong, 9, 9, 3)


def test_refuses_numbers_below_one(student):
    "A kernel, a stride, channels, height or width below 1, and negative groups, should raise a ValueError."
    good = torch.tensor([(3, 1, 8, 1, 0), (3, 1, 8, 1, 0)])
    student.budget(good, 1, 1, 1)  # allowed, so refusing everything does not pass
    for column, value in ((0, 0), (0, -3), (1, 0), (1, -1), (2, 0), (2, -8), (3, -1), (3, -2)):
        table = good.clone()
        table[1, column] = value
        assert_refuses(student.budget, table, 9, 9, 3)
    for sizes in ((0, 9, 3), (9, 0, 3), (9, 9, 0), (-2, 9, 3), (9, 9, -1)):
        assert_refuses(student.budget, good, *sizes)


def test_refuses_groups_that_do_not_divide(student):
    "Groups have to divide the input channels and the output channels, or raise a ValueError."
    student.budget(torch.tensor([(3, 1, 8, 2, 0), (3, 1, 12, 4, 0)]), 9, 9, 4)  # allowed
    for rows, channels in (
        ([(3, 1, 8, 2, 0)], 3),
        ([(3, 1, 9, 2, 0)], 4),
        ([(3, 1, 6, 1, 0), (3, 1, 8, 4, 0)], 4),
        ([(3, 1, 8, 1, 0), (3, 1, 6, 4, 0)], 4),
        ([(3, 1, 4, 8, 0)], 4),
    ):
        assert_refuses(student.budget, torch.tensor(rows), 9, 9, channels)


def test_refuses_pooling_that_is_no_pooling(student):
    "A pooling layer that changes the number of channels or that is normalised should raise a ValueError."
    student.budget(torch.tensor([(3, 1, 8, 1, 0), (2, 2, 8, 0, 0)]), 9, 9, 4)  # allowed
    for rows in (
        [(3, 1, 8, 1, 0), (2, 2, 4, 0, 0)],
        [(3, 1, 8, 1, 0), (2, 2, 16, 0, 0)],
        [(2, 2, 8, 0, 0)],
        [(2, 2, 4, 0, 1)],
    ):
        assert_refuses(student.budget, torch.tensor(rows), 9, 9, 4)


def test_refuses_a_last_column_without_a_meaning(student):
    "A layer is normalised or not, 1 or 0: raise a ValueError for any other number."
    student.budget(torch.tensor([(3, 1, 8, 1, 1)]), 9, 9, 4)  # allowed, so refusing everything does not pass
    for value in (2, -1):
        assert_refuses(student.budget, torch.tensor([(3, 1, 8, 1, 0), (3, 1, 8, 1, value)]), 9, 9, 4)


def stack_of(rng, layers):
    return chain(rng, *[(3, 2 if at in (1, 3) else 1) for at in range(layers)]), 41, 51, 3


@pytest.mark.gate
def test_large_tables(student, rng):
    "What is right for few layers is right for many, by the same code: the loops are looked for in these."
    assert_right_when_large(student.budget, definition, [stack_of(rng, 3), stack_of(rng, 5)], [stack_of(rng, 90)])


@pytest.mark.gate
def test_no_loop_over_layers(student, rng):
    "The work should not grow with the number of layers: look for a loop over them, also a hidden one."
    long = [lambda: stack_of(rng, 10_000)]
    loop_free(student.budget, lambda n: stack_of(rng, n), definition, (6, 20, 70), long)
