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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic_writer(path) as stream:
            yield stream
    except BrokenPipeError:
        raise  # from another stream that the block writes to: no output is a pipe
    except OSError as error:
        raise OutputError(
            f"{path} can't be written: {error.strerror or error}.",
            hint=system_hint(error),
            obstacle=obstacle_of(error, str(path.parent)),
        ) from error


def write_output(where: Place, pieces: Iterable[str]) -> str:
    """Write the text to a file or an object, and return its SHA-256. Raises OutputError."""
    return (
        upload(where, pieces) if isinstance(where, Url) else write_atomically(Path(where), pieces)
    )


def write_atomically(path: Path, pieces: Iterable[str]) -> str:
    """Write the text to `path`, and return its SHA-256. Raises OutputError."""
    sha256 = hashlib.sha256()
    with atomic_writer(path) as stream:
        for piece in pieces:
            data = encode(piece)
            stream.write(data)
            sha256.update(data)
    return sha256.hexdigest()
