"""What `check("budget")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, assert_untouched, loop_free


def layer_by_layer(table, height, width, channels):
    """The counts in Python's whole numbers."""
    parameters, activations, macs = [], [], []
    for kernel, stride, made, groups, normalised in table.tolist():
        height, width = -(-height // stride), -(-width // stride)
        weights = made * (channels // groups) * kernel**2 if groups else 0
        parameters.append(weights + (made * (1 + normalised) if groups else 0))
        activations.append(made * height * width)
        macs.append(weights * height * width)
        channels = made
    return tuple(torch.tensor(counts, dtype=torch.int64) for counts in (parameters, activations, macs))


def compare(student, rows, *image):
    table = torch.tensor(rows)
    assert_close(student.budget(table, *image), layer_by_layer(table, *image))


def test_the_example(student):
    "The example of the text: a convolution with stride 2, and a pooling."
    wanted = torch.tensor([224, 0]), torch.tensor([48, 16]), torch.tensor([1296, 0])
    assert_close(student.budget(torch.tensor([(3, 2, 8, 1, 0), (2, 2, 8, 0, 0)]), 5, 4, 3), wanted)


def test_channels_of_the_row_above(student):
    "A layer's input channels are the output channels of the row above, and the image's for the first row."
    compare(student, [(3, 1, 4, 1, 0), (5, 1, 7, 1, 0), (1, 1, 2, 1, 0)], 6, 8, 3)


def test_strides_add_up(student):
    "Sizes are divided by all strides so far and rounded up."
    compare(student, [(3, 2, 4, 1, 0), (3, 3, 4, 1, 0), (3, 1, 4, 1, 0), (3, 2, 4, 1, 0)], 31, 26, 3)


def test_groups_by_example(student):
    "With groups an output channel has weights for its own group's input channels alone."
    compare(student, [(3, 1, 8, 2, 0), (3, 1, 8, 8, 0), (1, 1, 4, 4, 0)], 5, 6, 4)


def test_batch_normalisation_by_example(student):
    "A normalised layer has a scale and a shift for each channel instead of a bias."
    compare(student, [(3, 1, 8, 1, 1), (3, 1, 6, 1, 0)], 5, 6, 4)


def test_large_counts(student):
    "Counts too large for int32 and for the digits of floating point are exact."
    compare(student, [(3, 1, 3**9, 1, 0)], 3**8 + 4, 3**7, 3**9)


def test_no_rows_by_example(student):
    "A table of no rows gives empty counts."
    assert_close(
        student.budget(torch.zeros(0, 5, dtype=torch.int64), 4, 4, 3), (torch.zeros(0, dtype=torch.int64),) * 3
    )


def test_leaves_the_table_alone_by_example(student):
    "The table should be afterwards what it was before."
    assert_untouched(student.budget, torch.tensor([(3, 2, 8, 1, 0), (2, 2, 8, 0, 0)]), 9, 9, 3)


def test_refuses_what_cannot_be(student):
    "A table that describes no network raises a ValueError."
    student.budget(torch.tensor([(3, 1, 8, 2, 1)]), 8, 9, 4)  # allowed, so refusing everything does not pass
    for row in (
        (0, 1, 8, 1, 0),
        (3, 0, 8, 1, 0),
        (3, 1, 0, 1, 0),
        (3, 1, 8, -1, 0),
        (3, 1, 8, 3, 0),
        (2, 2, 8, 0, 0),
        (3, 1, 8, 1, 2),
        (3, 1, 8, 1),
    ):
        assert_refuses(student.budget, torch.tensor([row]), 8, 9, 4)


@pytest.mark.gate
def test_all_layers_at_once(student):
    "The work should not grow with the number of layers."

    def stack(n):
        return torch.tensor([(3, 2 if at == 2 else 1, at % 7 + 1, 1, 0) for at in range(n)]), 20, 30, 3

    loop_free(student.budget, stack, layer_by_layer, sizes=(5, 15, 45))
