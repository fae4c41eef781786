"""A worker of the engine nemo that dies, is interrupted or runs out of memory."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parakeet_cli.engines.nemo.engine import Nemo
from parakeet_cli.errors import EngineError
from tests.integration.transcribe.command import start
from tests.integration.transcribe.nemo_clips import (
    clips,
    joined,
)
from tests.integration.transcribe.nemo_engine import (
    LIMIT,
    children,
    made,
    settings,
    texts,
    words_of,
    write,
)
from tests.integration.transcribe.words import errors

pytestmark = pytest.mark.slow


ENOUGH = 90 << 20  # bytes: 60 do for one of 25 s, and 130 not for the four of a batch


def test_too_little_memory_makes_less_at_once_and_not_errors(
    engine: Nemo, python: str, caplog: pytest.LogCaptureFixture
) -> None:
    sounds = [joined(clips(), 25, seed)[0][:400_000] for seed in range(8)]
    expected = [texts(words_of(engine, sound)) for sound in sounds]
    caplog.set_level(logging.INFO, logger="parakeet_cli")
    narrow = made(python)
    try:
        words_of(narrow, sounds[0][:80_000])  # all is loaded, and hardly any memory is kept
        worker = narrow._running_worker()
        size = Path(f"/proc/{worker.pid}/statm").read_text(encoding="ascii").split()[0]
        most = int(size) * resource.getpagesize() + ENOUGH
        resource.prlimit(worker.pid, resource.RLIMIT_AS, (most, most))
        with ThreadPoolExecutor(len(sounds)) as threads:
            found = list(threads.map(lambda one: words_of(narrow, one), sounds))
        assert "Out of memory" in caplog.text
        assert narrow._running_worker() is worker
        for words, before in zip(found, expected, strict=True):
            assert errors(before, texts(words)) <= 0.03 * len(before)
    finally:
        narrow.close()


def killed_at_work(engine: Nemo, times: int) -> list[int]:
    """Ends that many workers with SIGSEGV as soon as they have begun on a chunk."""
    ended: list[int] = []
    while len(ended) < times:
        worker = engine._worker
        if worker is not None and worker._started and worker.pid not in ended:
            os.kill(worker.pid, signal.SIGSEGV)
            ended.append(worker.pid)
    return ended


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_crashes_at_a_chunk_costs_at_most_that_chunk(python: str, times: int) -> None:
    engine = made(python)
    try:
        sound = joined(clips(), 100)[0]
        expected = words_of(engine, sound)
        killer = threading.Thread(target=killed_at_work, args=(engine, times), daemon=True)
        killer.start()
        if times == 1:
            assert texts(words_of(engine, sound)) == texts(expected)
        else:
            with pytest.raises(EngineError, match=r"SIGSEGV|died twice over the audio from"):
                words_of(engine, sound)
        killer.join(LIMIT)
        assert texts(words_of(engine, sound)) == texts(expected)
    finally:
        engine.close()


def test_the_command_transcribes_ten_minutes_and_goes_on_after_a_crash(
    python: str, tmp_path: Path
) -> None:
    """Killed with SIGSEGV in mid-file: the batch goes on with a new worker, exit code true."""
    sound, reference = joined(clips(), 600)
    write(tmp_path / "long.wav", sound)
    write(tmp_path / "short.wav", clips()[0].sound())
    process = start(
        tmp_path, "transcribe", "long.wav", "short.wav", "-v", "-f", "json", engine=settings(python)
    )
    assert process.stderr is not None
    loaded = next(line for line in process.stderr if b"EncDecRNNTBPEModel on cpu" in line)
    assert loaded
    (worker,) = children(process.pid)
    os.kill(worker, signal.SIGSEGV)
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err.decode()
    assert b"SIGSEGV" in err
    assert b"2 files: 2 ok" in err
    found = json.loads((tmp_path / "long.json").read_bytes())
    assert found["status"] == "ok"
    assert found["engine"]["name"] == "nemo"
    words = [word["word"] for segment in found["segments"] for word in segment["words"]]
    assert errors(reference, words) <= 0.03 * len(reference)
    short = json.loads((tmp_path / "short.json").read_bytes())
    assert short["text"].split() == list(clips()[0].reference)


def test_an_interrupt_leaves_no_worker(python: str, tmp_path: Path) -> None:
    write(tmp_path / "long.wav", joined(clips(), 3600)[0])  # far from its end, on any machine
    process = start(tmp_path, "transcribe", "long.wav", "-v", engine=settings(python))
    assert process.stderr is not None
    assert any(b"EncDecRNNTBPEModel on cpu" in line for line in process.stderr)
    (worker,) = children(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (130, b""), err.decode()
    deadline = time.monotonic() + LIMIT
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < deadline, "the worker is still there"
        time.sleep(0.05)
