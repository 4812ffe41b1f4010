"""Output sizes, receptive fields and budgets against what PyTorch really does."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from pixelwise.arithmetic import (
    Branches,
    Conv,
    Layer,
    MisalignedBranches,
    Pad,
    Pool,
    ReceptiveField,
    convolution_output_size,
    macs,
    output_shape,
    parameters,
    receptive_field,
    seen_units,
    transposed_output_size,
)

windows = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(0, 4), st.integers(1, 3))
quick = settings(max_examples=60, deadline=None)


@given(st.integers(1, 40), windows)
@quick
def test_a_convolution_makes_as_many_units_as_in_torch(n, window):
    kernel, stride, padding, dilation = window
    convolve = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
    if n + 2 * padding < dilation * (kernel - 1) + 1:
        with pytest.raises(ValueError, match="does not fit"):
            convolution_output_size(n, *window)
    else:
        assert convolution_output_size(n, *window) == convolve(torch.zeros(1, 1, n)).shape[2]


@given(st.integers(1, 12), windows, st.integers(0, 3))
@quick
def test_a_transposed_convolution_makes_as_many_pixels_as_in_torch(n, window, output_padding):
    kernel, stride, padding, dilation = window
    assume(output_padding < max(stride, dilation))
    assume((n - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding >= 1)
    spread = nn.ConvTranspose1d(1, 1, kernel, stride, padding, output_padding, dilation=dilation)
    made = spread(torch.zeros(1, 1, n)).shape[2]
    assert transposed_output_size(n, kernel, stride, padding, output_padding, dilation) == made


@given(st.integers(1, 40), windows)
@quick
def test_the_pixels_that_the_floor_dropped_are_the_output_padding_that_restores_the_size(n, window):
    kernel, stride, padding, dilation = window
    spare = n + 2 * padding - (dilation * (kernel - 1) + 1)
    assume(spare >= 0)
    m = convolution_output_size(n, *window)
    assert transposed_output_size(m, kernel, stride, padding, spare % stride, dilation) == n


axis_windows = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3))
layers_of_both_axes = st.lists(st.tuples(axis_windows, axis_windows), min_size=1, max_size=4).map(
    lambda rows: [Layer(*zip(*row, strict=True)) for row in rows]
)


def pixels_with_gradient(layers, shape, unit):
    """What a unit depends on, asked of autograd: all weights are one, so no two paths cancel."""
    convolutions = [nn.Conv2d(1, 1, y.kernel, y.stride, y.padding, y.dilation, bias=False) for y in layers]
    network = nn.Sequential(*convolutions).double()
    for weights in network.parameters():
        nn.init.ones_(weights)
    x = torch.zeros(1, 1, *shape, dtype=torch.float64, requires_grad=True)
    network(x)[0, 0, *unit].backward()
    return x.grad[0, 0] != 0


@given(layers_of_both_axes, st.data())
@quick
def test_the_field_of_a_unit_is_the_box_of_pixels_with_a_gradient(layers, data):
    field = receptive_field(layers)
    # Room for the field, the padding on both sides and a few steps of the last map.
    shape = [size + 6 * jump + 60 for size, jump in zip(field.size, field.jump, strict=True)]
    _, *last_map = output_shape(layers, (1, *shape))
    unit = tuple(data.draw(st.integers(0, side - 1)) for side in last_map)
    top, left, bottom, right = field.box(*unit)
    assume(top >= 0 and left >= 0 and bottom < shape[0] and right < shape[1])

    seen = pixels_with_gradient(layers, shape, unit)

    rows, columns = seen.any(dim=1).nonzero().flatten(), seen.any(dim=0).nonzero().flatten()
    assert (rows.min(), columns.min(), rows.max(), columns.max()) == (top, left, bottom, right)
    assert rows.tolist() == seen_units(layers, unit[0], shape[0], axis=0)[0]
    assert columns.tolist() == seen_units(layers, unit[1], shape[1], axis=1)[0]


def test_three_3x3_layers_see_what_one_7x7_layer_sees_with_27_instead_of_49_weights_per_channel_pair():
    three = [Conv(3, padding=1, channels=64, bias=False)] * 3
    one = [Conv(7, padding=3, channels=64, bias=False)]
    assert receptive_field(three) == receptive_field(one) == ReceptiveField((7, 7), (1, 1), (0.0, 0.0))
    assert (parameters(three, 64), parameters(one, 64)) == (27 * 64**2, 49 * 64**2)


def test_dropping_every_second_unit_between_two_3x3_layers_also_sees_7x7_and_pooling_sees_8x8():
    conv = Conv(3, channels=1)
    assert receptive_field([conv, Layer(1, stride=2), conv]).size == (7, 7)
    assert receptive_field([conv, Pool(2), conv]).size == (8, 8)


def test_parameters_and_macs_count_groups_biases_and_rectangles_as_torch_does():
    layers = [
        Conv((3, 5), stride=(2, 1), padding=(0, 2), channels=8),
        Pool(2),
        Conv(3, channels=16, groups=4, bias=False),
    ]
    convolutions = [
        nn.Conv2d(3, 8, (3, 5), (2, 1), (0, 2)),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, groups=4, bias=False),
    ]
    assert parameters(layers, 3) == sum(weights.numel() for weights in nn.Sequential(*convolutions).parameters())

    x, multiplied = torch.zeros(1, 3, 21, 18), 0
    for layer in convolutions:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            multiplied += x.numel() * math.prod(layer.weight.shape[1:])
    assert macs(layers, (3, 21, 18)) == multiplied
    assert output_shape(layers, (3, 21, 18)) == tuple(x.shape[1:])


def test_aligned_branches_see_the_union_and_add_up_their_budgets():
    narrow, wide = [Conv(1, channels=4)], [Conv(5, padding=2, channels=6)]
    block = Branches((narrow, wide), merge="concatenate")
    assert receptive_field([block]).size == (5, 5)
    assert output_shape([block], (3, 9, 9)) == (10, 9, 9)
    assert parameters([block], 3) == parameters(narrow, 3) + parameters(wide, 3)
    assert macs([block], (3, 9, 9)) == macs(narrow, (3, 9, 9)) + macs(wide, (3, 9, 9))


def test_a_crop_moves_the_centres_and_lets_branches_meet_that_were_misaligned():
    cropped = [Pad(before=-1, after=-1)]
    assert receptive_field(cropped) == ReceptiveField((1, 1), (1, 1), (1.0, 1.0))
    assert receptive_field([Branches(([Conv(3, channels=1)], cropped))]).size == (3, 3)
    assert seen_units([*cropped, Layer(3)], 0, 9) == [[1, 2, 3], [0, 1, 2], [0]]


def test_branches_with_different_centres_are_refused_with_the_place_and_the_centres():
    block = Branches(([Conv(3, channels=1)], []), name="block 7")
    with pytest.raises(MisalignedBranches, match=r"'block 7' are not aligned along the height.* pixel 1 .* at 0 "):
        receptive_field([block])


def test_branches_whose_shapes_fit_because_one_is_cropped_at_its_end_are_refused_all_the_same():
    block = Branches(([Conv(3, channels=1)], [Pad(after=-2)]))
    assert output_shape([block], (1, 9, 9)) == (1, 7, 7)
    with pytest.raises(MisalignedBranches, match="pixel 1 in one and at 0 in another"):
        receptive_field([block])


def test_branches_with_different_strides_are_refused_with_both_jumps():
    block = Branches(([Conv(3, stride=2, padding=1, channels=1)], []))
    with pytest.raises(MisalignedBranches, match="2 input pixels apart in one and 1 in another"):
        receptive_field([block])


def test_branches_misaligned_only_along_the_width_are_refused_too():
    block = Branches(([Conv((1, 3), channels=1)], []))
    with pytest.raises(MisalignedBranches, match="along the width"):
        receptive_field([block])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Layer(0), "kernel must be at least 1, not 0."),
        (lambda: Layer(3, stride=(1, 0)), "stride must be at least 1, not 0."),
        (lambda: Layer(3, padding=-1), "padding must be at least 0, not -1."),
        (lambda: Layer(2.5), "kernel must be a whole number or a pair (height, width) of them, not 2.5."),
        (lambda: Layer((1, 2, 3)), "kernel must be a whole number or a pair (height, width) of them, not (1, 2, 3)."),
        (lambda: Conv(3, channels=5, groups=2), "5 channels cannot be split into 2 equal groups."),
        (lambda: output_shape([Pad(before=-2, after=(-1, -2))], (1, 4, 4)), "Cutting 4 units off 4 leaves nothing."),
        (lambda: transposed_output_size(4, 3, 2, output_padding=2), "output_padding must be at least 0 and smaller"),
        (lambda: transposed_output_size(1, 3, 1, padding=2), "Padding 2 removes all of the output"),
        (lambda: convolution_output_size(4, 3, dilation=2), "A window that spans 5 pixels does not fit 4 pixels"),
        (lambda: seen_units([Layer(3)], 3, 5), "The last map has units 0 to 2, and no unit 3."),
    ],
)
def test_a_wrong_window_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(ValueError) as refused:
        make()
    assert str(refused.value).startswith(sentence)
