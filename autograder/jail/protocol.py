"""Frames between the supervisor and a sandbox: JSON for the tree of a value, raw memory for the numbers in it.

Only plain values cross: None, booleans, numbers, strings, tensors, arrays, and lists, tuples and dicts of these.
Anything else stays inside and is named by a handle. Nothing is ever unpickled, and `decode` rebuilds nothing but these
types, so a hostile sender can choose values and nothing more.

A frame is two big-endian lengths (text u32, numbers u64), the text, and the numbers. The text is a JSON list of a
header and a table of contents, the dtype and shape of each tensor; the tensors lie in the numbers in that order, each
at the next multiple of `ALIGNMENT` bytes.
"""

import json
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

PREFIX = struct.Struct("!IQ")
HEADER_LIMIT = 8 << 20
NUMBERS_LIMIT = 512 << 20
DEPTH_LIMIT = 32
PARTS_LIMIT = 100_000
KEYS_LIMIT = 256  # of one dict: keys can be chosen so that each is compared with all before it
ALIGNMENT = 64
ERROR_CAPS = {"kind": 80, "message": 2000, "where": 300}  # characters of what is told of an error

# The dtypes that cross, by their names on the wire. NumPy, which has no bfloat16, takes its bits for integers.
_DTYPES = {
    torch.bool: "bool", torch.uint8: "u1", torch.int8: "i1", torch.int16: "<i2", torch.int32: "<i4",
    torch.int64: "<i8", torch.float16: "<f2", torch.bfloat16: "bfloat16", torch.float32: "<f4", torch.float64: "<f8",
}  # fmt: skip
_STORED = {name: np.dtype({"bool": "u1", "bfloat16": "<i2"}.get(name, name)) for name in _DTYPES.values()}
_BARE = frozenset({type(None), bool, float, str})
_compact = json.JSONEncoder(separators=(",", ":")).encode


class ProtocolError(Exception):
    """Bytes that are not a frame of this protocol, or a value that cannot cross."""


@dataclass(frozen=True)
class Handle:
    """A value that stayed inside: its number there, and the name of its type."""

    id: int
    type: str


def encode(
    value: Any, tensors: list[torch.Tensor], keep: Callable[[Any], int] | None = None, strided: bool = False
) -> Any:
    """The JSON tree of ``value``, whose tensors are added to those of the same frame in ``tensors``.

    ``keep`` gives a handle's number to a value that cannot cross (without it such a value raises `ProtocolError`).
    ``strided`` sends the memory layout of tensors along: their strides, and where in their memory they begin.
    """
    left = PARTS_LIMIT

    def tree(v: Any, depth: int) -> Any:
        nonlocal left
        if (left := left - 1) < 0:
            raise ProtocolError(f"the value is made of more than {PARTS_LIMIT:,} parts")
        if depth > DEPTH_LIMIT:
            raise ProtocolError(f"the value is nested more than {DEPTH_LIMIT} deep")
        kind = type(v)
        if kind in _BARE:
            return v
        if (kind is torch.Tensor or kind is torch.nn.Parameter) and v.layout is torch.strided and v.dtype in _DTYPES:
            return _tensor_node(v, tensors, strided)
        if kind is int:
            if v.bit_length() > 1024:
                raise ProtocolError("the value holds an integer of more than 1024 bits")
            return v
        if isinstance(v, np.generic) and kind.__module__ == "numpy":
            return tree(v.item(), depth + 1)
        if kind is np.ndarray and v.dtype.kind in "biuf":
            # numpy returns zero-dimensional arrays as they are only through ascontiguousarray + reshape
            plain = np.ascontiguousarray(v, dtype=v.dtype.newbyteorder("=")).reshape(v.shape)
            try:
                return {"array": _tensor_node(torch.from_numpy(plain), tensors)["tensor"]}
            except TypeError:
                pass
        if isinstance(v, list):
            return {"list": [tree(item, depth + 1) for item in list.__iter__(v)]}
        if isinstance(v, tuple):
            return {"tuple": [tree(item, depth + 1) for item in tuple.__iter__(v)]}
        if isinstance(v, dict):
            if dict.__len__(v) > KEYS_LIMIT:
                raise ProtocolError(f"the value holds a dict of more than {KEYS_LIMIT} keys")
            return {"dict": [[tree(k, depth + 1), tree(x, depth + 1)] for k, x in dict.items(v)]}
        if keep is None:
            raise ProtocolError(f"a {kind.__name__} cannot cross the wall")
        return {"handle": keep(v), "type": kind.__name__[:80]}

    return tree(value, 0)


def _tensor_node(tensor: torch.Tensor, tensors: list[torch.Tensor], strided: bool = False) -> dict[str, Any]:
    place = len(tensors)
    tensor = tensor.detach()
    if tensor.is_neg():
        tensor = tensor.resolve_neg()
    start = tensor.storage_offset()
    if tensor.is_cpu and tensor.is_contiguous() and not (strided and start):
        tensors.append(tensor)
    elif strided and tensor.numel():
        span = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
        # What lies before it is nothing that the receiver was given, so zeros stand there.
        tensors.append(torch.cat([tensor.new_zeros(start), torch.as_strided(tensor, (span,), (1,))]))
        return {"strided": place, "size": list(tensor.shape), "stride": list(tensor.stride()), "start": start}
    else:
        tensors.append(tensor.cpu().contiguous())
    return {"tensor": place}


PACKING = (encode, _tensor_node)  # the functions that run when a value is packed


def decode(node: Any, tensors: Sequence[torch.Tensor], resolve: Callable[[int], Any] | None = None) -> Any:
    """The value of a JSON tree. ``resolve`` turns handles back into values; without it they become `Handle`.

    Raises `ProtocolError` for a tree that `encode` does not make.
    """
    left = PARTS_LIMIT

    def value(n: Any, depth: int) -> Any:
        nonlocal left
        if (left := left - 1) < 0:
            raise ProtocolError(f"the value is made of more than {PARTS_LIMIT:,} parts")
        if depth > 2 * DEPTH_LIMIT:
            raise ProtocolError("the value is nested too deep")
        kind = type(n)
        if kind in _BARE or kind is int:
            return n
        if kind is not dict:
            raise ProtocolError("a bare JSON list is not a value")
        if len(n) == 1:
            ((what, inner),) = n.items()
            if what == "tensor":
                return _at(tensors, inner)
            if what == "array":
                return _at(tensors, inner).numpy()
            if type(inner) is list:
                if what == "list":
                    return [value(item, depth + 1) for item in inner]
                if what == "tuple":
                    return tuple([value(item, depth + 1) for item in inner])
                if what == "dict" and len(inner) <= KEYS_LIMIT:
                    return {value(k, depth + 1): value(v, depth + 1) for k, v in inner}
        match n:
            case {"strided": place, "size": list(size), "stride": list(stride), "start": start} if resolve is not None:
                return torch.as_strided(_at(tensors, place), size, stride, start)
            case {"handle": int(number), "type": str(kind)} if len(n) == 2:
                return Handle(number, kind[:80]) if resolve is None else resolve(number)
        raise ProtocolError("a value of no known kind")

    try:
        return value(node, 0)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ProtocolError(f"a value that does not fit together: {type(error).__name__}") from None


def _at(tensors: Sequence[torch.Tensor], place: Any) -> torch.Tensor:
    if type(place) is not int or not 0 <= place < len(tensors):
        raise ProtocolError("a value refers to a tensor that is not in its frame")
    return tensors[place]


def pack(header: dict[str, Any], tensors: Sequence[torch.Tensor] = ()) -> bytes:
    """One frame. The ``tensors`` are contiguous and on the CPU."""
    contents, parts, size = [], [b"", b""], 0
    for tensor in tensors:
        raw = (tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor).numpy().tobytes()
        padding = -len(raw) % ALIGNMENT
        contents.append((_DTYPES[tensor.dtype], tensor.shape))
        parts += (raw, bytes(padding))
        size += len(raw) + padding
    text = _compact((header, contents)).encode("utf-8", "surrogatepass")
    if len(text) > HEADER_LIMIT or size > NUMBERS_LIMIT:
        raise ProtocolError("the value is larger than may cross")
    parts[:2] = PREFIX.pack(len(text), size), text
    return b"".join(parts)


def unpack(text: bytes | bytearray, numbers: bytearray) -> tuple[dict[str, Any], list[torch.Tensor]]:
    """The header and tensors of one frame's two parts. Raises `ProtocolError` when they are malformed.

    The tensors are views of ``numbers``, each with a storage of its own that ends where it ends.
    """
    try:
        header, contents = json.loads(text.decode("utf-8", "replace"))
        if len(contents) > PARTS_LIMIT:
            raise ProtocolError(f"a frame of more than {PARTS_LIMIT:,} tensors")
        tensors, at = [], 0
        for dtype, shape in contents:
            tensor = _view(numbers, at, dtype, shape)
            tensors.append(tensor)
            at += tensor.nbytes + -tensor.nbytes % ALIGNMENT
    except (ValueError, TypeError, RecursionError, MemoryError, KeyError, OverflowError) as error:
        raise ProtocolError(f"a malformed frame: {type(error).__name__}") from None
    if type(header) is not dict or at != len(numbers):
        raise ProtocolError("a frame whose parts do not fit together")
    return header, tensors


def _view(numbers: bytearray, at: int, dtype: str, shape: list[int]) -> torch.Tensor:
    """The tensor that lies in ``numbers`` from byte ``at`` on."""
    stored = _STORED[dtype]
    if shape and min(shape) < 0:
        raise ValueError("a negative size")
    count = math.prod(shape)
    array = np.frombuffer(numbers, stored, count, at).reshape(shape) if count else np.empty(shape, stored)
    if dtype == "bool":
        array = np.asarray(array != 0)  # a byte that is neither 0 nor 1 is no boolean of PyTorch's
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if dtype == "bfloat16" else tensor


def lengths(prefix: bytes | bytearray) -> tuple[int, int]:
    """The two lengths that a frame starts with. Raises `ProtocolError` when they exceed what a frame may hold."""
    header, numbers = PREFIX.unpack(prefix)
    if header > HEADER_LIMIT or numbers > NUMBERS_LIMIT:
        raise ProtocolError("a frame that claims to be larger than may cross")
    return header, numbers


def read_frame(read: Callable[[int], bytearray]) -> tuple[dict[str, Any], list[torch.Tensor]]:
    """Read one frame with ``read(n)``, which returns exactly ``n`` bytes or raises ``EOFError``."""
    header, numbers = lengths(read(PREFIX.size))
    return unpack(read(header), read(numbers))
