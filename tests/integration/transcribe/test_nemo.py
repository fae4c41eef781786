"""The engine nemo on the real stack, with a real model."""

from __future__ import annotations

import json
import os
import pickle
import random
import resource
import signal
import subprocess
import tarfile
import threading
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parakeet_cli.engines.base import EngineOptions, Live
from parakeet_cli.engines.nemo import Nemo
from parakeet_cli.engines.nemo_process import Worker
from parakeet_cli.engines.nemo_worker.decoding import joined as text_of
from parakeet_cli.engines.nemo_worker.memory import WAYS
from parakeet_cli.errors import EngineError, EngineUnavailable
from parakeet_cli.transcribe.assemble import Assembler
from parakeet_cli.transcript import Word
from tests.integration.transcribe.command import environment, start, transcribe
from tests.integration.transcribe.held_out import (
    MODELS,
    TDT,
    Clip,
    as_chunk,
    clips,
    error_rate,
    joined,
)
from tests.integration.transcribe.words import errors
from tests.media_files import SAMPLES, Floats
from tests.stacks import Stacks, pip

pytestmark = pytest.mark.slow

FRAME = 1280  # samples: 80 ms
# The stack's interpreter starts in ten seconds, on a busy machine in a minute.
LIMIT = 300.0


@pytest.fixture(scope="module")
def python(stacks: Stacks) -> str:
    return str(stacks("verified").python)


def made(python: str, **more: Any) -> Nemo:
    options = EngineOptions(model=str(TDT), device="cpu", threads=1, ml_python=python, **more)
    engine = Nemo(options, lanes=4)
    engine.load()
    return engine


@pytest.fixture(scope="module")
def engine(python: str) -> Iterator[Nemo]:
    loaded = made(python)
    yield loaded
    loaded.close()


def heard(engine: Nemo, sound: Floats) -> list[Word]:
    found = engine.transcribe(as_chunk(sound))
    return [word for segment in found.segments for word in segment.words]


def texts(words: list[Word]) -> list[str]:
    return [word.text for word in words]


def test_voices_that_the_model_never_heard_are_transcribed(engine: Nemo) -> None:
    held_out = clips()
    with ThreadPoolExecutor(4) as lanes:  # as the pipeline does it: batches
        words = list(lanes.map(lambda clip: heard(engine, clip.sound()), held_out))
    wrong = sum(
        errors(clip.said, texts(found)) for clip, found in zip(held_out, words, strict=True)
    )
    assert wrong / sum(len(clip.said) for clip in held_out) < 0.03
    for clip, found in zip(held_out, words, strict=True):
        length = len(clip.sound()) / 16_000
        assert all(0 <= word.start < word.end <= length for word in found)
        assert all(word.confidence is not None for word in found)


def test_a_batch_hears_what_each_clip_alone_does(engine: Nemo) -> None:
    sounds = [clip.sound() for clip in clips()[:8]]
    alone = [heard(engine, sound) for sound in sounds]
    begin = threading.Barrier(len(sounds))

    def at_once(sound: Floats) -> list[Word]:
        begin.wait()
        return heard(engine, sound)

    with ThreadPoolExecutor(len(sounds)) as lanes:
        together = list(lanes.map(at_once, sounds))
    for one, other in zip(alone, together, strict=True):
        assert texts(one) == texts(other)
        for a, b in zip(one, other, strict=True):
            assert a.start == pytest.approx(b.start, abs=0.081)
            assert a.confidence == pytest.approx(b.confidence, abs=0.02)


def clip_by_clip(engine: Nemo, chosen: list[Clip], order: list[int]) -> list[Word]:
    """Each clip's words where the clip lies in the joined sound."""
    known = {at: heard(engine, chosen[at].sound()) for at in set(order)}
    words, clock = [], 0.0
    for at in order:
        words += [replace(w, start=w.start + clock, end=w.end + clock) for w in known[at]]
        clock += len(chosen[at].sound()) / 16_000
    return words


@pytest.mark.parametrize("way", WAYS)
def test_two_minutes_are_heard_as_well_as_their_clips(engine: Nemo, way: str) -> None:
    chosen = clips()
    order = list(range(len(chosen)))
    random.Random(3).shuffle(order)
    sound = np.concatenate([chosen[at].sound() for at in order])
    said = [word for at in order for word in chosen[at].said]
    apart = clip_by_clip(engine, chosen, order)
    engine._tuning = replace(engine._tuning, way=way)
    try:
        assert engine._living().ask("hear", sound, way=way)["way"] == way
        words = heard(engine, sound)
    finally:
        engine._tuning = replace(engine._tuning, way=None)
    assert error_rate(said, words) <= error_rate(said, apart) + 0.005
    moved = [abs(a.start - b.start) for a, b in in_common(words, apart)]
    assert len(moved) >= 0.97 * len(apart)
    assert np.quantile(moved, 0.99) <= 0.1


def in_common(left: list[Word], right: list[Word]) -> list[tuple[Word, Word]]:
    """Words that both have at about the same time."""
    found = []
    for word in left:
        near = [w for w in right if w.text == word.text and abs(w.start - word.start) < 0.5]
        found += [(word, min(near, key=lambda w: abs(w.start - word.start)))] if near else []
    return found


def cuts(frames: int) -> list[int]:
    """A seeded tenth of the offsets; all of them with PARAKEET_TEST_ALL_CUTS."""
    offsets = range(1, frames)
    if os.environ.get("PARAKEET_TEST_ALL_CUTS"):
        return list(offsets)
    return sorted(random.Random(80).sample(offsets, frames // 10))


def test_windows_that_meet_anywhere_lose_and_double_no_word(engine: Nemo) -> None:
    sound = joined(clips(), 20)[0][: 20 * 16_000]
    worker = engine._living()
    whole = worker.ask("hear", sound, way="whole")["pieces"]
    for seam in cuts(len(sound) // FRAME):
        cut = worker.ask("hear", sound, way="windows", seams=[seam])
        assert cut["way"] == "windows"
        assert text_of(cut["pieces"]) == text_of(whole), f"cut at {seam * 0.08:.2f} s"


def test_chunks_that_overlap_anywhere_lose_and_double_no_word(engine: Nemo) -> None:
    """As the pipeline cuts speech without a pause: 3 s are in both chunks."""
    sound = joined(clips(), 20)[0][: 20 * 16_000]
    whole = texts(heard(engine, sound))
    half = 24_000
    for seam in cuts(len(sound) // FRAME):
        middle = seam * FRAME
        if not half < middle < len(sound) - half:
            continue
        begin, end = middle - half, middle + half
        first = as_chunk(sound[:end])
        second = as_chunk(sound[begin:], start=begin / 16_000, overlap=3.0)
        assembler = Assembler()
        for chunk in (first, second):
            assembler.add(chunk, engine.transcribe(chunk))
        words = [word.text for segment in assembler.finish() for word in segment.words]
        assert words == whole, f"cut at {middle / 16_000:.2f} s"


def test_live_speech_is_shown_as_it_is_spoken(engine: Nemo) -> None:
    sound, _ = joined(clips(), 25)
    assert isinstance(engine, Live)
    listener = engine.listen()
    shown = [listener.hear(sound[at : at + 16_000]) for at in range(0, len(sound), 16_000)]
    listener.close()
    final = texts(heard(engine, sound))
    assert errors(final, shown[-1].split()) <= 0.05 * len(final)
    grown = [len(text.split()) for text in shown]
    assert grown[len(grown) // 2] >= 0.35 * len(final)  # and not all of it at the end


def test_two_utterances_at_once_are_two(engine: Nemo) -> None:
    first, second = (clip.sound() for clip in clips()[:2])
    listeners = [engine.listen(), engine.listen()]
    shown = ["", ""]
    for at in range(0, max(len(first), len(second)), 8_000):
        for which, sound in enumerate((first, second)):
            if len(sound[at : at + 8_000]):
                shown[which] = listeners[which].hear(sound[at : at + 8_000])
    assert shown[0].split() == texts(heard(engine, first))
    assert shown[1].split() == texts(heard(engine, second))


@pytest.mark.soak  # how much is too little depends on what else the machine does
def test_too_little_memory_makes_less_at_once_and_not_errors(python: str) -> None:
    notes: list[str] = []
    engine = made(python, say=notes.append)
    try:
        sound = joined(clips(), 100)[0]
        before = heard(engine, sound)
        worker = engine._living()
        worker.ask("hear", sound, way="whole")
        size = Path(f"/proc/{worker.pid}/statm").read_text(encoding="ascii").split()[0]
        now = int(size) * resource.getpagesize()
        resource.prlimit(worker.pid, resource.RLIMIT_AS, (now + (200 << 20), now + (200 << 20)))
        sounds = [joined(clips(), 100, seed)[0] for seed in range(4)]
        with ThreadPoolExecutor(4) as lanes:
            found = list(lanes.map(lambda one: heard(engine, one), [sound, *sounds]))
        assert any("Out of memory" in note for note in notes)
        assert errors(texts(before), texts(found[0])) <= 0.02 * len(before)
    finally:
        engine.close()


def killed_at_work(engine: Nemo, times: int) -> list[int]:
    """Ends that many workers with SIGSEGV as soon as they have begun on a chunk."""
    ended: list[int] = []
    while len(ended) < times:
        worker = engine._worker
        if worker is not None and worker._begun and worker.pid not in ended:
            os.kill(worker.pid, signal.SIGSEGV)
            ended.append(worker.pid)
    return ended


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_crashes_at_a_chunk_costs_at_most_that_chunk(python: str, times: int) -> None:
    engine = made(python)
    try:
        sound = joined(clips(), 100)[0]
        expected = heard(engine, sound)
        killer = threading.Thread(target=killed_at_work, args=(engine, times), daemon=True)
        killer.start()
        if times == 1:
            assert texts(heard(engine, sound)) == texts(expected)
        else:
            with pytest.raises(EngineError, match=r"SIGSEGV|died over the sound from 0\.00 to"):
                heard(engine, sound)
        killer.join(LIMIT)
        assert texts(heard(engine, sound)) == texts(expected)
    finally:
        engine.close()


def nemo(python: str) -> dict[str, str]:
    return {"PARAKEET_ENGINE": "nemo", "PARAKEET_MODEL": str(TDT), "PARAKEET_ML_PYTHON": python}


def write(path: Path, sound: Floats) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def test_the_command_transcribes_ten_minutes_and_goes_on_after_a_crash(
    python: str, tmp_path: Path
) -> None:
    """Killed with SIGSEGV in mid-file: the batch goes on with a new worker, exit code true."""
    sound, said = joined(clips(), 600)
    write(tmp_path / "long.wav", sound)
    write(tmp_path / "short.wav", clips()[0].sound())
    process = start(
        tmp_path, "transcribe", "long.wav", "short.wav", "-v", "-f", "json", engine=nemo(python)
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
    assert errors(said, words) <= 0.03 * len(said)
    short = json.loads((tmp_path / "short.json").read_bytes())
    assert short["text"].split() == list(clips()[0].said)


def children(pid: int) -> list[int]:
    """The workers that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="ascii", errors="replace")
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == pid and b"nemo_worker" in line:
            found.append(int(folder.name))
    return found


def test_nothing_of_nemo_s_own_is_seen(python: str, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", clips()[0].sound())
    done = transcribe(tmp_path, "a.wav", engine=nemo(python), limit=LIMIT)
    assert done.code == 0, done.err
    assert done.out.decode().split() == list(clips()[0].said)
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["Engine"]


def test_an_interrupt_leaves_no_worker(python: str, tmp_path: Path) -> None:
    write(tmp_path / "long.wav", joined(clips(), 600)[0])
    process = start(tmp_path, "transcribe", "long.wav", "-v", engine=nemo(python))
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


class Canary:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """The good model with a pickle in the place of its weights, and what that would make."""
    canary, folder, model = tmp_path / "canary", tmp_path / "unpacked", tmp_path / "model.nemo"
    with tarfile.open(TDT) as archive:
        archive.extractall(folder, filter="data")
    (weights,) = folder.rglob("model_weights.ckpt")
    weights.write_bytes(pickle.dumps({"weights": Canary(canary)}))
    with tarfile.open(model, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.add(path, path.relative_to(folder))
    return model, canary


def test_a_model_that_would_run_code_is_refused_before_it_does(
    python: str, tmp_path: Path, hostile: tuple[Path, Path]
) -> None:
    model, canary = hostile
    write(tmp_path / "a.wav", clips()[0].sound())
    settings = {**nemo(python), "PARAKEET_MODEL": str(model)}
    done = transcribe(tmp_path, "a.wav", engine=settings, limit=LIMIT)
    assert (done.code, done.out) == (3, b""), done.err
    assert "could run code" in done.err
    assert not canary.exists()


def test_the_worker_itself_loads_weights_only(python: str, hostile: tuple[Path, Path]) -> None:
    """What the scan would let through: NeMo 2.4 by itself runs it, and ours does not."""
    model, canary = hostile
    worker = Worker(python)
    try:
        wanted = {"path": str(model), "device": "cpu"}
        for trusted in (True, False):  # the first shows that the pickle is what it says
            with pytest.raises(EngineUnavailable):
                worker.ask("load", wanted={**wanted, "trusted": trusted})
            assert canary.exists() is trusted
            if canary.exists():
                canary.rmdir()
    finally:
        worker.close()


def test_every_head_is_heard_as_nemo_itself_hears_it(python: str, tmp_path: Path) -> None:
    """Other vocabularies and mels, RNN-T, CTC and hybrid: NeMo's own text, to the letter."""
    clip = SAMPLES / "sense_0880.wav"
    script = Path(__file__).with_name("nemo_models.py")
    subprocess.run(
        [python, "-B", str(script), str(tmp_path), str(clip)], check=True, capture_output=True,
        env=environment(tmp_path), timeout=LIMIT,
    )  # fmt: skip
    expected = json.loads((tmp_path / "heard.json").read_text())
    sound = Clip(clip, ()).sound()
    assert set(expected) == {"rnnt", "ctc", "hybrid", "tdt-128"}
    worker = Worker(python)
    try:
        for name, text in expected.items():
            worker.ask("load", wanted={"path": str(tmp_path / f"{name}.nemo"), "device": "cpu"})
            found = worker.ask("hear", sound)
            assert text_of(found["pieces"]).split() == text.split(), name
            assert text.strip()
            assert len(found["frames"]) == len(found["probabilities"]) == len(found["pieces"])
            assert all(0 <= sure <= 1 for sure in found["probabilities"])
    finally:
        worker.close()


def test_the_small_parakeet_s_ctc_variant_hears_too(python: str) -> None:
    options = EngineOptions(
        model=str(MODELS / "small-parakeet-ctc.nemo"), device="cpu", threads=1, ml_python=python
    )
    engine = Nemo(options, lanes=1)
    engine.load()
    try:
        chosen = clips()
        wrong = sum(errors(clip.said, texts(heard(engine, clip.sound()))) for clip in chosen)
        assert wrong / sum(len(clip.said) for clip in chosen) < 0.15
    finally:
        engine.close()


def test_a_gpu_that_torch_does_not_see_is_refused(python: str, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", clips()[0].sound())
    hidden = {**nemo(python), "CUDA_VISIBLE_DEVICES": ""}
    done = transcribe(tmp_path, "a.wav", "--device", "cuda:7", engine=hidden, limit=LIMIT)
    assert (done.code, done.out) == (3, b""), done.err
    assert "cuda:7" in done.err
    assert "parakeet doctor" in done.err


def test_the_tool_works_inside_the_stack_s_own_environment(stacks: Stacks, tmp_path: Path) -> None:
    home = stacks("verified").linked(tmp_path / "env")
    pip(home.python, "install", "-q", str(Path(__file__).parents[3]))
    write(tmp_path / "a.wav", clips()[0].sound())
    done = subprocess.run(
        [home.python, "-m", "parakeet_cli", "transcribe", "a.wav", "--engine", "nemo",
         "--model", TDT, "--device", "cpu"],
        cwd=tmp_path, capture_output=True, check=False, env=environment(tmp_path), timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().split() == list(clips()[0].said)


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
def test_three_hours_are_heard_as_well_as_their_clips(
    python: str, tmp_path: Path, way: str
) -> None:
    sound, said = joined(clips(), 3 * 3600)
    write(tmp_path / "long.wav", sound)
    settings = {**nemo(python), "PARAKEET_NEMO_WAY": way}
    done = transcribe(tmp_path, "long.wav", "-f", "json", engine=settings, limit=3600)
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "long.json").read_bytes())
    words = [word["word"] for segment in found["segments"] for word in segment["words"]]
    assert errors(said, words) <= 0.03 * len(said)
