"""The declared duration of each container counts as exact, as an estimate, or not at all."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.mpeg import find_runs
from parakeet_cli.audio.decode.recover.mpeg_headers import MPEG
from parakeet_cli.audio.decode.recover.ogg import lacks_first_pages, page_at, pages_in
from parakeet_cli.audio.decode.recover.reader import Reader
from parakeet_cli.transcript import Accounting
from tests.media_files import RECIPES, Recipe, speech, tone, write_media

SECONDS = 4
PCM = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)


def accounting(path: Path) -> Accounting:
    with open_media(path, isolated=False) as media:
        for _ in media:
            pass
    return media.accounting


def riff(path: Path, size: int, *, kind: bytes = b"RIFF", before: bytes = b"") -> Path:
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(PCM)) + PCM
    body += b"data" + struct.pack("<I", size) + bytes(32_000 * SECONDS)
    path.write_bytes(kind + struct.pack("<I", min(size + 36, 0xFFFFFFFF)) + body)
    return path


def test_a_data_chunk_counts_samples(tmp_path: Path) -> None:
    found = accounting(riff(tmp_path / "a.wav", 32_000 * SECONDS))
    assert (found.expected_basis, found.expected_seconds) == ("exact", SECONDS)
    assert found.lost == ()


def test_a_data_chunk_that_declares_more_makes_a_loss(tmp_path: Path) -> None:
    found = accounting(riff(tmp_path / "a.wav", 32_000 * 10))
    assert found.expected_seconds == 10
    assert [(one.start, one.end) for one in found.lost] == [(SECONDS, 10)]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_size_that_was_never_filled_in_declares_nothing(size: int, tmp_path: Path) -> None:
    found = accounting(riff(tmp_path / "a.wav", size))
    assert (found.expected_basis, found.expected_seconds) == ("none", None)
    assert found.decoded_seconds == SECONDS
    assert found.lost == ()


def test_the_wide_size_of_a_ds64_chunk_counts(tmp_path: Path) -> None:
    wide = b"ds64" + struct.pack("<IQQQI", 28, 0, 32_000 * 10, 0, 0)
    path = riff(tmp_path / "a.wav", 0xFFFFFFFF, kind=b"RF64", before=wide)
    found = accounting(path)
    assert (found.expected_basis, found.expected_seconds) == ("exact", 10)
    assert found.lost_seconds == 10 - SECONDS


def test_a_few_bytes_too_many_are_not_a_loss(tmp_path: Path) -> None:
    assert accounting(riff(tmp_path / "a.wav", 32_000 * SECONDS + 44)).lost == ()


def test_a_flac_of_unknown_length_declares_nothing(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.flac", tone(SECONDS, 44_100), RECIPES["flac"])
    data = bytearray(path.read_bytes())
    at = data.index(b"fLaC") + 8 + 13
    data[at] &= 0xF0
    data[at + 1 : at + 5] = bytes(4)
    path.write_bytes(data)
    found = accounting(path)
    assert (found.expected_basis, found.lost) == ("none", ())
    assert found.decoded_seconds == SECONDS


def test_an_mp3_without_a_total_is_an_estimate_and_not_a_loss(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp3", tone(SECONDS, 44_100), RECIPES["mp3"])
    data = path.read_bytes()
    (run,) = find_runs(Reader(io.BytesIO(data), len(data)), MPEG)
    header = MPEG.parse(data, run.start)
    assert header is not None
    path.write_bytes(data[run.start + header.size :])
    found = accounting(path)
    assert (found.expected_basis, found.lost) == ("estimated", ())
    assert found.decoded_seconds == pytest.approx(SECONDS, abs=0.1)


def test_audio_shorter_than_the_picture_of_a_video_is_complete(tmp_path: Path) -> None:
    for suffix in ("mkv", "mp4"):
        path = tmp_path / f"film.{suffix}"
        write_media(path, tone(0.5, 44_100), RECIPES["mp4"], video=True)
        assert accounting(path).lost == (), suffix


def test_the_made_up_timestamps_of_an_avi_are_not_a_loss(tmp_path: Path) -> None:
    recipe = Recipe("avi", "aac", 16_000, 1, 32_000)
    path = write_media(tmp_path / "a.avi", speech(20), recipe)
    found = accounting(path)
    assert found.lost == ()
    assert found.decoded_seconds == pytest.approx(20, abs=0.2)


def test_an_ogg_without_its_end_mark_was_cut_off(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.ogg", tone(SECONDS, 44_100), RECIPES["vorbis"])
    data = path.read_bytes()
    last = pages_in(data)[-1]
    assert page_at(data, last.position) == last
    path.write_bytes(data[: last.position])
    found = accounting(path)
    (lost,) = found.lost
    assert lost.start == pytest.approx(found.decoded_seconds)
    assert "end-of-stream" in lost.reason
    assert found.expected_basis == "estimated"


def test_an_ogg_that_lost_its_first_audio_still_starts_at_zero(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.opus", tone(SECONDS, 48_000), RECIPES["opus"])
    data = path.read_bytes()
    pages = pages_in(data)
    first = next(page for page in pages if page.granule > 0)
    cut = data[: first.position] + data[first.position + first.size :]
    assert lacks_first_pages(cut)
    assert not lacks_first_pages(data)
    path.write_bytes(cut)
    (lost,) = accounting(path).lost
    assert lost.start == 0
    assert lost.end == pytest.approx(1, abs=0.05)


def test_amr_is_counted_frame_by_frame(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.amr", tone(SECONDS, 8_000), RECIPES["amr"])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + data[len(data) // 2 + 50 :])
    found = accounting(path)
    assert found.lost
    assert found.expected_basis == "estimated"


def test_a_webm_that_was_streamed_declares_nothing(tmp_path: Path) -> None:
    recipe = Recipe("webm", "libopus", 48_000, 1, 32_000)
    path = write_media(tmp_path / "a.webm", tone(SECONDS, 48_000), recipe)
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88")
    void = b"\xec\x89" + bytes(9)  # in its place, as long
    data = data[:at] + void + data[at + len(void) :]
    path.write_bytes(data.replace(b"DURATION", b"NOTHINGS"))
    found = accounting(path)
    assert (found.expected_basis, found.lost) == ("none", ())
