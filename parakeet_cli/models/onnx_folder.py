"""A folder with ONNX models: graphs that name no file outside of it, and no code beside them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from parakeet_cli.models.values import Problem

_HARMLESS = frozenset([".onnx", ".ort", ".data", ".onnx_data", ".txt", ".json", ".yaml", ".md"])
_HARMLESS_NAMES = frozenset([".gitattributes", "LICENSE", "license"])
_MOST_FILES = 1000
_DEEPEST = 32

# Field numbers of onnx.proto: model.graph, graph.node, .initializer, .sparse_initializer,
# node.attribute, attribute's tensors and graphs, tensor.external_data, model.functions.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION, _ENTRY = range(8)
_CHILDREN = {
    _MODEL: {7: _GRAPH, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: _ENTRY},
}


class _NotProtobufError(ValueError):
    """Bytes that are no message."""


def scan_onnx_folder(folder: Path) -> Iterator[Problem]:
    """What is wrong with a folder that an ONNX engine loads; raises OSError."""
    for count, path in enumerate(sorted(folder.iterdir()), start=1):
        if count > _MOST_FILES:
            yield Problem(folder.name, f"holds more than {_MOST_FILES} files")
            return
        if not path.is_file():
            continue
        if path.suffix.lower() not in _HARMLESS and path.name not in _HARMLESS_NAMES:
            yield Problem(path.name, "is no part of a model: it could be code")
        elif path.suffix == ".onnx":
            yield from scan_onnx(path)


def scan_onnx(path: Path) -> Iterator[Problem]:
    """Whether a graph is one, and takes its weights from its own folder."""
    with path.open("rb") as stream:
        if not path.stat().st_size:
            yield Problem(path.name, "is empty")
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                graphs = 0
                for kind, start, end in _messages(data):
                    graphs += kind == _GRAPH
                    if kind == _ENTRY:
                        yield from _entry_problems(data[start : min(end, start + 4096)], path)
                if not graphs:
                    yield Problem(path.name, "is no ONNX model: it has no graph")
            except _NotProtobufError as error:
                yield Problem(path.name, f"is no ONNX model: {error}")


def _messages(data: mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """Every message that matters: its kind, and where it is. Weights are stepped over."""
    waiting = [(_MODEL, 0, len(data), 0)]
    while waiting:
        kind, start, end, depth = waiting.pop()
        yield kind, start, end
        if depth > _DEEPEST:
            raise _NotProtobufError(f"it is nested more than {_DEEPEST} deep")
        children = _CHILDREN.get(kind, {})
        if not children:
            continue
        for number, at, until in _fields(data, start, end):
            if number in children:
                waiting.append((children[number], at, until, depth + 1))


def _fields(data: mmap.mmap | bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message that have a length: number, start and end of the content."""
    while at < end:
        tag, at = _varint(data, at, end)
        wire = tag & 7
        if wire == 0:
            _, at = _varint(data, at, end)
        elif wire == 1:
            at += 8
        elif wire == 5:
            at += 4
        elif wire == 2:
            length, at = _varint(data, at, end)
            if at + length > end:
                raise _NotProtobufError("a part is longer than what holds it")
            yield tag >> 3, at, at + length
            at += length
        else:
            raise _NotProtobufError(f"it has a part of kind {wire}")
    if at != end:
        raise _NotProtobufError("a part is longer than what holds it")


def _varint(data: mmap.mmap | bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _NotProtobufError("it ends in the middle of a number")


def _entry_problems(entry: bytes, path: Path) -> Iterator[Problem]:
    fields = {number: entry[at:until] for number, at, until in _fields(entry, 0, len(entry))}
    if fields.get(1) != b"location":
        return
    location = fields.get(2, b"").decode("utf-8", "replace")
    inside = location and "/" not in location and "\\" not in location and location != ".."
    if not inside:
        yield Problem(path.name, f"takes weights from {location[:80]!r}, outside of its folder")
