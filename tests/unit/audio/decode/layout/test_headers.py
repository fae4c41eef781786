"""Headers of fixed fields give the place and the size of the sound."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.coverage import NO_END_MARK
from parakeet_cli.audio.decode.layout.headers import (
    NUT_INDEX,
    asf_layout,
    au_layout,
    matroska_layout,
    nut_layout,
    sox_layout,
    sphere_layout,
    tta_layout,
)
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.reader import Reader
from parakeet_cli.transcript import LostInterval
from tests.media_files import RECIPES, Recipe, tone, write_media

PCM_IN_NUT = Recipe("nut", "pcm_s16le", 16_000, 1)
OPUS_IN_NUT = Recipe("nut", "libopus", 48_000, 1, 48_000)


def reader(data: bytes) -> Reader:
    return Reader(io.BytesIO(data), len(data))


def sphere(count: int, data: bytes) -> bytes:
    head = (
        b"NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 16000\nsample_n_bytes -i 2\n"
        b"sample_byte_format -s2 01\nsample_coding -s3 pcm\nsample_count -i %d\nend_head\n" % count
    )
    return head.ljust(1024) + data


def test_au_states_its_size_or_that_it_has_none() -> None:
    head = b".snd" + struct.pack(">IIIII", 28, 2_000, 3, 16_000, 1) + bytes(4)
    layout = au_layout(reader(head + bytes(1_000)))
    assert layout is not None
    assert (layout.start, layout.size, layout.end) == (28, 2_000, 2_028)
    piped = au_layout(reader(head[:8] + b"\xff" * 4 + head[12:] + bytes(1_000)))
    assert piped is not None
    assert piped.size is None


@pytest.mark.parametrize("count", [b"-1", b"99999999999999999999999", b"x"])
def test_a_sample_count_that_is_no_number_is_unknown(count: bytes) -> None:
    data = sphere(500, bytes(1_000)).replace(b"-i 500", b"-i " + count)
    layout = sphere_layout(reader(data))
    assert layout is not None
    assert layout.size is None


def test_sphere_counts_samples() -> None:
    layout = sphere_layout(reader(sphere(16_000, bytes(10_000))))
    assert layout is not None
    assert (layout.start, layout.size, layout.end) == (1_024, 32_000, 33_024)


def test_sox_counts_the_samples_of_all_channels() -> None:
    head = b".SoX" + struct.pack("<IQdII", 28, 2_000, 16_000.0, 2, 0)
    layout = sox_layout(reader(head + bytes(4_000)))
    assert layout is not None
    assert (layout.start, layout.size) == (32, 8_000)


def test_the_frames_of_a_tta_add_up_to_its_end(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.tta", tone(3, 16_000), Recipe("tta", "tta", 16_000, 1))
    data = path.read_bytes()
    layout = tta_layout(reader(data))
    assert layout is not None
    assert layout.end is not None
    assert data[layout.end :].startswith(b"APETAGEX")
    assert tta_layout(reader(data[:30])) is None
    assert tta_layout(reader(data[:14] + b"\xff" * 4 + data[18:])) is None  # a table without end


def test_the_segment_of_a_matroska_ends_where_the_file_does(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mkv", tone(1, 44_100), RECIPES["mkv"])
    data = path.read_bytes()
    layout = matroska_layout(reader(data))
    assert layout is not None
    assert layout.end == len(data)
    assert matroska_layout(reader(b"\x1a\x45\xdf\xa3" + bytes(60))) is None


def test_an_asf_ends_where_the_header_of_another_begins(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wma", tone(1, 44_100), RECIPES["wma"])
    data = path.read_bytes()
    assert asf_layout(reader(data)) is None
    layout = asf_layout(reader(data + data))
    assert layout is not None
    assert (layout.end, layout.likely) == (len(data), True)


@pytest.mark.parametrize("recipe", [PCM_IN_NUT, OPUS_IN_NUT])
def test_the_sound_of_a_nut_ends_where_its_index_begins(recipe: Recipe, tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.nut", tone(3, recipe.rate), recipe)
    data = path.read_bytes()
    layout = nut_layout(reader(data))
    assert layout.size is not None
    assert (layout.size, layout.open_end) == (data.rindex(NUT_INDEX), False)
    assert nut_layout(reader(data[:-1])).open_end
    assert lost(path) == ()
    for end in (len(data) // 2, layout.size, len(data) - 1):
        path.write_bytes(data[:end])
        assert [one.reason for one in lost(path)] == [NO_END_MARK]
    path.write_bytes(data[: len(data) // 3] + data[layout.size :])
    assert lost(path)
    path.write_bytes(data + data)
    assert lost(path) == ()


def lost(path: Path) -> tuple[LostInterval, ...]:
    with open_media(path, isolated=False) as media:
        list(media)
    return media.accounting.lost
