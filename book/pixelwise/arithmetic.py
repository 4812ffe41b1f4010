"""The arithmetic of windows: output sizes, fields, parameters, activations, multiply–accumulates of a list of layers.

A network is a sequence of layers, each a frozen record of its window. Kernel, stride, padding and dilation are an int
or a pair (height, width). Positions count input pixels: the centre of the first pixel is 0, so a window over pixels
0, 1, 2 is centred at 1. A feature map's unit (0, 0) is the first along both axes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, TypeAlias

Pair: TypeAlias = tuple[int, int]
Size: TypeAlias = int | Pair
Shape: TypeAlias = tuple[int, int, int]

AXES = ("height", "width")


class MisalignedBranches(ValueError):
    """Parallel branches of a network meet although their units look at different places."""


# Output sizes -------------------------------------------------------------------------------------------------------


def convolution_output_size(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return how many windows fit along an axis of `n` pixels: floor((n + 2p − d(k−1) − 1) / s) + 1.

    All are counts of pixels along one axis; the same formula serves convolution and pooling.

    Raises `ValueError` when a parameter is out of range or when not even one window fits.

    Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016, relationship 15.
    """
    _require_window(kernel, stride, padding, dilation)
    extent = dilation * (kernel - 1) + 1
    if n + 2 * padding < extent:
        raise ValueError(
            f"A window that spans {extent} pixels does not fit {n} pixels with {padding} of padding on each side."
        )
    return (n + 2 * padding - extent) // stride + 1


def transposed_output_size(
    n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Return the length that a transposed convolution makes of `n` units: (n−1)s − 2p + d(k−1) + 1 + output_padding.

    All are counts along one axis. `output_padding` picks among the s input sizes that a convolution with the same
    window would have mapped to `n`: it gives back what `padding` cropped, at the end only.

    Raises `ValueError` when a parameter is out of range, when `output_padding` is not smaller than stride or dilation
    (PyTorch's rule), or when nothing would be left.

    Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016, relationship 14.
    """
    _require_window(kernel, stride, padding, dilation)
    if n < 1:
        raise ValueError(f"A transposed convolution needs at least one unit, not {n}.")
    if not 0 <= output_padding < max(stride, dilation):
        raise ValueError(
            f"output_padding must be at least 0 and smaller than stride or dilation, not {output_padding} "
            f"at stride {stride} and dilation {dilation}."
        )
    size = (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding
    if size < 1:
        raise ValueError(f"Padding {padding} removes all of the output of a transposed convolution of {n} units.")
    return size


# Layers -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A window that slides: what convolution and pooling have in common.

    `kernel`, `stride`, `padding`, `dilation` are in pixels of the layer's input, an int or a pair (height, width).

    Raises `ValueError` when one of them is out of range.
    """

    kernel: Size
    stride: Size = 1
    padding: Size = 0
    dilation: Size = 1
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        for parameter in ("kernel", "stride", "padding", "dilation"):
            # The record is frozen for its readers; it may still put its own arguments in order.
            object.__setattr__(self, parameter, _pair(parameter, getattr(self, parameter)))
        for window in zip(self.kernel, self.stride, self.padding, self.dilation, strict=True):
            _require_window(*window)

    def window(self, axis: int) -> tuple[int, int, int, int]:
        """Return (kernel, stride, padding, dilation) along `axis`, 0 for height and 1 for width."""
        return self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis]

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape (C, H, W) that the layer makes of an input of `shape`.

        Raises `ValueError` when no window fits.
        """
        channels, height, width = shape
        return channels, self.output_size(height, 0), self.output_size(width, 1)

    def output_size(self, n: int, axis: int) -> int:
        """Return how many units the layer makes of `n` along `axis`, 0 for height and 1 for width.

        Raises `ValueError` when no window fits.
        """
        return convolution_output_size(n, *self.window(axis))

    def parameters(self, in_channels: int) -> int:
        """Return how many numbers the layer learns."""
        return 0

    def macs(self, shape: Shape) -> int:
        """Return the multiply–accumulates for one input of `shape` (C, H, W)."""
        return 0


@dataclass(frozen=True)
class Pool(Layer):
    """Pooling, maximum or average: a window without weights. The stride is the kernel unless given, as in PyTorch.

    With `ceil`, a last window that begins on the map or its first padding, but sticks out at the end, counts too, even
    if it is the only one.
    """

    stride: Size | None = None
    ceil: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.stride is None:
            object.__setattr__(self, "stride", self.kernel)
        super().__post_init__()

    def output_size(self, n: int, axis: int) -> int:
        kernel, stride, padding, dilation = self.window(axis)
        last = n + 2 * padding - dilation * (kernel - 1) - 1  # where the last window that fits may begin
        if not self.ceil or last <= -stride:
            return super().output_size(n, axis)
        made = -(-last // stride) + 1
        return made - ((made - 1) * stride >= n + padding)


@dataclass(frozen=True)
class Conv(Layer):
    """A convolution to `channels` feature maps, its input channels split in `groups`, with a bias unless told.

    Raises `ValueError` when `channels` cannot be split in `groups`.
    """

    channels: int = field(kw_only=True)
    groups: int = field(default=1, kw_only=True)
    bias: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels < 1 or self.groups < 1 or self.channels % self.groups:
            raise ValueError(f"{self.channels} channels cannot be split into {self.groups} equal groups.")

    def output_shape(self, shape: Shape) -> Shape:
        self._require_groups(shape[0])
        return (self.channels, *super().output_shape(shape)[1:])

    def parameters(self, in_channels: int) -> int:
        self._require_groups(in_channels)
        weights = self.channels * (in_channels // self.groups) * math.prod(self.kernel)
        return weights + self.channels * self.bias

    def macs(self, shape: Shape) -> int:
        _, height, width = self.output_shape(shape)
        return height * width * replace(self, bias=False).parameters(shape[0])

    def _require_groups(self, in_channels: int) -> None:
        if in_channels % self.groups:
            raise ValueError(f"{in_channels} input channels cannot be split into {self.groups} equal groups.")


@dataclass(frozen=True)
class Pad(Layer):
    """Rows and columns put around a map, or cut off where negative, each an int or a pair (height, width) of units.

    `before` are those at the top and left, `after` those at the bottom and right.
    """

    kernel: Size = 1
    before: Size = field(default=0, kw_only=True)
    after: Size = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for parameter in ("before", "after"):
            object.__setattr__(self, parameter, _pair(parameter, getattr(self, parameter)))

    def window(self, axis: int) -> tuple[int, int, int, int]:
        return 1, 1, self.before[axis], 1

    def output_size(self, n: int, axis: int) -> int:
        made = n + self.before[axis] + self.after[axis]
        if made < 1:
            raise ValueError(f"Cutting {-self.before[axis] - self.after[axis]} units off {n} leaves nothing.")
        return made


@dataclass(frozen=True)
class Branches:
    """Paths that start at the same map and meet again, by addition or by concatenation of channels.

    An empty path is the identity, a residual network's shortcut.
    """

    paths: tuple[tuple["Layer | Branches", ...], ...]
    merge: Literal["add", "concatenate"] = "add"
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", tuple(tuple(path) for path in self.paths))
        if not self.paths:
            raise ValueError("Branches need at least one path.")

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape (C, H, W) after the paths have met.

        Raises `ValueError` when the paths' outputs do not fit each other.
        """
        made = [output_shape(path, shape) for path in self.paths]
        if len({sides[1:] for sides in made}) > 1 or (self.merge == "add" and len(set(made)) > 1):
            raise ValueError(f"The branches make outputs that do not fit each other: {', '.join(map(str, made))}.")
        return (sum(channels for channels, *_ in made) if self.merge == "concatenate" else made[0][0], *made[0][1:])

    def parameters(self, in_channels: int) -> int:
        """Return how many numbers the paths learn together."""
        return sum(parameters(path, in_channels) for path in self.paths)

    def macs(self, shape: Shape) -> int:
        """Return the multiply–accumulates of all paths for one input of `shape` (C, H, W)."""
        return sum(macs(path, shape) for path in self.paths)


Stack: TypeAlias = Sequence[Layer | Branches]


def output_shape(layers: Stack, shape: Shape) -> Shape:
    """Return the shape (C, H, W) that a stack of layers makes of an input of `shape`.

    Raises `ValueError` when a window does not fit or branches do not fit each other.
    """
    for layer in layers:
        shape = layer.output_shape(shape)
    return shape


def parameters(layers: Stack, in_channels: int) -> int:
    """Return how many numbers a stack learns, weights and biases, from `in_channels` input channels on.

    Raises `ValueError` when channels cannot be split into a layer's groups.
    """
    total = 0
    for layer in layers:
        total += layer.parameters(in_channels)
        in_channels = _channels_after(layer, in_channels)
    return total


def activations(layers: Stack, shape: Shape) -> int:
    """Return how many numbers a stack's layers put out together for one input of `shape` (C, H, W), the input left out.

    Each convolution and each pooling counts its output once. Where branches meet nothing is added: the sum can be
    written into one of them, and a concatenation is where its parts were written to begin with.

    Raises `ValueError` as `output_shape` does.
    """
    total = 0
    for layer in layers:
        made = layer.output_shape(shape)
        total += (
            sum(activations(path, shape) for path in layer.paths) if isinstance(layer, Branches) else math.prod(made)
        )
        shape = made
    return total


def macs(layers: Stack, shape: Shape) -> int:
    """Return the multiply–accumulates of a stack for one input of `shape` (C, H, W).

    A convolution counts C_out · H_out · W_out · (C_in / groups) · k_h · k_w; biases, pooling and sums count nothing.

    Raises `ValueError` as `output_shape` does.
    """
    total = 0
    for layer in layers:
        total += layer.macs(shape)
        shape = layer.output_shape(shape)
    return total


# Receptive fields ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that a map's units see, in input pixels, each a pair (height, width).

    `size` is the side r of a unit's field, holes included; `jump` the distance j between the fields of neighbouring
    units; `start` the centre of unit (0, 0)'s field, where the centre of the first pixel is 0.
    """

    size: Pair = (1, 1)
    jump: Pair = (1, 1)
    start: tuple[float, float] = (0.0, 0.0)

    def interval(self, unit: int, axis: int) -> Pair:
        """Return the first and the last pixel that `unit` sees along `axis`, padding counted (so −1 is padding)."""
        centre, reach = self.start[axis] + unit * self.jump[axis], (self.size[axis] - 1) / 2
        return round(centre - reach), round(centre + reach)

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Return (top, left, bottom, right), all inclusive, of the field of the unit at (row, column)."""
        (top, bottom), (left, right) = self.interval(row, 0), self.interval(column, 1)
        return top, left, bottom, right


def receptive_field(layers: Stack) -> ReceptiveField:
    """Return the receptive field of the units that a stack of layers ends in.

    Per layer, in this order: r += d(k−1)·j; start += (d(k−1)/2 − p)·j; j ·= s. Where branches meet, the field is the
    union of theirs.

    Raises `MisalignedBranches` when branches meet whose jumps or centres differ: one number could not describe the
    result, and the network adds up values that belong to different places.

    Source: Araujo, Norris and Sim, Computing receptive fields of convolutional neural networks, Distill, 2019.
    """
    *_, last = receptive_fields(layers)
    return last


def receptive_fields(layers: Stack) -> Iterator[ReceptiveField]:
    """Yield the receptive field of a pixel, then of the units after each layer of the stack.

    Raises `MisalignedBranches` as `receptive_field` does.
    """
    seen = ReceptiveField()
    yield seen
    for layer in layers:
        seen = grown(seen, layer)
        yield seen


def seen_units(layers: Sequence[Layer], unit: int, n: int, axis: int = 1) -> list[list[int]]:
    """Return, from the input to the last map, which units along `axis` reach `unit` of the last map.

    `n` is the input's length in pixels. Unlike the field of `receptive_field`, the lists leave out holes between the
    taps of dilated or widely spaced windows, and padding.

    Raises `ValueError` when a window does not fit or `unit` lies outside the last map.
    """
    lengths = [n]
    for layer in layers:
        lengths.append(layer.output_size(lengths[-1], axis))
    if not 0 <= unit < lengths[-1]:
        raise ValueError(f"The last map has units 0 to {lengths[-1] - 1}, and no unit {unit}.")
    seen = [[unit]]
    for layer, length in zip(reversed(layers), reversed(lengths[:-1]), strict=True):
        kernel, stride, padding, dilation = layer.window(axis)
        taps = {u * stride - padding + tap * dilation for u in seen[0] for tap in range(kernel)}
        seen.insert(0, sorted(tap for tap in taps if 0 <= tap < length))
    return seen


def grown(seen: ReceptiveField, layer: Layer | Branches) -> ReceptiveField:
    """Return the receptive field after one more layer, by the recurrences of `receptive_field`.

    Raises `MisalignedBranches` as `receptive_field` does.
    """
    if isinstance(layer, Branches):
        return union([_through(seen, path) for path in layer.paths], layer.name)
    size, jump, start = [], [], []
    for axis in (0, 1):
        kernel, stride, padding, dilation = layer.window(axis)
        r, j, first = seen.size[axis], seen.jump[axis], seen.start[axis]
        reach = dilation * (kernel - 1)
        size.append(r + reach * j)
        start.append(first + (reach / 2 - padding) * j)
        jump.append(j * stride)
    return ReceptiveField(tuple(size), tuple(jump), tuple(start))


def _through(seen: ReceptiveField, path: Stack) -> ReceptiveField:
    for layer in path:
        seen = grown(seen, layer)
    return seen


def union(fields: Sequence[ReceptiveField], name: str = "") -> ReceptiveField:
    """Return what the units of a map see that branches with these fields make together; `name` is for the message.

    Raises `MisalignedBranches` when jumps or centres differ.
    """
    block = f"{name!r}" if name else "this block"
    for one, other in pairwise(fields):
        for axis, side in enumerate(AXES):
            if one.jump[axis] != other.jump[axis]:
                raise MisalignedBranches(
                    f"The branches of {block} meet at different strides along the {side}: neighbouring "
                    f"units are {one.jump[axis]} input pixels apart in one and {other.jump[axis]} in another."
                )
            if one.start[axis] != other.start[axis]:
                raise MisalignedBranches(
                    f"The branches of {block} are not aligned along the {side}: the first unit is "
                    f"centred at input pixel {one.start[axis]:g} in one and at {other.start[axis]:g} in another; "
                    "pad each branch so that its windows share their centres."
                )
    size = tuple(max(seen.size[axis] for seen in fields) for axis in (0, 1))
    return replace(fields[0], size=size)


def _channels_after(layer: Layer | Branches, in_channels: int) -> int:
    if isinstance(layer, Conv):
        return layer.channels
    if isinstance(layer, Branches):
        ends = []
        for path in layer.paths:
            channels = in_channels
            for inner in path:
                channels = _channels_after(inner, channels)
            ends.append(channels)
        return sum(ends) if layer.merge == "concatenate" else ends[0]
    return in_channels


def _pair(parameter: str, value: object) -> Pair:
    sides = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and not isinstance(side, bool) for side in sides):
        raise ValueError(f"{parameter} must be a whole number or a pair (height, width) of them, not {value!r}.")
    return sides


def _require_window(kernel: int, stride: int, padding: int, dilation: int) -> None:
    for parameter, value, least in (
        ("kernel", kernel, 1),
        ("stride", stride, 1),
        ("padding", padding, 0),
        ("dilation", dilation, 1),
    ):
        if value < least:
            raise ValueError(f"{parameter} must be at least {least}, not {value}.")
