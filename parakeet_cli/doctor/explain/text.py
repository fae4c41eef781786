"""Writes a diagnosis as plain text: the stages, the findings, the command to type next.

It suits 80 columns, a pipe, and a terminal without colour or without Unicode.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TextIO

from parakeet_cli.doctor.findings import CheckStatus, Diagnosis, Finding, RequirementRow, StageRows

MARKS = {"ok": "✓", "warn": "!", "fail": "✗", "unknown": "?", "skip": "-"}
ASCII_MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL", "unknown": "?", "skip": "-"}
COLOURS = {"ok": "32", "warn": "33", "fail": "31", "unknown": "35", "skip": "2"}
NARROWEST, WIDEST = 48, 100
DETAIL_LINES = 6
SKIPPED_BY_NAME = 12  # checks that are skipped for one reason; of more only the number is shown
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Style:
    """What a stream can show; `width` in columns."""

    width: int = 80
    colour: bool = False
    unicode: bool = True

    def mark(self, status: CheckStatus) -> str:
        text = (MARKS if self.unicode else ASCII_MARKS)[status.value]
        padded = text if self.unicode else f"{text:4}"
        return self.paint(padded, COLOURS[status.value])

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def style_of(stream: TextIO, environment: Mapping[str, str] | None = None) -> Style:
    """What the stream can show: colour only on a terminal and without NO_COLOR."""
    env = os.environ if environment is None else environment
    dumb = env.get("TERM") == "dumb"
    colour = stream.isatty() and not dumb and "NO_COLOR" not in env
    columns = shutil.get_terminal_size((80, 24)).columns
    width = max(NARROWEST, min(columns or 80, WIDEST))
    try:
        "".join(MARKS.values()).encode(stream.encoding or "ascii")
        unicode = True
    except (UnicodeEncodeError, LookupError):
        unicode = False
    return Style(width, colour, unicode)


def render(diagnosis: Diagnosis, style: Style, *, title: str = "", verbose: bool = False) -> str:
    """The whole report as one text."""
    return "\n".join(_lines(diagnosis, style, title, verbose)) + "\n"


def _lines(diagnosis: Diagnosis, style: Style, title: str, verbose: bool) -> Iterator[str]:
    yield f"Python  {diagnosis.python}"
    yield from wrapped(f"Stack   {diagnosis.stack}" + (f": {title}" if title else ""), style, 8)
    for stage in diagnosis.stages:
        yield ""
        yield from _stage(stage, style)
    shown_statuses = {*_SHOWN, CheckStatus.OK} if verbose else _SHOWN
    shown = [f for f in diagnosis.findings if f.status in shown_statuses]
    shown.sort(key=lambda finding: _ORDER[finding.status])
    for finding in shown:
        yield ""
        yield from _finding(_printable(finding), style, verbose)
    yield ""
    yield from _skipped(diagnosis, style, verbose)
    for note in diagnosis.notes:
        yield from wrapped(f"Note: {note}", style, 6)
    yield from _closing(diagnosis, style)


_SHOWN = {CheckStatus.FAIL, CheckStatus.UNKNOWN, CheckStatus.WARN}
_ORDER = {
    status: place
    for place, status in enumerate(
        (CheckStatus.SKIP, CheckStatus.OK, CheckStatus.WARN, CheckStatus.UNKNOWN, CheckStatus.FAIL)
    )
}
# The gravest come last, nearest to where one reads when the report has been printed.


def _stage(stage: StageRows, style: Style) -> Iterator[str]:
    yield from (
        style.paint(line, "1") for line in wrapped(f"{stage.number}  {stage.title}", style, 3)
    )
    room = style.width - 6 - (0 if style.unicode else 3)
    name_width = max(12, min(20, room // 3))
    wanted_width = max(14, min(22, room // 3))
    for row in stage.rows:
        yield _row(row, style, name_width, wanted_width)


def _row(row: RequirementRow, style: Style, name_width: int, wanted_width: int) -> str:
    there = row.installed or "missing"
    left = f"{row.package:{name_width}} {row.requirement:{wanted_width}} "
    return f"   {style.mark(row.status)} {left}{_clean(there)}".rstrip()


def _printable(finding: Finding) -> Finding:
    """The finding with control characters escaped: names come from other people's files."""
    return replace(
        finding,
        summary=_clean(finding.summary),
        detail="\n".join(map(_clean, finding.detail.splitlines())),
        remedy="\n".join(map(_clean, finding.remedy.splitlines())),
    )


def _clean(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _finding(finding: Finding, style: Style, verbose: bool) -> Iterator[str]:
    head = f"{style.mark(finding.status)} {style.paint(finding.id, '1')}: "
    plain = (1 if style.unicode else 4) + len(finding.id) + 3
    text = textwrap.wrap(
        finding.summary,
        style.width - 4,
        initial_indent=" " * (plain - 4),
        break_on_hyphens=False,
        break_long_words=False,
    )
    if text and len(text[0].strip()) + plain <= style.width:
        yield head + text[0].strip()
        yield from (INDENT + line for line in text[1:])
    else:
        yield head.rstrip()
        yield from wrapped(INDENT + finding.summary, style, 4)
    if finding.why:
        yield from wrapped(f"{INDENT}Why   {finding.why}", style, 10)
    details = finding.detail.splitlines()
    most = len(details) if verbose else DETAIL_LINES
    if not verbose and len(details) == DETAIL_LINES + 1:
        most += 1  # a line about the one that is left out would be no shorter
    for line in details[:most]:
        yield from (style.paint(part, "2") for part in wrapped(f"{INDENT}      {line}", style, 12))
    if len(details) > most:
        yield style.paint(f"{INDENT}      and {len(details) - most} more lines: --verbose", "2")
    for number, line in enumerate(finding.remedy.splitlines()):
        typed = f"{INDENT}{'Type  ' if number == 0 else '      '}{line}"
        # A command is never broken, so that it can be copied. Sentences begin with a capital.
        yield from wrapped(typed, style, 10) if line[:1].isupper() else [typed]
    if verbose and finding.source:
        yield f"{INDENT}See   {finding.source}"


def _skipped(diagnosis: Diagnosis, style: Style, verbose: bool) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for finding in diagnosis.findings:
        if finding.status is CheckStatus.SKIP:
            reasons.setdefault(finding.summary, []).append(finding.id)
    for reason, ids in reasons.items():
        several = len(ids) > SKIPPED_BY_NAME and not verbose
        text = f"Skipped ({reason}): {f'{len(ids)} checks' if several else ', '.join(ids)}"
        yield from (style.paint(line, "2") for line in wrapped(text, style, 2))


def next_command(diagnosis: Diagnosis) -> str:
    """The command to type next: the repair, if a step can fix something."""
    # A Python that doesn't start or isn't suitable comes first: nothing can be installed there.
    # So does a driver that no build of torch suits: no step can use the GPU before.
    first = [
        finding
        for finding in diagnosis.unhealthy
        if finding.id == "python-version"
        or (finding.id == "cuda-driver" and not finding.stages and finding.status == "fail")
    ]
    fixable = [finding for finding in diagnosis.unhealthy if finding.stages]
    for finding in (*first, *fixable, *diagnosis.unhealthy):
        if finding.remedy:
            return finding.remedy.splitlines()[0]
    return ""


def _closing(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    counts = dict.fromkeys(CheckStatus, 0)
    for finding in diagnosis.findings:
        counts[finding.status] += 1
    parts = [
        f"{counts[status]} {word}"
        for status, word in (
            (CheckStatus.OK, "ok"),
            (CheckStatus.WARN, "to know"),
            (CheckStatus.FAIL, "failed"),
            (CheckStatus.UNKNOWN, "unknown"),
            (CheckStatus.SKIP, "skipped"),
        )
        if counts[status]
    ]
    verdict = "Healthy" if diagnosis.healthy else "Not healthy"
    colour = "1;32" if diagnosis.healthy else "1;31"
    for line in wrapped(f"{verdict}: {', '.join(parts)}.", style, 2):
        yield line.replace(verdict, style.paint(verdict, colour), 1)
    command = next_command(diagnosis)
    if not command and diagnosis.healthy and counts[CheckStatus.OK]:
        deep = any(
            f.id == "import-probe" and f.status is CheckStatus.OK for f in diagnosis.findings
        )
        command = "parakeet transcribe FILE" if deep else diagnosis.deep_command
    if command:
        yield f"Next: {style.paint(command, '1')}"


def wrapped(text: str, style: Style, hang: int) -> list[str]:
    """The lines of a text, wrapped at the width and indented by `hang`; no path is broken."""
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(
        text.strip(),
        style.width,
        initial_indent=indent,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
