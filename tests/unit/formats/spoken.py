"""Makes transcripts without an engine: read speech with plausible times."""

from __future__ import annotations

from parakeet_cli.transcript import (
    Accounting,
    Doubt,
    EngineInfo,
    LostInterval,
    Segment,
    Source,
    Transcript,
    Word,
)

BREATHS = {".": 0.6, "?": 0.6, "!": 0.6, ",": 0.25, ";": 0.35}

SENSE = (
    "And mister John Dashwood had then leisure to consider how much there might prudently "
    "be in his power to do for them. He was not an ill-disposed young man, unless to be "
    "rather cold hearted and rather selfish is to be ill-disposed."
)


def speak(text: str, start: float = 0.5, confidence: float | None = 0.9) -> Segment:
    """A segment read at about 150 words a minute, with a breath at each mark."""
    at = start
    words = []
    for word in text.split():
        end = at + 0.08 + 0.055 * len(word)
        words.append(Word(round(at, 3), round(end, 3), word, confidence))
        at = end + BREATHS.get(word[-1], 0.02)
    return Segment(words[0].start, words[-1].end, text, tuple(words), confidence)


def make(
    *segments: Segment,
    language: str | None = "en",
    path: str = "clip.wav",
    lost: tuple[LostInterval, ...] = (),
    duration: float | None = None,
    doubts: tuple[Doubt, ...] = (),
) -> Transcript:
    """A transcript of the given segments, half a second longer than they are."""
    if duration is None:
        duration = segments[-1].end + 0.5 if segments else 0.0
    missing = sum(stretch.seconds for stretch in lost)
    return Transcript(
        source=Source(path, duration, 16_000, 1),
        accounting=Accounting(duration, "exact", duration - missing, lost, len(lost)),
        engine=EngineInfo("whisper", "tiny.en", "cpu", "1.2.1"),
        language=language,
        segments=segments,
        doubts=doubts,
    )
