"""Images that excite a unit, found from noise by gradient ascent under a prior of what images are like."""

import torch
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from pixelwise.seeing.maps import Unit, chosen, evaluating


def total_variation(x: Tensor) -> Tensor:
    """Return the mean square of the differences of neighbouring pixels of each image: (N,) of (N, C, H, W)."""
    down = (x[:, :, 1:] - x[:, :, :-1]).square().mean(dim=(1, 2, 3))
    return down + (x[:, :, :, 1:] - x[:, :, :, :-1]).square().mean(dim=(1, 2, 3))


def dream(
    network: nn.Module,
    unit: Unit,
    shape: tuple[int, int, int, int],
    steps: int = 128,
    rate: float = 0.05,
    variation: float = 0.0,
    shift: int = 0,
    blur: float = 0.0,
    bounds: tuple[float, float] = (-2.0, 2.5),
    seed: int = 0,
) -> Tensor:
    """Return images of `shape` (N, C, H, W) whose unit is large, found from noise; values stay within `bounds`.

    Adam goes up the unit's value minus `variation` times the `total_variation`. The prior has two more parts: before
    each step the image is shifted around by up to `shift` pixels along both axes, and every tenth step it is blurred by
    a Gaussian of `blur` pixels (0 leaves each out). Parameters of the network stay as they are.

    Sources: Simonyan et al., 2014, ascend with a penalty; Mahendran and Vedaldi, Understanding deep image
    representations by inverting them, 2015, penalise the total variation; Mordvintsev et al., Inceptionism, 2015,
    ascend from noise under a prior of smoothness.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    x = (0.1 * torch.randn(shape, generator=generator)).to(device).requires_grad_()
    ascent = torch.optim.Adam([x], lr=rate)
    with evaluating(network), torch.enable_grad():
        for step in range(steps):
            down, right = torch.randint(-shift, shift + 1, (2,), generator=generator).tolist()
            value = chosen(network(x.roll((down, right), dims=(2, 3))), unit)
            loss = (variation * total_variation(x) - value).sum()
            x.grad = torch.autograd.grad(loss, x)[0]
            ascent.step()
            with torch.no_grad():
                if blur and step % 10 == 9:
                    x.copy_(gaussian_blur(x, 2 * round(3 * blur) + 1, blur))
                x.clamp_(*bounds)
    return x.detach()
