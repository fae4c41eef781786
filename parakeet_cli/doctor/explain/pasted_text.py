"""Reads a text as people paste it: its lines, its tracebacks, and whose file raised what.

What people paste went through terminals, CI logs, chat and issue forms: it has colours, line
ends of other systems, timestamps before each line, lines broken at 80 columns. So a pattern
is searched for in the text without its spaces, first line by line and then over all of it, in
case a line was broken.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from parakeet_cli.doctor.explain.frames import Frame, frame, frames_of_line

MOST_TEXT = 1 << 19  # characters; a log of more is read at its beginning and its end
LONGEST_LINE = 4000  # characters; a longer one is broken, as a terminal does it
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
BOX = "│┃║╎┆|·"
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
# What pip and uv print before and after the output of a package's own build.
BUILD_BEGINS = re.compile(
    r"did not run successfully|Building wheel for .{1,120}error|build backend returned an error"
    r"|\[\d+ lines of output\]|Getting requirements to build .{1,60}error"
    r"|Preparing metadata .{1,60}error|setup\.py (?:install|bdist_wheel|egg_info).{1,60}error"
    r"|(?:Failed|error: failed) to (?:download and )?build\b.{0,3}`",
    re.IGNORECASE,
)
BUILD_ENDS = re.compile(r"\[end of output\]|This error originates from a subprocess")
SUCCESS = re.compile(
    r"^\s*(?:Successfully (?:installed|built|uninstalled)"
    r"|Installed \d+ packages? in|Resolved \d+ packages? in|Audited \d+ packages?)",
    re.MULTILINE,
)
FAILURE = re.compile(
    r"\b(?:errors?|exception|traceback|failed|failure|fatal|killed|abort(?:ed)?|conflicts?"
    r"|incompatible|cannot|can't|couldn't|could not|unable|denied|not found|not compatible"
    r"|core dumped|invalid)\b",
    re.IGNORECASE,
)


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
    names: Mapping[str, str] = field(default_factory=dict)  # the pattern's named groups


class PastedText:
    """A text as people paste it, cleaned, with and without its line ends."""

    def __init__(self, text: str) -> None:
        text = text.lstrip("\ufeff").replace("\0", "")  # UTF-16 that was read as UTF-8
        plain = TERMINAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
        lines = _broken(_without_middle(plain).split("\n"))
        self.lines = [cleaned(line) for line in lines]
        self.by_line = "\n".join("".join(line.split()) for line in self.lines)
        self.joined = self.by_line.replace("\n", "")
        self._line_starts = [0]
        self._joined_starts = [0]
        for line in self.by_line.split("\n"):
            self._line_starts.append(self._line_starts[-1] + len(line) + 1)
            self._joined_starts.append(self._joined_starts[-1] + len(line))
        self.kinds = tuple(self._line_kinds())

    def find(
        self, pattern: re.Pattern[str], accepts: Callable[[PatternHit], bool] = lambda hit: True
    ) -> PatternHit | None:
        """The pattern's best match that is accepted: on one line, else over a broken one."""
        best: PatternHit | None = None
        for found in pattern.finditer(self.by_line):
            hit = self._hit(found, self._line_starts)
            if (best is None or self.kinds[hit.first] < self.kinds[best.first]) and accepts(hit):
                best = hit
            if best is not None and self.kinds[best.first] is LineKind.EXCEPTION:
                break
        if best is not None:
            return best
        broken = (self._hit(found, self._joined_starts) for found in pattern.finditer(self.joined))
        return next((hit for hit in broken if accepts(hit)), None)

    def contains(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.by_line) is not None or pattern.search(self.joined) is not None

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """Every frame in the text, in order, with broken lines joined."""
        found = {}
        for number, line in enumerate(self.lines):
            for one in frames_of_line(number, line):
                found[number] = one
        for match in FRAME_FILE.finditer(self.joined):  # also those that a terminal broke
            number = bisect_right(self._joined_starts, match.start()) - 1
            found.setdefault(number, frame(number, match[1]))
        return tuple(found[number] for number in sorted(found))

    def frames_of(self, line: int) -> list[Frame]:
        """The frames of the traceback that ends with the exception on this line."""
        start = line
        while start > 0 and self.kinds[start] is LineKind.EXCEPTION and not self._heads[start]:
            start -= 1
        while start > 0 and self.kinds[start] is not LineKind.EXCEPTION and not self._heads[start]:
            start -= 1
        return [one for one in self.frames if start <= one.line <= line]

    def in_build(self, line: int) -> bool:
        """Whether the line is of the process in which pip or uv builds a package."""
        return self._builds[line] or any(one.owner == "build" for one in self.frames_of(line))

    @cached_property
    def _heads(self) -> tuple[bool, ...]:
        return tuple(bool(TRACEBACK.search(one) or CHAINED.search(one)) for one in self.lines)

    @cached_property
    def _builds(self) -> tuple[bool, ...]:
        """Whether each line is within the output of such a process."""
        flags: list[bool] = []
        inside = False
        for line in self.lines:
            inside = inside or BUILD_BEGINS.search(line) is not None
            flags.append(inside)
            inside = inside and BUILD_ENDS.search(line) is None
        return tuple(flags)

    @property
    def went_well(self) -> bool:
        """Whether it says that something succeeded, and of no failure."""
        return bool(SUCCESS.search("\n".join(self.lines))) and not any(
            FAILURE.search(line) or self.kinds[number] is LineKind.EXCEPTION
            for number, line in enumerate(self.lines)
        )

    def evidence(self, hit: PatternHit) -> str:
        """The line that matched, with broken ones joined, cut around the match."""
        lines = [line.strip() for line in self.lines[hit.first : hit.last + 1]]
        text = " ".join(line for line in lines if line)
        if len(text) <= EVIDENCE_LENGTH:
            return text
        seen = [i for i, character in enumerate(text) if not character.isspace()]
        # A pattern may reach over the ends of lines, which the text has as spaces.
        at = seen["".join(text.split()).index(hit.text.replace("\n", ""))]
        start = max(0, min(at - EVIDENCE_LENGTH // 4, len(text) - EVIDENCE_LENGTH + 2))
        part = text[start : start + EVIDENCE_LENGTH - 2]
        return f"{'…' if start else ''}{part}{'…' if start + len(part) < len(text) else ''}"

    @staticmethod
    def _hit(found: re.Match[str], starts: list[int]) -> PatternHit:
        last = max(found.start(), found.end() - 1)
        return PatternHit(
            bisect_right(starts, found.start()) - 1,
            bisect_right(starts, last) - 1,
            found.group(),
            {name: value for name, value in found.groupdict().items() if value},
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


def _without_middle(text: str) -> str:
    half = MOST_TEXT // 2
    return text if len(text) <= MOST_TEXT else f"{text[:half]}\n{text[-half:]}"


def _broken(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        for start in range(0, max(1, len(line)), LONGEST_LINE):
            yield line[start : start + LONGEST_LINE]


def cleaned(line: str) -> str:
    """The line without what loggers, containers and boxes put around it."""
    while (prefix := PREFIX.match(line)) and prefix.end() and prefix.end() < len(line):
        line = line[prefix.end() :]
    return line.rstrip().rstrip(BOX).rstrip()
