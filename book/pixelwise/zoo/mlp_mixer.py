"""MLP-Mixer (Tolstikhin et al., MLP-Mixer: an all-MLP architecture for vision, 2021), table 1: Mixer-B/16.

Tokens have the shape (N, T, D): T places, D channels.
"""

from collections import OrderedDict

from torch import Tensor, nn

from pixelwise.zoo.vit import Patches


class Mixer(nn.Module):
    """Mixes tokens, then channels, with a shortcut around each: (N, T, D) to (N, T, D)."""

    def __init__(self, tokens: int, dim: int, inner_tokens: int, inner_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.mix_tokens = mlp(tokens, inner_tokens)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mix_channels = mlp(dim, inner_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mix_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mix_channels(self.norm2(x))


def mlp(size: int, inner: int) -> nn.Sequential:
    """Return two linear layers along the last axis, GELU between them: (…, size) to (…, size)."""
    return nn.Sequential(OrderedDict(fc1=nn.Linear(size, inner), gelu=nn.GELU(), fc2=nn.Linear(inner, size)))


class Mean(nn.Module):
    """The mean over all places: (N, T, D) to (N, D)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=1)


def mixer(
    classes: int = 1000,
    size: int = 224,
    patch: int = 16,
    depth: int = 12,
    dim: int = 768,
    inner_tokens: int = 384,
    inner_channels: int = 3072,
) -> nn.Sequential:
    """Return an MLP-Mixer, Mixer-B/16 unless told: (N, 3, size, size) to (N, classes) logits.

    Raises `ValueError` when `size` is not a multiple of `patch`.
    """
    if size % patch:
        raise ValueError(f"{size} pixels must split into patches of {patch}.")
    layers: OrderedDict[str, nn.Module] = OrderedDict(patches=Patches(patch, dim))
    for number in range(1, depth + 1):
        layers[f"mixer{number}"] = Mixer((size // patch) ** 2, dim, inner_tokens, inner_channels)
    layers |= {"norm": nn.LayerNorm(dim, eps=1e-6), "pool": Mean(), "head": nn.Linear(dim, classes)}
    network = nn.Sequential(layers)
    # The defaults of the authors' framework: variance 1/inputs, biases 0; their head starts at 0.
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)
    nn.init.zeros_(network.head.weight)
    return network
