"""Tracing: what each module of a network computes, learns, costs and sees.

    trace(zoo.build("resnet50"), (3, 224, 224)).macs

One forward pass of tensors that have shapes but no values runs through the module, and every operator that it calls is
translated to the layers of `pixelwise.arithmetic`. Parameters, activations and multiply–accumulates are counted on the
way; receptive fields are those that `arithmetic` gives for the layers met, so that no formula exists twice.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pixelwise import arithmetic
from pixelwise.arithmetic import Branches, Conv, Layer, MisalignedBranches, Pad, Pool, ReceptiveField


class Untraceable(ValueError):
    """A module did not run on tensors without values, so nothing can be said about it."""


@dataclass(frozen=True)
class Row:
    """One module's part in a forward pass. Shapes leave out the batch: (C, H, W) for maps.

    `parameters` are numbers learned that this module was the first to use, `activations` numbers in its output,
    `macs` multiply–accumulates for one input. `in_place` says that the module only changes each number by itself,
    normalises or rearranges (a nonlinearity, batch normalisation in evaluation, dropout, flatten): it needs no memory
    of its own. For a module with children all of these are totals of what is inside, `activations` without what could
    work in place. `receptive_field` is that of the output's units and `layers` the stack from the pixels to them; both
    are None where no window describes what a unit sees, as after attention or global pooling.
    """

    name: str
    kind: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    activations: int
    macs: int
    in_place: bool
    receptive_field: ReceptiveField | None
    layers: tuple[Layer | Branches, ...] | None = field(repr=False)


@dataclass(frozen=True)
class Trace:
    """A forward pass as rows, one per innermost module in order of execution, and their totals.

    A module with children has a row among `rows` only for what it computes or learns outside them. `containers` holds
    one for each module with children, with the totals of everything inside it, in the order in which they finish.

    `receptive_field` is that of the units of the last map (N, C, H, W) before the head, and `layers` the stack from the
    pixels to them; both are None where no window describes them. The stack keeps the channels and biases of
    convolutions, and leaves out what sees only its own place (normalisation, nonlinearities) and the choice of some
    channels (`x[:, :16]`), which no window describes.
    """

    rows: tuple[Row, ...]
    containers: tuple[Row, ...] = field(repr=False)
    receptive_field: ReceptiveField | None
    layers: tuple[Layer | Branches, ...] | None = field(repr=False)

    @property
    def parameters(self) -> int:
        """How many numbers the modules that ran learn, each counted once."""
        return sum(row.parameters for row in self.rows)

    @property
    def activations(self) -> int:
        """How many numbers the modules put out for one input, those left out that could work in place."""
        return sum(row.activations for row in self.rows if not row.in_place)

    @property
    def macs(self) -> int:
        """Multiply–accumulates for one input: convolutions, linear layers and the products in attention.

        Biases, normalisation, pooling and nonlinearities count nothing: torchvision's convention for the operations
        that it publishes with its weights.
        """
        return sum(row.macs for row in self.rows)

    def row(self, name: str) -> Row:
        """Return the row of the module called `name`, as in `nn.Module.named_modules`; the first if it ran twice.

        Raises `ValueError` when no module of that name ran.
        """
        for row in (*self.containers, *self.rows):
            if row.name == name:
                return row
        raise ValueError(
            f"No module called {name!r} ran; those that did are {', '.join(row.name for row in self.rows)}."
        )


def trace(module: nn.Module, input_shape: Sequence[int]) -> Trace:
    """Trace one forward pass of `module`, in evaluation mode, on one input of `input_shape` (C, H, W).

    Nothing is computed: tensors have shapes only, so a large network takes moments and no memory. The module is left
    as it was. Build it under `torch.device("meta")` to save the initialisation, too.

    Raises `MisalignedBranches` where branches meet that look at different places, `Untraceable` where the module needs
    values (`if x.sum() > 0`) or does not fit the input.
    """
    learned = {name: weights.detach().to("meta") for name, weights in module.named_parameters()}
    buffers = {name: values.to("meta") for name, values in module.named_buffers()}
    kind = next((values.dtype for values in learned.values() if values.is_floating_point()), torch.float32)
    x = torch.zeros(1, *input_shape, dtype=kind, device="meta")
    tracer = _Tracer(x, learned.values())
    training = [part for part in module.modules() if part.training]
    with ExitStack() as undo:
        undo.callback(lambda: [setattr(part, "training", True) for part in training])
        module.eval()
        for name, part in module.named_modules():
            for handle in tracer.watch(name, part):
                undo.callback(handle.remove)
        try:
            with torch.no_grad(), torch.device("meta"), tracer:
                functional_call(module, learned | buffers, (x,))
        except MisalignedBranches:
            raise
        except Exception as problem:
            at = tracer.running[-1] if tracer.running else None
            where = f"{at.name or 'its own forward'} ({type(at.module).__name__})" if at else "its own forward"
            reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
            raise Untraceable(
                f"{type(module).__name__} cannot be traced on an input of shape {tuple(input_shape)}: "
                f"{where} stopped with {reason!r}"
            ) from problem
    seen = tracer.last_map
    layers = None if seen.field is None else seen.layers
    return Trace(tuple(tracer.rows), tuple(tracer.containers), seen.field, layers)


# Following a forward pass -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _View:
    """What a tensor's entries see. `axes` are its height and width; a tensor without places has `field` None."""

    field: ReceptiveField | None
    layers: tuple[Layer | Branches, ...] = ()
    axes: tuple[int, int] = (2, 3)

    def through(self, *layers: Layer) -> "_View":
        seen = self.field
        for layer in layers:
            seen = arithmetic.grown(seen, layer)
        return replace(self, field=seen, layers=self.layers + layers)

    def at(self, axes: Iterable[int | None]) -> "_View":
        axes = tuple(axes)
        return NO_WINDOW if None in axes else replace(self, axes=axes)


NO_WINDOW = _View(None)


@dataclass
class _Running:
    """A module between the beginning and the end of its forward pass."""

    name: str
    module: nn.Module
    macs: int = 0
    parameters: int = 0
    in_place: bool = True
    innermost: bool = True
    first_row: int = 0


class _Tracer(TorchDispatchMode):
    """Sees every operator of a forward pass after PyTorch has broken it down, and knows which module called it."""

    def __init__(self, x: Tensor, learned: Iterable[Tensor]) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.containers: list[Row] = []
        self.last_map = NO_WINDOW
        self.running: list[_Running] = []
        self.unused = {id(weights): weights.numel() for weights in learned}
        self.views = {id(x): _View(ReceptiveField())} if x.ndim == 4 else {id(x): NO_WINDOW}
        self.kept: list[object] = []  # as long as a tensor lives, no other has its id

    # Modules

    def watch(self, name: str, module: nn.Module) -> list[Any]:
        """Hook `module` so that its beginning and end are noticed; return the handles that undo it."""

        def begin(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            if self.running:
                self.running[-1].innermost = False
            self.running.append(_Running(name, module, first_row=len(self.rows)))

        def end(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
            self.finish(self.running.pop(), inputs, output)

        return [module.register_forward_pre_hook(begin), module.register_forward_hook(end)]

    def finish(self, done: _Running, inputs: object, output: object) -> None:
        """Write the row of a module that has run."""
        given, made = (next((t for t in tree_leaves(x) if isinstance(t, Tensor)), None) for x in (inputs, output))
        if given is None or made is None:
            return
        self.keep_places(done, given, made)
        tokens = made.ndim == 3 and math.prod(made.shape[2:]) > 1
        if tokens and self.views.get(id(made), NO_WINDOW) is NO_WINDOW:
            self.last_map = NO_WINDOW
        view = self.views.get(id(made), NO_WINDOW)
        row = Row(
            done.name,
            type(done.module).__name__,
            tuple(given.shape[1:]),
            tuple(made.shape[1:]),
            done.parameters,
            math.prod(made.shape[1:]),
            done.macs,
            done.in_place,
            view.field,
            None if view.field is None else view.layers,
        )
        if done.innermost or done.macs or done.parameters:
            self.rows.append(row)
        if not done.innermost:
            inside = self.rows[done.first_row :]
            totals = Trace(tuple(inside), (), None, None)
            self.containers.append(
                replace(
                    row,
                    parameters=totals.parameters,
                    activations=totals.activations,
                    macs=totals.macs,
                    in_place=all(row.in_place for row in inside),
                )
            )

    def see(self, tensor: Tensor, view: _View) -> None:
        """Note what a tensor sees."""
        self.kept.append(tensor)
        self.views[id(tensor)] = view
        if tensor.ndim == 4 and (view.field is not None or math.prod(tensor.shape[2:]) > 1):
            self.last_map = view

    def keep_places(self, done: _Running, given: Tensor, made: Tensor) -> None:
        """Know two modules that work at each place by itself, which their operators no longer show."""
        view = self.views.get(id(given))
        done.in_place |= isinstance(done.module, nn.LocalResponseNorm)
        if view is None or view.field is None:
            return
        over_channels = isinstance(done.module, nn.Linear) and given.ndim - 1 not in view.axes
        if over_channels or isinstance(done.module, nn.LocalResponseNorm):
            self.see(made, view)

    # Operators

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        made = func(*args, **(kwargs or {}))
        given = {argument.name: argument.default_value for argument in func._schema.arguments}
        given |= dict(zip(given, args, strict=False)) | (kwargs or {})
        tensors = [value for value in tree_leaves(given) if isinstance(value, Tensor)]
        outputs = [value for value in tree_leaves(made) if isinstance(value, Tensor)]
        name = func._schema.name.removeprefix("aten::").rstrip("_")
        at = self.running[-1]
        at.macs += _macs(name, given, outputs)
        at.parameters += sum(self.unused.pop(id(tensor), 0) for tensor in tensors)
        pointwise = torch.Tag.pointwise in func.tags or name in _AT_EACH_PLACE
        at.in_place &= pointwise or name in _REARRANGING
        seeing = [(tensor, self.views[id(tensor)]) for tensor in tensors if id(tensor) in self.views]
        view = None
        if seeing and name not in _SHAPED_LIKE:
            blurred = any(view.field is None for _, view in seeing)
            view = NO_WINDOW if blurred else self.follow(name, pointwise, given, outputs, seeing)
        for output in outputs:
            self.kept.append(output)
            if view is not None:
                self.see(output, view)
                if func._schema.is_mutable and output._base is not None:  # written into a part of another tensor
                    self.see(output._base, NO_WINDOW)
        return made

    def follow(
        self,
        name: str,
        pointwise: bool,
        given: dict[str, Any],
        outputs: list[Tensor],
        seeing: list[tuple[Tensor, _View]],
    ) -> _View:
        """Return what the output of an operator sees, or NO_WINDOW where no window describes it."""
        x, view = seeing[0]
        made = outputs[0]
        height_and_width = view.axes == (x.ndim - 2, x.ndim - 1)
        if pointwise:
            return self.meet([self.broadcast(*pair, made) for pair in seeing], "add")
        if name == "cat":
            beside = given["dim"] % x.ndim not in view.axes and len(seeing) == len(given["tensors"])
            return self.meet([view for _, view in seeing], "concatenate") if beside else NO_WINDOW
        if len(seeing) > 1:
            return NO_WINDOW
        match name:
            case "convolution" if height_and_width and x is given["input"] and not given["transposed"]:
                return view.through(
                    Conv(
                        tuple(given["weight"].shape[2:]),
                        tuple(given["stride"]),
                        tuple(given["padding"]),
                        tuple(given["dilation"]),
                        channels=given["weight"].shape[0],
                        groups=given["groups"],
                        bias=given["bias"] is not None,
                        name=self.running[-1].name,
                    )
                )
            case "max_pool2d_with_indices" | "max_pool2d" | "avg_pool2d" if height_and_width:
                window = (_both(given[part]) for part in ("kernel_size", "stride", "padding"))
                dilation = _both(given.get("dilation", 1))
                kernel, stride, padding = window
                ceil = bool(given["ceil_mode"])
                return view.through(Pool(kernel, stride, padding, dilation, ceil=ceil, name=self.running[-1].name))
            case "_adaptive_avg_pool2d" | "adaptive_max_pool2d" if height_and_width:
                return self.shrunk(view, x.shape[-2:], made.shape[-2:])
            case "slice":
                axis = given["dim"] % x.ndim
                return self.cut(view, axis, x.shape[axis], given) if axis in view.axes else view
            case "constant_pad_nd" | "reflection_pad2d" | "replication_pad2d":
                return self.padded(view, x.ndim, given["pad" if "pad" in given else "padding"])
            case "view" | "_unsafe_view" | "reshape" | "_reshape_alias":
                return view.at(_where(view.axes, x.shape, made.shape))
            case "permute":
                order = [axis % x.ndim for axis in given["dims"]]
                return view.at(order.index(axis) for axis in view.axes)
            case "transpose" | "t":
                one, other = (given[key] % x.ndim for key in ("dim0", "dim1")) if name == "transpose" else (0, 1)
                return view.at({one: other, other: one}.get(axis, axis) for axis in view.axes)
            case "unsqueeze":
                new = given["dim"] % made.ndim
                return view.at(axis + (axis >= new) for axis in view.axes)
            case "expand":
                return view.at(axis + made.ndim - x.ndim for axis in view.axes)
            case "select" | "squeeze" | "mean" | "sum" | "amax" | "amin" | "var" | "std" | "max" | "min":
                return self.reduced(view, x, given)
            case "split" | "split_with_sizes" | "index_select" | "_softmax" | "_safe_softmax" | "_log_softmax":
                return NO_WINDOW if given["dim"] % x.ndim in view.axes else view
            case "index":
                kept = [choice is None for choice in given["indices"]] + [True] * x.ndim
                return view if all(kept[axis] for axis in view.axes) and made.ndim == x.ndim else NO_WINDOW
            case "native_layer_norm":
                return view if max(view.axes) < x.ndim - len(given["normalized_shape"]) else NO_WINDOW
            case "roll":
                return NO_WINDOW if {axis % x.ndim for axis in given["dims"]} & {*view.axes} else view
        return NO_WINDOW

    def meet(self, views: list[_View], merge: str) -> _View:
        """Return what is seen where branches meet: the union, described as branches from their last common map on."""
        if NO_WINDOW in views or len({view.axes for view in views}) > 1:
            return NO_WINDOW
        stacks = [view.layers for view in views]
        common = 0
        while all(len(stack) > common and stack[common] is stacks[0][common] for stack in stacks):
            common += 1
        if not any(len(stack) > common for stack in stacks):
            return views[0]
        name = self.running[-1].name
        seen = arithmetic.union([view.field for view in views], name)
        branches = Branches(tuple(stack[common:] for stack in stacks), merge=merge, name=name)
        return replace(views[0], field=seen, layers=(*stacks[0][:common], branches))

    def broadcast(self, tensor: Tensor, view: _View, made: Tensor) -> _View:
        """Return a tensor's view as one of `made`'s, with which it was combined number by number."""
        axes = tuple(axis + made.ndim - tensor.ndim for axis in view.axes)
        spread = any(tensor.shape[old] != made.shape[new] for old, new in zip(view.axes, axes, strict=True))
        return NO_WINDOW if spread else replace(view, axes=axes)

    def shrunk(self, view: _View, before: Sequence[int], after: Sequence[int]) -> _View:
        """Adaptive pooling: nothing, or equal windows side by side, or no single window."""
        if tuple(before) == tuple(after):
            return view
        if tuple(after) == (1, 1) or any(n % m for n, m in zip(before, after, strict=True)):
            return NO_WINDOW
        kernel = tuple(n // m for n, m in zip(before, after, strict=True))
        return view.through(Pool(kernel, name=self.running[-1].name))

    def cut(self, view: _View, cut: int, size: int, given: dict[str, Any]) -> _View:
        """`x[..., start:end:step]` along the axis `cut`, height or width: a crop, then every so manieth unit."""
        start, end, step = slice(given["start"], given["end"], given["step"]).indices(size)

        def along(value: int, otherwise: int) -> tuple[int, int]:
            return tuple(value if axis == cut else otherwise for axis in view.axes)

        layers: list[Layer] = []
        name = self.running[-1].name
        if start or end < size:
            layers.append(Pad(before=along(-start, 0), after=along(end - size, 0), name=name))
        if step > 1:
            layers.append(Layer(1, stride=along(step, 1), name=name))
        return view.through(*layers)

    def padded(self, view: _View, ndim: int, pad: Sequence[int]) -> _View:
        """`F.pad`, whose numbers come in pairs (before, after) from the last axis on."""
        pairs = {ndim - 1 - i: pad[2 * i : 2 * i + 2] for i in range(len(pad) // 2)}
        before, after = (tuple(pairs.get(axis, (0, 0))[end] for axis in view.axes) for end in (0, 1))
        return view.through(Pad(before=before, after=after, name=self.running[-1].name))

    def reduced(self, view: _View, x: Tensor, given: dict[str, Any]) -> _View:
        """A sum, mean, maximum or choice along axes, which then are gone, or have one entry."""
        dims = given.get("dim")
        if dims is None or dims == []:
            return NO_WINDOW
        gone = {axis % x.ndim for axis in (dims if isinstance(dims, (list, tuple)) else [dims])}
        if gone & {*view.axes}:
            return NO_WINDOW
        if given.get("keepdim"):
            return view
        return view.at(axis - sum(other < axis for other in gone) for axis in view.axes)


# Operators that leave each number at its place but are not marked pointwise.
_AT_EACH_PLACE = {
    "hardswish", "native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm", "batch_norm",
    "native_dropout", "_to_copy", "detach", "alias", "contiguous", "lift_fresh", "prelu", "_prelu_kernel", "rrelu",
}  # fmt: skip
# Operators that take only the shape from their input.
_SHAPED_LIKE = {
    "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like",
    "new_empty", "new_zeros", "new_ones", "new_full",
}  # fmt: skip
# Operators that make no new number: what they put out may be a view, or could be normalised in place.
_REARRANGING = {
    "view", "_unsafe_view", "reshape", "_reshape_alias", "permute", "transpose", "t", "unsqueeze", "squeeze", "expand",
    "select", "slice", "split", "split_with_sizes", "empty", "zeros", "native_layer_norm", "native_group_norm",
    "_softmax", "_log_softmax",
}  # fmt: skip


def _macs(name: str, given: dict[str, Any], outputs: list[Tensor]) -> int:
    """Return an operator's multiply–accumulates: how many numbers it makes times how many products each sums up."""
    match name:
        case "convolution" if given["transposed"]:
            return math.prod(given["input"].shape[2:]) * given["input"].shape[0] * given["weight"].numel()
        case "convolution":
            return outputs[0].numel() * math.prod(given["weight"].shape[1:])
        case "mm" | "bmm":
            return outputs[0].numel() * given["self"].shape[-1]
        case "addmm" | "baddbmm":
            return outputs[0].numel() * given["mat1" if name == "addmm" else "batch1"].shape[-1]
        case "linear":
            return outputs[0].numel() * given["weight"].shape[-1]
    return 0


def _where(axes: tuple[int, int], old: Sequence[int], new: Sequence[int]) -> list[int | None]:
    """Return where each of `axes` of a tensor of shape `old` is after a view as `new`, or None where it was cut up.

    An axis is the same one if it has the same length and the same number of entries behind each of its steps.
    """
    found: list[int | None] = []
    at = 0
    for axis in axes:
        behind = math.prod(old[axis + 1 :])
        at = next((i for i in range(at, len(new)) if (new[i], math.prod(new[i + 1 :])) == (old[axis], behind)), None)
        found.append(at)
        at = 0 if at is None else at + 1
    return found


def _both(value: int | Sequence[int]) -> tuple[int, int] | None:
    sides = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return None if not sides else sides * 2 if len(sides) == 1 else sides
