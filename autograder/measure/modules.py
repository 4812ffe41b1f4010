"""What a test asks of a module that a student built, beside calling it. The module itself stays where it was built.

The methods of `torch.nn.Module` are called by themselves, so that a class that overrides one of them is asked all the
same; whatever is found is a value like any other, and a test believes it as far as it fits what the module returns.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from autograder.measure.operators import used_operators

Module = torch.nn.Module


def parameters(module: Any) -> dict[str, torch.Tensor]:
    """The values of all parameters, by name and in the module's order. Raises `TypeError` for what is no module."""
    return {name: p.detach().clone() for name, p in Module.named_parameters(_module(module))}


def buffers(module: Any) -> dict[str, torch.Tensor]:
    """The values of all buffers, such as running statistics, by name. Raises `TypeError` for what is no module."""
    return {name: b.detach().clone() for name, b in Module.named_buffers(_module(module))}


def load(module: Any, values: Mapping[str, torch.Tensor]) -> None:
    """Copy values into the parameters and buffers of these names; all others stay as they are.

    Raises `TypeError` for what is no module, and `ValueError` for a name that it lacks or a value of another shape.
    """
    held = {**dict(Module.named_parameters(_module(module))), **dict(Module.named_buffers(module))}
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


def parameter_gradients(
    module: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    upstream: torch.Tensor,
    forbidden: tuple[str, ...] = (),
    noted: Counter[str] | None = None,
) -> tuple[dict[str, torch.Tensor | None], dict[str, int]]:
    """The gradient of ``(module(*args) * upstream).sum()`` for each parameter by name, by autograd.

    None where the result does not depend on the parameter. With it the forbidden operators of the call, with counts.
    Raises `TypeError` for what is no module.
    """
    learned = dict(Module.named_parameters(_module(module)))
    out, used = used_operators(lambda: module(*args, **kwargs), forbidden, noted)
    wanted = {name: p for name, p in learned.items() if p.requires_grad}
    if not wanted or not isinstance(out, torch.Tensor) or not out.requires_grad:
        return dict.fromkeys(learned), used
    found = torch.autograd.grad((out * upstream).sum(), list(wanted.values()), allow_unused=True)
    return {**dict.fromkeys(learned), **dict(zip(wanted, found, strict=True))}, used


def _module(value: Any) -> torch.nn.Module:
    if not isinstance(value, Module):
        raise TypeError(f"it should be a torch.nn.Module, and it is of type {type(value).__name__}")
    return value
