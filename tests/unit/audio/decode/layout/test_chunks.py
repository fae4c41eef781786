"""Chunks lead to the sound and its declared size, in each format that has them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.layout.base import Layout
from parakeet_cli.audio.decode.layout.chunks import (
    aiff_layout,
    avi_layout,
    caf_layout,
    iff_layout,
    riff_layout,
    w64_layout,
)
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.reader import Reader
from tests.media_files import Recipe, tone, write_media
from tests.pipes import to_pipe

READERS: dict[str, tuple[Callable[[Reader], Layout | None], str]] = {
    "wav": (riff_layout, "pcm_s16le"),
    "w64": (w64_layout, "pcm_s16le"),
    "aiff": (aiff_layout, "pcm_s16be"),
    "caf": (caf_layout, "pcm_s16le"),
    "avi": (avi_layout, "pcm_s16le"),
}


def reader(data: bytes) -> Reader:
    return Reader(io.BytesIO(data), len(data))


@pytest.mark.parametrize("suffix", READERS)
def test_the_declared_size_stays_when_the_file_is_cut(suffix: str, tmp_path: Path) -> None:
    read, codec = READERS[suffix]
    path = tmp_path / f"a.{suffix}"
    write_media(path, tone(2, 16_000), Recipe(suffix, codec, 16_000, 1))
    data = path.read_bytes()
    whole = read(reader(data))
    assert whole is not None
    assert whole.size is not None
    assert 0 <= whole.size - 64_000 < (1_000 if suffix == "avi" else 1)
    cut = read(reader(data[: len(data) // 2]))
    assert cut is not None
    assert (cut.start, cut.size) == (whole.start, whole.size)


@pytest.mark.parametrize("suffix", READERS)
def test_a_header_cut_anywhere_or_full_of_ones_or_zeros_is_read_to_an_end(
    suffix: str, tmp_path: Path
) -> None:
    read, codec = READERS[suffix]
    path = tmp_path / f"a.{suffix}"
    write_media(path, tone(0.1, 16_000), Recipe(suffix, codec, 16_000, 1))
    data = path.read_bytes()
    for at in range(12, min(400, len(data))):
        for filling in (b"", b"\xff" * 8, bytes(8)):
            try:
                read(reader(data[:at] + filling + (data[at + 8 :] if filling else b"")))
            except (struct.error, OverflowError):
                continue  # read_layout takes these for an unreadable header


def test_the_number_of_samples_of_a_compressed_wav_is_kept(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", tone(2, 16_000), Recipe("wav", "adpcm_ms", 16_000, 1))
    layout = riff_layout(reader(path.read_bytes()))
    assert layout is not None
    assert layout.seconds == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("form", "codec", "options"),
    [
        ("wav", "pcm_s16le", {}),
        ("wav", "pcm_s16le", {"rf64": "always"}),
        ("w64", "pcm_s16le", {}),
        ("aiff", "pcm_s16be", {}),
        ("caf", "pcm_s16le", {}),
        ("au", "pcm_s16be", {}),
        ("avi", "pcm_s16le", {}),
    ],
)
def test_what_was_written_to_a_pipe_is_whole(
    form: str, codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(to_pipe(form, codec, 16_000, 2, options))
    with open_media(path, isolated=False) as media:
        decoded = sum(len(block.samples) for block in media)
    assert decoded == 32_000
    assert media.accounting.lost == ()
    assert media.accounting.expected_basis != "exact"


@pytest.mark.parametrize(("kind", "sound"), [(b"8SVX", b"BODY"), (b"MAUD", b"MDAT")])
def test_the_size_of_an_amiga_recording_stays_when_it_is_cut(kind: bytes, sound: bytes) -> None:
    head = b"FORM" + struct.pack(">I", 9_020) + kind + b"ANNO" + struct.pack(">I", 3) + b"abc\0"
    data = head + sound + struct.pack(">I", 9_000) + bytes(9_000)
    assert iff_layout(reader(data)) == Layout(32, 9_000, len(data))
    cut = iff_layout(reader(data[:5_000]))
    assert cut is not None
    assert cut.size == 9_000
    assert iff_layout(reader(data[:20])) is None
