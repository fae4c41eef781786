"""Scans a folder with a CTranslate2 Whisper model: numbers, and texts that are read as JSON."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from parakeet_cli.models.scan.opened_folder import LeadsOutsideError, OpenedFolder
from parakeet_cli.models.types import Problem

WEIGHTS = "model.bin"
_SPEC = b"WhisperSpec"
_NEWEST_VERSION = 16  # of the format; CTranslate2 4.6 writes 6, and refuses what it doesn't know
_HEAD = struct.Struct("<IH")  # the version, and the length of the name with its zero
_LARGEST_TEXT = 16 << 20  # bytes; a tokenizer.json of 51,865 pieces has 2.5 MB
_MOST_FILES = 1000
_LOADED = frozenset([WEIGHTS, "config.json", "tokenizer.json", "preprocessor_config.json"])
_TEXTS = frozenset([".json", ".txt", ".md"])
_HARMLESS_NAMES = frozenset([".gitattributes", "LICENSE", "license"])


def is_whisper_folder(folder: Path) -> bool:
    """Whether a folder looks like a model of CTranslate2, complete or not."""
    return (folder / WEIGHTS).exists() and (folder / "config.json").exists()


def loaded_problems(files: OpenedFolder) -> Iterator[Problem]:
    """The problems of the files that the engine reads, which are opened; others don't matter."""
    for path in sorted(files.folder.iterdir()):
        if path.name in _LOADED or path.stem == "vocabulary":
            yield from _file_problems(path, files)


def scan_whisper_folder(folder: Path) -> Iterator[Problem]:
    """The problems of a folder that the engine whisper would load. Raises OSError."""
    for count, path in enumerate(sorted(folder.iterdir()), start=1):
        if count > _MOST_FILES:
            yield Problem(folder.name, f"has more than {_MOST_FILES} files")
            return
        if not path.is_dir():
            with OpenedFolder(folder, loads=False) as files:
                yield from _file_problems(path, files)


def _file_problems(path: Path, files: OpenedFolder) -> Iterator[Problem]:
    try:
        descriptor = files.open(path.name)
    except LeadsOutsideError:
        yield Problem(path.name, "is a link to a file outside of the folder")
        return
    except OSError as error:
        yield Problem(path.name, f"can't be opened: {error.strerror or error}")
        return
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        if path.name == WEIGHTS:
            yield from _weights_problems(stream, path)
        elif path.suffix.lower() in _TEXTS:
            yield from _text_problems(stream, path)
        elif path.name not in _HARMLESS_NAMES:
            yield Problem(path.name, "isn't part of a model: it could be code")


def _weights_problems(stream: IO[bytes], path: Path) -> Iterator[Problem]:
    head = stream.read(_HEAD.size + len(_SPEC) + 1)
    version, length = _HEAD.unpack_from(head.ljust(_HEAD.size, b"\0"))
    name = head[_HEAD.size :]
    if not 2 <= version <= _NEWEST_VERSION or length != len(name) or name != _SPEC + b"\0":
        yield Problem(path.name, "isn't a Whisper model of CTranslate2, whatever its name says")


def _text_problems(stream: IO[bytes], path: Path) -> Iterator[Problem]:
    data = stream.read(_LARGEST_TEXT + 1)
    if len(data) > _LARGEST_TEXT:
        yield Problem(path.name, f"has more than {_LARGEST_TEXT >> 20} MiB")
        return
    try:
        text = data.decode("utf-8")
        if path.suffix.lower() == ".json":
            json.loads(text)
    except (ValueError, RecursionError) as error:
        yield Problem(path.name, f"isn't what its name says: {str(error)[:80]}")
