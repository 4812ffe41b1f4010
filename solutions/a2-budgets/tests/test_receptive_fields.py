"""What `check("receptive_fields")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, assert_untouched, loop_free


def recurrence(kernels, strides, dilations=None):
    """The recurrence, one layer after another."""
    kernels, strides = (torch.as_tensor(v).tolist() for v in (kernels, strides))
    dilations = [1] * len(kernels) if dilations is None else torch.as_tensor(dilations).tolist()
    r, j, sizes, jumps = 1, 1, [], []
    for k, s, d in zip(kernels, strides, dilations, strict=True):
        r, j = r + d * (k - 1) * j, j * s
        sizes.append(r)
        jumps.append(j)
    return torch.tensor(sizes, dtype=torch.int64), torch.tensor(jumps, dtype=torch.int64)


def test_three_small_kernels(student):
    "Three layers of 3 pixels see 3, 5 and 7 pixels."
    assert_close(student.receptive_fields([3, 3, 3], [1, 1, 1]), (torch.tensor([3, 5, 7]), torch.tensor([1, 1, 1])))


def test_the_example(student):
    "The example of the text, with strides and a dilation: compare it with yours layer by layer."
    wanted = torch.tensor([3, 11, 13]), torch.tensor([2, 2, 4])
    assert_close(student.receptive_fields([3, 3, 2], [2, 1, 2], [1, 2, 1]), wanted)


def test_strides_spread_later_layers(student):
    "A stride spreads the taps of the layers after it, and not those of its own layer."
    call = [5, 2, 3, 2], [1, 2, 3, 2]
    assert_close(student.receptive_fields(*call), recurrence(*call))


def test_tensors(student):
    "Tensors of any integer dtype are welcome, and results are int64."
    call = torch.tensor([7, 3, 200], dtype=torch.uint8), torch.tensor([2, 2, 1], dtype=torch.uint8)
    assert_close(student.receptive_fields(*call), recurrence(*call))


def test_no_layers_by_example(student):
    "A stack of no layers gives two empty int64 tensors."
    nothing = torch.zeros(0, dtype=torch.int64)
    assert_close(student.receptive_fields(nothing, nothing), (nothing, nothing))


def test_large_numbers(student):
    "Numbers too large for floating point should be exact."
    call = [2, 2, 2], [3**11, 3**12, 3**13]
    assert_close(student.receptive_fields(*call), recurrence(*call))


def test_leaves_its_inputs_alone_by_example(student):
    "What came in should be afterwards what it was before."
    assert_untouched(student.receptive_fields, torch.tensor([3, 5, 2]), torch.tensor([2, 1, 2]))


def test_refuses_what_is_no_stack(student):
    "Unlike lengths, and a kernel, a stride or a dilation below 1, raise a ValueError."
    student.receptive_fields([3, 3], [2, 1], [1, 1])  # allowed, so refusing everything does not pass
    for call in (([3, 3], [1]), ([3], [1], [1, 1]), ([0, 3], [1, 1]), ([3, 5], [1, 0]), ([3], [1], [0])):
        assert_refuses(student.receptive_fields, *call)


@pytest.mark.gate
def test_all_layers_at_once(student):
    "The work should not grow with the number of layers: look for running sums and products."

    def stack(n):
        return torch.arange(n) % 5 + 1, torch.tensor([2 if at == 2 else 1 for at in range(n)])

    loop_free(student.receptive_fields, stack, recurrence, sizes=(5, 15, 45))
