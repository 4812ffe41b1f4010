"""Maps of the pixels that one number of a network depends on: by backward passes, by Grad-CAM, by occlusion.

Nothing here changes a network: modes, parameters, their gradients and `requires_grad` are afterwards as before, and no
hook is left.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# An index of the output behind the batch: of all images, or a tensor (N,) with one for each image.
Unit: TypeAlias = "int | Tensor | Sequence[int | Tensor]"
Rule: TypeAlias = Literal["gradient", "deconvnet", "guided"]
RULES: tuple[Rule, ...] = get_args(Rule)


class _Rectified(torch.autograd.Function):
    """A ReLU whose backward pass is that of a rule.

    With r what arrives from above and a the ReLU's input: gradient r·[a > 0]; deconvnet r·[r > 0]; guided both.
    """

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, a: Tensor, rule: Rule) -> Tensor:
        ctx.save_for_backward(a)
        ctx.rule = rule
        return a.clamp(min=0)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, arriving: Tensor) -> tuple[Tensor, None]:
        (a,) = ctx.saved_tensors
        passed = arriving
        if ctx.rule != "deconvnet":
            passed = passed * (a > 0)
        if ctx.rule != "gradient":
            passed = passed.clamp(min=0)
        return passed, None


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Have all modules in evaluation mode inside, and each in the mode it had afterwards."""
    training = [part for part in network.modules() if part.training]
    network.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def gradient(network: nn.Module, x: Tensor, unit: Unit, rule: Rule = "gradient") -> Tensor:
    """Return what a backward pass from one unit of `network(x)` brings to the pixels of `x` (N, C, H, W); same shape.

    The rule says what a ReLU lets through on the way back. "gradient" is the derivative (Simonyan, Vedaldi and
    Zisserman, 2014). "deconvnet" lets pass what is positive on its way back, wherever the ReLU's input was positive or
    not; max pooling puts values back where the maxima were (Zeiler and Fergus, 2014). "guided" asks for both
    (Springenberg et al., 2015). The pass begins with 1 at the unit, and each image has its own.

    Raises `ValueError` for another rule, for a unit that the output does not have, and where a rule other than
    "gradient" meets no `nn.ReLU`, or one that works in place.
    """
    if rule not in RULES:
        raise ValueError(f'The rule must be "gradient", "deconvnet" or "guided", not {rule!r}.')
    relus = [part for part in network.modules() if isinstance(part, nn.ReLU)]
    if rule != "gradient" and not relus:
        raise ValueError(f"The rule {rule!r} changes the backward pass of nn.ReLU, and the network has none.")
    if rule != "gradient" and any(relu.inplace for relu in relus):
        raise ValueError(f"The rule {rule!r} needs the input of each nn.ReLU: build the network with inplace=False.")
    x = x.detach().clone().requires_grad_()
    with ExitStack() as undo:
        undo.enter_context(evaluating(network))
        undo.enter_context(torch.enable_grad())
        if rule != "gradient":
            for relu in relus:
                hook = relu.register_forward_hook(lambda _, given, __: _Rectified.apply(given[0], rule))
                undo.callback(hook.remove)
        return torch.autograd.grad(chosen(network(x), unit).sum(), x)[0]


def chosen(output: Tensor, unit: Unit) -> Tensor:
    """Return the unit of each image: (N,) of (N, K) or (N, C, h, w).

    Raises `ValueError` where the output has no such unit.
    """
    index = tuple(unit) if isinstance(unit, (tuple, list)) else (unit,)
    shape = tuple(output.shape)
    if len(index) != output.ndim - 1:
        raise ValueError(f"An output of shape {shape} has units of {output.ndim - 1} indices, not {unit}.")
    for at, length in zip(index, shape[1:], strict=True):
        at = torch.as_tensor(at)
        if at.numel() and (at.min() < 0 or at.max() >= length):
            raise ValueError(f"An output of shape {shape} has no unit {unit}.")
    return output[(torch.arange(len(output), device=output.device), *index)]


def activations(network: nn.Module, x: Tensor, layer: str) -> Tensor:
    """Return what the module called `layer` outputs for `x`, without gradients; the rest of the network runs too.

    Raises `ValueError` when there is no such module.
    """
    with evaluating(network), torch.no_grad(), _kept(network, layer) as kept:
        network(x)
    return kept[0]


def grad_cam(network: nn.Module, x: Tensor, unit: Unit, layer: str) -> Tensor:
    """Return the Grad-CAM map (N, h, w) of a unit, on the maps (N, C, h, w) of the module called `layer`.

    Each channel is weighted by the mean over its places of the unit's gradient, the channels are added up, and what is
    negative in the sum becomes 0. The map is neither enlarged (see `enlarged`) nor scaled.

    Source: Selvaraju et al., Grad-CAM, 2017. Raises `ValueError` for a layer or a unit that is not there.
    """
    with evaluating(network), torch.enable_grad(), _kept(network, layer) as kept:
        score = chosen(network(x.detach().clone().requires_grad_()), unit).sum()
        weights = torch.autograd.grad(score, kept[0])[0].mean(dim=(2, 3))
    return torch.einsum("nc,nchw->nhw", weights, kept[0].detach()).clamp(min=0)


def occlusion(
    network: nn.Module,
    x: Tensor,
    unit: Unit,
    size: int,
    stride: int,
    fill: float | Tensor = 0.0,
    batch: int = 32,
) -> Tensor:
    """Return how much a unit falls when a square hides a pixel of `x` (N, C, H, W): (N, H, W), mean over the squares.

    Squares of `size` pixels begin at multiples of `stride` along both axes, and once more at the border. `fill`, a
    number or a colour (C,), takes the place of their pixels. At most `batch` covered images run at once.

    Source: Zeiler and Fergus, 2014. Raises `ValueError` when a square does not fit or squares leave gaps.
    """
    count, channels, height, width = x.shape
    if not 1 <= stride <= size <= min(height, width):
        raise ValueError(f"Squares of {size} pixels cannot cover {height}×{width} by steps of {stride}.")
    corners = [
        (top, left)
        for top in sorted({*range(0, height - size, stride), height - size})
        for left in sorted({*range(0, width - size, stride), width - size})
    ]
    colour = torch.as_tensor(fill, dtype=x.dtype, device=x.device).expand(channels)[:, None, None]
    numbers = torch.arange(count, device=x.device)
    total, times = x.new_zeros(count, height, width), x.new_zeros(height, width)
    with evaluating(network), torch.no_grad():
        before = in_parts(network, x, unit, numbers, batch)
        step = max(batch // max(count, 1), 1)
        for first in range(0, len(corners), step):
            some = corners[first : first + step]
            covered = x.repeat(len(some), 1, 1, 1)
            for i, (top, left) in enumerate(some):
                covered[i * count : (i + 1) * count, :, top : top + size, left : left + size] = colour
            after = in_parts(network, covered, unit, numbers.repeat(len(some)), batch).view(len(some), count)
            for (top, left), drop in zip(some, before - after, strict=True):
                total[:, top : top + size, left : left + size] += drop[:, None, None]
                times[top : top + size, left : left + size] += 1
    return total / times


def in_parts(network: nn.Module, x: Tensor, unit: Unit, numbers: Tensor, batch: int) -> Tensor:
    """Return the unit of each image of `x`; image i is a changed image `numbers[i]` of those that a unit may name."""

    def of(index: int | Tensor, part: Tensor) -> int | Tensor:
        return index.to(part.device)[part] if isinstance(index, Tensor) and index.ndim else index

    found = []
    for images, part in zip(x.split(batch), numbers.split(batch), strict=True):
        here = [of(index, part) for index in unit] if isinstance(unit, (tuple, list)) else of(unit, part)
        found.append(chosen(network(images), here))
    return torch.cat(found) if found else x.new_zeros(0)


def enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (N, h, w) at `size` (H, W), by bilinear interpolation with half-pixel centres."""
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def over_colours(x: Tensor) -> Tensor:
    """Return the largest magnitude over the colours of each pixel: (N, H, W) of (N, C, H, W), as Simonyan et al. do."""
    return x.abs().amax(dim=1)


@contextmanager
def _kept(network: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """Keep what the module called `layer` outputs, while inside."""
    parts = dict(network.named_modules())
    if not layer or layer not in parts:
        raise ValueError(f"The network has no layer {layer!r}; it has {', '.join(name for name in parts if name)}.")
    kept: list[Tensor] = []
    handle = parts[layer].register_forward_hook(lambda _, __, made: kept.append(made))
    try:
        yield kept
    finally:
        handle.remove()
