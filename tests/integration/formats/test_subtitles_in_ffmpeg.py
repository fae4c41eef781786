"""Reads the subtitles with FFmpeg, which most players and editors use."""

from __future__ import annotations

import re
from pathlib import Path

import av
import pytest

from parakeet_cli.formats import FORMATS, FormatOptions, encode
from parakeet_cli.formats.subtitles.cues import cues
from parakeet_cli.transcript import Segment
from tests.unit.formats.spoken import SENSE, make, speak

TRANSCRIPT = make(
    speak(SENSE),
    Segment(40.0, 43.0, "Is 1 < 2 & 3 > 2? --> Yes.\n\n它很好。"),
    speak("The end.", start=3_700.25),
)


def read(path: Path) -> list[tuple[int, int, str]]:
    """(start, end, text) of every cue, in milliseconds."""
    with av.open(str(path)) as container:
        (stream,) = container.streams.subtitles
        assert stream.time_base is not None
        unit = 1000 * stream.time_base
        return [
            (
                round(packet.pts * unit),
                round((packet.pts + packet.duration) * unit),
                bytes(packet).decode(),
            )
            for packet in container.demux(stream)
            if packet.pts is not None and packet.duration is not None
        ]


def test_ass_is_read_with_its_times_and_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "clip.ass"
    path.write_bytes(encode(FORMATS["ass"].render(TRANSCRIPT)))
    found = [(start, end, text.split(",", 8)[8]) for start, end, text in read(path)]
    assert found == [
        (cue.start // 10 * 10, cue.end // 10 * 10, cue.text.replace("\n", r"\N"))
        for cue in cues(TRANSCRIPT, FormatOptions())
    ]


def test_the_karaoke_of_ass_is_read_with_every_word(tmp_path: Path) -> None:
    path = tmp_path / "clip.ass"
    options = FormatOptions(highlight_words=True)
    path.write_bytes(encode(FORMATS["ass"].render(TRANSCRIPT, options)))
    found = [re.sub(r"\{.*?\}", "", text.split(",", 8)[8]) for _, _, text in read(path)]
    assert found == [cue.text.replace("\n", r"\N") for cue in cues(TRANSCRIPT, options)]


def test_lrc_is_read_with_its_times_and_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "clip.lrc"
    path.write_bytes(encode(FORMATS["lrc"].render(TRANSCRIPT)))
    options = FormatOptions(max_line_count=1)
    wanted = [(cue.start // 10 * 10, cue.text) for cue in cues(TRANSCRIPT, options)]
    found = [(start, text.rstrip("\n")) for start, _, text in read(path)]
    assert [(start, text) for start, text in found if text] == wanted


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_every_cue_is_read_with_its_times_and_its_lines(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"clip.{name}"
    path.write_bytes(encode(FORMATS[name].render(TRANSCRIPT)))
    wanted = [(cue.start, cue.end, cue.text) for cue in cues(TRANSCRIPT, FormatOptions())]
    if name == "srt":
        wanted = [(start, end, text.replace("-->", "->")) for start, end, text in wanted]
    entities = {"&lt;": "<", "&gt;": ">", "&amp;": "&"} if name == "vtt" else {}
    found = []
    for start, end, text in read(path):
        for entity, char in entities.items():
            text = text.replace(entity, char)
        found.append((start, end, text))
    assert found == wanted
