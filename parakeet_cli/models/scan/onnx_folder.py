"""Scans a folder with ONNX models: no code, and no graph with weights outside of the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from parakeet_cli.models.scan.onnx_graph import (
    GraphNames,
    NotOnnxError,
    graph_names,
    leads_outside,
    weights_problem,
)
from parakeet_cli.models.types import Problem
from parakeet_cli.system.regular_files import open_regular

_HARMLESS = frozenset([".onnx", ".ort", ".data", ".onnx_data", ".txt", ".json", ".yaml", ".md"])
_HARMLESS_NAMES = frozenset([".gitattributes", "LICENSE", "license"])
_MOST_FILES = 1000
# ONNX's own operators, and those of ONNX Runtime: nothing else is ever registered.
_DOMAINS = frozenset(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"])


def scan_onnx_folder(folder: Path) -> Iterator[Problem]:
    """The problems of a folder that an ONNX engine would load. Raises OSError."""
    for count, path in enumerate(sorted(folder.iterdir()), start=1):
        if count > _MOST_FILES:
            yield Problem(folder.name, f"has more than {_MOST_FILES} files")
            return
        if not path.is_file():
            continue
        if leads_outside(path, folder):
            yield Problem(path.name, "is a link to a file outside of the folder")
        elif path.suffix.lower() not in _HARMLESS and path.name not in _HARMLESS_NAMES:
            yield Problem(path.name, "isn't part of a model: it could be code")
        elif path.suffix.lower() == ".onnx":
            yield from scan_onnx(path)


def scan_onnx(path: Path) -> Iterator[Problem]:
    """The problems of one graph: not ONNX, operators of others, or weights outside its folder."""
    with os.fdopen(open_regular(path), "rb") as stream:
        yield from graph_problems(stream, os.fstat(stream.fileno()).st_size, path.name, path)


def graph_problems(
    stream: IO[bytes], size: int, where: str, path: Path | None = None
) -> Iterator[Problem]:
    """The problems of the graph in an open file; without its `path` it may have no other file."""
    try:
        names = graph_names(stream.fileno())
    except NotOnnxError as error:
        yield Problem(where, f"isn't an ONNX model: {error}")
        return
    yield from (Problem(where, what) for what in names_problems(names, path))


def names_problems(names: GraphNames, path: Path | None) -> Iterator[str]:
    """What is wrong with the names in a graph, which is at `path`."""
    for name in sorted(names.domains - names.defined - _DOMAINS):
        yield f"has operators of {name[:80]!r}, which a library would have to bring"
    for name in sorted(names.files):
        problem = weights_problem(name, path) if path else f"takes weights from {name[:80]!r}"
        if problem:
            yield problem
