"""Finds the known failures in a pasted traceback, the likeliest cause first.

What people paste went through terminals, CI logs, chat and issue forms: it has colours, line
ends of other systems, timestamps before each line, lines broken at 80 columns. So a pattern
is searched for in the text without its spaces, first line by line and then over all of it, in
case a line was broken.

The order of the results follows the traceback: Python prints the exception that came first
before those that followed from it, so the first of a chain is the cause, and the last line
often isn't.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from parakeet_cli.doctor.explain.catalogue import Failure, catalogue, guide, missing_module_pattern
from parakeet_cli.doctor.stack.stack import load_stack, stack_names

EVIDENCE_LENGTH = 200  # characters of the line that is shown

# Colours and other terminal sequences, and what is left of them if a log lost the escape.
TERMINAL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|\[\d{1,3}(?:;\d{1,3})*m"
)
# What loggers, containers, CI and mail put before a line, possibly several of them.
PREFIX = re.compile(
    r"""\s*(?:
        \[?\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d:\d\d[.,\d]*(?:Z|[+-]\d\d:?\d\d)?\]?(?:\s*[-|:])?
      | [A-Z][a-z]{2}\s+\d{1,2}\ \d\d:\d\d:\d\d\ \S+\ [\w./-]+(?:\[\d+\])?:   # syslog
      | \[NeMo\ [A-Z]\ [^\]]*\]
      | \((?:[\w-]+\ )?(?:pid|ip|rank)=[^)]*\)
      | \[?(?:rank|worker)\s*\d+\]?:
      | \#\d+\ \d+\.\d+                                                         # a build's log
      | [\w.-]{1,60}\s*\|                                                       # compose
      | \[?\b(?:DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|stderr|stdout|FATAL)\b\]?\s*[:|-]?
      | \#\#\[\w+\]
      | E\ {2,}                                                                 # pytest
      | >(?=\s)                                                                 # a quotation
      | [│┃║╎┆|]                                                                # a drawn box
    )\s?""",
    re.VERBOSE,
)
SUFFIX = re.compile(r"\s*[│┃║╎┆|·]*\s*$")
TRACEBACK = re.compile(r"Traceback \(most recent call last\)", re.IGNORECASE)
CHAINED = re.compile(
    r"During handling of the above exception|The above exception was the direct cause"
)
FRAME = re.compile(r'\s*File "[^"]*", line \d+|\s*File \S+:\d+|\s*\S+\.py:\d+: in ')
FRAME_FILE = re.compile(r'File"([^"]{1,500})",line\d+')  # in a text without spaces
EXCEPTION = re.compile(
    r"(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit|Enabled|NotFound)\b"
    r"|(?:\w+\.)*Exception:"
)


@dataclass(frozen=True, slots=True)
class FailureMatch:
    """One known failure that a text shows, and the line that shows it."""

    row: int
    title: str
    cause: str
    remedy: str
    check: str  # the id that reports it
    evidence: str
    source: str


class LineKind(IntEnum):
    """What a line of a pasted text is, the most informative first."""

    EXCEPTION = 0  # the end of a traceback
    TEXT = 1
    FRAME = 2  # within a traceback


@dataclass(frozen=True, slots=True)
class PatternHit:
    """Where a pattern matched: the lines, and the matched text without spaces."""

    first: int
    last: int
    text: str


class PastedText:
    """A text as people paste it, cleaned, with and without its line ends."""

    def __init__(self, text: str) -> None:
        text = text.lstrip("\ufeff").replace("\0", "")  # UTF-16 that was read as UTF-8
        plain = TERMINAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
        self.lines = [cleaned(line) for line in plain.split("\n")]
        self.by_line = "\n".join("".join(line.split()) for line in self.lines)
        self.joined = self.by_line.replace("\n", "")
        self._line_starts = [0]
        self._joined_starts = [0]
        for line in self.by_line.split("\n"):
            self._line_starts.append(self._line_starts[-1] + len(line) + 1)
            self._joined_starts.append(self._joined_starts[-1] + len(line))
        self.kinds = tuple(self._line_kinds())

    def find(self, pattern: re.Pattern[str]) -> PatternHit | None:
        """The pattern's best match: on one line, else over a broken one."""
        best: PatternHit | None = None
        for found in pattern.finditer(self.by_line):
            hit = self._hit(found, self._line_starts)
            if best is None or self.kinds[hit.first] < self.kinds[best.first]:
                best = hit
            if self.kinds[best.first] is LineKind.EXCEPTION:
                break
        if best is not None:
            return best
        broken = pattern.search(self.joined)
        return None if broken is None else self._hit(broken, self._joined_starts)

    def contains(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.by_line) is not None or pattern.search(self.joined) is not None

    def frames(self) -> list[str]:
        """The files in a traceback, with broken lines joined."""
        return FRAME_FILE.findall(self.joined)

    def evidence(self, hit: PatternHit) -> str:
        """The line that matched, with broken ones joined, cut around the match."""
        lines = [line.strip() for line in self.lines[hit.first : hit.last + 1]]
        text = " ".join(line for line in lines if line)
        if len(text) <= EVIDENCE_LENGTH:
            return text
        seen = [i for i, character in enumerate(text) if not character.isspace()]
        at = seen["".join(text.split()).index(hit.text)]
        start = max(0, min(at - EVIDENCE_LENGTH // 4, len(text) - EVIDENCE_LENGTH + 2))
        part = text[start : start + EVIDENCE_LENGTH - 2]
        return f"{'…' if start else ''}{part}{'…' if start + len(part) < len(text) else ''}"

    @staticmethod
    def _hit(found: re.Match[str], starts: list[int]) -> PatternHit:
        last = max(found.start(), found.end() - 1)
        return PatternHit(
            bisect_right(starts, found.start()) - 1, bisect_right(starts, last) - 1, found.group()
        )

    def _line_kinds(self) -> Iterator[LineKind]:
        """What each line is."""
        inside = False  # between a traceback's head and its end
        ending = False  # on the exception's own lines
        for line in self.lines:
            if TRACEBACK.search(line) or CHAINED.search(line):
                inside, ending = bool(TRACEBACK.search(line)), False
                yield LineKind.TEXT
            elif inside and not ending and (FRAME.match(line) or not is_exception(line)):
                yield LineKind.FRAME
            elif inside or ending:
                inside, ending = False, bool(line.strip())
                yield LineKind.EXCEPTION if ending else LineKind.TEXT
            elif FRAME.match(line):
                yield LineKind.FRAME
            else:
                # An exception's name is enough if the traceback's head was left out.
                yield LineKind.EXCEPTION if is_exception(line) else LineKind.TEXT


def is_exception(line: str) -> bool:
    """Whether the line can end a traceback: it starts with an exception's name."""
    return EXCEPTION.match(line.strip()) is not None and not line.startswith((" ", "\t"))


def cleaned(line: str) -> str:
    """The line without what loggers, containers and boxes put around it."""
    while (prefix := PREFIX.match(line)) and prefix.end() and prefix.end() < len(line):
        line = line[prefix.end() :]
    return SUFFIX.sub("", line)


def match(text: str) -> list[FailureMatch]:
    """The known failures that this text shows, the likeliest cause first."""
    pasted = PastedText(text)
    frames = pasted.frames()
    found: list[tuple[tuple[bool, LineKind, int], Failure, PatternHit]] = []
    for failure in (*catalogue(), *guide()):
        hit = _first_hit(pasted, failure, frames)
        if hit is not None:
            found.append(((failure.weak, pasted.kinds[hit.first], hit.first), failure, hit))
    found.sort(key=lambda item: (item[0], item[1].number))
    ordered = _ordered_by_rank([(failure, hit) for _, failure, hit in found])
    return [
        FailureMatch(
            row=failure.number,
            title=failure.title,
            cause=failure.cause,
            remedy=failure.remedy,
            check=failure.check,
            evidence=pasted.evidence(hit),
            source=failure.sources[0],
        )
        for failure, hit in ordered
    ]


def _first_hit(pasted: PastedText, failure: Failure, frames: list[str]) -> PatternHit | None:
    if failure.beside and not pasted.contains(_pattern(failure.beside)):
        return None
    if failure.frames and frames:
        wanted = _pattern(failure.frames)
        if not any(wanted.search(frame) for frame in frames):
            return None
    hits = [hit for message in failure.messages if (hit := pasted.find(_pattern(message)))]
    return min(hits, key=lambda hit: (pasted.kinds[hit.first], hit.first), default=None)


def _ordered_by_rank(found: list[tuple[Failure, PatternHit]]) -> list[tuple[Failure, PatternHit]]:
    """The same, with each failure before the less exact ones."""
    ordered: list[tuple[Failure, PatternHit]] = []
    for failure, hit in found:
        at = next(
            (i for i, (other, _) in enumerate(ordered) if other.number in failure.outranks),
            len(ordered),
        )
        ordered.insert(at, (failure, hit))
    return ordered


@cache
def _pattern(message: str) -> re.Pattern[str]:
    """The pattern of a message for a text without spaces."""
    if "{modules}" in message:
        names = {pin.name for stack in stack_names() for pin in load_stack(stack).pins}
        message = message.replace("{modules}", missing_module_pattern(names))
    return re.compile(message.replace(" ", ""), re.IGNORECASE)
