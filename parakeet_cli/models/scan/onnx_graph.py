"""Lists the files that an ONNX graph takes weights from, and whose operators it has.

A tensor's numbers may be in another file, which the model names. ONNX Runtime refuses names
that lead out of the model's folder since 1.24; older versions, which this package still
supports, follow them. The file is parsed as protobuf: weights are skipped by their length, and
a length that exceeds its message is an error.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

# The fields of each message that hold other messages, by their numbers in onnx.proto.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 10: "defined", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute", 7: "domain"},
    "attribute": {
        **{5: "tensor", 10: "tensor", 22: "sparse", 23: "sparse"},
        **{6: "graph", 11: "graph"},
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
    "external": {1: "key", 2: "value"},
}
_TEXTS = {"domain": "domains", "defined": "defined"}  # to the fields of GraphNames
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types; ONNX files have no groups
_LONGEST_VARINT = 10  # bytes
_LONGEST_NAME = 4096  # bytes
_SHOWN = 80  # characters of a name
# The first byte of a ModelProto: the tag of any of its fields from 1 to 14.
_FIRST = frozenset([0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72])


class NotOnnxError(Exception):
    """The file is not a readable ONNX model; the message says why."""


@dataclass(slots=True)
class GraphNames:
    """What a graph names."""

    files: set[str] = field(default_factory=set)  # with weights, as the model writes them
    domains: set[str] = field(default_factory=set)  # of its operators
    defined: set[str] = field(default_factory=set)  # domains of functions that it has itself


def external_files(path: Path) -> set[str]:
    """The names of the other files that hold the model's tensors, as the model writes them.

    Raises NotOnnxError, and OSError for a file that can't be read.
    """
    with path.open("rb") as file:
        return graph_names(file.fileno()).files


def graph_names(descriptor: int) -> GraphNames:
    """All that the graph in an open file names. Raises NotOnnxError, OSError."""
    if not os.fstat(descriptor).st_size:
        raise NotOnnxError("it is empty")
    names = GraphNames()
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
        for kind, name in _names(data):
            getattr(names, kind).add(name)
    return names


def looks_like_onnx(head: bytes) -> bool:
    """Whether a file that begins so may be a graph."""
    return head[:1] != b"" and head[0] in _FIRST


def weights_problem(name: str, graph: Path) -> str | None:
    """Why a graph must not read weights from a file of that name; None if it may.

    ONNX Runtime takes `*/_ORT_MEM_ADDR_/*` for an address in memory.
    """
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or not set("\\\0*").isdisjoint(name)
    if outside or not path.parts or leads_outside(graph.parent / path, graph.parent):
        return f"takes weights from {name[:_SHOWN]!r}, outside of its folder"
    if not (graph.parent / path).is_file():
        return f"takes weights from {name[:_SHOWN]!r}, and there is no such file beside it"
    return None


def leads_outside(path: Path, folder: Path) -> bool:
    """Whether a file of a folder is a link to a file outside of it.

    In a hub's cache the files of a snapshot may link to the repository's own blobs.
    """
    allowed = [folder.resolve()]
    if folder.parent.name == "snapshots" and folder.parents[1].name.startswith("models--"):
        allowed.append((folder.parents[1] / "blobs").resolve())
    return not any(path.resolve().is_relative_to(place) for place in allowed)


def _names(data: mmap.mmap) -> Iterator[tuple[str, str]]:
    """(field of GraphNames, name)."""
    found_graph = False
    waiting = [("model", 0, len(data))]
    while waiting:
        kind, start, end = waiting.pop()
        if kind in _TEXTS:
            if end - start > _LONGEST_NAME:
                raise NotOnnxError("a name in it is too long")
            yield _TEXTS[kind], data[start:end].decode("utf-8", "surrogateescape")
            continue
        if kind == "external":
            yield from (("files", name) for name in _location(data, start, end))
            continue
        inside = _MESSAGES[kind]
        for number, first, last in _fields(data, start, end):
            if number in inside:
                found_graph = found_graph or kind == "model"
                waiting.append((inside[number], first, last))
    if not found_graph:
        raise NotOnnxError("it has no graph")


def _location(data: mmap.mmap, start: int, end: int) -> Iterator[str]:
    """The value of an entry whose key is `location`."""
    entry: dict[str, list[bytes]] = {"key": [], "value": []}
    for number, first, last in _fields(data, start, end):
        if number in _MESSAGES["external"]:
            if last - first > _LONGEST_NAME:
                raise NotOnnxError("the name of a file with weights is too long")
            entry[_MESSAGES["external"][number]].append(data[first:last])
    # Some readers use the last of several values and others the first: all are checked.
    if b"location" in entry["key"]:
        for value in entry["value"]:
            yield value.decode("utf-8", "surrogateescape")


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, first byte, byte after the last) of each field that has a length."""
    while at < end:
        tag, at = _varint(data, at, end)
        wire = tag & 7
        if wire == _VARINT:
            _, at = _varint(data, at, end)
        elif wire == _FIXED64:
            at += 8
        elif wire == _FIXED32:
            at += 4
        elif wire == _BYTES:
            length, at = _varint(data, at, end)
            yield tag >> 3, at, min(at + length, end)
            at += length
        else:
            raise NotOnnxError("it isn't an ONNX file")
        if at > end:
            raise NotOnnxError("it is truncated or not an ONNX file")


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    if at < end and (byte := data[at]) < 0x80:
        return byte, at + 1
    value = 0
    for number in range(_LONGEST_VARINT):
        if at + number >= end:
            break
        byte = data[at + number]
        value |= (byte & 0x7F) << (7 * number)
        if byte < 0x80:
            return value, at + number + 1
    raise NotOnnxError("it is truncated or not an ONNX file")
