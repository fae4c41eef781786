from __future__ import annotations

import re

from hypothesis import given, settings

from parakeet_cli.formats import FORMATS, FormatOptions
from parakeet_cli.formats.subtitles.cues import cues
from parakeet_cli.transcript import Segment, Transcript
from tests.unit.formats.random_transcripts import transcripts
from tests.unit.formats.spoken import SENSE, make, speak

EVENT = re.compile(
    r"Dialogue: 0,(\d+):(\d\d):(\d\d)\.(\d\d),(\d+):(\d\d):(\d\d)\.(\d\d),Default,,0,0,0,,(.*)"
)
KARAOKE = FormatOptions(highlight_words=True)


def events(text: str) -> list[tuple[int, int, str]]:
    """(start, end, text) of each event; times in hundredths."""
    found = []
    for line in text.splitlines():
        if match := EVENT.fullmatch(line):
            numbers = [int(part) for part in match.groups()[:8]]
            times = [
                ((at[0] * 60 + at[1]) * 60 + at[2]) * 100 + at[3]
                for at in (numbers[:4], numbers[4:])
            ]
            found.append((times[0], times[1], match[9]))
    return found


def test_the_file_is_what_it_was() -> None:
    """Golden: the header is a promise to players."""
    text = FORMATS["ass"].render(make(speak("Good morning.")))
    head, _, tail = text.partition("[Events]\n")
    assert head.startswith("[Script Info]\nScriptType: v4.00+\n")
    assert "\n[V4+ Styles]\nFormat: Name, Fontname," in head
    assert "\nStyle: Default,Arial,64,&H00FFFFFF,&H0000FFFF," in head
    assert tail == (
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:00.50,0:00:01.34,Default,,0,0,0,,Good morning.\n"
    )


def test_cues_are_those_of_srt_in_hundredths() -> None:
    transcript = make(speak(SENSE), speak(SENSE, start=3_700.0))
    wanted = [
        (cue.start // 10, cue.end // 10, cue.text.replace("\n", r"\N"))
        for cue in cues(transcript, FormatOptions())
    ]
    assert events(FORMATS["ass"].render(transcript)) == wanted


def test_karaoke_times_words_and_the_gaps_between_them() -> None:
    ((start, end, text),) = events(FORMATS["ass"].render(make(speak("Oh, dear.")), KARAOKE))
    assert (start, text) == (50, r"{\k24}Oh,{\k25} {\k36}dear.")
    assert end >= start + 83


def test_what_would_be_a_command_gets_round_brackets_and_a_backslash_stays_one() -> None:
    transcript = make(Segment(0, 2, r"{\an8}top C:\New \ end\ "))
    for options in (FormatOptions(), KARAOKE):
        ((_, _, text),) = events(FORMATS["ass"].render(transcript, options))
        plain = re.sub(r"\{\\k\d+\}", "", text)
        assert "{" not in plain
        assert r"\N" not in plain
        assert plain.replace("\u2060", "").startswith(r"(\an8)top")


@given(transcripts())
@settings(deadline=None, max_examples=60)
def test_events_never_overlap_and_karaoke_never_outlasts_them(transcript: Transcript) -> None:
    for options in (FormatOptions(), KARAOKE):
        clock = 0
        for start, end, text in events(FORMATS["ass"].render(transcript, options)):
            assert clock <= start < end
            assert sum(map(int, re.findall(r"\{\\k(\d+)\}", text))) <= end - start
            clock = end
