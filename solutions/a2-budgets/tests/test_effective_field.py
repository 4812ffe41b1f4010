"""What `check("effective_field")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_untouched, loop_free, normal


def by_autograd(weights):
    """One stack after another, each through `F.conv2d` and back."""
    fields, spreads = [], []
    layers, kh, kw = weights.shape[1:]
    for stack in weights.double():
        x = torch.zeros(1, 1, layers * (kh - 1) + 1, layers * (kw - 1) + 1, dtype=torch.float64, requires_grad=True)
        y = x
        for kernel in stack:
            y = F.conv2d(y, kernel[None, None])
        fields.append(torch.autograd.grad(y.sum(), x)[0][0, 0].abs())
        share = fields[-1] / fields[-1].sum().clamp(min=1e-300)
        both = []
        for profile in (share.sum(1), share.sum(0)):
            at = torch.arange(len(profile)).double()
            both.append((profile * (at - (profile * at).sum()) ** 2).sum().sqrt())
        spreads.append(torch.stack(both))
    return torch.stack(fields).to(weights.dtype), torch.stack(spreads).to(weights.dtype)


def test_the_example(student):
    "The example of the text: two layers of one row, whose paths partly cancel."
    weights = torch.tensor([[1.0, 2.0], [1.0, -1.0]]).view(1, 2, 1, 2)
    assert_close(
        student.effective_field(weights), (torch.tensor([[[1.0, 1.0, 2.0]]]), torch.tensor([[0.0, 0.6875**0.5]]))
    )


def test_one_layer(student, rng):
    "With one layer the map is the absolute kernel itself, neither flipped nor transposed."
    weights = normal(rng, 1, 1, 3, 4)
    assert_close(student.effective_field(weights), by_autograd(weights))


def test_three_layers(student, rng):
    "Many paths lead from a pixel to the output, and their products add up before the absolute value is taken."
    weights = normal(rng, 1, 3, 3, 2)
    assert_close(student.effective_field(weights), by_autograd(weights))


def test_several_stacks(student, rng):
    "Each stack has its own map and spread."
    weights = normal(rng, 4, 2, 2, 3)
    assert_close(student.effective_field(weights), by_autograd(weights))


def test_double_precision_by_example(student, rng):
    "In float64 both results are float64 and right to their last digits."
    weights = normal(rng, 2, 2, 3, 3, dtype=torch.float64)
    assert_close(student.effective_field(weights), by_autograd(weights))


def test_a_map_of_zeros(student):
    "Where the map is zero, the spread is 0 and not NaN."
    assert_close(student.effective_field(torch.zeros(1, 2, 2, 3)), (torch.zeros(1, 3, 5), torch.zeros(1, 2)))


def test_no_layers_and_no_stacks(student):
    "Without layers the map is a single 1; without stacks there is no map."
    assert_close(student.effective_field(torch.zeros(2, 0, 3, 3)), (torch.ones(2, 1, 1), torch.zeros(2, 2)))
    assert_close(student.effective_field(torch.zeros(0, 2, 3, 2)), (torch.zeros(0, 5, 3), torch.zeros(0, 2)))


def test_leaves_the_weights_alone_by_example(student, rng):
    "The weights should be afterwards what they were before."
    assert_untouched(student.effective_field, normal(rng, 2, 2, 3, 3))


@pytest.mark.gate
def test_all_stacks_and_pixels_at_once(student, rng):
    "The work may grow with the layers, and neither with the stacks nor with the kernel."
    loop_free(student.effective_field, lambda n: (normal(rng, n, 2, 3, 2),), by_autograd, sizes=(2, 5, 12))
    loop_free(student.effective_field, lambda n: (normal(rng, 2, 2, n, n),), by_autograd, sizes=(2, 4, 8))
