"""A file that crashes its decoder affects no other file."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.decode import pool as decode_pool
from parakeet_cli.audio.decode.base import WHOLE, MediaRequest
from parakeet_cli.audio.decode.media import Block, open_media
from parakeet_cli.audio.decode.pool import (
    DecoderLimits,
    DecoderPool,
    IsolatedMedia,
    isolated_duration,
)
from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting

SECONDS = 60


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[DecoderPool]:
    """Workers that have accidents, with little time and memory."""
    monkeypatch.setattr(
        decode_pool, "ENTRY", "from tests.integration.audio.accident_worker import main; main()"
    )
    pool = DecoderPool(DecoderLimits(seconds=3.0, memory=1 << 28))
    yield pool
    pool.close()


def write_wav(path: Path, seconds: int = SECONDS) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000 * seconds))
    return path


def decoded(path: Path, pool: DecoderPool) -> tuple[list[Block], Accounting]:
    with IsolatedMedia(MediaRequest(str(path), path.name, None, None, WHOLE), pool) as media:
        blocks = list(media)
    return blocks, media.accounting


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("segfault.wav", "crashed (SIGSEGV)"),
        ("endless.wav", "made no progress for 3 seconds"),
        ("flood.wav", "wanted more than the 256 MB"),
    ],
)
def test_audio_decoded_before_an_accident_remains_and_the_rest_is_reported(
    name: str, reason: str, pool: DecoderPool, tmp_path: Path
) -> None:
    blocks, accounting = decoded(write_wav(tmp_path / name), pool)
    assert [round(block.start) for block in blocks] == [0, 10]
    (lost,) = accounting.lost
    assert reason in lost.reason
    assert lost.start == pytest.approx(blocks[-1].end)
    assert lost.end == SECONDS
    assert accounting.decoded_seconds + accounting.lost_seconds == pytest.approx(SECONDS)
    assert accounting.damaged_packets == 1

    blocks, accounting = decoded(write_wav(tmp_path / "next.wav"), pool)
    assert accounting.lost == ()
    assert accounting.decoded_seconds == SECONDS


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGABRT)", r"crashed \(SIGABRT\)"),
        ("os.kill(os.getpid(), 40)", r"crashed \(signal 40\)"),  # a real-time signal, unnamed
        ("os._exit(3)", r"failed \(exit code 3\)"),
    ],
)
def test_a_decoder_that_dies_while_it_opens_a_file_fails_that_file(
    ending: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        decode_pool, "ENTRY", f"import os, signal, sys; sys.stdin.readline(); {ending}"
    )
    pool = DecoderPool(DecoderLimits())
    path = write_wav(tmp_path / "a.wav", 1)
    with pytest.raises(InputError, match=rf"a\.wav can't be opened: its decoder {reason}\."):
        decoded(path, pool)
    assert isolated_duration(path, pool) is None


def test_a_worker_that_died_while_idle_is_replaced(tmp_path: Path) -> None:
    pool = DecoderPool(DecoderLimits())
    pool.warm_up(1)
    waiting = pool._idle[0]
    waiting.kill()
    _, accounting = decoded(write_wav(tmp_path / "a.wav", 1), pool)
    assert accounting.decoded_seconds == 1
    pool.close()


def test_one_worker_serves_file_after_file(tmp_path: Path) -> None:
    pool = DecoderPool(DecoderLimits())
    path = write_wav(tmp_path / "a.wav", 1)
    decoded(path, pool)
    first = pool._idle[0]
    with pytest.raises(InputError, match="does not exist"):
        decoded(tmp_path / "missing.wav", pool)
    assert isolated_duration(path, pool) == 1
    decoded(path, pool)
    assert pool._idle == [first]
    pool.close()


def test_many_threads_decode_at_once(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", 20)
    pool = DecoderPool(DecoderLimits())
    results: list[float] = []
    threads = [
        threading.Thread(target=lambda: results.append(decoded(path, pool)[1].decoded_seconds))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [20.0] * 4
    pool.close()


def test_closing_a_file_in_the_middle_ends_its_worker(tmp_path: Path) -> None:
    pool = DecoderPool(DecoderLimits())
    request = MediaRequest(str(write_wav(tmp_path / "a.wav")), "a.wav", None, None, WHOLE)
    with IsolatedMedia(request, pool) as media:
        next(iter(media))
        assert isinstance(media, IsolatedMedia)
        worker = media._worker
    assert worker is not None
    assert not worker.alive
    assert pool._idle == []


def test_a_decoder_ignores_ctrl_c(tmp_path: Path) -> None:
    pool = DecoderPool(DecoderLimits())
    with IsolatedMedia(
        MediaRequest(str(write_wav(tmp_path / "a.wav")), "a.wav", None, None, WHOLE), pool
    ) as media:
        blocks = iter(media)
        next(blocks)
        assert isinstance(media, IsolatedMedia)
        assert media._worker is not None
        os.kill(media._worker.pid, signal.SIGINT)
        time.sleep(0.05)
        assert len(list(blocks)) == SECONDS // 10 - 1
    pool.close()


def test_decoding_in_a_worker_and_in_process_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    noise = np.random.default_rng(1).integers(-(2**15), 2**15, 44_100 * 25, np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", ""))
        file.writeframes(noise.tobytes())
    with open_media(path) as media:
        isolated = list(media)
    with open_media(path, isolated=False) as local:
        in_process = list(local)
    assert [block.start for block in isolated] == [block.start for block in in_process]
    for one, other in zip(isolated, in_process, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
    assert (media.source, media.accounting) == (local.source, local.accounting)


def test_a_hundred_gigabytes_of_audio_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.wav"
    size = 100 * 10**9
    header = b"RF64\xff\xff\xff\xffWAVE" + b"ds64" + struct.pack("<IQQQI", 28, size, size, 0, 0)
    header += b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    header += b"data\xff\xff\xff\xff"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)
    with pytest.raises(InputError, match="868 hours"):
        open_media(path)


def test_the_main_process_does_not_load_libav() -> None:
    code = (
        "import sys; from parakeet_cli.audio.decode.media import open_media; "
        "from pathlib import Path; list(open_media(Path(sys.argv[1]))); "
        "assert not {'av', 'soxr'} & set(sys.modules)"
    )
    sample = Path(__file__).parents[3] / "samples" / "sense_0880.wav"
    subprocess.run([sys.executable, "-c", code, str(sample)], check=True)
