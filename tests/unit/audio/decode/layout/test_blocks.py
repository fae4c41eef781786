"""Blocks that state their size lead to the end of a recording, and to the next one."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.coverage import NO_END_MARK
from parakeet_cli.audio.decode.layout.blocks import mp4_layout, voc_layout, wavpack_layout
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.reader import Reader
from tests.media_files import RECIPES, Recipe, tone, write_media


def reader(data: bytes) -> Reader:
    return Reader(io.BytesIO(data), len(data))


def test_a_voc_without_its_last_block_has_an_open_end(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.voc", tone(2, 16_000), Recipe("voc", "pcm_s16le", 16_000, 1))
    data = path.read_bytes()
    whole = voc_layout(reader(data))
    assert whole is not None
    assert (whole.end, whole.open_end) == (len(data), False)
    cut = voc_layout(reader(data[:-1000]))
    assert cut is not None
    assert cut.open_end
    assert voc_layout(reader(data[:20])) is None


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_voc_cut_between_two_blocks_lacks_an_unknown_rest(blocks: int, tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.voc", tone(4, 16_000), Recipe("voc", "pcm_s16le", 16_000, 1))
    data = path.read_bytes()
    end = 26
    for _ in range(blocks):
        end += 4 + int.from_bytes(data[end + 1 : end + 4], "little")
    for left in (0, 2, 40):
        path.write_bytes(data[: end + left])
        with open_media(path, isolated=False) as media:
            list(media)
        (lost,) = media.accounting.lost
        assert lost.reason == NO_END_MARK
        assert media.accounting.expected_basis == "estimated"


def sox_voc(samples: bytes, wide: bool) -> bytes:
    """One block and the end mark, as SoX 14.4.2 writes them: its size lacks 8 bytes if `wide`."""
    rate = struct.pack("<IBBHI", 16_000, 16, 1, 4, 0) if wide else bytes([256 - 62, 0])
    size = len(rate) + len(samples) - (8 if wide else 0)
    block = bytes([9 if wide else 1]) + struct.pack("<I", size)[:3]
    head = b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 0x114, 0x111F)
    return head + block + rate + samples + b"\0"


@pytest.mark.parametrize("last", [bytes(8), b"\1\0\2\0" * 2, b"\xff" * 8])
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("seconds", [1, 1_100])
def test_a_voc_by_sox_is_whole_whatever_size_it_states(
    seconds: int, wide: bool, last: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.voc"
    samples = b"\x90" * (seconds * 16_000) + last
    path.write_bytes(sox_voc(samples, wide))
    with open_media(path, isolated=False) as media:
        decoded = sum(len(block.samples) / 16_000 for block in media)
    assert decoded == pytest.approx(len(samples) / (32_000 if wide else 16_129), abs=0.001)
    assert not media.accounting.lost


def test_a_wavpack_ends_where_samples_are_counted_from_0_again(tmp_path: Path) -> None:
    recipe = Recipe("wv", "wavpack", 44_100, 1)
    data = write_media(tmp_path / "a.wv", tone(8, 44_100), recipe).read_bytes()
    assert wavpack_layout(reader(data)) is None
    both = wavpack_layout(reader(data + data))
    assert both is not None
    assert both.end == data.rindex(b"APETAGEX") or both.end == len(data)
    holed = data[: len(data) // 2] + bytes(3_000) + data[len(data) // 2 + 3_000 :]
    assert wavpack_layout(reader(holed)) is None
    assert wavpack_layout(reader(holed + data)) is not None


def test_an_mp4_ends_where_another_one_names_itself(tmp_path: Path) -> None:
    data = write_media(tmp_path / "a.m4a", tone(1, 44_100), RECIPES["m4a"]).read_bytes()
    assert mp4_layout(reader(data)) is None
    both = mp4_layout(reader(data + data))
    assert both is not None
    assert both.end == len(data)
