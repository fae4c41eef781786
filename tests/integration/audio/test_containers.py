"""Every container with every codec, whole and cut at five places, is accounted for truly.

Each file is made here and decoded in this process. The truth is the undamaged file: what is
missing of it must be lost, within a frame of the codec, and what a header promises must be
what the whole file holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from parakeet_cli.audio.decode.media import SAMPLE_RATE, Samples, open_media
from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting
from tests.containers import encode, muxers, readable_codecs

SECONDS = 3.0
CUTS = (0.15, 0.35, 0.55, 0.75, 0.95)
FRAME = 0.1  # seconds; a frame of FLAC at 16 kHz is the longest, and AVI counts one too many
# Codecs whose last frame is filled up with silence.
PADDING = {"adpcm_swf": 0.16}
# Frames of a second or more, so that a cut file may have none.
LONG_FRAMES = {"tta": 1.05, "wavpack": SECONDS, "alac": 0.26}
# They write an index or a table last, and can't be opened without it.
INDEXED = {"3g2", "3gp", "caf", "f4v", "ipod", "mov", "mp4", "psp", "wtv"}
# What no header in them states can't be missed, but the end mark of these is.
MARKED = {"ogg", "oga", "ogv", "opus", "spx", "voc", "nut"}
# Neither a length nor an end mark: streams of packets, and headers without a size.
UNSTATED = {
    *("ac3", "eac3", "adts", "amr", "latm", "mp2"),
    *("dvd", "mpeg", "mpegts", "svcd", "vcd", "vob"),
    *("ircam", "roq", "swf", "avm2"),
}
UNSTATED_PAIRS = {("rm", "aac"), ("rm", "real_144")}


@dataclass(frozen=True)
class Decoded:
    """A file's samples, without gaps, and its accounting."""

    samples: Samples
    accounting: Accounting


def decode(path: Path) -> Decoded:
    with open_media(path, isolated=False) as media:
        blocks = [block.samples for block in media]
    return Decoded(np.concatenate([np.zeros(0, np.float32), *blocks]), media.accounting)


def states_its_length(muxer: str, codec: str) -> bool:
    return muxer not in UNSTATED | MARKED and (muxer, codec) not in UNSTATED_PAIRS


def whole_complaint(muxer: str, codec: str, whole: Accounting) -> str | None:
    """What is wrong with the accounting of an undamaged file; None if nothing is."""
    if whole.lost or whole.damaged_packets:
        return f"a loss of {whole.lost_seconds} s, {whole.damaged_packets} damaged packets"
    padding = PADDING.get(codec, FRAME)
    if not SECONDS - FRAME < whole.decoded_seconds < SECONDS + padding:
        return f"{whole.decoded_seconds} s were decoded"
    if whole.expected_seconds not in (None, whole.decoded_seconds):
        return f"{whole.expected_seconds} s are expected, {whole.decoded_seconds} s are there"
    if whole.expected_basis == "exact" and muxer in UNSTATED:
        return "called exact, though nothing in the file states a length"
    return None


def cut_complaint(muxer: str, codec: str, whole: Decoded, cut: Decoded) -> str | None:
    """What is wrong with the accounting of a file that was cut; None if nothing is."""
    found = cut.accounting
    missing = whole.accounting.decoded_seconds - found.decoded_seconds
    frame = LONG_FRAMES.get(codec, FRAME)
    same = len(cut.samples) - round(frame * SAMPLE_RATE)
    if missing < -0.001:
        return f"{-missing} s more than the whole were decoded"
    if not np.allclose(whole.samples[: max(0, same)], cut.samples[: max(0, same)], atol=2e-3):
        return "other samples than the whole file's"
    if found.expected_seconds is not None:
        total = found.decoded_seconds + found.lost_seconds
        if abs(total - found.expected_seconds) > 1e-4:
            return f"{total} s are accounted for, {found.expected_seconds} s expected"
    if not states_its_length(muxer, codec):
        if found.expected_basis == "exact":
            return "called exact, though it was cut"
        if muxer in MARKED and missing > FRAME and not found.lost:
            return f"ok, though {missing} s are missing"
        return f"{found.lost_seconds} s were invented" if found.lost_seconds > 1.1 else None
    # A rate that varies is measured by what is there.
    allowed = frame + (0.08 * missing if found.expected_basis == "estimated" else 0.0)
    if abs(found.lost_seconds - missing) > allowed:
        return f"{missing:.3f} s are missing, {found.lost_seconds:.3f} s lost"
    return None


def may_be_refused(muxer: str, codec: str, share: float) -> bool:
    """Whether a file cut at this share may hold no sound at all, or lack its index."""
    return muxer in INDEXED or codec in LONG_FRAMES or share < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("muxer", muxers())
def test_a_container_is_accounted_for_with_every_codec_whole_and_cut(
    muxer: str, tmp_path: Path
) -> None:
    av.logging.set_level(None)
    path = tmp_path / "a.bin"
    complaints = []
    for codec in readable_codecs(muxer):
        data = encode(muxer, codec, SECONDS)
        path.write_bytes(data)
        whole = decode(path)
        if wrong := whole_complaint(muxer, codec, whole.accounting):
            complaints.append(f"{codec}: {wrong}")
        for share in CUTS:
            path.write_bytes(data[: int(len(data) * share)])
            try:
                wrong = cut_complaint(muxer, codec, whole, decode(path))
            except InputError as error:
                wrong = None if may_be_refused(muxer, codec, share) else str(error)
            if wrong:
                complaints.append(f"{codec} cut at {share:.0%}: {wrong}")
    assert not complaints, "\n".join(complaints)
