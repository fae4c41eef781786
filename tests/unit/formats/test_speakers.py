"""Named speakers in every format: turns in order, and two may overlap."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from parakeet_cli.formats import FORMATS, FormatOptions
from parakeet_cli.formats.speakers import TurnNames, has_speakers
from parakeet_cli.transcript import Segment, Transcript
from tests.unit.formats.spoken import make, speak


def by(speaker: str, text: str, start: float) -> Segment:
    said = speak(text, start=start)
    words = tuple(replace(word, speaker=speaker) for word in said.words)
    return replace(said, speaker=speaker, words=words)


def talk() -> Transcript:
    return make(
        by("Anne", "Good morning to you.", 0.5),
        by("Ben", "Morning.", 1.2),  # while she speaks
        by("Ben", "How are you?", 4.0),
        by("Anne", "Well.", 8.0),
    )


WRITTEN = {
    "txt": "Anne: Good morning to you.\nBen: Morning. How are you?\nAnne: Well.\n",
    "tsv": "start\tend\ttext\tspeaker\n500\t1815\tGood morning to you.\tAnne\n"
    "1200\t1720\tMorning.\tBen\n4000\t4830\tHow are you?\tBen\n8000\t8355\tWell.\tAnne\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_format_is_written_with_its_speakers(name: str) -> None:
    assert FORMATS[name].render(talk()) == WRITTEN[name]


def test_srt_has_a_dash_and_a_name_where_another_begins() -> None:
    texts = [cue.split("\n", 2)[2] for cue in FORMATS["srt"].render(talk()).strip().split("\n\n")]
    assert texts == [
        "- Anne: Good morning to you.",
        "- Ben: Morning.",
        "How are you?",
        "- Anne: Well.",
    ]


def test_vtt_has_a_voice_for_every_cue_and_a_name_is_no_markup() -> None:
    vtt = FORMATS["vtt"].render(make(by("<b> & Co", "Well.", 1.0)))
    assert "<v &lt;b&gt; &amp; Co>Well." in vtt
    assert FORMATS["vtt"].render(talk()).count("<v Ben>") == 2


def test_cues_of_two_speakers_may_overlap_and_those_of_one_don_t() -> None:
    lines = [line for line in FORMATS["ass"].render(talk()).splitlines() if "Dialogue" in line]
    assert [line.split(",")[4] for line in lines] == ["Anne", "Ben", "Ben", "Anne"]
    assert lines[0].split(",")[2] > lines[1].split(",")[1]


def test_json_keeps_the_overlap_and_has_the_speaker_of_segments_and_words() -> None:
    segments = json.loads(FORMATS["json"].render(talk()))["segments"]
    assert [segment["speaker"] for segment in segments] == ["Anne", "Ben", "Ben", "Anne"]
    assert segments[0]["end"] > segments[1]["start"]
    assert all(word["speaker"] == one["speaker"] for one in segments for word in one["words"])
    assert segments[1]["words"][0]["start"] == 1.2


def test_the_page_names_each_turn_and_highlighting_keeps_the_names() -> None:
    page = FORMATS["html"].render(talk())
    names = re.findall(r'<b class="who s(\d)" data-who="(\d)">(\w+)</b>', page)
    assert "Ben" in {name for _, _, name in names}
    assert all(colour == number for colour, number, _ in names)
    assert len({number for _, number, _ in names}) == len({name for _, _, name in names})
    srt = FORMATS["srt"].render(talk(), FormatOptions(highlight_words=True))
    assert "- Anne: <u>Good</u> morning to you." in srt
    assert "- Anne: Good <u>morning</u> to you." in srt


def test_without_speakers_nothing_is_named() -> None:
    assert not has_speakers([speak("Well.")])
    names = TurnNames()
    assert [names.at(None), names.at("A"), names.at("A"), names.at("B")] == ["", "A: ", "", "B: "]
