"""Recognises a model file by its first bytes: a name says nothing about a content."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from typing import IO, Any

from parakeet_cli.models.scan.archive import GZIP, scan_nemo
from parakeet_cli.models.scan.instructions import LARGEST_PICKLE, scan_pickle
from parakeet_cli.models.scan.onnx_graph import looks_like_onnx
from parakeet_cli.models.scan.weights import scan_checkpoint
from parakeet_cli.models.types import Problem

_HEAD = 512  # bytes, which hold the magic numbers of all of them
_LARGEST_HEADER = 100_000_000  # bytes: safetensors' own limit
_LARGEST_READ = 8 << 20  # bytes of such a header that are parsed; published ones have 0.1 MB
_LENGTH = struct.Struct("<Q")
_PICKLE = b"\x80"
_MOST_PROTOCOL = 5
_WIDTHS = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"), 1),
}

Scan = Callable[[IO[bytes], int, str], Iterator[Problem]]


def scan_file(stream: IO[bytes], size: int, where: str) -> Iterator[Problem]:
    """The problems of a file with a model, of whatever format it is."""
    stream.seek(0)
    head = stream.read(_HEAD)
    stream.seek(0)
    for recognised, scan in _FORMATS:
        if recognised(head, size):
            yield from scan(stream, size, where)
            return
    yield Problem(
        where,
        "is not a readable tar, and neither a checkpoint, a pickle, safetensors nor ONNX, "
        "whatever its name says",
    )


def _is_tar(head: bytes, _: int) -> bool:
    return head[257:262] == b"ustar" or head.startswith(GZIP)


def _is_zip(head: bytes, _: int) -> bool:
    return head.startswith(b"PK")


def _is_pickle(head: bytes, _: int) -> bool:
    return head[:1] == _PICKLE and len(head) > 1 and head[1] <= _MOST_PROTOCOL


def _is_safetensors(head: bytes, size: int) -> bool:
    if len(head) <= _LENGTH.size or head[_LENGTH.size : _LENGTH.size + 1] != b"{":
        return False
    (length,) = _LENGTH.unpack_from(head)
    return bool(length <= min(size, _LARGEST_HEADER))


def _is_onnx(head: bytes, _: int) -> bool:
    return looks_like_onnx(head)


def _is_old_pickle(head: bytes, _: int) -> bool:
    """Protocols 0 and 1 have no magic number, and end with a full stop like all of them."""
    return head[:1] in (b"(", b"c", b"]", b"}", b")", b"i", b"I", b"S", b"V", b"K", b"X", b"U")


def _scan_pickle(stream: IO[bytes], size: int, where: str) -> Iterator[Problem]:
    yield from scan_pickle(stream.read(min(size, LARGEST_PICKLE + 1)), where)


def _scan_onnx(stream: IO[bytes], size: int, where: str) -> Iterator[Problem]:
    from parakeet_cli.models.scan.onnx_folder import graph_problems

    yield from graph_problems(stream, size, where)


def _scan_safetensors(stream: IO[bytes], size: int, where: str) -> Iterator[Problem]:
    """safetensors hold numbers and their names, if the numbers fill the file without a gap."""
    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    if length > _LARGEST_READ:
        yield Problem(where, f"has a header of {length >> 20} MiB")
        return
    try:
        header = json.loads(stream.read(length), object_pairs_hook=_once)
        end = _end_of_numbers(header)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        yield Problem(where, f"has a damaged header of safetensors: {str(error)[:80]}")
        return
    if _LENGTH.size + length + end != size:
        yield Problem(where, "has something before, between or behind its numbers")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _end_of_numbers(header: dict[str, Any]) -> int:
    """The byte after the last tensor. Raises ValueError if there is a gap before it."""
    header.pop("__metadata__", None)
    end = 0
    for entry in sorted(header.values(), key=lambda one: one["data_offsets"]):
        first, last = entry["data_offsets"]
        count = 1
        for length in entry["shape"]:
            if not isinstance(length, int) or length < 0:
                raise ValueError("a tensor has an impossible shape")
            count *= length
        if first != end or last - first != count * _WIDTHS[entry["dtype"]]:
            raise ValueError("its numbers overlap or have gaps")
        end = last
    return end


_FORMATS: tuple[tuple[Callable[[bytes, int], bool], Scan], ...] = (
    (_is_zip, scan_checkpoint),
    (_is_tar, scan_nemo),
    (_is_pickle, _scan_pickle),
    (_is_safetensors, _scan_safetensors),
    (_is_onnx, _scan_onnx),
    (_is_old_pickle, _scan_pickle),
)
