"""Of speech with a hole in it only the hole is lost, and it is reported.

Compared by samples: the audio behind a hole is cross-correlated with the decoded
undamaged file.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
import soxr

from parakeet_cli.audio.decode.media import SAMPLE_RATE, Samples, open_media
from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting
from tests.media_files import RECIPES, speech, write_media

HOLE = 2_000  # bytes
# Seconds of one of the container's units: a frame, a page, a cluster.
UNITS = {
    "mp3": 1152 / 44_100,
    "adts": 1024 / 44_100,
    "m4a": 1024 / 44_100,
    "flac": 4608 / 44_100,
    "vorbis": 1.05,
    "opus": 1.0,
    "webm": 0.1,  # a block has 0.02, and one is found by those that follow it
}
FILLINGS = {"random": random.Random(5).randbytes(HOLE), "zeros": bytes(HOLE), "cut out": b""}
PLACES = {"a quarter": 0.25, "half": 0.5, "the end": 1.0}
CLUSTER = bytes.fromhex("1f43b675")  # its id in Matroska
# These end with an index: if that is damaged, all audio is still there.
INDEX_LAST = {"m4a", "webm"}


@dataclass(frozen=True)
class Whole:
    """An undamaged file and its decoded samples."""

    kind: str
    path: Path
    data: bytes
    samples: Samples
    accounting: Accounting


def decode(path: Path) -> tuple[Samples, Accounting]:
    """All samples on one clock, with zeros for what is missing."""
    with open_media(path) as media:
        blocks = list(media)
    end = max(block.end for block in blocks)
    samples = np.zeros(round(end * SAMPLE_RATE) + 1, np.float32)
    for block in blocks:
        first = round(block.start * SAMPLE_RATE)
        samples[first : first + len(block.samples)] = block.samples
    return samples, media.accounting


def lateness(true: Samples, samples: Samples, start: float) -> float:
    """The seconds by which the audio at `start` is early; negative if it is late."""
    reach = SAMPLE_RATE // 2
    first = round(start * SAMPLE_RATE)
    part = samples[first : first + 4 * SAMPLE_RATE]
    around = true[max(0, first - reach) : first + len(part) + reach]
    size = 1 << (len(part) + len(around)).bit_length()
    spectrum = np.fft.rfft(around, size) * np.conj(np.fft.rfft(part, size))
    best = int(np.fft.irfft(spectrum, size)[: len(around)].argmax())
    return (best - min(first, reach)) / SAMPLE_RATE


@pytest.fixture(scope="module", params=[60, pytest.param(600, marks=pytest.mark.soak)])
def seconds(request: pytest.FixtureRequest) -> int:
    length: int = request.param
    return length


@pytest.fixture(scope="module")
def wholes(seconds: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Whole]:
    folder = tmp_path_factory.mktemp("speech")
    sound = speech(seconds)
    made = {}
    for kind in (*UNITS, "wav", "mkv", "wma"):
        recipe = RECIPES[kind]
        path = folder / f"{kind}.{recipe.suffix}"
        write_media(path, soxr.resample(sound, SAMPLE_RATE, recipe.rate), recipe)
        made[kind] = Whole(kind, path, path.read_bytes(), *decode(path))
    return made


@pytest.mark.parametrize("kind", [*UNITS, "wav", "mkv", "wma"])
def test_nothing_of_a_healthy_file_is_lost(
    kind: str, wholes: dict[str, Whole], seconds: int
) -> None:
    accounting = wholes[kind].accounting
    assert accounting.lost == ()
    assert accounting.lost_seconds == 0.0
    assert accounting.damaged_packets == 0
    assert accounting.decoded_seconds == pytest.approx(seconds, abs=0.06)
    assert accounting.expected_seconds == pytest.approx(accounting.decoded_seconds)
    assert accounting.expected_basis == ("estimated" if kind == "adts" else "exact")


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", UNITS)
def test_no_more_than_the_hole_is_lost(
    kind: str, place: str, filling: str, wholes: dict[str, Whole], seconds: int
) -> None:
    whole = wholes[kind]
    size = len(whole.data)
    at = min(size - HOLE, round(size * PLACES[place]))
    path = whole.path.with_name(f"holed{whole.path.suffix}")
    path.write_bytes(whole.data[:at] + FILLINGS[filling] + whole.data[at + HOLE :])
    samples, accounting = decode(path)

    if kind in INDEX_LAST and place == "the end" and not accounting.lost:
        assert accounting.decoded_seconds == pytest.approx(whole.accounting.decoded_seconds)
        return
    hole = HOLE / size * seconds
    true_start = at / size * seconds  # accurate enough at a nearly constant bit rate
    near = 3.5 + 0.01 * seconds
    assert accounting.lost
    assert accounting.damaged_packets or place == "the end"
    most = hole + 2 * UNITS[kind]
    assert whole.accounting.decoded_seconds - accounting.decoded_seconds <= most
    for lost in accounting.lost:
        assert true_start - near - UNITS[kind] < lost.start < lost.end < true_start + near + most
    total = accounting.decoded_seconds + accounting.lost_seconds
    assert accounting.expected_seconds == pytest.approx(total, abs=1e-5)
    behind = accounting.lost[-1].end
    if kind == "adts" and filling == "cut out":
        # The file doesn't tell the length of the hole: the rest is early by that at most.
        if behind + 5 < seconds:
            assert -0.05 < lateness(whole.samples, samples, behind + 0.5) < hole + UNITS[kind]
        return
    missing = whole.accounting.decoded_seconds - accounting.decoded_seconds
    assert accounting.lost_seconds == pytest.approx(missing, abs=0.3)
    # The reported loss is the missing audio, and the rest is at its place.
    if behind + 5 < seconds:
        assert abs(lateness(whole.samples, samples, behind + 0.5)) < 0.05
        assert abs(lateness(whole.samples, samples, seconds - 5)) < 0.05
    before = round((accounting.lost[0].start - 0.3) * SAMPLE_RATE)
    np.testing.assert_allclose(samples[:before], whole.samples[:before], atol=1e-3)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "vorbis", "opus", "webm", "mkv", "wma"])
def test_the_missing_half_of_a_file_is_reported(
    kind: str, wholes: dict[str, Whole], seconds: int
) -> None:
    whole = wholes[kind]
    path = whole.path.with_name(f"half{whole.path.suffix}")
    path.write_bytes(whole.data[: len(whole.data) // 2])
    samples, accounting = decode(path)
    lost = accounting.lost[-1]
    unit = UNITS.get(kind, 1.0)
    assert lost.start == pytest.approx(seconds / 2, abs=3.5 + unit)
    assert lost.start == pytest.approx(len(samples) / SAMPLE_RATE, abs=0.3)
    if kind in ("vorbis", "opus"):  # the file doesn't tell how much is missing
        assert "end-of-stream" in lost.reason
    else:
        assert lost.end == pytest.approx(seconds, abs=0.05)


def test_half_an_m4a_is_refused_for_its_missing_index(wholes: dict[str, Whole]) -> None:
    whole = wholes["m4a"]
    path = whole.path.with_name("half.m4a")
    path.write_bytes(whole.data[: len(whole.data) // 2])
    with pytest.raises(InputError, match=r"half\.m4a was cut off before its index was written"):
        open_media(path)


@pytest.mark.parametrize("kind", ["webm", "mkv"])
def test_a_damaged_first_cluster_is_lost_at_the_start_and_the_clock_stays_true(
    kind: str, wholes: dict[str, Whole], seconds: int
) -> None:
    whole = wholes[kind]
    first = whole.data.index(CLUSTER)
    second = whole.data.index(CLUSTER, first + 4)
    for filling in (bytes(HOLE), b""):
        path = whole.path.with_name(f"torn{whole.path.suffix}")
        path.write_bytes(whole.data[:first] + filling + whole.data[first + HOLE :])
        samples, accounting = decode(path)
        [lost] = accounting.lost
        assert lost.start == 0.0
        assert lost.end == pytest.approx(second / len(whole.data) * seconds, abs=1.5)
        assert accounting.expected_seconds == pytest.approx(seconds, abs=0.06)
        assert abs(lateness(whole.samples, samples, lost.end + 0.5)) < 0.05


@pytest.mark.parametrize("kind", ["webm", "mkv"])
def test_a_recording_that_starts_late_is_complete(kind: str, wholes: dict[str, Whole]) -> None:
    whole = wholes[kind]
    path = whole.path.with_name(f"late{whole.path.suffix}")
    with av.open(str(whole.path)) as source, av.open(str(path), "w") as target:
        stream = source.streams.audio[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.pts is not None and packet.time_base is not None:
                packet.pts += round(5 / packet.time_base)
                packet.dts = packet.pts
                packet.stream = copy
                target.mux(packet)
    _, accounting = decode(path)
    assert accounting.lost == ()
    assert accounting.decoded_seconds == pytest.approx(whole.accounting.decoded_seconds, abs=0.05)


@pytest.mark.parametrize("kind", ["mp3", "adts", "flac", "vorbis", "opus", "m4a", "webm"])
def test_many_holes_are_all_reported_and_the_clock_stays_true(
    kind: str, wholes: dict[str, Whole], seconds: int
) -> None:
    whole = wholes[kind]
    data = bytearray(whole.data)
    chance = random.Random(7)
    for tenth in range(1, 10):
        at = len(data) * tenth // 10
        data[at : at + 300] = chance.randbytes(300)
    path = whole.path.with_name(f"many{whole.path.suffix}")
    path.write_bytes(data)
    samples, accounting = decode(path)
    # A hole within the data of one MP3 frame leaves its header, and mostly no trace.
    assert len(accounting.lost) >= min(5, seconds / UNITS[kind] / 2)
    assert accounting.lost_seconds < 9 * (0.1 + 2 * UNITS[kind])
    behind = accounting.lost[-1].end + 0.5
    if behind + 4.5 < seconds:
        # ADTS has no declared total to correct the length of nine holes.
        limit = 0.2 if kind == "adts" else 0.05
        assert abs(lateness(whole.samples, samples, behind)) < limit
