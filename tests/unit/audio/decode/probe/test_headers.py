"""Headers that our own readers read are held against libav, and against files that lie."""

from __future__ import annotations

import os
import random
import struct
import wave
from pathlib import Path

import pytest
import soxr

from parakeet_cli.audio.decode.probe import headers
from parakeet_cli.audio.decode.probe.headers import MAX_READS, header_seconds
from parakeet_cli.audio.samples import SAMPLE_RATE
from tests.media_files import RECIPES, speech, write_media

# What our readers leave to libav.
LEFT = {"wma", "amr"}


def recording(folder: Path, kind: str, seconds: float) -> Path:
    recipe = RECIPES[kind]
    samples = soxr.resample(speech(seconds), SAMPLE_RATE, recipe.rate)
    return write_media(folder / f"{kind}.{recipe.suffix}", samples, recipe)


@pytest.mark.parametrize("kind", [kind for kind in RECIPES if kind not in LEFT])
def test_a_recording_is_as_long_as_it_is(kind: str, tmp_path: Path) -> None:
    for seconds in (0.4, 7.5):
        found = header_seconds(recording(tmp_path, kind, seconds))
        assert found == pytest.approx(seconds, abs=0.05 if kind != "adts" else 0.5)


def test_what_is_no_recording_has_no_length(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, content in {
        "empty": b"",
        "text": b"RIFF" * 1000,
        "short": b"RIFF\0\0\0\0WAVE",
        "frames": b"\xff" * 5000,
        "tags": (b"ID3\4\0\0" + bytes(4)) * 500,
        "flac": b"fLaC",
        "ogg": b"OggS" * 20_000,
        "mp4": b"\0\0\0\x08ftyp" * 10_000,
        "mkv": b"\x1a\x45\xdf\xa3" + b"\xff" * 5000,
        "au": b".snd" + b"\xff" * 20,
    }.items():
        (tmp_path / name).write_bytes(content)
    assert [header_seconds(path) for path in sorted(tmp_path.iterdir())] == [None] * 11
    assert header_seconds(tmp_path) is None
    assert header_seconds(tmp_path / "gone") is None
    assert header_seconds("a\0b") is None


def test_a_length_beyond_what_the_bytes_can_hold_is_not_believed(tmp_path: Path) -> None:
    path = recording(tmp_path, "webm", 1.0)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    for lie in (float("inf"), float("nan"), -5.0, 1e300, 1e9):
        data[at : at + 8] = struct.pack(">d", lie)
        path.write_bytes(data)
        assert header_seconds(path) is None


def test_a_header_of_ten_thousand_chunks_is_given_up_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    class Counting(headers.HeaderReader):
        def window(self, position: int, length: int) -> tuple[bytes, int]:
            reads.append(position)
            return super().window(position, length)

    monkeypatch.setattr(headers, "HeaderReader", Counting)
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 10_000)
    assert header_seconds(path) is None
    assert len(reads) == MAX_READS + 1


def test_a_wav_that_says_nothing_of_its_size_is_left_to_libav(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    data = bytearray(path.read_bytes())
    assert header_seconds(path) == 1.0
    data[40:44] = b"\xff" * 4
    path.write_bytes(data)
    assert header_seconds(path) is None


def test_a_wav_that_was_cut_off_is_as_long_as_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(96_000))
    path.write_bytes(path.read_bytes()[: 44 + 32_000])
    assert header_seconds(path) == 1.0


def test_tags_before_the_sound_are_skipped(tmp_path: Path) -> None:
    tag = b"ID3\4\0\0\0\0\x4e\x10" + bytes(10_000)  # 78 × 128 + 16 bytes
    for kind in ("mp3", "flac", "adts"):
        path = recording(tmp_path, kind, 3.0)
        plain = header_seconds(path)
        path.write_bytes(tag + path.read_bytes())
        assert header_seconds(path) == pytest.approx(plain)


def test_random_bytes_behind_every_magic_only_cost_their_own_length(tmp_path: Path) -> None:
    chance = random.Random(5)
    path = tmp_path / "any"
    for at, magic, _ in headers.HEADERS:
        for _ in range(50):
            path.write_bytes(bytes(at) + magic + chance.randbytes(chance.randrange(3000)))
            found = header_seconds(path)
            assert found is None or 0 < found <= path.stat().st_size
