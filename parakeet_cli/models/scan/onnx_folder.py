"""Scans a folder with ONNX models: no code, and no graph with weights outside of the folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from parakeet_cli.models.scan.onnx_graph import (
    NotOnnxError,
    external_files,
    leads_outside,
    weights_problem,
)
from parakeet_cli.models.types import Problem

_HARMLESS = frozenset([".onnx", ".ort", ".data", ".onnx_data", ".txt", ".json", ".yaml", ".md"])
_HARMLESS_NAMES = frozenset([".gitattributes", "LICENSE", "license"])
_MOST_FILES = 1000


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
        elif path.suffix == ".onnx":
            yield from scan_onnx(path)


def scan_onnx(path: Path) -> Iterator[Problem]:
    """The problems of one graph: not ONNX, or weights outside of its folder."""
    try:
        names = external_files(path)
    except NotOnnxError as error:
        yield Problem(path.name, f"isn't an ONNX model: {error}")
        return
    for name in sorted(names):
        if problem := weights_problem(name, path):
            yield Problem(path.name, problem)
