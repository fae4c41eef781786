from __future__ import annotations

import io
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.coverage import NO_END_MARK, DeclaredDuration
from parakeet_cli.audio.decode.recover.ogg import (
    FIRST,
    LAST,
    GranuleClock,
    granule_clock,
    lacks_first_pages,
    ogg_duration,
    page_at,
    pages_in,
)
from tests.media_files import RECIPES, tone, write_media

RATE = 44_100


@pytest.fixture(scope="module")
def vorbis(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("ogg") / "a.ogg"
    return write_media(path, tone(4, RATE), RECIPES["vorbis"]).read_bytes()


def duration(data: bytes) -> DeclaredDuration:
    return ogg_duration(io.BytesIO(data), RATE, 0.0)


def test_pages_follow_one_another_from_the_first_byte_to_the_last(vorbis: bytes) -> None:
    pages = pages_in(vorbis)
    assert [page.sequence for page in pages] == list(range(len(pages)))
    end = 0
    for page in pages:
        assert page.position == end
        end += page.size
    assert end == len(vorbis)
    assert [page.flags & FIRST for page in pages] == [FIRST] + [0] * (len(pages) - 1)
    assert [bool(page.flags & LAST) for page in pages][-2:] == [False, True]
    assert pages[-1].granule / RATE == pytest.approx(4, abs=0.01)


def test_a_page_that_is_not_whole_is_none(vorbis: bytes) -> None:
    last = pages_in(vorbis)[-1]
    assert page_at(vorbis, last.position) == last
    for cut in (1, last.size - 20, last.size - 27):
        assert page_at(vorbis[:-cut], last.position) is None
    assert page_at(vorbis, last.position + 1) is None


def test_an_ogg_page_with_a_wrong_checksum_is_skipped(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.opus", tone(1, 48_000), RECIPES["opus"])
    data = bytearray(path.read_bytes())
    whole = len(pages_in(bytes(data)))
    data[-1] ^= 1
    assert len(pages_in(bytes(data))) == whole - 1


def test_pages_are_found_after_bytes_that_are_none(vorbis: bytes) -> None:
    junk = b"OggS" + bytes(range(50))
    found = pages_in(junk + vorbis)
    assert len(found) == len(pages_in(vorbis))
    assert found[0].position == len(junk)


def test_opus_counts_at_48_khz_without_its_pre_skip() -> None:
    head = b"....OpusHead\x01\x02" + (312).to_bytes(2, "little")
    clock = granule_clock(head, 16_000)
    assert clock == GranuleClock(48_000, 312)
    assert clock.seconds(48_312) == 1.0
    assert granule_clock(b"....\x01vorbis", RATE) == GranuleClock(RATE)


def test_a_whole_file_declares_its_duration_exactly(vorbis: bytes) -> None:
    found = duration(vorbis)
    assert found.basis == "exact"
    assert found.seconds == pages_in(vorbis)[-1].granule / RATE == pytest.approx(4, abs=0.01)


def test_the_duration_counts_from_the_zero_of_the_timestamps(vorbis: bytes) -> None:
    assert ogg_duration(io.BytesIO(vorbis), RATE, 1.5).seconds == pytest.approx(2.5, abs=0.01)


def test_a_file_cut_within_its_last_page_lacks_what_that_page_added(vorbis: bytes) -> None:
    found = duration(vorbis[:-10])
    assert (found.basis, found.reason) == ("estimated", NO_END_MARK)
    assert found.seconds == found.known_until == pytest.approx(4, abs=0.01)


def test_a_file_cut_between_two_pages_lacks_about_one_page(vorbis: bytes) -> None:
    pages = pages_in(vorbis)
    found = duration(vorbis[: pages[-1].position])
    before = pages[-2].granule / RATE
    assert found.reason == NO_END_MARK
    assert found.seconds is not None
    assert before < found.seconds < before + 2


def test_a_file_without_a_page_declares_nothing() -> None:
    assert duration(b"OggS" + bytes(1000)) == DeclaredDuration()


def test_first_pages_are_missing_if_their_numbers_are(vorbis: bytes) -> None:
    pages = pages_in(vorbis)
    audio = next(page for page in pages if page.granule > 0)
    without = vorbis[: audio.position] + vorbis[audio.position + audio.size :]
    assert not lacks_first_pages(vorbis)
    assert lacks_first_pages(without)
    assert lacks_first_pages(vorbis[pages[0].size :])
    assert lacks_first_pages(b"")
