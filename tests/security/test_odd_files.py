"""Puts FIFOs, devices, huge files and odd JSON where commands read files of others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from parakeet_cli.cli.doctor.output import show_matches
from parakeet_cli.cli.doctor.sample import _clip
from parakeet_cli.config import load_settings
from parakeet_cli.dictate.recording.history import read_history
from parakeet_cli.doctor.inspect import binaries, libraries
from parakeet_cli.doctor.inspect.scan_cache import ScanCache
from parakeet_cli.doctor.repair.transaction import _folders_in_record
from parakeet_cli.engines.mock import _read_cues, _text_beside
from parakeet_cli.engines.nemo.stack_check import torch_without_cuda
from parakeet_cli.errors import ParakeetError
from parakeet_cli.formats.manifest import earlier_lines, read_manifest
from parakeet_cli.setup.config_file import read_config
from parakeet_cli.setup.prove import read_sample
from parakeet_cli.system import json_lines
from parakeet_cli.system.environments import read_kept

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no FIFOs")


def _sample(path: Path) -> None:
    path.rename(path.with_name("x.wav"))
    _clip(os.fspath(path.with_name("x.wav")))


def _record(path: Path) -> None:
    path.rename(path.with_name("RECORD"))
    _folders_in_record(os.fspath(path.parent), os.fspath(path.parent), os.fspath(path.parent))


def _kept(path: Path) -> None:
    (path.parent / "environments").mkdir()
    path.rename(path.parent / "environments" / "x.json")
    assert read_kept(path.parent, "x") is None


def _torch(path: Path) -> None:
    site = path.parent / "lib/python3.11/site-packages/torch"
    site.mkdir(parents=True)
    path.rename(site / "version.py")
    (path.parent / "bin").mkdir()
    (path.parent / "bin/python").touch()
    torch_without_cuda(os.fspath(path.parent / "bin/python"))


def _cache(path: Path) -> None:
    cache = ScanCache("x", path.parent)
    assert cache._file is not None
    path.rename(cache._file)
    ScanCache("x", path.parent)


def _words_beside(path: Path) -> None:
    path.rename(path.with_name("a.txt"))
    _text_beside(os.fspath(path.with_name("a.wav")))


def _cues(path: Path) -> None:
    path.rename(path.with_name("a.cues.tsv"))
    _read_cues(os.fspath(path.with_name("a.wav")))


READERS: dict[str, Callable[[Path], object]] = {
    "config.json": lambda path: load_settings({}, config=os.fspath(path)),
    "config.json of setup": read_config,
    "a list of environments": _kept,
    "rows": lambda path: list(json_lines.read(path)),
    "the history": lambda path: list(read_history(path)),
    "a manifest": lambda path: list(read_manifest(path)),
    "a manifest of an earlier run": earlier_lines,
    "a pasted text": lambda path: show_matches(os.fspath(path), None, as_json=False),
    "a sample": _sample,
    "a sample's text": lambda path: read_sample(os.fspath(path)),
    "the scan's cache": _cache,
    "a compiled file": lambda path: binaries.scan(os.fspath(path)),
    "a library": lambda path: libraries._newest_glibcxx(os.fspath(path)),
    "a RECORD": _record,
    "torch's version": _torch,
    "a text beside a recording": _words_beside,
    "cues": _cues,
}


@pytest.fixture(params=["FIFO", "device", "huge file", "loop of links", "brackets", "number"])
def planted(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "planted"
    match request.param:
        case "FIFO":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "huge file":  # with a hole, so that it takes no room
            with path.open("wb") as file:
                file.truncate(1 << 40)
        case "brackets":  # deeper than a reader of JSON can go
            path.write_text('{"files":' * 200_000)
        case "number":  # longer than Python reads
            path.write_text(f'{{"version": {"1" * 5000}}}')
        case _:
            path.symlink_to(path)
    return path


@pytest.fixture
def at_most_a_minute() -> Iterator[None]:
    """Ends the test that hangs: this bounds a failure, and times nothing."""

    def stop(*_: object) -> None:
        raise AssertionError("It hung.")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("at_most_a_minute")
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_no_reader_waits_fills_the_memory_or_fails(
    planted: Path, reader: Callable[[Path], object], request: pytest.FixtureRequest
) -> None:
    if "huge file" in request.node.name and reader in _OF_ANY_SIZE:
        pytest.skip("it reads line by line, as long as there is room for the file")
    with suppress(ParakeetError, OSError):
        reader(planted)


_OF_ANY_SIZE = tuple(READERS[name] for name in ("rows", "the history"))
