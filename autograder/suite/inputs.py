"""Inputs for tests, drawn from a test's own generator."""

import hashlib
from collections.abc import Sequence
from typing import Any

import torch

__all__ = ["integers", "normal", "one_of", "scattered"]  # what suites import


def generator(seed: int, test: str) -> torch.Generator:
    """The ``rng`` of one test. Each has its own: adding or leaving out a test does not move another's inputs."""
    digest = hashlib.sha256(f"{seed}:{test}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def normal(rng: torch.Generator, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A tensor of ``shape`` with standard normal entries."""
    return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)


def integers(rng: torch.Generator, low: int, high: int, *shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """A tensor of ``shape`` with integers drawn evenly from ``low`` up to, not including, ``high``."""
    return torch.randint(low, high, shape, generator=rng).to(dtype)


def one_of(rng: torch.Generator, choices: Sequence[Any]) -> Any:
    """One of ``choices``, all as likely."""
    return choices[int(integers(rng, 0, len(choices)))]


def scattered(x: torch.Tensor) -> torch.Tensor:
    """A tensor equal to ``x`` whose memory is not contiguous, as slices and transposes of larger tensors are."""
    wide = torch.empty(*x.shape[:-1], 2 * x.shape[-1] + 1, dtype=x.dtype).fill_(0)
    view = wide.transpose(-1, -2).contiguous().transpose(-1, -2)[..., 1::2]
    view.copy_(x)
    return view
