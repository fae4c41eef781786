"""Writes ONNX messages by hand, byte by byte, without any ONNX package."""

from __future__ import annotations


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def elsewhere(location: str) -> bytes:
    """A TensorProto whose numbers are in that file."""
    entry = field(1, b"location") + field(2, location.encode())
    length = field(1, b"length") + field(2, b"4")
    return field(8, b"weights") + field(13, entry) + field(13, length) + b"\x70\x01"


# The places in a ModelProto that can have a tensor.
PLACES = {
    "an initializer": lambda tensor: field(7, field(5, tensor)),
    "a sparse initializer": lambda tensor: field(7, field(15, field(1, tensor))),
    "the indices of one": lambda tensor: field(7, field(15, field(2, tensor))),
    "a node's attribute": lambda tensor: field(7, field(1, field(5, field(5, tensor)))),
    "a list of tensors": lambda tensor: field(7, field(1, field(5, field(10, tensor)))),
    "a branch of an If": lambda tensor: field(7, field(1, field(5, field(6, field(5, tensor))))),
    "one of many graphs": lambda tensor: field(7, field(1, field(5, field(11, field(5, tensor))))),
    "a function": lambda tensor: field(7, b"") + field(25, field(7, field(5, field(5, tensor)))),
    "a second graph": lambda tensor: field(7, b"") + field(7, field(5, tensor)),
    "training": lambda tensor: field(7, b"") + field(20, field(1, field(5, tensor))),
}
