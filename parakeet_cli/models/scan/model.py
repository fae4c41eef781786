"""Checks whether a model can be loaded without running code that came with it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.registry import KNOWN
from parakeet_cli.models.scan.archive import unpack_nemo
from parakeet_cli.models.scan.formats import scan_file
from parakeet_cli.models.scan.onnx_folder import graph_problems, scan_onnx_folder
from parakeet_cli.models.scan.onnx_graph import looks_like_onnx
from parakeet_cli.models.scan.opened_folder import OpenedFolder
from parakeet_cli.models.scan.whisper_folder import (
    is_whisper_folder,
    loaded_problems,
    scan_whisper_folder,
)
from parakeet_cli.models.types import Problem
from parakeet_cli.system.files import sha256_of
from parakeet_cli.system.regular_files import open_regular

_SHOWN = 3


def scan_model(path: Path) -> tuple[Problem, ...]:
    """All by which a model could run code, if anything. Raises EngineUnavailable."""
    return tuple(one for one in every_problem(path) if not one.harmless)


def every_problem(path: Path) -> tuple[Problem, ...]:
    """Every reason not to load a model, the harmless ones too. Raises EngineUnavailable."""
    try:
        return tuple(_scan(path))
    except OSError as error:
        raise EngineUnavailable(
            f"The model {path} can't be read: {error.strerror or error}.",
            hint="Check the name; known models: parakeet models list",
        ) from error


def _scan(path: Path) -> Iterator[Problem]:
    if path.is_dir():
        scan = scan_whisper_folder if is_whisper_folder(path) else scan_onnx_folder
        yield from scan(path)
        return
    with _opened(path) as (stream, size):
        if not size:
            yield Problem(path.name, "is empty")
            return
        head = stream.read(1)
        if path.suffix.lower() == ".onnx" and looks_like_onnx(head):
            yield from graph_problems(stream, size, path.name, path)
        else:
            yield from scan_file(stream, size, path.name)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """A regular file and its size: links are followed once, and a FIFO isn't waited for."""
    with os.fdopen(open_regular(path), "rb") as stream:
        yield stream, os.fstat(stream.fileno()).st_size


@contextmanager
def private_copy(path: Path, *, any_kind: bool = False) -> Iterator[Path]:
    """A `.nemo` in a form that nobody else can change, for NeMo to load within the block.

    It is a folder of its members, which are those that were scanned: the file itself is opened
    once, and not read again. Where its checksum is a published model's, it is a copy of the
    file. NeMo would unpack it into such a folder by itself, so this takes no more time or room.

    Raises EngineUnavailable, with the reasons, for a model that could run code, and unless
    `any_kind` is set for one that can't transcribe.
    """
    with ExitStack() as kept:
        try:
            folder = tempfile.TemporaryDirectory(prefix="parakeet-model-")  # mode 0700
            private = Path(kept.enter_context(folder))
            with _opened(path) as (stream, size):
                copy = _copied(stream, size, path, private, any_kind=any_kind)
        except OSError as error:
            raise EngineUnavailable(
                f"The model {path} can't be read and unpacked: {error.strerror or error}.",
                hint="That needs as much room as the model has; TMPDIR names another folder.",
            ) from error
        yield copy


def _copied(stream: IO[bytes], size: int, path: Path, private: Path, *, any_kind: bool) -> Path:
    folder = private / path.name
    folder.mkdir(mode=0o700)
    problems = unpack_nemo(stream, size, path.name, folder, any_kind=any_kind)
    if not problems:
        return folder
    shutil.rmtree(folder)
    sums = _published_sums(path.name)
    if sums:
        stream.seek(0)
        with (private / path.name).open("xb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
        if sha256_of(private / path.name) in sums:
            return private / path.name
    raise _refusal(path, problems)


def refuse_hostile(path: Path) -> None:
    """Raise EngineUnavailable, with the reasons, unless the model can be loaded safely."""
    problems = every_problem(path)
    if problems and not _is_pinned(path):
        raise _refusal(path, problems)


@contextmanager
def opened_whisper(folder: Path) -> Iterator[Path]:
    """A folder with the files that were scanned, for the engine whisper to load within the block.

    Raises EngineUnavailable, with the reasons, where they aren't what they say or are changed.
    """
    with OpenedFolder(folder) as files, ExitStack() as arranged:
        try:
            problems = list(loaded_problems(files))
            place = arranged.enter_context(files.for_engine()) if not problems else folder
        except OSError as error:
            raise unreadable_folder(folder, error) from error
        if problems:
            raise _refusal(folder, problems)
        yield place


def unreadable_folder(folder: Path, error: OSError) -> EngineUnavailable:
    """The error for a folder that can't be read, or not copied where others could change it."""
    which = f" ({Path(error.filename).name})" if error.filename else ""
    return EngineUnavailable(
        f"The model {folder} can't be read{which}: {error.strerror or error}.",
        hint="What other users can change is copied first, and needs as much room as it has; "
        "TMPDIR names another folder.",
    )


def _refusal(path: Path, problems: Sequence[Problem]) -> EngineUnavailable:
    if all(one.harmless for one in problems):
        return EngineUnavailable(
            f"The model {path} was not loaded, because parakeet doesn't run models of its kind: "
            f"{problems[0]}.",
            hint="Parakeet's TDT, RNNT, CTC and hybrid models work: parakeet models list; "
            "a Sortformer says who spoke: --speakers --speakers-model FILE.",
        )
    problems = [one for one in problems if not one.harmless]
    shown = "; ".join(str(problem) for problem in problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return EngineUnavailable(
        f"The model {path} was not loaded, because it could run code of its own: {shown}{more}.",
        hint=f"To see every problem: parakeet models scan {path}. If you made the model "
        "yourself or trust its author: --trust-model.",
    )


def _is_pinned(path: Path) -> bool:
    """Whether it is, byte for byte, a published model whose checksum is in this program."""
    sums = _published_sums(path.name)
    return bool(sums) and path.is_file() and sha256_of(path) in sums


def _published_sums(name: str) -> set[str]:
    return {row.sha256[name] for row in KNOWN if name in row.sha256}
