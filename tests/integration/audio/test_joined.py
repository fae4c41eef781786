"""Recordings one after another in a file are all decoded, each with its own parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
import soxr

from parakeet_cli.audio.decode.media import SAMPLE_RATE, Samples, open_media
from parakeet_cli.transcript import Accounting
from tests.media_files import RECIPES, Recipe, speech, write_media

FIRST, SECOND = 3.0, 2.0  # seconds
PADDING = 0.15  # seconds; what codecs without a field for it add
KINDS = {
    **{kind: RECIPES[kind] for kind in RECIPES if kind != "mp4"},
    "au": Recipe("au", "pcm_s16be", 16_000, 1),
    "caf": Recipe("caf", "pcm_s16le", 16_000, 1),
    "w64": Recipe("w64", "pcm_s16le", 16_000, 1),
    "voc": Recipe("voc", "pcm_u8", 16_000, 1),
    "avi": Recipe("avi", "libmp3lame", 44_100, 1, 64_000),
    "flv": Recipe("flv", "aac", 44_100, 1, 64_000),
    "nut": Recipe("nut", "pcm_s16le", 16_000, 1),
    "tta": Recipe("tta", "tta", 16_000, 1),
    "wv": Recipe("wv", "wavpack", 16_000, 1),
    "ts": Recipe("ts", "aac", 44_100, 1, 64_000),
    "mpg": Recipe("mpg", "mp2", 44_100, 1, 128_000),
    "ac3": Recipe("ac3", "ac3", 44_100, 1, 96_000),
    "adpcm": Recipe("wav", "adpcm_ms", 16_000, 1),
    "ogg flac": Recipe("ogg", "flac", 44_100, 1, None, "s16"),
    "wav 16k": Recipe("wav", "pcm_s16le", 16_000, 1),
    "flac 16k": Recipe("flac", "flac", 16_000, 1, None, "s16"),
    "mp3 16k": Recipe("mp3", "libmp3lame", 16_000, 1, 32_000),
    "adts 16k": Recipe("aac", "aac", 16_000, 1, 32_000),
    "ts mp2": Recipe("ts", "mp2", 32_000, 1, 64_000),
    "ts 16k": Recipe("ts", "aac", 16_000, 1, 32_000),
    "mkv opus": Recipe("mkv", "libopus", 48_000, 1, 32_000),
    "m4a alac": Recipe("m4a", "alac", 16_000, 1),
    "wv 44k": Recipe("wv", "wavpack", 44_100, 2),
}
PAIRS = [(kind, kind) for kind in KINDS] + [
    *(("wav", "wav 16k"), ("wav 16k", "wav"), ("adpcm", "wav"), ("wav", "adpcm")),
    *(("flac", "flac 16k"), ("flac 16k", "flac"), ("mp3", "mp3 16k"), ("mp3 16k", "mp3")),
    *(("opus", "vorbis"), ("vorbis", "opus"), ("opus", "ogg flac"), ("ogg flac", "vorbis")),
    *(("adts", "adts 16k"), ("ts", "ts 16k"), ("ts", "ts mp2"), ("ts mp2", "ts")),
    *(("mkv", "mkv opus"), ("m4a", "m4a alac"), ("wv", "wv 44k")),
    # of different kinds
    *(("wav", "mp3"), ("wav", "flac"), ("mp3", "wav"), ("flac", "wav"), ("opus", "wav")),
    *(
        ("adts", "mp3"),
        ("webm", "mp3"),
        ("m4a", "wav"),
        ("aiff", "opus"),
        ("amr", "wav"),
        ("wma", "mp3"),
    ),
]


@dataclass(frozen=True)
class Decoded:
    """A file's samples on its clock, with zeros for what is missing, and its accounting."""

    samples: Samples
    accounting: Accounting


def decode(path: Path) -> Decoded:
    with open_media(path, isolated=False) as media:
        blocks = list(media)
    samples = np.zeros(round(blocks[-1].end * SAMPLE_RATE) + 1, np.float32)
    for block in blocks:
        first = round(block.start * SAMPLE_RATE)
        samples[first : first + len(block.samples)] = block.samples
    return Decoded(samples, media.accounting)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Each kind as a first recording and, with other speech, as a second one."""
    av.logging.set_level(None)
    folder = tmp_path_factory.mktemp("joined")
    sound = speech(FIRST + SECOND)
    made = {}
    for kind, recipe in KINDS.items():
        parts = []
        for number, part in enumerate(np.split(sound, [round(FIRST * SAMPLE_RATE)])):
            path = folder / f"{kind} {number}.{recipe.suffix}"
            write_media(path, soxr.resample(part, SAMPLE_RATE, recipe.rate), recipe)
            parts.append(path)
        made[kind] = (parts[0], parts[1])
    return made


def likeness(one: Samples, other: Samples) -> float:
    """The correlation of two signals at no delay, between -1 and 1."""
    count = min(len(one), len(other))
    return float(np.corrcoef(one[:count], other[:count])[0, 1])


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[" + ".join(pair) for pair in PAIRS])
def test_both_recordings_are_decoded_one_after_the_other(
    first: str, second: str, files: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    alone = decode(files[first][0]), decode(files[second][1])
    path = tmp_path / f"joined{files[first][0].suffix}"
    path.write_bytes(files[first][0].read_bytes() + files[second][1].read_bytes())
    joined = decode(path)
    assert joined.accounting.lost == ()
    assert joined.accounting.damaged_packets == 0
    length = sum(one.accounting.decoded_seconds for one in alone)
    assert joined.accounting.decoded_seconds == pytest.approx(length, abs=PADDING)
    at = len(joined.samples) - len(alone[1].samples)
    assert likeness(joined.samples, alone[0].samples) > 0.99
    around = (likeness(joined.samples[max(0, at + k) :], alone[1].samples) for k in range(-8, 9))
    assert max(around) > 0.9


def test_three_in_a_row_with_tags_and_padding_between_them(
    files: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    id3v1 = b"TAG" + bytes(125)
    path = tmp_path / "three.wav"
    parts = [files["wav"][0], files["flac"][1], files["opus"][0]]
    path.write_bytes((id3v1 + bytes(1_000)).join(one.read_bytes() for one in parts))
    found = decode(path).accounting
    assert found.decoded_seconds == pytest.approx(FIRST + SECOND + FIRST, abs=0.01)
    assert found.lost == ()
    assert found.expected_basis == "exact"


def test_the_cut_end_of_a_first_recording_is_lost_and_the_second_is_not(
    files: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    for kind in ("opus", "flac", "mp3"):
        path = tmp_path / f"cut{files[kind][0].suffix}"
        data = files[kind][0].read_bytes()
        path.write_bytes(data[: len(data) * 2 // 3] + files[kind][1].read_bytes())
        found = decode(path)
        assert found.accounting.lost, kind
        assert found.accounting.lost[0].end <= FIRST + 0.05
        assert found.accounting.decoded_seconds > SECOND + 0.5
        assert len(found.samples) / SAMPLE_RATE > found.accounting.decoded_seconds, kind


def test_what_is_nothing_known_behind_a_recording_is_a_loss_with_its_reason(
    files: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    junk = bytes(range(128, 256)) * 400
    for kind in ("ac3", "flv", "tta", "m4a"):
        path = tmp_path / f"junk{files[kind][0].suffix}"
        path.write_bytes(files[kind][0].read_bytes() + junk)
        found = decode(path).accounting
        if kind == "m4a":  # its index says what there is
            assert found.lost == (), kind
            continue
        assert found.lost, kind
        assert found.decoded_seconds == pytest.approx(FIRST, abs=PADDING), kind
        if kind != "ac3":  # whose frames are searched for in it
            assert "nothing that can be recognised" in found.lost[-1].reason, kind


def test_a_part_of_the_second_recording_keeps_the_clock_of_the_file(
    files: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    path = tmp_path / "joined.opus"
    path.write_bytes(files["opus"][0].read_bytes() + files["vorbis"][1].read_bytes())
    with open_media(path, offset=3.5, duration=1.0, isolated=False) as media:
        blocks = list(media)
    assert blocks[0].start == pytest.approx(3.5, abs=1e-3)
    assert blocks[-1].end == pytest.approx(4.5, abs=1e-3)
    assert media.accounting.lost == ()
