"""Blocks that state their size lead to the end of a recording, and to the next one."""

from __future__ import annotations

import io
from pathlib import Path

from parakeet_cli.audio.decode.layout.blocks import mp4_layout, voc_layout, wavpack_layout
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
