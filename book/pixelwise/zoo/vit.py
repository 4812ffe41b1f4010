"""ViT (Dosovitskiy et al., An image is worth 16×16 words, 2021), table 1: ViT-B/16.

Tokens have the shape (N, T, D): T places, D numbers at each. The dropout with which the paper trains on ImageNet is
left out.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Patches(nn.Module):
    """Cuts the image into patches and maps each to D numbers: (N, 3, H, W) to (N, H/patch · W/patch, D)."""

    def __init__(self, patch: int, dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, dim, patch, stride=patch)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).flatten(2).transpose(1, 2)


class Embedding(nn.Module):
    """Puts a learned class token first and adds a learned vector to each place: (N, T, D) to (N, T + 1, D)."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(torch.empty(1, tokens + 1, dim))
        nn.init.normal_(self.position, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1) + self.position


class DotProductAttention(nn.Module):
    """softmax(q kᵀ / √d) v of (N, heads, T, d) tensors: every token becomes a mean of all values."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v)


class SelfAttention(nn.Module):
    """Attention of tokens to each other in `heads` parts of D/heads numbers: (N, T, D) to (N, T, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attend = DotProductAttention()
        self.project = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.project(self.attend(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)): (N, T, D) to (N, T, D)."""

    def __init__(self, dim: int, heads: int, inner: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attention = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = nn.Sequential(
            OrderedDict(fc1=nn.Linear(dim, inner), gelu=nn.GELU(), fc2=nn.Linear(inner, dim)),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ClassToken(nn.Module):
    """The first token: (N, T, D) to (N, D)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


def vit(
    classes: int = 1000,
    size: int = 224,
    patch: int = 16,
    depth: int = 12,
    dim: int = 768,
    heads: int = 12,
    inner: int = 3072,
) -> nn.Sequential:
    """Return a Vision Transformer, ViT-B/16 unless told: (N, 3, size, size) to (N, classes) logits.

    Raises `ValueError` when `size` is not a multiple of `patch` or `dim` not of `heads`.
    """
    if size % patch or dim % heads:
        raise ValueError(f"{size} pixels must split into patches of {patch}, and {dim} numbers into {heads} heads.")
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        patches=Patches(patch, dim), embedding=Embedding((size // patch) ** 2, dim)
    )
    layers |= {f"block{number}": Block(dim, heads, inner) for number in range(1, depth + 1)}
    layers |= {"norm": nn.LayerNorm(dim, eps=1e-6), "token": ClassToken(), "head": nn.Linear(dim, classes)}
    network = nn.Sequential(layers)
    # After the authors' code: Glorot for the linear layers, with query, key and value as three layers of their own;
    # variance 1/inputs for the patches; a head that starts at 0.
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    for layer in network.modules():
        if isinstance(layer, SelfAttention):
            for weight in layer.qkv.weight.data.chunk(3):
                nn.init.xavier_uniform_(weight)
    nn.init.kaiming_normal_(network.patches.conv.weight, nonlinearity="linear")
    nn.init.zeros_(network.patches.conv.bias)
    nn.init.zeros_(network.head.weight)
    return network
