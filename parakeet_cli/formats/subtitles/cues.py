"""Groups tokens into cues: which text is on the screen together, in which lines, and when.

Cues are chosen by dynamic programming over the text between two silences: of all ways to
cut it that the FormatOptions allow, the one whose breaks cost a reader least.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.subtitles.line_breaks import (
    LONG_SILENCE,
    SENTENCE,
    BreakCosts,
    ends_sentence,
)
from parakeet_cli.formats.subtitles.tokens import SubtitleToken, subtitle_tokens
from parakeet_cli.formats.timeline import by_speaker
from parakeet_cli.transcript import Transcript

Line = tuple[SubtitleToken, ...]

RUN_TOKENS = 300  # from here on a run ends with its sentence, to bound memory
RUN_TOKENS_AT_MOST = 1500  # and here in any case

EACH_CUE = 4.0  # what one more cue costs, in the costs of line_breaks.py
LINE_BREAK = 0.5  # a bad break between two lines is half as bad as between two cues
IMBALANCE = 3.0  # for lines whose widths differ by a whole line
STRADDLES = 3.0  # a cue that ends one sentence, and begins another without ending it
HELD_PAUSE = 4.0  # for each second of silence inside a cue
TOO_SHORT = 5.0  # for each second that a cue is shorter than `min_cue_seconds`

READING_SPEED = 20.0  # columns a second for adults (Netflix's Timed Text Style Guide)
_SHORTEST_GAP = 0.5  # seconds; a shorter gap between two cues is closed to `min_gap`
LEAST = 0.05  # seconds: the least a cue is shown, if its words aren't crowded
CROWDED = 0.001  # seconds: the least it is shown if they are, even by parts of a word


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines of tokens, shown from `start` to `end`, both in milliseconds."""

    start: int
    end: int
    lines: tuple[Line, ...]
    speaker: str | None = None

    @property
    def tokens(self) -> Line:
        return tuple(token for line in self.lines for token in line)

    @property
    def text(self) -> str:
        return "\n".join(joined(line) for line in self.lines)


def joined(line: Iterable[SubtitleToken]) -> str:
    """The line's text, with spaces only where the transcript has them."""
    text = ""
    for token in line:
        text += f" {token.text}" if token.spaced and text else token.text
    return text


def cues(transcript: Transcript, options: FormatOptions) -> Iterator[Cue]:
    """Cues in order. None is empty, none has zero length, no two of one speaker overlap."""
    speakers = (
        _cues_of_one(replace(transcript, segments=tuple(segments)), options)
        for segments in by_speaker(transcript.segments)
    )
    return heapq.merge(*speakers, key=lambda cue: cue.start)


def _cues_of_one(transcript: Transcript, options: FormatOptions) -> Iterator[Cue]:
    speaker = transcript.segments[0].speaker
    costs = BreakCosts(transcript.text_language)
    laid_out = (
        lines
        for run in _runs(subtitle_tokens(transcript.segments))
        for lines in _Layout(run, options, costs).cues()
    )
    for cue in _timed(laid_out, options, transcript.source.duration):
        yield cue if speaker is None else replace(cue, speaker=speaker)


def _runs(stream: Iterable[SubtitleToken]) -> Iterator[list[SubtitleToken]]:
    run: list[SubtitleToken] = []
    for token in stream:
        if run and (
            token.start - run[-1].end >= LONG_SILENCE
            or (len(run) >= RUN_TOKENS and ends_sentence(run[-1].text))
            or len(run) >= RUN_TOKENS_AT_MOST
        ):
            yield run
            run = []
        run.append(token)
    if run:
        yield run


class _Layout:
    """The cheapest way to cut one run of tokens into cues, and each cue into lines.

    Everything a cost needs is summed up beforehand: `start` and `end` in seconds, `left`
    and `right` in columns from the run's beginning, `silence` in seconds before a token.
    """

    def __init__(self, run: list[SubtitleToken], options: FormatOptions, costs: BreakCosts) -> None:
        self.run = run
        self.options = options
        self.start = [token.start for token in run]
        self.end = [token.end for token in run]
        self.cost = [*(costs.cost(a, b) for a, b in pairwise(run)), SENTENCE]
        self.silence = [0.0]
        for before, after in pairwise(run):
            self.silence.append(self.silence[-1] + max(0.0, after.start - before.end))
        self.left: list[int] = []
        self.right: list[int] = []
        self.full_stop: list[int] = []  # the last token before this one that ends a sentence
        column, stop = 0, -1
        for index, token in enumerate(run):
            self.full_stop.append(stop)
            self.left.append(column + token.spaced)
            column += token.spaced + token.width
            self.right.append(column)
            if ends_sentence(token.text):
                stop = index
        self.full_stop.append(stop)
        self._split: dict[tuple[int, int, int], tuple[float, int]] = {}

    def cues(self) -> list[tuple[Line, ...]]:
        """The lines of each cue; every token is in one of them, in order."""
        count = len(self.run)
        best = [math.inf] * count + [0.0]
        until = [0] * count
        for first in range(count - 1, -1, -1):
            for last in range(first, count):
                lines = self._lines(first, last)
                if lines is None:
                    break
                cost = lines + self._cue_cost(first, last) + best[last + 1]
                if cost < best[first]:
                    best[first], until[first] = cost, last
        found = []
        at = 0
        while at < count:
            found.append(self._cut(at, until[at]))
            at = until[at] + 1
        return found

    def _cue_cost(self, first: int, last: int) -> float:
        cost = EACH_CUE + self.cost[last]
        cost += HELD_PAUSE * (self.silence[last] - self.silence[first])
        if first <= self.full_stop[last] and self.full_stop[last + 1] != last:
            cost += STRADDLES
        following = last + 1
        room = self.start[following] if following < len(self.run) else math.inf
        lacking = self.options.min_cue_seconds - (room - self.start[first])
        return cost + TOO_SHORT * lacking if lacking > 0 else cost

    def _lines(self, first: int, last: int) -> float | None:
        """The cost of the best lines for these tokens, None if they don't fit into a cue."""
        if first == last:
            return 0.0
        options = self.options
        if self.end[last] - self.start[first] > options.max_cue_seconds:
            return None
        words = options.max_words_per_line
        if words is not None and self.run[last].word - self.run[first].word >= words:
            return None
        width = self.right[last] - self.left[first]
        if width <= options.max_line_width:
            return 0.0
        if width > (options.max_line_width + 1) * options.max_line_count:
            return None
        for lines in range(2, options.max_line_count + 1):
            cost = self._best_split(first, last, lines)[0]
            if cost < math.inf:
                return cost
        return None

    def _best_split(self, first: int, last: int, lines: int) -> tuple[float, int]:
        """The cost of the best split into that many lines, and the last token of line one."""
        limit = self.options.max_line_width
        left, right = self.left, self.right
        if lines == 1:
            return (0.0 if right[last] - left[first] <= limit else math.inf), last
        key = (first, last, lines)
        if key in self._split:
            return self._split[key]
        best = (math.inf, last)
        # From the widest first line down, until the rest no longer fits below it.
        for at in range(bisect_right(right, left[first] + limit, first, last) - 1, first - 1, -1):
            lower = right[last] - left[at + 1]
            if lower > (limit + 1) * (lines - 1):
                break
            rest = self._best_split(at + 1, last, lines - 1)[0]
            uneven = abs(right[at] - left[first] - lower / (lines - 1)) / limit
            cost = rest + LINE_BREAK * self.cost[at] + IMBALANCE * uneven
            if cost < best[0]:
                best = (cost, at)
        self._split[key] = best
        return best

    def _cut(self, first: int, last: int) -> tuple[Line, ...]:
        count = 1
        while self._best_split(first, last, count)[0] == math.inf:
            if first == last:  # one word, wider than a line, gets a line of its own
                return (tuple(self.run[first : last + 1]),)
            count += 1
        lines = []
        while count:
            at = self._best_split(first, last, count)[1]
            lines.append(tuple(self.run[first : at + 1]))
            first, count = at + 1, count - 1
        return tuple(lines)


def _timed(
    laid_out: Iterable[tuple[Line, ...]], options: FormatOptions, duration: float | None
) -> Iterator[Cue]:
    held: tuple[Line, ...] | None = None
    clock = 0  # the earliest start of the next cue
    for lines in laid_out:
        if held is not None:
            cue = _cue(held, options, clock, _ms(lines[0][0].start))
            yield cue
            clock = cue.end
        held = lines
    if held is not None:
        end = math.inf if duration is None or not math.isfinite(duration) else _ms(duration)
        yield _cue(held, options, clock, end, gap=0)


def _cue(
    lines: tuple[Line, ...],
    options: FormatOptions,
    clock: int,
    following: float,
    *,
    gap: int | None = None,
) -> Cue:
    """A cue is shown while it is spoken, and into the silence after it until it can be read.

    The gap is taken from this cue's end, since the next one starts with its first word.
    Where words are crowded, the gap is the first thing to be left out; those in no time at all
    delay each other, so that all are shown.
    """
    gap = _ms(options.min_gap) if gap is None else gap
    start = max(_ms(lines[0][0].start), clock)
    spoken = _ms(lines[-1][-1].end)
    columns = sum(token.width for line in lines for token in line)
    readable = start + max(_ms(options.min_cue_seconds), round(1000 * columns / READING_SPEED))
    end: float = max(spoken, readable)
    room = following - gap
    if end > room or room - end < _ms(_SHORTEST_GAP):
        end = room
    least = min(_ms(LEAST), max(_ms(CROWDED), following - start))
    end = min(max(end, start + least), start + _ms(options.max_cue_seconds))
    return Cue(start, int(end), lines)


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
