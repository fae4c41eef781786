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

from parakeet_cli.doctor.causes import Cause, find_causes
from parakeet_cli.doctor.checks.common import count, join_names
from parakeet_cli.doctor.explain.remedy import Shell, split_last_command, split_remedy
from parakeet_cli.doctor.findings import (
    NOTHING_TO_DO,
    CheckStatus,
    Diagnosis,
    Finding,
    RequirementRow,
    StageRows,
)
from parakeet_cli.system.safety.printable import one_line
from parakeet_cli.system.safety.url_passwords import without_passwords

MARKS = {"ok": "✓", "warn": "!", "fail": "✗", "unknown": "?", "skip": "-"}
ASCII_MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL", "unknown": "?", "skip": "-"}
COLOURS = {"ok": "32", "warn": "33", "fail": "31", "unknown": "35", "skip": "2"}
NARROWEST, WIDEST = 32, 100
DETAIL_LINES = 6
STAGE_ROWS = 4  # of a stage that need something; the others are counted
NAMED = 4  # of the packages that are missing with a cause
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


def render(
    diagnosis: Diagnosis,
    style: Style,
    *,
    title: str = "",
    verbose: bool = False,
    shell: Shell | None = None,
) -> str:
    """The whole report as one text; `shell` is where its commands are typed."""
    diagnosis, shell = _printable_diagnosis(diagnosis), shell or Shell()
    here = replace(
        shell,
        program=one_line(shell.program),
        python=diagnosis.python,
        has_pip=diagnosis.has_pip,
        options=tuple(map(one_line, shell.options)),
    )
    page = _Page(style, here, verbose)
    return without_passwords("\n".join(_lines(diagnosis, page, title)) + "\n")


@dataclass(frozen=True, slots=True)
class _Page:
    """How a report is written, and whether all of it is."""

    style: Style
    shell: Shell
    verbose: bool


def _lines(diagnosis: Diagnosis, page: _Page, title: str) -> Iterator[str]:
    style = page.style
    yield f"Python  {diagnosis.python}"
    yield from wrapped(f"Stack   {diagnosis.stack}" + (f": {title}" if title else ""), style, 8)
    causes = find_causes(diagnosis.findings)
    yield from _causes(diagnosis, causes, page)
    folded = {name for cause in causes for name in cause.missing}
    for stage in diagnosis.stages:
        yield from _stage(stage, folded, page)
    yield ""
    if page.verbose:
        yield from _skipped(diagnosis, style)
    for note in diagnosis.notes:
        yield from wrapped(f"Note: {note}", style, 6)
    yield from _closing(diagnosis, page)


def _causes(diagnosis: Diagnosis, causes: tuple[Cause, ...], page: _Page) -> Iterator[str]:
    """The first cause in full, then the others; what a command repairs besides in a line."""
    if page.verbose:
        passed = [one for one in diagnosis.findings if one.status is CheckStatus.OK]
        each = [one for cause in causes for one in (cause.finding, *cause.follows)]
        for finding in (*each, *passed):
            yield ""
            yield from _finding(Cause(finding), page)
        return
    for first, same in _by_command(causes, page.shell):
        yield ""
        yield from _finding(first, page)
        if same:
            yield f"{INDENT}The same command repairs:"
        narrower = replace(page.style, width=page.style.width - len(INDENT))
        for finding in same:
            yield from (INDENT + line for line in _headline(finding, narrower))


def _by_command(
    causes: tuple[Cause, ...], shell: Shell
) -> Iterator[tuple[Cause, tuple[Finding, ...]]]:
    """The causes that need something, each with the later findings that its command repairs."""
    groups: dict[str, list[Cause]] = {}
    for cause in causes:
        if needs_action(cause.finding):
            command = split_remedy(cause.finding.remedy, shell).command
            groups.setdefault(command or cause.finding.id, []).append(cause)
    for first, *others in groups.values():
        yield first, tuple(one for cause in others for one in (cause.finding, *cause.follows))


def needs_action(finding: Finding) -> bool:
    """Whether there is something to do about it; if not, it is shown with --verbose only."""
    return not finding.remedy.startswith(NOTHING_TO_DO)


def _stage(stage: StageRows, folded: set[str], page: _Page) -> Iterator[str]:
    """A stage with the rows that need something and aren't folded; with --verbose all of them."""
    style, settled = page.style, (CheckStatus.OK, CheckStatus.SKIP)
    rows = [
        row
        for row in stage.rows
        if page.verbose or not (row.status in settled or row.package in folded)
    ]
    if not rows:
        return
    yield ""
    yield from (
        style.paint(line, "1") for line in wrapped(f"{stage.number}  {stage.title}", style, 3)
    )
    most = len(rows) if page.verbose or len(rows) == STAGE_ROWS + 1 else STAGE_ROWS
    for row in rows[:most]:
        yield from _row(row, style)
    if len(rows) > most:
        yield style.paint(f"   and {len(rows) - most} more: --verbose", "2")


def _row(row: RequirementRow, style: Style) -> Iterator[str]:
    """The package, its bounds and what is installed, on two lines where one is too short."""
    mark = f"   {style.mark(row.status)} "
    room = style.width - 5 - (0 if style.unicode else 3)
    name_width = max(12, min(20, room // 3))
    wanted_width = max(14, min(22, room // 3))
    there = row.installed or "missing"
    line = f"{row.package:{name_width}} {row.requirement:{wanted_width}} {there}".rstrip()
    if len(line) <= room:
        yield mark + line
        return
    yield mark + row.package
    yield from wrapped(f"{' ' * 9}{row.requirement}  {there}", style, 9)


def _printable_diagnosis(diagnosis: Diagnosis) -> Diagnosis:
    """The diagnosis with its names escaped: only this module's colours reach a terminal."""
    return replace(
        diagnosis,
        python=one_line(diagnosis.python),
        findings=tuple(map(_printable, diagnosis.findings)),
        stages=tuple(
            replace(stage, rows=tuple(map(_printable_row, stage.rows)))
            for stage in diagnosis.stages
        ),
        notes=tuple(map(one_line, diagnosis.notes)),
    )


def _printable_row(row: RequirementRow) -> RequirementRow:
    names = row.package, row.requirement, row.installed
    package, requirement, installed = map(one_line, names)
    return replace(row, package=package, requirement=requirement, installed=installed)


def _printable(finding: Finding) -> Finding:
    """The finding with control characters escaped: names come from other people's files."""
    return replace(
        finding,
        summary=one_line(finding.summary),
        why=one_line(finding.why),
        source=one_line(finding.source),
        detail="\n".join(map(one_line, finding.detail.splitlines())),
        remedy="\n".join(map(one_line, finding.remedy.splitlines())),
        missing=tuple(map(one_line, finding.missing)),
    )


def _headline(finding: Finding, style: Style) -> Iterator[str]:
    """The mark, the id and what was found."""
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


def _finding(cause: Cause, page: _Page) -> Iterator[str]:
    finding, style = cause.finding, page.style
    yield from _headline(finding, style)
    yield from _folded(cause, style)
    if finding.why:
        yield from wrapped(f"{INDENT}Why   {finding.why}", style, 10)
    details = [line for line in finding.detail.splitlines() if line != finding.summary]
    most = len(details) if page.verbose else DETAIL_LINES
    if not page.verbose and len(details) == DETAIL_LINES + 1:
        most += 1  # a line about the one that is left out would be no shorter
    for line in details[:most]:
        yield from (style.paint(part, "2") for part in wrapped(f"{INDENT}      {line}", style, 12))
    if len(details) > most:
        yield style.paint(f"{INDENT}      and {len(details) - most} more lines: --verbose", "2")
    yield from remedy_lines(finding.remedy, page.shell, style)
    if page.verbose and finding.source:
        yield f"{INDENT}See   {finding.source}"


def _folded(cause: Cause, style: Style) -> Iterator[str]:
    """What follows from a cause: the packages that are missing with it, and other checks."""
    if cause.missing:
        packages = count(len(cause.missing), "package")
        names = join_names(cause.missing, NAMED)
        yield from wrapped(f"{INDENT}and {packages}: {names}", style, 8)
    others = [one.id for one in cause.follows if not one.missing]
    if others:
        yield from wrapped(f"{INDENT}and what follows from it: {join_names(others)}", style, 8)


def remedy_lines(remedy: str, shell: Shell, style: Style, indent: str = INDENT) -> Iterator[str]:
    """The one command under Type, and sentences under Do.

    A command is never broken, so that it can be copied.
    """
    parts = split_remedy(remedy, shell)
    if parts.command:
        yield f"{indent}Type  {parts.command}"
    for number, line in enumerate(parts.prose):
        label = "      " if number else "Do    "
        sentence, command = split_last_command(line, shell)
        yield from wrapped(f"{indent}{label}{sentence}", style, len(indent) + 6)
        if command:
            yield f"{indent}      {command}"
    yield from (f"{indent}By hand: {command}" for command in parts.by_hand)


def _skipped(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for finding in diagnosis.findings:
        if finding.status is CheckStatus.SKIP:
            reasons.setdefault(finding.summary, []).append(finding.id)
    for reason, ids in reasons.items():
        text = f"Skipped ({reason}): {', '.join(ids)}"
        yield from (style.paint(line, "2") for line in wrapped(text, style, 2))


def next_step(diagnosis: Diagnosis, shell: Shell) -> str:
    """What to do next: the command of the first cause with a remedy, else its sentence."""
    for cause in find_causes(diagnosis.findings):
        if cause.finding.remedy and not cause.finding.healthy:
            remedy = split_remedy(cause.finding.remedy, shell)
            return remedy.command or next(iter((*remedy.prose, *remedy.by_hand)), "")
    return ""


def _closing(diagnosis: Diagnosis, page: _Page) -> Iterator[str]:
    style = page.style
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
    warnings = [one for one in diagnosis.findings if one.status is CheckStatus.WARN]
    unseen = not page.verbose and not all(map(needs_action, warnings))
    hint = " What needs nothing is shown with --verbose." if unseen else ""
    reasons = {finding.summary for finding in diagnosis.findings}
    if counts[CheckStatus.SKIP] == len(diagnosis.findings) and len(reasons) == 1:
        parts[-1] += f", since {reasons.pop()}"  # else it would look as if all were well
    for line in wrapped(f"{verdict}: {', '.join(parts)}.{hint}", style, 2):
        yield line.replace(verdict, style.paint(verdict, colour), 1)
    command = next_step(diagnosis, page.shell)
    if not command and diagnosis.healthy and counts[CheckStatus.OK]:
        deep = any(
            f.id == "import-probe" and f.status is CheckStatus.OK for f in diagnosis.findings
        )
        command = page.shell.adapted("parakeet transcribe FILE" if deep else diagnosis.deep_command)
    if command[:1].isupper():
        yield from wrapped(f"Next: {command}", style, 6)
    elif command:
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
