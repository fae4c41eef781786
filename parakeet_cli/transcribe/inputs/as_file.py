"""Makes a seekable file of any input, for the decoder."""

from __future__ import annotations

import os
import select
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parakeet_cli.errors import InputError
from parakeet_cli.system.regular_files import AT_ONCE
from parakeet_cli.system.safety.scratch_folders import scratch_folder
from parakeet_cli.transcribe.inputs.find import STDIN
from parakeet_cli.transcribe.inputs.storage import Place, Url, downloaded, mode_of

_PIPE_SECONDS = 10.0  # to wait for a pipe's writer


@contextmanager
def as_file(path: Place, *, writer_seconds: float = _PIPE_SECONDS) -> Iterator[Path]:
    """A seekable file: stdin, pipes and objects are copied to a temporary file first.

    Containers have their index at the end as often as at the start, and a declared duration
    can only be checked against a known length. Raises InputError, also for a pipe that no
    writer opens within `writer_seconds`.
    """
    if isinstance(path, Url):
        with downloaded(path) as local:
            yield local
    elif path == STDIN:
        if sys.stdin is None:
            raise InputError("stdin is closed.")
        with _copied(sys.stdin.fileno(), "stdin") as copy:
            yield copy
    elif stat.S_ISFIFO(mode_of(path)):
        try:
            # Without O_NONBLOCK, opening a pipe without a writer would block forever.
            descriptor = os.open(path, os.O_RDONLY | AT_ONCE)
        except OSError as error:
            raise InputError(f"This pipe can't be read: {error.strerror}.") from error
        try:
            _wait_for_writer(descriptor, writer_seconds)
            with _copied(descriptor, "the pipe") as copy:
                yield copy
        finally:
            os.close(descriptor)
    else:
        yield Path(path)


def _wait_for_writer(descriptor: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    # A pipe that had no writer yet reports nothing; one whose writer left, POLLHUP.
    if not poll.poll(max(0.0, seconds) * 1000):
        raise InputError(f"Nothing was written to this pipe for {seconds:.0f} seconds.")
    os.set_blocking(descriptor, True)


@contextmanager
def _copied(descriptor: int, name: str) -> Iterator[Path]:
    """A temporary file with everything that can be read there. Raises InputError."""
    with scratch_folder() as folder, (folder / "recording").open("wb") as file:
        try:
            with open(descriptor, "rb", closefd=False) as stream:
                shutil.copyfileobj(stream, file)
            file.flush()
        except OSError as error:
            raise InputError(f"Reading {name} failed: {error.strerror}.") from error
        if file.tell() == 0:
            raise InputError(f"Nothing came from {name}.")
        yield Path(file.name)
