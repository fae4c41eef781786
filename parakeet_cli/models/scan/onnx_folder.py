"""A folder with ONNX models: graphs that name no file outside of it, and no code beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from parakeet_cli.models.scan.onnx_graph import (
    NotOnnxError,
    external_files,
    leads_out,
    what_is_wrong_with,
)
from parakeet_cli.models.types import Problem

_HARMLESS = frozenset([".onnx", ".ort", ".data", ".onnx_data", ".txt", ".json", ".yaml", ".md"])
_HARMLESS_NAMES = frozenset([".gitattributes", "LICENSE", "license"])
_MOST_FILES = 1000


def scan_onnx_folder(folder: Path) -> Iterator[Problem]:
    """What is wrong with a folder that an ONNX engine loads; raises OSError."""
    for count, path in enumerate(sorted(folder.iterdir()), start=1):
        if count > _MOST_FILES:
            yield Problem(folder.name, f"holds more than {_MOST_FILES} files")
            return
        if not path.is_file():
            continue
        if leads_out(path, folder):
            yield Problem(path.name, "is a link to a file outside of the folder")
        elif path.suffix.lower() not in _HARMLESS and path.name not in _HARMLESS_NAMES:
            yield Problem(path.name, "is no part of a model: it could be code")
        elif path.suffix == ".onnx":
            yield from scan_onnx(path)


def scan_onnx(path: Path) -> Iterator[Problem]:
    """Whether a graph is one, and takes its weights from its own folder."""
    try:
        names = external_files(path)
    except NotOnnxError as error:
        yield Problem(path.name, f"is no ONNX model: {error}")
        return
    for name in sorted(names):
        if wrong := what_is_wrong_with(name, path):
            yield Problem(path.name, wrong)
