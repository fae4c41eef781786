"""Names the speakers of a transcript in text, where they are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from parakeet_cli.formats.subtitles.text_width import clean
from parakeet_cli.transcript import Segment


def has_speakers(segments: Iterable[Segment]) -> bool:
    return any(segment.speaker is not None for segment in segments)


class TurnNames:
    """The name to write before what somebody says: at the beginning of each turn."""

    def __init__(self, before: str = "") -> None:
        self._before = before
        self._speaker: str | None = None

    def at(self, speaker: str | None) -> str:
        """`Name: ` if the speaker is another than the last one; else nothing."""
        changed, self._speaker = speaker != self._speaker, speaker
        return f"{self._before}{clean(speaker)}: " if changed and speaker is not None else ""


def turns(segments: Iterable[Segment]) -> Iterator[tuple[str | None, list[Segment]]]:
    """Who speaks, and all that they say until somebody else does."""
    held: list[Segment] = []
    for segment in segments:
        if held and segment.speaker != held[0].speaker:
            yield held[0].speaker, held
            held = []
        held.append(segment)
    if held:
        yield held[0].speaker, held
