"""Swin Transformer (Liu et al., Swin transformer: hierarchical vision transformer using shifted windows, 2021): Swin-T.

Maps have the shape (N, H, W, D), channels last. Attention stays inside windows of 7×7 places; every second block shifts
the windows by half their side, so that what was separate meets.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Patches(nn.Module):
    """Maps patches of 4×4 pixels to D numbers each: (N, 3, H, W) to (N, H/4, W/4, D)."""

    def __init__(self, dim: int, patch: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, dim, patch, stride=patch)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x).permute(0, 2, 3, 1))


class PatchMerging(nn.Module):
    """Joins each 2×2 places to one with twice the numbers: (N, H, W, D) to (N, H/2, W/2, 2D)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduce = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        quarters = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduce(self.norm(torch.cat(quarters, dim=3)))


class BiasedAttention(nn.Module):
    """softmax(q kᵀ / √d + bias) v inside windows: three (N, heads, w², d) tensors to one.

    The bias is learned for each head and each offset between two places of a window (section 3.2). `apart` says which
    places of a window, shape (windows, w², w²), must not see each other.
    """

    def __init__(self, window: int, heads: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        places = torch.cartesian_prod(torch.arange(window), torch.arange(window))
        offsets = places[:, None] - places + window - 1
        self.register_buffer("offset", offsets[..., 0] * (2 * window - 1) + offsets[..., 1], persistent=False)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, apart: Tensor | None) -> Tensor:
        bias = self.bias[self.offset].permute(2, 0, 1)[None]  # (1, heads, w², w²)
        if apart is not None:
            bias = bias.masked_fill(apart[:, None], -torch.inf)  # (windows, heads, w², w²)
            bias = bias.repeat(len(q) // len(apart), 1, 1, 1)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias.expand(len(q), -1, -1, -1))


class WindowAttention(nn.Module):
    """Attention inside windows of `window`×`window` places, shifted by `shift`: keeps (N, H, W, D).

    Raises `ValueError` when the map does not split into windows.
    """

    def __init__(self, dim: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attend = BiasedAttention(window, heads)
        self.project = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        if height % self.window or width % self.window:
            raise ValueError(f"A map of {height}×{width} does not split into windows of {self.window}×{self.window}.")
        shift = self.shift if min(height, width) > self.window else 0
        if shift:
            x = x.roll((-shift, -shift), dims=(1, 2))
        tokens = self.split(x)
        q, k, v = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = self.attend(q, k, v, self.apart(height, width, shift, x.device) if shift else None)
        x = self.join(self.project(attended.transpose(1, 2).flatten(2)), height, width)
        return x.roll((shift, shift), dims=(1, 2)) if shift else x

    def split(self, x: Tensor) -> Tensor:
        """(N, H, W, D) to (N · windows, w², D)."""
        w = self.window
        batch, height, width, dim = x.shape
        return x.view(batch, height // w, w, width // w, w, dim).transpose(2, 3).reshape(-1, w * w, dim)

    def join(self, tokens: Tensor, height: int, width: int) -> Tensor:
        """(N · windows, w², D) to (N, H, W, D)."""
        w = self.window
        x = tokens.view(-1, height // w, width // w, w, w, tokens.shape[2])
        return x.transpose(2, 3).reshape(-1, height, width, tokens.shape[2])

    def apart(self, height: int, width: int, shift: int, device: torch.device) -> Tensor:
        """Return which places share a shifted window only because the map wraps around, (windows, w², w²)."""
        rows, columns = (
            (torch.arange(side, device=device) >= side - self.window).int()
            + (torch.arange(side, device=device) >= side - shift).int()
            for side in (height, width)
        )
        region = self.split((3 * rows[:, None] + columns)[None, :, :, None])[..., 0]  # (windows, w²)
        return region[:, :, None] != region[:, None]


class DropPath(nn.Module):
    """Leaves the path out for a share `rate` of inputs while training, and scales the rest up (stochastic depth)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.rate
        return x * kept / (1 - self.rate)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), paths dropped at random while training: keeps (N, H, W, D)."""

    def __init__(self, dim: int, heads: int, window: int, shift: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attention = WindowAttention(dim, heads, window, shift)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(
            OrderedDict(fc1=nn.Linear(dim, 4 * dim), gelu=nn.GELU(), fc2=nn.Linear(4 * dim, dim)),
        )
        self.drop = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.attention(self.norm1(x)))
        return x + self.drop(self.mlp(self.norm2(x)))


class Mean(nn.Module):
    """The mean over all places: (N, H, W, D) to (N, D)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(1, 2))


def swin(
    classes: int = 1000,
    dim: int = 96,
    depths: tuple[int, ...] = (2, 2, 6, 2),
    heads: tuple[int, ...] = (3, 6, 12, 24),
    window: int = 7,
    drop: float = 0.2,
) -> nn.Sequential:
    """Return a Swin Transformer, Swin-T unless told: (N, 3, 224, 224) to (N, classes) logits.

    `drop` is the rate at which the last block's paths are dropped in training; it grows from 0 with depth.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(patches=Patches(dim))
    before = 0
    for stage, (count, parts) in enumerate(zip(depths, heads, strict=True), start=1):
        width = dim * 2 ** (stage - 1)
        if stage > 1:
            layers[f"merge{stage}"] = PatchMerging(width // 2)
        for number in range(1, count + 1):
            rate = drop * before / (sum(depths) - 1)
            shift = window // 2 if number % 2 == 0 else 0
            layers[f"stage{stage}_{number}"] = Block(width, parts, window, shift, rate)
            before += 1
    layers |= {"norm": nn.LayerNorm(width), "pool": Mean(), "head": nn.Linear(width, classes)}
    network = nn.Sequential(layers)
    # As in the authors' code: linear layers from a normal of deviation 0.02, cut off at two, biases 0.
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network
