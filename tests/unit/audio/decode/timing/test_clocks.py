"""What a container's clock says of a gap is believed, and a real cut is noticed all the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import av
import pytest

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.transcript import Accounting
from tests.films import write_film
from tests.media_files import RECIPES, Recipe, tone, write_media

RATE = 44_100
SECONDS = 3.0
NO_EDIT_LIST = {"use_editlist": "0"}
FORMATS = {".ts": "mpegts", ".mkv": "matroska"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def film(
    path: Path,
    codec: str,
    *,
    late: float = 0.0,
    picture: float = SECONDS,
    seconds: float = SECONDS,
    options: Mapping[str, str] | None = None,
) -> Path:
    """A film whose sound starts `late` and lasts `seconds`, and whose picture lasts `picture`."""
    sound = tone(seconds, RATE)[None, :]
    form = FORMATS.get(path.suffix, path.suffix[1:])
    return write_film(path, form, codec, sound, RATE, late=late, picture=picture, options=options)


def account(path: Path) -> Accounting:
    with open_media(path, isolated=False) as media:
        blocks = list(media)
    total = sum(len(block.samples) for block in blocks) / 16_000
    assert total == pytest.approx(media.accounting.decoded_seconds, abs=0.001)
    return media.accounting


def assert_healthy(accounting: Accounting, seconds: float) -> None:
    assert (accounting.lost, accounting.damaged_packets) == ((), 0)
    assert accounting.decoded_seconds == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize("late", [0.0, 2.0])
@pytest.mark.parametrize("picture", [SECONDS, 9.0])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("plain.mp4", "aac", {}),
        ("bare.mp4", "aac", NO_EDIT_LIST),
        ("fragments.mp4", "aac", FRAGMENTS),
        ("film.mov", "aac", {}),
        ("film.mkv", "aac", {}),
        ("film.flv", "aac", {}),
        ("film.asf", "libmp3lame", {}),
        ("film.ts", "aac", {}),
    ],
)
def test_sound_that_starts_late_or_ends_before_the_picture_is_not_lost(
    name: str, codec: str, options: dict[str, str], late: float, picture: float, tmp_path: Path
) -> None:
    path = film(tmp_path / name, codec, late=late, picture=picture, options=options)
    assert_healthy(account(path), SECONDS)


def test_sound_that_starts_late_without_an_edit_list_keeps_its_place(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "aac", late=2.0, options=NO_EDIT_LIST)
    with open_media(path, isolated=False) as media:
        *_, last = media
    assert last.end == pytest.approx(2.0 + SECONDS, abs=0.1)


@pytest.mark.parametrize("name", ["film.asf", "film.mkv", "film.mp4"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_film_that_was_cut_off_is_partial(name: str, share: float, tmp_path: Path) -> None:
    codec = "libmp3lame" if name.endswith("asf") else "aac"
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = film(tmp_path / name, codec, seconds=12.0, picture=13.0, options=options)
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    accounting = account(path)
    assert accounting.decoded_seconds < 11.0
    assert accounting.decoded_seconds + accounting.lost_seconds > 11.5


def shifted(path: Path, target: Path, seconds: float) -> Path:
    """The same transport stream with a clock that is `seconds` ahead."""
    with av.open(str(path)) as old, av.open(str(target), "w", format="mpegts") as new:
        streams = {one.index: new.add_stream_from_template(one) for one in old.streams}
        for packet in old.demux():
            if packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return target


@pytest.mark.parametrize("jump", [-40.0, 4.0, 490.0, 80_000.0])
@pytest.mark.parametrize("pictures", [True, False])
def test_transport_streams_joined_by_cat_go_on_without_a_gap(
    jump: float, pictures: bool, tmp_path: Path
) -> None:
    if pictures:
        first = film(tmp_path / "a.ts", "aac")
    else:
        recipe = Recipe("ts", "aac", RATE, 1, 64_000)
        first = write_media(tmp_path / "a.ts", tone(SECONDS, RATE), recipe)
    base = first if jump > 0 else shifted(first, tmp_path / "base.ts", 50.0)
    second = shifted(first, tmp_path / "b.ts", 50.0 + jump if jump < 0 else jump)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(base.read_bytes() + second.read_bytes())
    assert_healthy(account(joined), 2 * SECONDS)


@pytest.mark.parametrize("filling", ["cut out", "zeros"])
def test_a_hole_in_a_transport_stream_is_lost(filling: str, tmp_path: Path) -> None:
    path = film(tmp_path / "a.ts", "aac", seconds=30.0, picture=30.0)
    data = path.read_bytes()
    first, last = (round(len(data) * share) // 188 * 188 for share in (0.3, 0.8))
    hole = bytes(last - first) if filling == "zeros" else b""
    path.write_bytes(data[:first] + hole + data[last:])
    accounting = account(path)
    assert accounting.lost_seconds == pytest.approx(15.0, abs=2.0)
    assert accounting.damaged_packets


def test_what_keeps_no_clock_is_decoded_as_before(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp3", tone(SECONDS, RATE), RECIPES["mp3"])
    assert_healthy(account(path), SECONDS)
