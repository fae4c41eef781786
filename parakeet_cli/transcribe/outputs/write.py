"""Writes outputs: each appears whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from parakeet_cli.errors import OutputError, system_hint
from parakeet_cli.formats import encode
from parakeet_cli.system import files
from parakeet_cli.transcribe.inputs.storage import Place, Url, upload
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at `path` whole when the block ends well, or not at all.

    Folders that are missing are made. Raises OutputError.
    """
    with _as_output_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic_writer(path) as stream:
            yield stream


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # from another stream that the block writes to: no output is a pipe
    except OSError as error:
        raise OutputError(
            f"{path} can't be written: {error.strerror or error}.",
            hint=system_hint(error),
            obstacle=obstacle_of(error, str(path.parent)),
        ) from error


class PreparedOutput:
    """An output that is made, and not yet in its place: a file beside it, or an object's text.

    Raises OutputError.
    """

    def __init__(self, where: Place, pieces: Iterable[str]) -> None:
        self.where = where
        self._pieces = pieces
        self._pending: files.PendingFile | None = None
        self._sha256 = ""
        if not isinstance(where, Url):
            self._pending, self._sha256 = _prepare_file(Path(where), pieces)

    def commit(self) -> str:
        """Put it into its place, and return its SHA-256. Raises OutputError."""
        if isinstance(self.where, Url):
            return upload(self.where, self._pieces)
        assert self._pending is not None
        with _as_output_error(self._pending.path):
            self._pending.commit()
        return self._sha256

    def discard(self) -> None:
        """Remove what isn't committed."""
        if self._pending is not None:
            self._pending.discard()


def _prepare_file(path: Path, pieces: Iterable[str]) -> tuple[files.PendingFile, str]:
    sha256 = hashlib.sha256()
    with _as_output_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        pending = files.PendingFile(path)
        try:
            for piece in pieces:
                data = encode(piece)
                pending.stream.write(data)
                sha256.update(data)
            pending.sync()
        except BaseException:
            pending.discard()
            raise
    return pending, sha256.hexdigest()


def write_atomically(path: Path, pieces: Iterable[str]) -> str:
    """Write the text to `path`, and return its SHA-256. Raises OutputError."""
    output = PreparedOutput(str(path), pieces)
    try:
        return output.commit()
    finally:
        output.discard()
