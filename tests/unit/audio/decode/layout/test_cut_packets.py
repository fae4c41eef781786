"""A file without a length that ends within a packet was cut off."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.coverage import CUT_PACKET
from parakeet_cli.audio.decode.layout.cut_packets import ends_within_packet
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.reader import Reader
from parakeet_cli.transcript import Accounting
from tests.films import two_voices, write_film
from tests.pipes import to_pipe

SECONDS = 3.0
PIPED = [
    ("flv", "libmp3lame", 44_100),
    ("flv", "aac", 44_100),
    ("matroska", "flac", 16_000),
    ("matroska", "aac", 44_100),
    ("webm", "libopus", 48_000),
    ("avi", "libmp3lame", 44_100),
    ("avi", "pcm_s16le", 16_000),
    ("wv", "wavpack", 16_000),
]


def accounting(path: Path) -> Accounting:
    with open_media(path, isolated=False) as media:
        list(media)
    return media.accounting


@pytest.mark.parametrize(("form", "codec", "rate"), PIPED)
def test_what_was_written_to_a_pipe_is_whole_until_it_is_cut(
    form: str, codec: str, rate: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    data = to_pipe(form, codec, rate, SECONDS)
    path.write_bytes(data)
    whole = accounting(path)
    assert whole.lost == ()
    for share in (0.5, 0.61, 0.82):
        path.write_bytes(data[: int(len(data) * share)])
        found = accounting(path)
        assert [one.reason for one in found.lost] == [CUT_PACKET], share
        assert found.expected_basis == "estimated"
        assert found.lost[0].start == pytest.approx(found.decoded_seconds, abs=0.1)


@pytest.mark.parametrize("form", ["matroska", "flv"])
def test_beside_a_picture_it_is_noticed_alike(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    codec = "libmp3lame"
    write_film(path, form, codec, two_voices(2, 44_100), 44_100, picture=3.0)
    assert accounting(path).lost == ()
    data = path.read_bytes()
    assert not ends_within_packet(Reader(io.BytesIO(data), len(data)), form, len(data))
    path.write_bytes(data[: len(data) // 2])
    assert accounting(path).lost


def test_other_containers_and_odd_bytes_are_no_cut_packet() -> None:
    for data in (b"", b"\0", bytes(100), b"wvpk", b"00wb"):
        reader = Reader(io.BytesIO(data), len(data))
        assert not ends_within_packet(reader, "wav", 0)
        assert not ends_within_packet(reader, "avi", 0) or data == b"00wb"
