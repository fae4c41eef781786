"""Hands an engine the very files of a folder that were scanned, whoever may exchange them.

Each file is opened once. What was opened is scanned, and an engine that takes a path gets one
that leads to the same open file: on Linux by a private folder of links to /proc/self/fd. A file
that other users can write to is copied first, and the copy is scanned: they could change it in
place. So a model in a folder of one's own costs neither time nor room.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.onnx_graph import leads_outside
from parakeet_cli.system.regular_files import open_regular, others_can_write

_DESCRIPTORS = Path("/proc/self/fd")


class LeadsOutsideError(Exception):
    """A file of the folder is a link to one outside of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path, self.target = path, path.resolve()


@dataclass(frozen=True, slots=True)
class _OpenFile:
    path: Path  # in the model's folder
    real: Path  # without links
    descriptor: int
    before: tuple[int, int]  # its state when it was opened, see `_state`
    copied: bool


@dataclass(slots=True)
class OpenedFolder:
    """The files of a model's folder that an engine reads, opened by `open`.

    A context manager: at its end they are closed, and the private folder is removed.
    """

    folder: Path
    loads: bool = True  # whether an engine will load them: only then are copies made
    _files: dict[str, _OpenFile] = field(default_factory=dict)
    _groups: list[set[str]] = field(default_factory=list)
    _kept: ExitStack = field(default_factory=ExitStack)
    _private: Path | None = None

    def __enter__(self) -> OpenedFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._kept.close()

    def open(self, name: str) -> int:
        """The descriptor of a file, by its name relative to the folder; its offset is 0.

        Raises LeadsOutsideError, and OSError as `open_regular` does.
        """
        if name not in self._files:
            self._files[name] = self._opened(name)
        descriptor = self._files[name].descriptor
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def open_together(self, graph: str, others: Iterable[str]) -> None:
        """Open a graph's files with weights too. ONNX Runtime resolves links, and wants them in
        or below the graph's own folder. Raises as `open` does.
        """
        group = {graph, *others}
        for name in group:
            self.open(name)
        self._groups.append(group)

    def _opened(self, name: str) -> _OpenFile:
        path = self.folder / name
        real = path.resolve()
        if leads_outside(path, self.folder):
            raise LeadsOutsideError(path)
        descriptor = self._keep(open_regular(path))
        status = os.fstat(descriptor)
        if not os.path.samestat(status, real.lstat()):
            raise OSError(0, "it was exchanged while it was opened", str(path))
        copied = self.loads and others_can_write(status)
        if copied:
            descriptor = self._copy(name, descriptor)
        return _OpenFile(path, real, descriptor, _state(os.fstat(descriptor)), copied)

    def _keep(self, descriptor: int) -> int:
        self._kept.callback(os.close, descriptor)
        return descriptor

    def _copy(self, name: str, descriptor: int) -> int:
        """The descriptor of a private copy. Raises OSError."""
        target = self._place(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with (
            open(descriptor, "rb", closefd=False) as source,
            os.fdopen(os.open(target, flags, 0o600), "wb") as copy,
        ):
            source.seek(0)
            shutil.copyfileobj(source, copy, 1 << 20)
        return self._keep(open_regular(target))

    def _place(self, name: str) -> Path:
        place = self._private_folder() / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    def _private_folder(self) -> Path:
        if self._private is None:
            made = tempfile.TemporaryDirectory(prefix="parakeet-model-")  # mode 0700
            self._private = Path(self._kept.enter_context(made))
        return self._private

    @contextmanager
    def for_engine(self) -> Iterator[Path]:
        """A folder with the files opened so far, for an engine to load within the block.

        Raises EngineUnavailable at the end if one of them was changed meanwhile, and OSError
        where there is no room for copies.
        """
        yield self._arranged()
        for file in self._files.values():
            if _state(os.fstat(file.descriptor)) != file.before or self._exchanged(file):
                raise EngineUnavailable(
                    f"{file.path} was changed while it was loaded. The model is not used.",
                    hint="Type the command again when nothing writes into the model's folder.",
                )

    def _arranged(self) -> Path:
        copied = self._to_copy()
        if not _has_descriptors():
            if not copied:
                return self.folder
            copied = set(self._files)
        for name, file in self._files.items():
            if file.copied:
                continue
            if name in copied:
                self._copy(name, file.descriptor)
            else:
                self._place(name).symlink_to(_DESCRIPTORS / str(file.descriptor))
        return self._private_folder()

    def _to_copy(self) -> set[str]:
        """The files that can't be links, and those that must lie in one folder with them."""
        copied = {name for name, file in self._files.items() if file.copied}
        copied.update(
            *(
                group
                for group in self._groups
                if len({self._files[name].real.parent for name in group}) > 1
            )
        )
        while more := {name for group in self._groups if group & copied for name in group - copied}:
            copied |= more
        return copied

    def _exchanged(self, file: _OpenFile) -> bool:
        """Whether the engine, which read the folder itself, could have read another file."""
        if self._private is not None:
            return False
        try:
            return not os.path.samestat(file.path.stat(), os.fstat(file.descriptor))
        except OSError:
            return True


def _has_descriptors() -> bool:
    """Whether a path may lead to an open file, whatever takes its name."""
    return sys.platform == "linux" and _DESCRIPTORS.is_dir()


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
