"""Fragmented MP4: what is damaged is a loss of that length, and what follows is where it was."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import soxr

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.boxes import Box, boxes
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.fragments import read_fragments
from parakeet_cli.transcript import Accounting
from tests.films import write_film
from tests.media_files import RECIPES, speech, write_media

SECONDS = 8.0
FRAME = 0.05
FLAGS = "frag_keyframe+empty_moov+default_base_moof"
OPTIONS = {"movflags": FLAGS, "frag_duration": "1000000"}
# Without a base in each fragment, positions count from the beginning of the file.
ABSOLUTE = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"}


class Fragmented(NamedTuple):
    path: Path
    data: bytes
    fragments: list[tuple[Box, Box]]  # each moof with its mdat


def fragmented(
    folder: Path, options: dict[str, str] = OPTIONS, picture: float | None = None
) -> Fragmented:
    sound = soxr.resample(speech(SECONDS), 16_000, 44_100).astype("float32")[None]
    path = write_film(
        folder / "a.mp4", "mp4", "aac", sound, 44_100, picture=picture, options=options
    )
    with path.open("rb") as file:
        found = [
            box for box in boxes(file, 0, path.stat().st_size) if box.kind in (b"moof", b"mdat")
        ]
    return Fragmented(path, path.read_bytes(), list(zip(found[::2], found[1::2], strict=True)))


def accounting(path: Path, data: bytes) -> Accounting:
    path.write_bytes(data)
    with open_media(path, isolated=False) as media:
        for _ in media:
            pass
    return media.accounting


def blanked(data: bytes, start: int, count: int) -> bytes:
    return data[:start] + bytes(count) + data[start + count :]


@pytest.mark.parametrize("picture", [None, SECONDS])
def test_a_healthy_file_is_read_as_it_is(picture: float | None, tmp_path: Path) -> None:
    film = fragmented(tmp_path, picture=picture)
    part = FilePart.whole(film.path)
    found = read_fragments(part)
    assert found is not None
    assert not (found.damaged or found.incomplete or found.cut)
    assert found.patched(part) is None
    assert found.end_of(1 if picture is None else 2) == pytest.approx(SECONDS, abs=FRAME)
    whole = accounting(film.path, film.data)
    assert whole.lost == ()
    assert whole.expected_seconds == pytest.approx(SECONDS, abs=FRAME)


def test_a_file_without_fragments_has_none(tmp_path: Path) -> None:
    recipe = RECIPES["m4a"]
    path = write_media(tmp_path / "a.m4a", soxr.resample(speech(2), 16_000, recipe.rate), recipe)
    assert read_fragments(FilePart.whole(path)) is None


@pytest.mark.parametrize("options", [OPTIONS, ABSOLUTE])
def test_sound_behind_a_damaged_fragment_is_where_it_was(
    options: dict[str, str], tmp_path: Path
) -> None:
    film = fragmented(tmp_path, options)
    moof, _ = film.fragments[3]
    found = accounting(film.path, blanked(film.data, moof.start, 60))
    (lost,) = found.lost
    assert lost.seconds == pytest.approx(1.0, abs=2 * FRAME)
    assert lost.start == pytest.approx(3.0, abs=3 * FRAME)
    assert found.expected_seconds == pytest.approx(SECONDS, abs=FRAME)


@pytest.mark.parametrize("count", [7, 700])
def test_bytes_that_are_cut_out_harm_one_fragment(count: int, tmp_path: Path) -> None:
    film = fragmented(tmp_path, ABSOLUTE)
    _, mdat = film.fragments[3]
    middle = (mdat.data + mdat.end) // 2
    found = accounting(film.path, film.data[:middle] + film.data[middle + count :])
    assert found.lost
    assert all(lost.start > 2.9 and lost.end < 4.2 for lost in found.lost)
    assert found.expected_seconds == pytest.approx(SECONDS, abs=FRAME)


def test_a_fragment_that_is_missing_is_no_pause(tmp_path: Path) -> None:
    film = fragmented(tmp_path)
    moof, mdat = film.fragments[3]
    (lost,) = accounting(film.path, film.data[: moof.start] + film.data[mdat.end :]).lost
    assert lost.seconds == pytest.approx(1.0, abs=2 * FRAME)


@pytest.mark.parametrize("picture", [None, SECONDS])
def test_a_file_that_ends_within_a_fragment_lacks_the_rest_of_it(
    picture: float | None, tmp_path: Path
) -> None:
    film = fragmented(tmp_path, picture=picture)
    moof, mdat = film.fragments[4]
    end = accounting(film.path, film.data[: mdat.end]).decoded_seconds
    found = accounting(film.path, film.data[: (mdat.data + mdat.end) // 2])
    assert found.lost
    assert found.expected_seconds == pytest.approx(end, abs=2 * FRAME)
    # Of a fragment without its description, only that it was there is known.
    found = accounting(film.path, film.data[: moof.end - 10])
    assert found.lost[-1].reason.startswith("the file ends without its end-of-stream mark")


def test_a_first_fragment_that_is_damaged_is_a_loss_at_the_start(tmp_path: Path) -> None:
    film = fragmented(tmp_path)
    moof, _ = film.fragments[0]
    (lost,) = accounting(film.path, blanked(film.data, moof.start, 60)).lost
    assert lost.start == 0.0
    assert lost.seconds == pytest.approx(1.0, abs=2 * FRAME)
