"""Prints what the doctor's commands show; functions that judge return the exit code."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from parakeet_cli import __version__, console
from parakeet_cli.cli.own_command import own_command
from parakeet_cli.doctor.checks import CHECKS, run_checks
from parakeet_cli.doctor.diagnose import (
    DiagnosisRequest,
    diagnose,
    examine,
    make_diagnosis,
    select_checks,
)
from parakeet_cli.doctor.stack.stack import load_stack
from parakeet_cli.errors import ExitCode, UsageError
from parakeet_cli.system.regular_files import MOST, read_regular

if TYPE_CHECKING:
    from parakeet_cli.doctor.explain.match import FailureMatch
    from parakeet_cli.doctor.explain.next_step import NextStep
    from parakeet_cli.doctor.explain.remedy import Shell


def _print_wrapped(line: str, *, hang: int) -> None:
    """Print a line within the width of the screen, without control characters."""
    from parakeet_cli.doctor.explain.text import style_of, wrapped

    style = style_of(sys.stdout)
    console.out("\n".join(wrapped(line, style, hang)) + "\n")


def show_checks(*, as_json: bool) -> None:
    """Every check's id and title."""
    if as_json:
        console.print_json([{"id": id_, "title": check.title} for id_, check in CHECKS.items()])
        return
    width = max(map(len, CHECKS))
    console.out("".join(f"{id_:{width}}  {check.title}\n" for id_, check in CHECKS.items()))


def show_diagnosis(request: DiagnosisRequest, *, as_json: bool, verbose: bool) -> ExitCode:
    """The report; exit 1 if it isn't healthy."""
    from parakeet_cli.doctor.explain import text
    from parakeet_cli.doctor.explain.remedy import Shell

    diagnosis = diagnose(request)
    if as_json:
        console.print_json(diagnosis.as_json())
        for note in diagnosis.notes:
            console.note(f"Note: {note}")
    else:
        style = text.style_of(sys.stdout)
        title = load_stack(diagnosis.stack).title
        shell = Shell(own_command(), options=_naming_python(request))
        console.raw_out(text.render(diagnosis, style, title=title, verbose=verbose, shell=shell))
    return ExitCode.OK if diagnosis.healthy else ExitCode.FAILED


def show_why(package: str, request: DiagnosisRequest, *, as_json: bool) -> ExitCode:
    """Who requires a package; exit 1 if something about it isn't met."""
    from parakeet_cli.doctor.explain.why import explain, lines

    report = explain(package, *examine(request))
    if as_json:
        console.print_json(report.as_json())
    elif not report.known:
        console.out(
            f"{report.package}: not installed, not required by anything installed, "
            f"and no part of stack {report.stack}.\n"
        )
    else:
        for line in lines(report):
            _print_wrapped(line, hang=len(line) - len(line.lstrip()) + 2)
    return ExitCode.OK if report.satisfied else ExitCode.FAILED


def show_matches(text: str, environment: DiagnosisRequest | None, *, as_json: bool) -> ExitCode:
    """The known failures in a pasted text, compared with the environment if one is named.

    Exit 1 if there are none; then the next step is named.
    """
    from parakeet_cli.doctor.explain.match import match
    from parakeet_cli.doctor.explain.pasted_text import MOST_TEXT

    pasted = _pasted(text)
    if len(pasted) > MOST_TEXT:
        console.note(
            f"The text is long: its first and last {MOST_TEXT // 2} characters are searched."
        )
    found = match(pasted)
    here = _confirmations(found, environment)
    step = None if found else _next_step(pasted, environment)
    if as_json:
        fields = ("row", "title", "cause", "remedy", "check", "evidence", "source")
        rows = [{name: getattr(hit, name) for name in fields} for hit in found]
        console.print_json(
            {
                "schema": "parakeet.doctor.match/1",
                "matches": [
                    {**row, "here": said or None} for row, said in zip(rows, here, strict=True)
                ],
                "next": step.action if step else None,
            }
        )
    else:
        shell = _shell(environment)
        if step:
            _print_wrapped(step.known, hang=2)
            _print_wrapped(f"Next: {shell.adapted(step.action)}", hang=6)
        for hit, said in zip(found, here, strict=True):
            _print_match(hit, said, shell)
    return ExitCode.OK if found else ExitCode.FAILED


def _shell(environment: DiagnosisRequest | None) -> Shell:
    """How commands are typed here; with the Python that is named, or this one."""
    from parakeet_cli.doctor.explain.remedy import Shell

    if environment is None:
        return Shell(own_command(), sys.executable)
    return Shell(own_command(), environment.python, options=_naming_python(environment))


def _naming_python(request: DiagnosisRequest) -> tuple[str, ...]:
    """The option that names the Python to examine, if it was given."""
    return ("--python", request.python) if "--python" in request.options else ()


def _print_match(hit: FailureMatch, said: str, shell: Shell) -> None:
    from parakeet_cli.doctor.explain.remedy import split_row

    remedy = split_row(hit.remedy, hit.commands, shell)
    examine = shell.adapted(f"parakeet doctor --only {hit.check}") if hit.check else ""
    _print_wrapped(hit.title, hang=4)
    for label, value, is_command in (
        ("Cause", hit.cause, False),
        ("Type", remedy.command, True),
        ("Do", " ".join(remedy.prose), False),
        ("Here", said, False),
        ("Seen in", hit.evidence, False),
        ("Check", examine, True),
        ("See", hit.source, False),
    ):
        line = f"  {label:10}{value}"
        if value and is_command:  # never broken, so that it can be copied
            console.out(f"{line}\n")
        elif value:
            _print_wrapped(line, hang=12)
    console.out("\n")


def _confirmations(
    found: Sequence[FailureMatch], environment: DiagnosisRequest | None
) -> list[str]:
    """What the environment says about each guess; empty strings if none is named."""
    if environment is None or not found:
        return [""] * len(found)
    from parakeet_cli.doctor.explain.confirm import confirm

    facts, stack = examine(environment)
    return [confirm(hit, facts, stack) for hit in found]


def _next_step(text: str, environment: DiagnosisRequest | None) -> NextStep:
    from parakeet_cli.doctor.explain.next_step import EXAMINE, next_step

    options = environment.options if environment else ()
    return next_step(text, shlex.join([*EXAMINE.split(), *options]))


def _pasted(text: str) -> str:
    """The traceback: from stdin, from a file, or the argument itself."""
    if text == "-":
        if sys.stdin.isatty():
            console.note("Paste the traceback, then press Ctrl-D.")
        return sys.stdin.buffer.read(MOST).decode("utf-8", errors="replace")
    if len(text) < 4096 and os.path.lexists(text):
        try:
            return read_regular(text).decode("utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"{text} can't be read: {error.strerror or error}.") from error
    if not any(character.isspace() for character in text):
        raise UsageError(
            f"There is no file {text}.",
            hint="Give a file, or the text in quotes, or pipe it: ... 2>&1 | parakeet doctor match",
        )
    return text


def show_report(request: DiagnosisRequest, *, as_json: bool) -> None:
    """Markdown on stdout, without the user's name."""
    from parakeet_cli.doctor.explain.report import markdown, redact

    ids = select_checks(request.only, request.skip)
    facts, stack = examine(request)
    diagnosis = make_diagnosis(facts, stack, run_checks(facts, stack, ids))
    text = redact(markdown(diagnosis, facts, stack, __version__))
    if as_json:
        console.print_json({"schema": "parakeet.doctor.report/1", "markdown": text})
    else:
        console.out(text)
