"""Frames between the warden and an inmate: JSON for the tree of a value, safetensors for the numbers in it.

Only plain values cross: None, booleans, numbers, strings, tensors, arrays, and lists, tuples and dicts of these.
Anything else stays inside and is named by a handle. Nothing is ever unpickled, and `decode` rebuilds nothing but these
types, so a hostile sender can choose values and nothing more.

A frame is two big-endian lengths (header u32, numbers u64), the header, and the numbers.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

PREFIX = struct.Struct("!IQ")
HEADER_LIMIT = 8 << 20
NUMBERS_LIMIT = 512 << 20
DEPTH_LIMIT = 32
PARTS_LIMIT = 100_000

# The dtypes that cross, by the names that the safetensors format has for them.
_DTYPES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16", torch.int32: "I32",
    torch.int64: "I64", torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64",
}  # fmt: skip


_TABLE = struct.Struct("<Q")
_compact = json.JSONEncoder(separators=(",", ":")).encode


class WireError(Exception):
    """Bytes that are not a frame of this protocol, or a value that cannot cross."""


@dataclass(frozen=True)
class Handle:
    """A value that stayed inside: its number there, and the name of its type."""

    id: int
    type: str


def encode(
    value: Any, tensors: dict[str, torch.Tensor], keep: Callable[[Any], int] | None = None, strided: bool = False
) -> Any:
    """The JSON tree of ``value``, whose tensors are added to those of the same frame in ``tensors``.

    ``keep`` gives a handle's number to a value that cannot cross (without it such a value raises `WireError`).
    ``strided`` sends the memory layout of non-contiguous tensors along.
    """

    def tensor(t: torch.Tensor) -> dict[str, Any]:
        key = str(len(tensors))
        t = t.detach().resolve_neg()
        if strided and not t.is_contiguous() and t.numel():
            span = 1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))
            tensors[key] = torch.as_strided(t, (span,), (1,))
            return {"tensor": key, "size": list(t.shape), "stride": list(t.stride())}
        tensors[key] = t.cpu().contiguous()
        return {"tensor": key}

    parts = itertools.count()

    def tree(v: Any, depth: int) -> Any:
        if next(parts) > PARTS_LIMIT:
            raise WireError(f"the value is made of more than {PARTS_LIMIT:,} parts")
        if depth > DEPTH_LIMIT:
            raise WireError(f"the value is nested more than {DEPTH_LIMIT} deep")
        kind = type(v)
        if v is None or kind in (bool, float, str):
            return v
        if kind in (torch.Tensor, torch.nn.Parameter) and v.layout is torch.strided and v.dtype in _DTYPES:
            return tensor(v)
        if kind is int:
            if v.bit_length() > 1024:
                raise WireError("the value holds an integer of more than 1024 bits")
            return v
        if isinstance(v, np.generic) and kind.__module__ == "numpy":
            return tree(v.item(), depth + 1)
        if kind is np.ndarray and v.dtype.kind in "biuf":
            # numpy returns zero-dimensional arrays as they are only through ascontiguousarray + reshape
            plain = np.ascontiguousarray(v, dtype=v.dtype.newbyteorder("=")).reshape(v.shape)
            try:
                return {"array": tensor(torch.from_numpy(plain))["tensor"]}
            except TypeError:
                pass
        if isinstance(v, list):
            return {"list": [tree(item, depth + 1) for item in list.__iter__(v)]}
        if isinstance(v, tuple):
            return {"tuple": [tree(item, depth + 1) for item in tuple.__iter__(v)]}
        if isinstance(v, dict):
            return {"dict": [[tree(k, depth + 1), tree(x, depth + 1)] for k, x in dict.items(v)]}
        if keep is None:
            raise WireError(f"a {kind.__name__} cannot cross the wall")
        return {"handle": keep(v), "type": kind.__name__[:80]}

    return tree(value, 0)


def decode(node: Any, tensors: dict[str, torch.Tensor], resolve: Callable[[int], Any] | None = None) -> Any:
    """The value of a JSON tree. ``resolve`` turns handles back into values; without it they become `Handle`.

    Raises `WireError` for a tree that `encode` does not make.
    """

    parts = itertools.count()

    def value(n: Any, depth: int) -> Any:
        if next(parts) > PARTS_LIMIT:
            raise WireError(f"the value is made of more than {PARTS_LIMIT:,} parts")
        if depth > 2 * DEPTH_LIMIT:
            raise WireError("the value is nested too deep")
        if n is None or isinstance(n, bool | int | float | str):
            return n
        if not isinstance(n, dict):
            raise WireError("a bare JSON list is not a value")
        match n:
            case {"tensor": str(key), "size": list(size), "stride": list(stride)} if resolve is not None:
                return torch.as_strided(tensors[key], size, stride)
            case {"tensor": str(key)} if len(n) == 1:
                return tensors[key]
            case {"array": str(key)} if len(n) == 1:
                return tensors[key].numpy()
            case {"list": list(items)} if len(n) == 1:
                return [value(item, depth + 1) for item in items]
            case {"tuple": list(items)} if len(n) == 1:
                return tuple(value(item, depth + 1) for item in items)
            case {"dict": list(pairs)} if len(n) == 1:
                return {value(k, depth + 1): value(v, depth + 1) for k, v in pairs}
            case {"handle": int(number), "type": str(kind)} if len(n) == 2:
                return Handle(number, kind[:80]) if resolve is None else resolve(number)
        raise WireError("a value of no known kind")

    try:
        return value(node, 0)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise WireError(f"a value that does not fit together: {type(error).__name__}") from None


def pack(header: dict[str, Any], tensors: dict[str, torch.Tensor] | None = None) -> bytes:
    """One frame."""
    numbers = _numbers(tensors) if tensors else b""
    text = _compact(header).encode("utf-8", "surrogatepass")
    if len(text) > HEADER_LIMIT or len(numbers) > NUMBERS_LIMIT:
        raise WireError("the value is larger than may cross")
    return PREFIX.pack(len(text), len(numbers)) + text + numbers


def _numbers(tensors: dict[str, torch.Tensor]) -> bytes:
    """Contiguous ``tensors`` in the safetensors format: a length, a JSON table of contents, and the bytes.

    The library's own ``save`` does the same with checks that small tensors, of which thousands cross, feel twentyfold.
    What arrives is read by the library.
    """
    contents, parts, at = {}, [], 0
    for name, tensor in tensors.items():
        plain = tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor
        raw = plain.numpy().tobytes()
        contents[name] = {
            "dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(raw)]
        }  # fmt: skip
        parts.append(raw)
        at += len(raw)
    table = _compact(contents).encode()
    return b"".join((_TABLE.pack(len(table)), table, *parts))


def unpack(text: bytes, numbers: bytes) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The header and tensors of one frame's two parts. Raises `WireError` when they are malformed."""
    try:
        header = json.loads(text.decode("utf-8", "replace"))
        tensors = safetensors.torch.load(numbers) if numbers else {}
    except (ValueError, RecursionError, MemoryError, KeyError, safetensors.SafetensorError) as error:
        raise WireError(f"a malformed frame: {type(error).__name__}") from None
    if not isinstance(header, dict):
        raise WireError("a frame whose header is not an object")
    return header, tensors


def lengths(prefix: bytes) -> tuple[int, int]:
    """The two lengths that a frame starts with. Raises `WireError` when they exceed what a frame may hold."""
    header, numbers = PREFIX.unpack(prefix)
    if header > HEADER_LIMIT or numbers > NUMBERS_LIMIT:
        raise WireError("a frame that claims to be larger than may cross")
    return header, numbers


def read_frame(read: Callable[[int], bytes]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read one frame with ``read(n)``, which returns exactly ``n`` bytes or raises ``EOFError``."""
    header, numbers = lengths(read(PREFIX.size))
    return unpack(read(header), read(numbers))
