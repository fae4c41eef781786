"""AVI's header and index say together how much sound there is."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.layout.avi_index import indexed_seconds, without_false_index
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.reader import Reader
from tests.media_files import Recipe, tone, write_media

PCM = Recipe("avi", "pcm_s16le", 16_000, 1)
MP3 = Recipe("avi", "libmp3lame", 44_100, 1, 64_000)


def seconds(data: bytes, number: int = 0) -> float | None:
    return indexed_seconds(Reader(io.BytesIO(data), len(data)), number)


def avi(folder: Path, recipe: Recipe, *, video: bool = False) -> bytes:
    sound = tone(4, recipe.rate)
    return write_media(folder / "a.avi", sound, recipe, video=video).read_bytes()


@pytest.mark.parametrize(("recipe", "frame"), [(PCM, 0.0), (MP3, 0.08)])
def test_both_state_the_length(recipe: Recipe, frame: float, tmp_path: Path) -> None:
    assert seconds(avi(tmp_path, recipe)) == pytest.approx(4.0, abs=frame)
    film = avi(tmp_path, recipe, video=True)
    assert seconds(film, 1) == pytest.approx(4.0, abs=frame)
    assert seconds(film, 0) is None  # the picture
    assert seconds(film, 2) is None


def test_damage_before_the_index_changes_nothing(tmp_path: Path) -> None:
    data = avi(tmp_path, PCM)
    middle = len(data) // 2
    assert seconds(data[:middle] + data[middle + 7 :]) == pytest.approx(4.0)
    header = data.index(b"movi") - 8
    assert seconds(data[:header] + bytes(12) + data[header + 12 :]) == pytest.approx(4.0)


def test_a_file_without_an_index_or_with_another_length_states_nothing(tmp_path: Path) -> None:
    data = avi(tmp_path, PCM)
    assert seconds(data[: len(data) // 2]) is None
    at = data.index(b"strh") + 8 + 32
    assert seconds(data[:at] + struct.pack("<I", 5 * 16_000) + data[at + 4 :]) is None
    assert seconds(b"RIFF") is None


@pytest.mark.parametrize("recipe", [PCM, MP3])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_damaged_index_hides_no_sound(recipe: Recipe, share: float, tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    data = avi(tmp_path, recipe)
    assert without_false_index(FilePart.whole(path)) is None
    index = data.rindex(b"idx1")
    at = index + round(share * (len(data) - index))
    path.write_bytes(data[:at] + bytes(20) + data[at + 20 :])
    patched = without_false_index(FilePart.whole(path))
    assert patched is not None
    assert b"idx1" not in patched.read()
    with open_media(path, isolated=False) as media:
        assert sum(len(block.samples) for block in media) / 16_000 == pytest.approx(4.0, abs=0.08)
    assert not media.accounting.lost
