"""Tracing against PyTorch: shapes, parameters, costs, and fields measured by gradients of random networks."""

import io
import itertools
import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from pixelwise import arithmetic
from pixelwise.arithmetic import Branches, Conv, Layer, MisalignedBranches, Pad, Pool
from pixelwise.tracing import Untraceable, trace

pytestmark = pytest.mark.usefixtures("one_thread")

quick = settings(max_examples=40, deadline=None)
SHAPE = (2, 200, 210)  # larger than the field of any stack drawn here: every layer of it has an input that it fits


# Random networks ----------------------------------------------------------------------------------------------------


class Meeting(nn.Module):
    """The module that an `arithmetic.Branches` describes."""

    def __init__(self, paths, merge):
        super().__init__()
        self.paths, self.merge = nn.ModuleList(paths), merge

    def forward(self, x):
        made = [path(x) for path in self.paths]
        return torch.cat(made, dim=1) if self.merge == "concatenate" else sum(made[1:], made[0])


class Padding(nn.Module):
    """The module that an `arithmetic.Pad` describes; what is negative is cut off."""

    def __init__(self, layer):
        super().__init__()
        (top, left), (bottom, right) = layer.before, layer.after
        self.pad = (left, right, top, bottom)

    def forward(self, x):
        return F.pad(x, self.pad)


def module(layers, channels):
    """The network that a stack describes, batch normalisation and ReLU after each convolution."""
    made = []
    for layer in layers:
        if isinstance(layer, Branches):
            made.append(Meeting([module(path, channels) for path in layer.paths], layer.merge))
        elif isinstance(layer, Pad):
            made.append(Padding(layer))
        elif isinstance(layer, Conv):
            window = (layer.kernel, layer.stride, layer.padding, layer.dilation)
            made += [nn.Conv2d(channels, layer.channels, *window, groups=layer.groups, bias=layer.bias)]
            made += [nn.BatchNorm2d(layer.channels), nn.ReLU()]
        else:
            made.append(nn.AvgPool2d(layer.kernel, layer.stride, layer.padding))
        channels = arithmetic.output_shape([layer], (channels, 99, 99))[0]
    return nn.Sequential(*made)


def pair(values):
    return st.tuples(values, values)


@st.composite
def windows(draw):
    """A convolution or pooling with any window."""
    if draw(st.booleans()):
        kernel = draw(pair(st.integers(2, 3)))
        return Pool(kernel, draw(pair(st.integers(1, 2))), draw(st.integers(0, 1)))
    if draw(st.integers(0, 4)) == 0:
        return Pad(before=draw(pair(st.integers(-1, 2))), after=draw(pair(st.integers(-1, 2))))
    return Conv(
        draw(pair(st.integers(1, 4))),
        draw(pair(st.integers(1, 2))),
        draw(pair(st.integers(0, 3))),
        draw(pair(st.integers(1, 3))),
        channels=2,
        groups=draw(st.integers(1, 2)),
        bias=draw(st.booleans()),
    )


@st.composite
def branches(draw, depth=1):
    """Branches that keep the size, or halve it, and look at the same places."""
    stride = draw(pair(st.integers(1, 2)))
    merge = draw(st.sampled_from(["add", "concatenate"]))

    def path():
        """Odd windows, padded so that their centres stay; the stride is at any one of them."""
        count = draw(st.integers(0 if stride == (1, 1) else 1, 2))
        at = draw(st.integers(0, count - 1)) if count else 0
        made = []
        for number in range(count):
            if depth and stride == (1, 1) and draw(st.integers(0, 3)) == 0:
                made.append(draw(branches(depth - 1).filter(lambda inner: keeps(inner))))
                continue
            reach, dilation = draw(pair(st.integers(0, 2))), draw(pair(st.integers(1, 2)))
            made.append(
                Conv(
                    tuple(2 * r + 1 for r in reach),
                    stride if number == at else 1,
                    tuple(r * d for r, d in zip(reach, dilation, strict=True)),
                    dilation,
                    channels=2,
                )
            )
        return tuple(made)

    # PyTorch adds two at a time, and x + x is no meeting of branches.
    paths = tuple(path() for _ in range(2 if merge == "add" else draw(st.integers(2, 3))))
    assume(any(paths))
    return Branches(paths, merge)


def keeps(inner):
    return arithmetic.output_shape([inner], (2, 8, 8)) == (2, 8, 8)


@st.composite
def stacks(draw):
    """One to four windows and branches, the channels always those that the next one takes."""
    layers = []
    for _ in range(draw(st.integers(1, 4))):
        layers.append(draw(st.one_of(windows(), branches())))
        if isinstance(layers[-1], Branches) and layers[-1].merge == "concatenate":
            layers.append(Conv(1, channels=2))  # back to two channels
    return layers


def nameless(layers):
    """A stack without the names that a trace gives its layers."""
    bare = []
    for layer in layers:
        if isinstance(layer, Branches):
            bare.append(Branches(tuple(nameless(path) for path in layer.paths), layer.merge))
        else:
            kept = {key: value for key, value in vars(layer).items() if key != "name"}
            bare.append(type(layer)(**kept))
    return tuple(bare)


@given(stacks())
@quick
def test_a_network_built_from_a_stack_is_traced_back_to_it(layers):
    network = module(layers, 2)
    traced = trace(network, SHAPE)
    field = arithmetic.receptive_field(layers)
    assert nameless(traced.layers) == nameless(layers)
    assert traced.receptive_field == field
    norms = sum(weights.numel() for part in network.modules() if isinstance(part, nn.BatchNorm2d)
                for weights in part.parameters())  # fmt: skip
    assert traced.parameters == arithmetic.parameters(layers, 2) + norms
    assert traced.macs == arithmetic.macs(layers, SHAPE)
    made = network.eval()(torch.zeros(1, *SHAPE)).shape[1:]
    assert traced.row("").output_shape == made == arithmetic.output_shape(layers, SHAPE)


@given(stacks(), st.data())
@quick
def test_the_traced_field_is_the_box_of_pixels_with_a_gradient(layers, data):
    network = module(layers, 2).double().eval()
    field = trace(network, SHAPE).receptive_field
    for weights in network.parameters():
        nn.init.constant_(weights, 0.5)  # positive: no two paths cancel, no ReLU is off
    # Far from the border: there a crop takes pixels that the padding behind it does not give back.
    far = 30
    shape = [size + 6 * jump + 100 for size, jump in zip(field.size, field.jump, strict=True)]
    x = torch.ones(1, 2, *shape, dtype=torch.float64, requires_grad=True)
    y = network(x)
    unit = tuple(data.draw(st.integers(side // 3, 2 * side // 3)) for side in y.shape[2:])
    top, left, bottom, right = field.box(*unit)
    assume(min(top, left) >= far and bottom < shape[0] - far and right < shape[1] - far)

    y[0, :, *unit].sum().backward()

    rows, columns = ((x.grad[0] != 0).any(dim=0).any(dim=1 - axis).nonzero().flatten() for axis in (0, 1))
    assert (rows.min(), columns.min(), rows.max(), columns.max()) == (top, left, bottom, right)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", range(1, 6))
def test_a_pool_that_rounds_up_makes_as_many_units_as_in_torch(kernel, dilation):
    for n, stride, padding in itertools.product(range(1, 13), range(1, 6), range(kernel // 2 + 1)):
        pool = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=True)
        layer = Pool(kernel, stride, padding, dilation, ceil=True)
        try:
            made = pool(torch.zeros(1, 1, n, n)).shape[2]
        except RuntimeError:  # not one window
            with pytest.raises(ValueError, match="does not fit"):
                layer.output_size(n, 0)
            continue
        assert layer.output_size(n, 0) == made, layer
        assert nameless(trace(pool, (1, n, n)).layers) == (layer,)


# What a field may pass through ---------------------------------------------------------------------------------------


class Module(nn.Module):
    """A module from a function, with a 3×3 convolution to call."""

    def __init__(self, function):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.function = function

    def forward(self, x):
        return self.function(self.conv, x)


def field(function, shape=(4, 24, 24)):
    return trace(Module(function), shape).receptive_field


@pytest.mark.parametrize(
    "function",
    [
        lambda conv, x: conv(x).relu_(),
        lambda conv, x: F.hardswish(conv(x)) * torch.sigmoid(x),
        lambda conv, x: conv(x) + torch.ones(4, 1, 1),
        lambda conv, x: conv(x).view(1, 2, 2, 24, 24).transpose(1, 2).reshape(1, 4, 24, 24),
        lambda conv, x: F.layer_norm(conv(x).permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2).contiguous(),
        lambda conv, x: torch.cat(conv(x).chunk(2, dim=1)[::-1], dim=1),
        lambda conv, x: conv(x)[:, [3, 1]],
        lambda conv, x: conv(x).mean(dim=1, keepdim=True) * x,
        lambda conv, x: conv(x).amax(dim=1)[:, None],
        lambda conv, x: F.softmax(conv(x), dim=1),
        lambda conv, x: conv(x)[:, 1:3, :-5],
        lambda conv, x: F.adaptive_avg_pool2d(conv(x), 24),
        lambda conv, x: F.dropout(conv(x)).expand(1, 4, 24, 24),
    ],
)
def test_what_stays_at_its_place_keeps_the_field(function):
    assert field(function) == arithmetic.receptive_field([Conv(3, padding=1, channels=4)])


@pytest.mark.parametrize(
    "function",
    [
        lambda conv, x: conv(x) * conv(x).mean(dim=(2, 3), keepdim=True),
        lambda conv, x: conv(x).flatten(2).softmax(dim=2).view(1, 4, 24, 24),
        lambda conv, x: conv(x).roll(3, dims=3),
        lambda conv, x: torch.cat([conv(x), x], dim=2),
        lambda conv, x: F.group_norm(conv(x), 2),
        lambda conv, x: F.interpolate(conv(x), scale_factor=2),
        lambda conv, x: conv(x).transpose(2, 3) + conv(x),
        lambda conv, x: F.conv2d(x, conv(x)[:, :, :3, :3]),
        lambda conv, x: F.adaptive_avg_pool2d(conv(x), 7),
        lambda conv, x: torch.zeros(1, 4, 24, 24).index_copy_(2, torch.arange(24), conv(x)) + x,
        lambda conv, x: conv(x).view(1, 4, 12, 2, 24).amax(dim=3) + 0,
    ],
)
def test_what_mixes_places_has_no_field(function):
    assert field(function) is None


def test_every_so_manieth_unit_is_a_window_of_one_pixel():
    stack = [Conv(3, padding=1, channels=4), Layer(1, stride=(1, 3))]
    assert field(lambda conv, x: conv(x)[..., ::3]) == arithmetic.receptive_field(stack)


def test_adaptive_pooling_to_a_divisor_is_pooling_side_by_side():
    stack = [Conv(3, padding=1, channels=4), Pool((4, 3))]
    assert field(lambda conv, x: F.adaptive_avg_pool2d(conv(x), (6, 8))) == arithmetic.receptive_field(stack)


def test_a_linear_layer_over_channels_last_keeps_the_field():
    class Local(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.linear = nn.Conv2d(4, 4, 5, padding=2), nn.Linear(4, 6)

        def forward(self, x):
            return self.linear(self.conv(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    assert trace(Local(), (4, 9, 9)).receptive_field.size == (5, 5)


# Branches that miss each other --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda conv, x: F.conv2d(x, conv.weight) + x[..., :-2, :-2], "pixel 1 in one and at 0 in another"),
        (lambda conv, x: torch.cat([conv(x)[..., 1:], x[..., :-1]], dim=1), "not aligned along the width"),
        (lambda conv, x: F.max_pool2d(x, 2) + x[..., :12, :12], "2 input pixels apart in one and 1 in another"),
        (lambda conv, x: F.avg_pool2d(x, 2) + conv(x)[..., ::2, ::2], "pixel 0.5 in one and at 0 in another"),
    ],
)
def test_branches_that_look_at_different_places_are_refused(function, sentence):
    with pytest.raises(MisalignedBranches, match=sentence):
        field(function)


def test_a_crop_that_makes_branches_meet_is_accepted():
    assert field(lambda conv, x: F.conv2d(x, conv.weight) + x[..., 1:-1, 1:-1]).size == (3, 3)


# What is counted ----------------------------------------------------------------------------------------------------


def test_rows_come_in_order_of_execution_with_shapes_costs_and_names():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4 * 4, 5))
    rows = trace(network, (3, 6, 6)).rows
    assert [row.name for row in rows] == ["0", "1", "2", "3"]
    assert [row.kind for row in rows] == ["Conv2d", "ReLU", "Flatten", "Linear"]
    assert [row.output_shape for row in rows] == [(8, 4, 4), (8, 4, 4), (128,), (5,)]
    assert [row.parameters for row in rows] == [224, 0, 0, 645]
    assert [row.macs for row in rows] == [27 * 128, 0, 0, 640]
    assert [row.in_place for row in rows] == [False, True, True, False]
    assert trace(network, (3, 6, 6)).activations == 128 + 5


def test_a_module_used_twice_costs_twice_and_learns_once():
    shared = nn.Conv2d(4, 4, 3, padding=1)
    traced = trace(nn.Sequential(shared, nn.ReLU(), shared), (4, 8, 8))
    assert traced.parameters == sum(weights.numel() for weights in shared.parameters())
    assert [row.parameters for row in traced.rows] == [148, 0, 0]
    assert traced.macs == 2 * 64 * 4 * 36
    assert traced.receptive_field.size == (5, 5)


def test_what_does_not_run_is_not_counted():
    network = Module(lambda conv, x: x * 2)
    assert trace(network, (4, 8, 8)).parameters == 0


def test_products_in_attention_count_as_multiply_accumulates():
    tokens, dim, heads = 10, 16, 4
    attention = nn.MultiheadAttention(dim, heads, batch_first=True)

    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = attention

        def forward(self, x):
            return self.attention(x, x, x, need_weights=False)[0]

    traced = trace(Attending(), (tokens, dim))
    assert traced.macs == 4 * tokens * dim**2 + 2 * tokens**2 * dim
    assert traced.parameters == sum(weights.numel() for weights in attention.parameters())


def test_a_transposed_convolution_costs_its_kernel_at_each_input():
    assert trace(nn.ConvTranspose2d(6, 4, 3, stride=2), (6, 5, 7)).macs == 35 * 6 * 4 * 9


def test_a_container_has_a_row_with_the_totals_of_what_is_inside():
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1))
    traced = trace(nn.Sequential(inner, nn.Flatten()), (3, 6, 6))
    row = traced.row("0")
    assert (row.input_shape, row.output_shape) == ((3, 6, 6), (5, 4, 4))
    assert (row.parameters, row.macs) == (traced.parameters, traced.macs)
    assert row.activations == (4 + 5) * 16


def test_a_module_with_values_on_the_cpu_and_one_without_give_the_same_trace_and_are_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    network[2].eval()
    before = {key: values.clone() for key, values in network.state_dict().items()}
    with torch.device("meta"):
        empty = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    assert trace(network, (3, 8, 8)) == trace(empty, (3, 8, 8))
    assert [part.training for part in network] == [True, True, False]
    assert all((before[key] == values).all() for key, values in network.state_dict().items())
    torch.save(network, io.BytesIO())  # a network with the hooks of a trace could not be pickled


@pytest.mark.parametrize(
    ("function", "shape", "sentence"),
    [
        (lambda conv, x: conv(x) if x.sum() > 0 else x, (4, 8, 8), r"its own forward \(Module\) stopped with"),
        (lambda conv, x: conv(x), (3, 8, 8), r"conv \(Conv2d\) stopped with .*channel"),
        (lambda conv, x: F.max_pool2d(conv(x), 9), (4, 4, 4), r"on an input of shape \(4, 4, 4\)"),
    ],
)
def test_a_module_that_cannot_be_traced_says_where_it_stopped(function, shape, sentence):
    with pytest.raises(Untraceable, match=sentence) as refused:
        field(function, shape)
    assert str(refused.value).startswith("Module cannot be traced on an input of shape")
    assert "\n" not in str(refused.value)


def test_a_row_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"No module called 'conv9' ran; those that did are 0, 1\."):
        trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), (3, 8, 8)).row("conv9")


def test_activations_of_a_stack_are_the_outputs_of_its_windows():
    block = Branches(([Conv(3, padding=1, channels=6), Conv(1, channels=4)], []))
    stack = [Conv(3, channels=4), block, Pool(2)]
    assert arithmetic.activations(stack, (3, 10, 10)) == 4 * 64 + (6 + 4) * 64 + 4 * 16
    assert math.prod(arithmetic.output_shape(stack, (3, 10, 10))) == 4 * 16
