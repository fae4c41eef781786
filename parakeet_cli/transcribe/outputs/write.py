"""Writes outputs: each appears whole or not at all."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from parakeet_cli.errors import OutputError
from parakeet_cli.system import files
from parakeet_cli.transcribe.inputs.storage import Place, Url, upload

_ENCODING = "utf-8"
# A file name may hold bytes that aren't text. Escaped like this they stay valid JSON,
# and a JSON reader gets the same name back.
_ERRORS = "backslashreplace"


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[str]]:
    """A text file that appears at `path` whole when the block ends well, or not at all.

    Folders that are missing are made. Raises OutputError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic_writer(path) as binary:
            text = io.TextIOWrapper(binary, _ENCODING, _ERRORS, newline="\n")
            yield text
            text.flush()
            text.detach()  # or `text` would close the file before it is synced
    except BrokenPipeError:
        raise  # from another stream that the block writes to: no output is a pipe
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from error


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
            stream.write(piece)
            sha256.update(piece.encode(_ENCODING, _ERRORS))
    return sha256.hexdigest()
