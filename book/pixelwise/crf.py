"""The dense conditional random field: label maps that follow the contours of the image.

    q = mean_field(network(images), images)                            # (N, K, H, W), probabilities
    qs, free_energies = mean_field_steps(network(images), images)      # after every step

The energy of a labelling x of the n pixels of an image I, with positions p, is a sum over pixels and over *all* pairs:

    E(x) = Σ_i ψ_i(x_i) + Σ_{i<j} μ(x_i, x_j) Σ_m w_m k_m(i, j)
    k_m(i, j) = exp(−|p_i − p_j|² / 2θ_p² − |I_i − I_j|² / 2θ_c²)

The unary ψ_i(l) is −log of the softmax of the scores. The *appearance* kernel compares positions and colours, the
*smoothness* kernel positions alone. The compatibility μ(l, l′) is what a pair pays for the labels l and l′; Potts' is 1
for different labels and 0 for equal ones.

P(x) ∝ exp(−E(x)) is approximated by the product of one distribution Q_i for each pixel that has the smallest
Kullback–Leibler divergence KL(Q‖P). It equals F(Q) + log Z, where Z does not depend on Q, and the *free energy* is

    F(Q) = Σ_i Σ_l Q_i(l) (ψ_i(l) + log Q_i(l)) + Σ_{i<j} Σ_{l,l′} Q_i(l) Q_j(l′) μ(l, l′) Σ_m w_m k_m(i, j)

A step sets all pixels at once to Q_i(l) ∝ exp(−ψ_i(l) − Σ_l′ μ(l, l′) Σ_m w_m Σ_{j≠i} k_m(i, j) Q_j(l′)).

Does F fall? Under Potts' compatibility, weights that are not negative and no `radius`, no step raises it, up to
rounding, if (1 − damping) · Σ_m w_m k_m(i, i) ≤ 2 at every pixel. Here is why. The kernels are positive semi-definite,
so the pair term without j ≠ i is concave in Q, and leaving out j = i adds the convex Σ_i ½ Σ_m w_m k_m(i, i) |Q_i|².
A full step gains at least Σ_i KL(Q_i‖Q_i′), which by Pinsker's inequality is at least Σ_i |Q_i − Q_i′|². With symmetric
normalisation k_m(i, i) is 1/n_i, far below 1 except at pixels unlike all others; without it, k_m(i, i) is 1, and large
weights make undamped steps oscillate.

Sources: Krähenbühl and Koltun, Efficient inference in fully connected CRFs with Gaussian edge potentials, 2011; on
scores of a network: Chen et al., Semantic image segmentation with deep convolutional nets and fully connected CRFs,
2015 (DeepLab). Their sums over pairs are approximate, by filtering on a lattice; here they are exact.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Filter = Callable[[Tensor], Tensor]
"""Sums over pixels: (K, H, W) to (K, H, W), Σ_j k(i, j) Q_j(l) with j = i among the j."""

MEMORY = 2**30


@dataclass(frozen=True)
class Kernel:
    """One kernel of a dense CRF.

    `weight` is w, a number or, to be learned, a tensor without dimensions; `position` is θ_p in pixels; `colour` is θ_c
    in the units of the image's values, which the course keeps from 0 to 1. Without `colour` it is a smoothness kernel.

    Raises `ValueError` for a negative weight that is a number, and unless θ_p and θ_c are above 0.
    """

    weight: float | Tensor
    position: float
    colour: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.weight, Tensor) and not self.weight >= 0:
            raise ValueError(f"The weight of a kernel is {self.weight}: below 0, equal neighbours would be punished.")
        if not self.position > 0 or (self.colour is not None and not self.colour > 0):
            raise ValueError(
                f"A kernel has the widths {self.position} in pixels and {self.colour} in colour: both must be above 0."
            )


@dataclass(frozen=True)
class DenseCRF:
    """The pairs of a dense CRF: its kernels, its compatibility and how the kernels are normalised.

    - `kernels` are by default an appearance and a smoothness kernel that suit the course's scenes of 96×96 pixels.
    - `compatibility` is μ, symmetric, (K, K); without it Potts'.
    - `normalisation` "symmetric" divides each k(i, j) by √(n_i n_j), where n_i = Σ_j k(i, j) with j = i among the j, so
      that weights mean the same for kernels of any width and for images of any size; "none" leaves kernels as they are,
      as in the paper. The authors' program of 2013 has "symmetric", and unlike the paper keeps j = i in its steps.
    - `radius` is an approximation: pairs more than so many rows or columns apart are left out of the model.

    Raises `ValueError` for another normalisation, and for a radius below 1.
    """

    kernels: Sequence[Kernel] = (Kernel(4, 30, 0.04), Kernel(1, 1))
    compatibility: Tensor | None = None
    normalisation: Literal["symmetric", "none"] = "symmetric"
    radius: int | None = None

    def __post_init__(self) -> None:
        if self.normalisation not in ("symmetric", "none"):
            raise ValueError(
                f"normalisation={self.normalisation!r} is no normalisation of kernels: use symmetric or none."
            )
        if self.radius is not None and self.radius < 1:
            raise ValueError(
                f"A radius of {self.radius} pixels leaves no pairs: use at least 1, or None for all pairs."
            )


def mean_field(
    scores: Tensor,
    images: Tensor,
    crf: DenseCRF = DenseCRF(),
    steps: int = 10,
    damping: float = 0,
    memory: int = MEMORY,
) -> Tensor:
    """Return the mean-field distribution after `steps` steps from the softmax of the scores: (N, K, H, W).

    `scores` (N, K, H, W) are logits, or logarithms of probabilities; `images` (N, C, H, W) are what the colours are
    compared in, with any number of channels. A step keeps the share `damping` of the distribution before it; 0 is the
    paper's. Scores in half precision are widened to float32.

    The sums over pairs are exact. With n = H·W, a kernel with colour costs O(n²·C) to compute and O(n²·K) in each step;
    one without, whose sums are a product over rows and columns, O(n·(H + W)·K). If its n² values fit into `memory`
    bytes, a kernel with colour is computed once; otherwise in blocks, anew in every step. A batch is computed one image
    after the other. With a `radius` r, n² becomes n·(2r + 1)²/2.

    The result is differentiable with respect to scores, weights and compatibility, at the cost of as many sums again;
    what is kept of each image then lives until the backward pass. No gradient flows to the images.

    Raises `ValueError` when the shapes do not fit together, when the compatibility is not (K, K) and symmetric, when
    `steps` is negative, unless `damping` is from 0 to below 1, and for NaN or ±∞; scores of −∞ may rule out some of a
    pixel's labels.

    Source: algorithm 1 of Krähenbühl and Koltun 2011.
    """
    scores, mu = _checked(scores, images, crf, steps, damping)

    def one(logits: Tensor, image: Tensor) -> Tensor:
        for q, _ in _descent(*_problem(logits, image, crf, mu, memory), steps, damping, last=False):
            found = q
        return found

    found = [one(*each) for each in zip(scores, images, strict=True)]
    return torch.stack(found) if found else scores


def mean_field_steps(
    scores: Tensor,
    images: Tensor,
    crf: DenseCRF = DenseCRF(),
    steps: int = 10,
    damping: float = 0,
    memory: int = MEMORY,
) -> tuple[Tensor, Tensor]:
    """Return what `mean_field` computes before the first step and after each, and the free energies F of these.

    They are (steps + 1, N, K, H, W), and (steps + 1, N), float64, in nats. F differs from KL(Q‖P) by a constant of the
    image, log Z. Arguments and errors are those of `mean_field`.
    """
    scores, mu = _checked(scores, images, crf, steps, damping)

    def one(logits: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        unary, pairs = _problem(logits, image, crf, mu, memory)
        both = [(q, _free_energy(q, unary, field)) for q, field in _descent(unary, pairs, steps, damping)]
        return torch.stack([q for q, _ in both]), torch.stack([energy for _, energy in both])

    if not len(scores):
        return scores.expand(steps + 1, *scores.shape), scores.new_zeros(steps + 1, 0, dtype=torch.float64)
    qs, energies = zip(*(one(*each) for each in zip(scores, images, strict=True)), strict=True)
    return torch.stack(qs, dim=1), torch.stack(energies, dim=1)


def free_energy(
    q: Tensor,
    scores: Tensor,
    images: Tensor,
    crf: DenseCRF = DenseCRF(),
    memory: int = MEMORY,
) -> Tensor:
    """Return F(Q) of distributions `q` (N, K, H, W): (N,), float64, in nats.

    For a labelling, whose q is 0 or 1, it is the energy E(x). Arguments and errors are those of `mean_field`.
    """
    if q.shape != scores.shape:
        raise ValueError(
            f"q has the shape {tuple(q.shape)} and the scores {tuple(scores.shape)}: they must be the same."
        )
    scores, mu = _checked(scores, images, crf)

    def one(q: Tensor, logits: Tensor, image: Tensor) -> Tensor:
        unary, pairs = _problem(logits, image, crf, mu, memory)
        return _free_energy(q, unary, pairs(q))

    found = [one(*each) for each in zip(q.to(scores.dtype), scores, images, strict=True)]
    return torch.stack(found) if found else scores.new_zeros(0, dtype=torch.float64)


def _checked(
    scores: Tensor, images: Tensor, crf: DenseCRF, steps: int = 0, damping: float = 0
) -> tuple[Tensor, Tensor]:
    """Return the scores, in float32 at least, and the compatibility (K, K) like them."""
    scored, seen = scores.shape, images.shape
    if len(scored) != 4 or len(seen) != 4 or (scored[0], *scored[2:]) != (seen[0], *seen[2:]):
        raise ValueError(
            f"Scores of the shape {tuple(scored)} and images of the shape {tuple(seen)} do not fit: "
            "(N, K, H, W) needs (N, C, H, W)."
        )
    if steps < 0 or not 0 <= damping < 1:
        raise ValueError(f"Mean field takes steps from 0 and a damping from 0 to below 1, not {steps} and {damping}.")
    classes = scored[1]
    mu = 1 - torch.eye(classes, device=scores.device) if crf.compatibility is None else crf.compatibility
    if mu.shape != (classes, classes) or not torch.equal(mu, mu.T):
        raise ValueError(
            f"A compatibility of the shape {tuple(mu.shape)} does not fit: {classes} classes need a symmetric matrix "
            f"of {classes}×{classes}, since a pair has no order."
        )
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if F.log_softmax(scores, dim=1).isnan().any() or not images.isfinite().all():
        raise ValueError(
            "Scores and images must be finite; only −∞ may rule labels out, and leaves each pixel at least one."
        )
    return scores, mu.to(scores)


def _problem(logits: Tensor, image: Tensor, crf: DenseCRF, mu: Tensor, memory: int) -> tuple[Tensor, Filter]:
    """Return the unary (K, H, W) of one image, and the function from Q to what all pairs add to it, (K, H, W)."""
    filters = [_filter(kernel, image, crf.radius, memory, logits.dtype) for kernel in crf.kernels]
    one = torch.ones_like(logits[:1].detach())
    sums = [_Symmetric.apply(one, k) if crf.normalisation == "symmetric" else one for k in filters]

    def pairs(q: Tensor) -> Tensor:
        with torch.autocast(q.device.type, enabled=False):
            found = torch.zeros_like(q)
            for kernel, k, n in zip(crf.kernels, filters, sums, strict=True):
                # q / n is what j = i adds to its sum.
                found = found + kernel.weight * (_Symmetric.apply(q * n.rsqrt(), k) * n.rsqrt() - q / n)
            return (mu @ found.flatten(1)).reshape(q.shape)

    return -F.log_softmax(logits, dim=0), pairs


def _descent(
    unary: Tensor, pairs: Filter, steps: int, damping: float, last: bool = True
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield Q and what pairs add to its unary, before the first step and after each; 0 for the last if not needed."""
    q = F.softmax(-unary, dim=0)
    for _ in range(steps):
        field = pairs(q)
        yield q, field
        updated = F.softmax(-unary - field, dim=0)
        q = damping * q + (1 - damping) * updated if damping else updated
    yield q, pairs(q) if last else torch.zeros_like(q)


def _free_energy(q: Tensor, unary: Tensor, field: Tensor) -> Tensor:
    possible = unary.where(q > 0, 0)  # the unary of an impossible label is infinite
    logarithm = q.clamp(min=torch.finfo(q.dtype).tiny).log()
    return (q * (possible + logarithm + field / 2)).double().sum()  # each pair is in the field of both its pixels


class _Symmetric(torch.autograd.Function):
    """A symmetric linear map, whose gradient is the map itself: nothing of the kernel needs to be recorded."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Filter) -> Tensor:
        ctx.k = k
        with torch.autocast(q.device.type, enabled=False):
            return k(q)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Symmetric.apply(gradient, ctx.k), None


@torch.no_grad()
def _filter(kernel: Kernel, image: Tensor, radius: int | None, memory: int, dtype: torch.dtype) -> Filter:
    height, width = image.shape[1:]
    if kernel.colour is None:
        down = _along_a_side(height, kernel.position, radius, image.device).to(dtype)
        across = _along_a_side(width, kernel.position, radius, image.device).to(dtype)
        return lambda q: down @ q @ across
    colours = image.double() / kernel.colour
    if radius is None:
        return _AllPairs(colours, kernel.position, memory, dtype)
    return _Window(colours.to(dtype), kernel.position, radius, memory)


def _along_a_side(length: int, theta: float, radius: int | None, device: torch.device) -> Tensor:
    """Return exp(−(i − j)² / 2θ²), 0 beyond the radius: (length, length), float64."""
    at = torch.arange(length, device=device, dtype=torch.float64)
    distance = (at - at.unsqueeze(1)).abs()
    values = (-0.5 * (distance / theta) ** 2).exp()
    return values if radius is None else values * (distance <= radius)


class _AllPairs:
    """A kernel of position and colour between all pixels of an image, in blocks of some pixels by all pixels."""

    def __init__(self, colours: Tensor, position: float, memory: int, dtype: torch.dtype) -> None:
        height, width = colours.shape[1:]
        self.dtype = dtype
        pixels = torch.arange(height * width, device=colours.device)
        places = torch.stack([pixels // max(width, 1), pixels % max(width, 1)]).double() / position
        f = torch.cat([places, colours.flatten(1)]).T
        # With these, −|f_i − f_j|² / 2 is one product of matrices. Its terms cancel: float32 would lose what is left.
        half = -0.5 * f.square().sum(1, keepdim=True)
        one = torch.ones_like(half)
        self.left, self.right = torch.cat([f, half, one], dim=1), torch.cat([f, one, half], dim=1).T
        # For a moment a block exists in float64 and in `dtype`: a small one, beside the values that are kept.
        self.rows = max(memory // 16 // max(16 * len(f), 1), 1)
        keeps = len(f) ** 2 * dtype.itemsize <= memory
        self.kept = [self._block(start) for start in range(0, len(f), self.rows)] if keeps else None

    def __call__(self, q: Tensor) -> Tensor:
        flat = q.flatten(1)
        sums = torch.zeros_like(flat)
        for number, part in enumerate(flat.split(self.rows, dim=1)):
            sums.addmm_(part, self.kept[number] if self.kept else self._block(number * self.rows))
        return sums.reshape(q.shape)

    def _block(self, start: int) -> Tensor:
        exponents = (self.left[start : start + self.rows] @ self.right).to(self.dtype)
        # Below e⁻⁵⁰ nothing is left of a value in a sum with k(i, i) = 1, and the smallest numbers are slow to add.
        return F.threshold_(exponents, -50, -torch.inf).exp_()


class _Window:
    """A kernel of position and colour between pixels at most `radius` apart, one offset between them after another."""

    def __init__(self, colours: Tensor, position: float, radius: int, memory: int) -> None:
        height, width = colours.shape[1:]
        self.colours, self.position = colours, position
        # Half of the offsets: each joins two pixels, whose kernel is the same seen from either.
        down, across = min(radius, height - 1), min(radius, width - 1)
        self.offsets = [(y, x) for y in range(down + 1) for x in range(-across, across + 1) if (y, x) > (0, 0)]
        keeps = len(self.offsets) * height * width * colours.dtype.itemsize <= memory
        self.kept = [self._values(*offset) for offset in self.offsets] if keeps else None

    def __call__(self, q: Tensor) -> Tensor:
        sums = q.clone()  # k(i, i) = 1
        for number, offset in enumerate(self.offsets):
            values = self.kept[number] if self.kept else self._values(*offset)
            for here, there in (_ends(*offset), _ends(*offset)[::-1]):
                sums[here].addcmul_(values, q[there])
        return sums

    def _values(self, y: int, x: int) -> Tensor:
        here, there = _ends(y, x)
        colour = (self.colours[here] - self.colours[there]).square().sum(0)
        return (-0.5 * (colour + (y * y + x * x) / self.position**2)).exp()


def _ends(y: int, x: int) -> tuple[tuple, tuple]:
    """Return where the two pixels are, in maps (…, H, W), of all pairs that are y ≥ 0 rows and x columns apart."""
    right, left = slice(abs(x), None), slice(None, -abs(x) or None)
    upper, lower = slice(None, -y or None), slice(y, None)
    return (..., lower, right if x > 0 else left), (..., upper, left if x > 0 else right)
