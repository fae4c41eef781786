"""Joins what was said on each channel of a recording, without what one only echoes of another.

A microphone picks up the other speaker, too, more softly: how much more softly is about the same
all the time. So for each pair of channels that difference is measured where the other one is
louder, and a word is an echo if its own channel is as soft as that, while the other channel has
words. What isn't explained in this way was said by somebody, and stays, also while the other
speaks. Where two channels carry the same sound, equal words are kept on the first alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from parakeet_cli.speakers.levels import FRAME_SECONDS, Levels
from parakeet_cli.transcript import Segment, Word, bare_letters, words_of

_ACTIVE = 20.0  # dB below a channel's loud frames: what is softer says nothing about an echo
_LOUDER = 3.0  # dB by which the other channel is at least louder where it is echoed
_TOLERANCE = 6.0  # dB by which an echo's level changes
_LEAST = 1.0  # seconds of the other channel alone from which the difference is known
_SAME = 1.0  # dB between two channels that carry the same sound
_PAUSE = 1.0  # seconds between two words at which a segment is divided
_NEAR = 0.3  # seconds between the times of a word on two channels


@dataclass(frozen=True, slots=True)
class Channel:
    """What was recognised on one channel, from 0, and how loud it was."""

    number: int
    segments: tuple[Segment, ...]
    levels: Levels

    @property
    def speaker(self) -> str:
        """The name of whoever is on it."""
        return f"Channel {self.number}"


def without_echoes(channels: Sequence[Channel]) -> list[Channel]:
    """The channels, each without the words that only echo another one."""
    found = [_Recognised.of(channel) for channel in channels]
    gains = {
        (one.channel.number, other.channel.number): _gain(one.channel.levels, other.channel.levels)
        for one in found
        for other in found
        if one is not other
    }
    return [
        replace(
            one.channel,
            segments=tuple(
                kept
                for segment in one.channel.segments
                if (kept := _kept(segment, one, found, gains)) is not None
            ),
        )
        for one in found
    ]


def by_time(channels: Sequence[Channel]) -> tuple[Segment, ...]:
    """All segments in the order of their starts, each with its speaker; some overlap.

    A segment is divided at its pauses, in which others may speak.
    """
    parts = [
        replace(
            part,
            speaker=channel.speaker,
            words=tuple(replace(word, speaker=channel.speaker) for word in part.words),
        )
        for channel in channels
        for segment in channel.segments
        for part in _divided(segment)
    ]
    return tuple(sorted(parts, key=lambda segment: segment.start))


def _divided(segment: Segment) -> list[Segment]:
    """The segment in parts between which there are pauses."""
    words = segment.words
    edges = [
        number
        for number in range(1, len(words))
        if words[number].start - words[number - 1].end >= _PAUSE
    ]
    if not edges:
        return [segment]
    spans = pairwise([0, *edges, len(words)])
    return [_of_words(segment, range(first, stop)) for first, stop in spans]


def _of_words(segment: Segment, numbers: Sequence[int]) -> Segment:
    """The segment with these of its words alone, and the spaces that its text has before them."""
    text, at, spaced = "", 0, []
    for word in segment.words:
        found = segment.text.find(word.text.strip(), at)
        spaced.append(found < 1 or segment.text[found - 1].isspace())
        at = found + len(word.text.strip()) if found >= 0 else at
    words = tuple(segment.words[number] for number in numbers)
    for number, word in zip(numbers, words, strict=True):
        text += f"{' ' if text and spaced[number] else ''}{word.text.strip()}"
    return replace(segment, start=words[0].start, end=words[-1].end, text=text, words=words)


@dataclass(frozen=True, slots=True)
class _Recognised:
    """A channel with its words in order."""

    channel: Channel
    words: tuple[Word, ...]
    starts: tuple[float, ...]

    @classmethod
    def of(cls, channel: Channel) -> _Recognised:
        words = tuple(word for segment in channel.segments for word in words_of(segment))
        return cls(channel, words, tuple(word.start for word in words))

    def near(self, word: Word) -> Sequence[Word]:
        """Its words that are spoken at about the same time as a word of another channel."""
        last = bisect_left(self.starts, word.end + _NEAR)
        first = last
        while first and self.words[first - 1].end > word.start - _NEAR:
            first -= 1
        return self.words[first:last]


Gains = dict[tuple[int, int], float | None]


def _gain(one: Levels, other: Levels) -> float | None:
    """How loud a channel is where the other is louder, in dB against it; None if that is unknown.

    That is the echo of the other, or the noise of this one where there is no echo.
    """
    mine, theirs = one.decibels(), other.decibels()
    count = min(len(mine), len(theirs))
    if not count:
        return None
    mine, theirs = mine[:count], theirs[:count]
    loud = np.percentile(theirs, 95) - _ACTIVE
    alone = (theirs > loud) & (theirs > mine + _LOUDER)
    if alone.sum() * FRAME_SECONDS < _LEAST:
        return None
    return float(np.median(mine[alone] - theirs[alone]))


def _kept(
    segment: Segment, one: _Recognised, channels: Sequence[_Recognised], gains: Gains
) -> Segment | None:
    """The segment without the words that are echoes; None if nothing is left."""
    words = words_of(segment)
    echoes = [_is_echo(word, one, channels, gains) for word in words]
    kept = [
        number
        for number, echo in enumerate(echoes)
        if not echo or _is_among_others(number, words, echoes)
    ]
    if len(kept) == len(words):
        return segment
    return _of_words(segment, kept) if kept else None


def _is_among_others(number: int, words: Sequence[Word], echoes: Sequence[bool]) -> bool:
    """Whether a word that is as soft as an echo stands alone between words that are none.

    "to" and "the" are spoken softly by everyone.
    """
    near = [
        other
        for other in (number - 1, number + 1)
        if 0 <= other < len(words)
        and max(words[number].start, words[other].start) - min(words[number].end, words[other].end)
        < _NEAR
    ]
    return bool(near) and not any(echoes[other] for other in near)


def _is_echo(word: Word, one: _Recognised, channels: Sequence[_Recognised], gains: Gains) -> bool:
    mine = one.channel.levels.between(word.start, word.end)
    for other in channels:
        if other is one:
            continue
        beside = other.near(word)
        if not beside:
            continue
        difference = mine - other.channel.levels.between(word.start, word.end)
        gain = gains[one.channel.number, other.channel.number]
        if gain is not None and difference <= min(gain + _TOLERANCE, -_LOUDER):
            return True
        first = other.channel.number < one.channel.number
        same = bare_letters(word.text) in (bare_letters(each.text) for each in beside)
        if first and same and abs(difference) <= _SAME:
            return True
    return False
