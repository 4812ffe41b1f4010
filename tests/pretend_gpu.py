"""A device that behaves like a GPU where a mistake would show, on a machine that has none.

    python -m tests.pretend_gpu book/02-architectures/inception.md     # runs a page's cells on it

Its tensors live in the processor's memory, and every operator really runs there, so values, shapes and decisions are
those of a page. As on a GPU, a tensor of this device and one of the processor do not mix, a random generator of the
processor draws nothing on the device, and NumPy takes a tensor only after ``.cpu()``. What it cannot tell: memory,
speed, and the other rounding of a GPU's kernels.

PyTorch's device type for backends outside its source ("PrivateUse1") is used, in its form for backends in Python. It
is registered for the whole process and cannot be taken away again, so this is for processes of their own.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretend"
ROOT = Path(__file__).resolve().parents[1]
aten = torch.ops.aten
# Operators that may take tensors of both devices; of an indexing, the indices may be the processor's.
MOVES = {aten._to_copy.default, aten.copy_.default}
INDEXINGS = {
    aten.index.Tensor,
    aten._unsafe_index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
    aten._unsafe_index_put.default,
}


# What a tensor is asked about its form, which its inside knows: some operators change it in place.
FORM = {
    aten.sym_size.default: lambda inside: inside.shape,
    aten.sym_stride.default: lambda inside: inside.stride(),
    aten.sym_numel.default: lambda inside: inside.numel(),
    aten.sym_storage_offset.default: lambda inside: inside.storage_offset(),
    aten.dim.default: lambda inside: inside.dim(),
    aten.is_contiguous.default: lambda inside: inside.is_contiguous(),
    aten.is_contiguous.memory_format: lambda inside, memory_format: inside.is_contiguous(memory_format=memory_format),
    aten.is_strides_like_format.default: lambda inside, memory_format: aten.is_strides_like_format(
        inside, memory_format
    ),
    aten.is_non_overlapping_and_dense.default: lambda inside: aten.is_non_overlapping_and_dense(inside),
}


class _Backend(_DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


class OnDevice(torch.Tensor):
    """A tensor of the pretended device; ``inside`` is the processor's tensor that holds its values."""

    inside: torch.Tensor

    @staticmethod
    def __new__(cls, inside: torch.Tensor) -> OnDevice:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inside.shape,
            strides=inside.stride(),
            storage_offset=inside.storage_offset(),
            dtype=inside.dtype,
            layout=inside.layout,
            device=torch.device(NAME, 0),
            dispatch_sizes_strides_policy="sizes",
        )
        made.inside = inside
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in FORM:
            return FORM[func](args[0].inside, *args[1:])
        return run(func, args, kwargs or {})

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"{self.detach().cpu()!r} on {NAME}"

    def __format__(self, specification: str) -> str:
        return format(self.item() if self.dim() == 0 else repr(self), specification)

    @property
    def data(self) -> torch.Tensor:
        return torch._C.TensorBase.data.__get__(self)

    @data.setter
    def data(self, value: torch.Tensor) -> None:
        # PyTorch would exchange what is outside alone, so that the values would stay those from before.
        if self.shape != value.shape:
            raise NotImplementedError(f"{NAME} exchanges the data of a tensor for data of the same shape alone")
        self.inside = _inside(value.to(NAME))

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(f"can't convert {NAME} device type tensor to numpy. Use Tensor.cpu() first.")
        return self.detach().cpu().numpy()

    def __deepcopy__(self, memo: dict[int, Any]) -> torch.Tensor:
        if id(self) not in memo:
            made = self.detach().clone()
            if isinstance(self, torch.nn.Parameter):
                made = torch.nn.Parameter(made)
            memo[id(self)] = made.requires_grad_(self.requires_grad)
        return memo[id(self)]


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run one operator on the processor, as the device would: refuse what a GPU refuses."""
    tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    there = [each for each in tensors if isinstance(each, OnDevice)]
    _refuse_mixtures(func, args, tensors, there)
    asked = kwargs.get("device")
    on_device = bool(there) if asked is None else torch.device(asked).type == NAME
    generator = kwargs.get("generator")
    if on_device and generator is not None:
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found '{generator.device}'")
    if on_device and asked is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if func is aten.copy_.default:
        _inside(args[0]).copy_(_inside(args[1]))
        return args[0]
    outer = {id(each.inside): each for each in there}

    def outside(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or isinstance(value, OnDevice) or not on_device:
            return value
        return outer.get(id(value)) if id(value) in outer else OnDevice(value)

    return tree_map(outside, func(*tree_map(_inside, args), **tree_map(_inside, kwargs)))


def _refuse_mixtures(func: Any, args: Any, tensors: list[torch.Tensor], there: list[OnDevice]) -> None:
    if not there or func in MOVES:
        return
    strangers = [each for each in tensors if not isinstance(each, OnDevice) and each.dim()]
    if func in INDEXINGS:
        strangers = [each for each in strangers if any(each is arg for arg in (args[0], *args[2:3]))]
    if strangers:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found {NAME}:0 and cpu, in {func}")


def _inside(value: Any) -> Any:
    return value.inside if isinstance(value, OnDevice) else value


def _copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    _inside(target).copy_(_inside(source))
    return target


def register() -> torch.device:
    """Register the device in this process, have the course use it, and return it."""
    import pixelwise

    _setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
    everything = torch.library.Library("_", "IMPL")
    everything.fallback(lambda func, *args, **kwargs: run(func, args, kwargs), "PrivateUse1")
    some = torch.library.Library("aten", "IMPL")  # those that PyTorch calls where no Python operator is known yet
    some.impl("_copy_from", _copy_from, "PrivateUse1")
    for operator in (aten.empty.memory_format, aten.empty_strided.default):
        some.impl(operator, lambda *args, _made=operator, **kwargs: run(_made, args, kwargs), "PrivateUse1")
    _kept.extend((everything, some))
    device = torch.device(NAME)
    pixelwise.device = lambda: device
    return device


_kept: list[torch.library.Library] = []  # a library that nothing holds is taken away again


def run_page(path: Path) -> str | None:
    """Run a page's cells on the device; return what went wrong, with the cell, or None."""
    from IPython.core.interactiveshell import InteractiveShell
    from myst_nb.core.read import read_myst_markdown_notebook

    notebook = read_myst_markdown_notebook(path.read_text(encoding="utf-8"))
    shell = InteractiveShell.instance()
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            done = shell.run_cell(cell.source)
            if not done.success:
                return f"{path}: cell {number}: {done.error_in_exec or done.error_before_exec}\n{cell.source}"
    return None


if __name__ == "__main__":
    register()
    for name in sys.argv[1:]:
        start = time.monotonic()
        problem = run_page(Path(name))
        print(problem or f"{name}: every cell ran on the pretended device, {time.monotonic() - start:.0f} s")
        if problem:
            sys.exit(1)
