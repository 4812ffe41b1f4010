"""What a test asks of a module that a student built, beside calling it. The module itself stays where it was built.

The methods of `torch.nn.Module` are called by themselves, so that a class that overrides one of them is asked all the
same; whatever is found is a value like any other, and a test believes it as far as it fits what the module returns.
"""

from collections.abc import Mapping
from typing import Any

import torch

Module = torch.nn.Module


def learned(module: Any) -> dict[str, torch.nn.Parameter]:
    """The parameters themselves, by name and in the module's order. Raises `TypeError` for what is no module."""
    return dict(Module.named_parameters(_module(module)))


def parameters(module: Any) -> dict[str, torch.Tensor]:
    """The values of all parameters, by name and in the module's order. Raises `TypeError` for what is no module."""
    return {name: p.detach().clone() for name, p in learned(module).items()}


def buffers(module: Any) -> dict[str, torch.Tensor]:
    """The values of all buffers, such as running statistics, by name. Raises `TypeError` for what is no module."""
    return {name: b.detach().clone() for name, b in Module.named_buffers(_module(module))}


def load(module: Any, values: Mapping[str, torch.Tensor]) -> None:
    """Copy values into the parameters and buffers of these names; all others stay as they are.

    Raises `TypeError` for what is no module, and `ValueError` for a name that it lacks or a value of another shape.
    """
    held = {**learned(module), **dict(Module.named_buffers(module))}
    for name, value in values.items():
        if name not in held:
            raise ValueError(f"the module has no parameter or buffer called {name}")
        if held[name].shape != value.shape:
            raise ValueError(f"{name} should have the shape {tuple(value.shape)}, and it has {tuple(held[name].shape)}")
    with torch.no_grad():
        for name, value in values.items():
            held[name].copy_(value)


def set_training(module: Any, training: bool) -> None:
    """Put the module and all its parts into training or evaluation. Raises `TypeError` for what is no module."""
    Module.train(_module(module), training)


def _module(value: Any) -> torch.nn.Module:
    if not isinstance(value, Module):
        raise TypeError(f"it should be a torch.nn.Module, and it is of type {type(value).__name__}")
    return value
