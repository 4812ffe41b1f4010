"""What crosses the wall: plain values, whole and unchanged, and nothing else."""

import json
import pickle
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.jail import protocol

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


def across(value, **options):
    """``value`` as it arrives after a trip through bytes."""
    tensors = []
    tree = protocol.encode(value, tensors, **options)
    frame = bytearray(protocol.pack({"value": tree}, tensors))
    at = 0

    def read(count):
        nonlocal at
        at += count
        return frame[at - count : at]

    header, out = protocol.read_frame(read)
    return protocol.decode(header["value"], out, (lambda number: number) if options.get("strided") else None)


@settings(deadline=None)
@given(plain)
def test_plain_values_arrive_as_they_left(value):
    assert across(value) == value


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_tensors_keep_shape_dtype_and_values(dtype, shape):
    value = (torch.rand(shape) * 5).to(dtype)
    got = across([value, value])
    for tensor in got:
        assert tensor.dtype == dtype and tensor.shape == value.shape and torch.equal(tensor, value)


@pytest.mark.parametrize(
    "part",
    [
        lambda x: x.transpose(0, 2)[::2],
        lambda x: x[1],
        lambda x: x[1, :, 1::2],
        lambda x: x[1:, :1].expand(3, 3, 4),
        lambda x: x,
    ],
    ids=["transposed", "a row", "every other", "expanded", "whole"],
)
def test_memory_layout_goes_in_on_request(part):
    value = part(torch.arange(24.0).reshape(2, 3, 4))
    got = across(value, strided=True)
    assert torch.equal(got, value)
    assert (got.stride(), got.storage_offset()) == (value.stride(), value.storage_offset())


def test_what_lies_before_a_slice_in_memory_does_not_go_in():
    got = across(torch.tensor([7.0, 8.0, 9.0])[1:], strided=True)
    assert got.as_strided((3,), (1,), 0).tolist() == [0, 8, 9]


def test_nan_and_infinity_arrive():
    got = across([float("inf"), torch.tensor([float("nan")])])
    assert got[0] == float("inf") and torch.isnan(got[1]).all()


def test_numpy_arrays_and_scalars_arrive_as_such():
    got = across([np.arange(6).reshape(2, 3)[:, ::2], np.float64(0.5), np.int32(3)])
    assert isinstance(got[0], np.ndarray) and got[0].tolist() == [[0, 2], [3, 5]]
    assert got[1:] == [0.5, 3] and type(got[2]) is int


def test_named_tuples_become_plain_ones():
    assert across(namedtuple("Pair", "a b")(1, 2)) == (1, 2)


class Liar:
    def __eq__(self, other):
        return True

    def __reduce__(self):
        return (print, ("unpickled",))


class LyingTensor(torch.Tensor):
    pass


class LyingFloat(float):
    pass


@pytest.mark.parametrize("value", [Liar(), LyingTensor(), LyingFloat(1.0), torch.nn.Linear(1, 1), lambda: 1, {1}, b"x"])
def test_anything_else_stays_inside_behind_a_handle(value):
    kept, tensors = [], []
    tree = protocol.encode([value], tensors, keep=lambda v: kept.append(v) or 7)
    assert tensors == [] and kept == [value]
    assert protocol.decode(tree, []) == [protocol.Handle(7, type(value).__name__)]
    with pytest.raises(protocol.ProtocolError):
        protocol.encode(value, [])


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["tensor", "array", "strided", "list", "tuple", "dict", "handle", "type", "x"]), inner
        )
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(json_trees)
def test_a_hostile_tree_gives_a_plain_value_or_a_wire_error(tree):
    try:
        value = protocol.decode(tree, [torch.ones(2)])
    except protocol.ProtocolError:
        return
    assert type(value) in (
        type(None),
        bool,
        int,
        float,
        str,
        list,
        tuple,
        dict,
        torch.Tensor,
        np.ndarray,
        protocol.Handle,
    )


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_hostile_bytes_give_a_frame_or_a_wire_error(text, numbers):
    try:
        header, tensors = protocol.unpack(text, bytearray(numbers))
    except protocol.ProtocolError:
        return
    assert isinstance(header, dict) and all(isinstance(t, torch.Tensor) for t in tensors)


contents = st.lists(
    st.tuples(
        st.sampled_from(
            ["bool", "u1", "i1", "<i2", "<i4", "<i8", "<f2", "bfloat16", "<f4", "<f8", "O", "<f16", "V8", 3]
        ),
        st.lists(st.integers(-3, 5) | st.sampled_from([2**40, 2**64, 1.5, True, None, "2"]), max_size=4),
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=500)
@given(contents, st.integers(0, 512))
def test_a_hostile_table_of_contents_gives_tensors_of_its_numbers_or_a_wire_error(table, size):
    try:
        _, tensors = protocol.unpack(json.dumps([{}, table]).encode(), bytearray(b"\xff" * size))
    except protocol.ProtocolError:
        return
    assert sum(t.nbytes for t in tensors) <= size and [list(t.shape) for t in tensors] == [shape for _, shape in table]
    for tensor in tensors:
        assert tensor.untyped_storage().nbytes() == tensor.nbytes  # none reaches into the next one's numbers
        assert tensor.dtype is not torch.bool or (tensor.view(torch.uint8) <= 1).all()


@pytest.mark.parametrize(
    "text",
    [
        b"[1]", b"null", b"{}", b"[[], []]", b"[{}, null]", b"[{}, [[]]]", b'[{"a":' * 5000, b"\xff\xfe",
        json.dumps([{"x": 1}, []]).encode()[:-1], pickle.dumps([{"a": 1}, []]),
    ],
)  # fmt: skip
def test_a_text_that_is_not_a_header_with_its_contents_is_refused(text):
    with pytest.raises(protocol.ProtocolError):
        protocol.unpack(text, bytearray())


def test_numbers_that_no_tensor_takes_are_refused():
    with pytest.raises(protocol.ProtocolError):
        protocol.unpack(b"[{}, []]", bytearray(64))


def test_a_tensor_is_named_by_a_place_in_its_own_frame():
    for place in (-1, 1, True, "0", None, 0.0, [0]):
        for what in ("tensor", "array"):
            with pytest.raises(protocol.ProtocolError):
                protocol.decode({what: place}, [torch.ones(2)])


def test_what_arrives_may_be_written_to_and_shares_no_memory():
    first, second = across([torch.zeros(3), torch.zeros(3)])
    first += 1
    assert second.eq(0).all() and first.data_ptr() % 8 == 0


def test_a_lying_length_is_refused_before_anything_is_read():
    with pytest.raises(protocol.ProtocolError):
        protocol.lengths(protocol.PREFIX.pack(protocol.HEADER_LIMIT + 1, 0))
    with pytest.raises(protocol.ProtocolError):
        protocol.lengths(protocol.PREFIX.pack(10, 1 << 62))


def test_a_value_nested_without_end_is_refused():
    value = []
    value.append(value)
    with pytest.raises(protocol.ProtocolError):
        protocol.encode(value, [])
