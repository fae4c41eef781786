"""MP4 files with bytes cut out or a damaged index are repaired in memory."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import soxr

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.boxes import boxes
from parakeet_cli.audio.decode.recover.file_part import FilePart, PatchedFile
from parakeet_cli.audio.decode.recover.mp4 import rebuild_index, repair
from parakeet_cli.transcript import Accounting
from tests.media_files import RECIPES, speech, write_media

SECONDS = 20


@pytest.fixture(scope="module")
def m4a(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("m4a") / "a.m4a"
    sound = soxr.resample(speech(SECONDS), 16_000, 44_100)
    return write_media(path, sound, RECIPES["m4a"]).read_bytes()


def accounting(path: Path) -> Accounting:
    with open_media(path, isolated=False) as media:
        for _ in media:
            pass
    return media.accounting


def test_a_patched_file_reads_like_one_file() -> None:
    patched = PatchedFile(io.BytesIO(b"abcdefgh"), [(0, 3), b"---", (3, 8)])
    assert patched.read() == b"abc---defgh"
    assert patched.seek(2) == 2
    assert patched.read(5) == b"c---d"
    assert patched.seek(-2, io.SEEK_END) == 9
    assert patched.read(10) == b"gh"
    assert patched.read(1) == b""


def test_a_healthy_file_is_not_changed(m4a: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(m4a)
    assert repair(FilePart.whole(path)) is None
    assert accounting(path).lost == ()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("count", [1, 999, 20_000])
def test_of_audio_with_bytes_cut_out_only_those_are_lost(
    share: float, count: int, m4a: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.m4a"
    at = round(len(m4a) * share)
    path.write_bytes(m4a[:at] + m4a[at + count :])
    found = accounting(path)
    (lost,) = found.lost
    hole = count / len(m4a) * SECONDS
    # The bit rate isn't quite constant: pauses take fewer bytes.
    assert lost.seconds < 1.5 * hole + 3 * 1024 / 44_100
    assert lost.start == pytest.approx(share * SECONDS, abs=1.5)


@pytest.mark.parametrize("count", [200, 700, 1_500])
@pytest.mark.parametrize("filling", ["zeros", "ones", "cut"])
def test_an_index_with_a_damaged_end_is_rebuilt(
    count: int, filling: str, m4a: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.m4a"
    tail = {"zeros": bytes(count), "ones": b"\xff" * count, "cut": b""}[filling]
    path.write_bytes(m4a[:-count] + tail)
    found = accounting(path)
    assert found.lost == ()
    assert found.decoded_seconds == pytest.approx(SECONDS, abs=0.03)


def test_an_index_that_lost_its_beginning_cannot_be_rebuilt(m4a: bytes) -> None:
    index = next(box for box in boxes(io.BytesIO(m4a), 0, len(m4a)) if box.kind == b"moov")
    torn = m4a[: index.start + 60] + bytes(len(m4a) - index.start - 60)
    assert rebuild_index(io.BytesIO(torn)) is None
