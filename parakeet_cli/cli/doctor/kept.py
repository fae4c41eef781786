"""Judges every environment that `parakeet setup` keeps: `doctor --all`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from platformdirs import user_data_path

from parakeet_cli import console
from parakeet_cli.cli.doctor.request import DoctorRequest
from parakeet_cli.cli.own_command import own_command
from parakeet_cli.doctor.diagnose import diagnose
from parakeet_cli.doctor.explain import text
from parakeet_cli.doctor.explain.remedy import Shell
from parakeet_cli.doctor.findings import Diagnosis
from parakeet_cli.doctor.stack.stack import load_stack
from parakeet_cli.errors import ExitCode, UsageError
from parakeet_cli.setup.run import is_used
from parakeet_cli.system.environments import KeptEnvironment, kept_environments

_TITLES = ("ENVIRONMENT", "IN USE", "HEALTHY", "STACK", "TORCH", "INDEX", "WHAT IS WRONG")
_NOTHING = "-"  # in a cell
_IDS = 3  # in a row of the table; all are in the report


@dataclass(frozen=True, slots=True)
class _Judged:
    """One environment with its diagnosis, or why there is none."""

    kept: KeptEnvironment
    used: bool  # whether config.json names it
    diagnosis: Diagnosis | None
    error: str | None = None

    @property
    def healthy(self) -> bool:
        return self.diagnosis is not None and self.diagnosis.healthy

    @property
    def torch(self) -> str:
        """The version that is installed, which ends in its build: `2.8.0+cu128`."""
        stages = self.diagnosis.stages if self.diagnosis else ()
        found = (row.installed for stage in stages for row in stage.rows if row.package == "torch")
        return next(found, "") or _NOTHING

    @property
    def problems(self) -> str:
        """The ids of what isn't healthy, as far as they fit a line."""
        if self.diagnosis is None:
            return "it is gone, or no environment"
        ids = [finding.id for finding in self.diagnosis.unhealthy]
        more = f" (and {len(ids) - _IDS} more)" if len(ids) > _IDS else ""
        return ", ".join(ids[:_IDS]) + more if ids else _NOTHING

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.kept.name,
            "path": self.kept.path,
            "stack": self.kept.stack,
            "torch_index": self.kept.torch_index,
            "used": self.used,
            "healthy": self.healthy,
            "error": self.error,
            "report": self.diagnosis.as_json() if self.diagnosis else None,
        }


def show_all(request: DoctorRequest, *, as_json: bool, verbose: bool) -> ExitCode:
    """A table of all environments, and a report of each that isn't healthy, which exit 1 means."""
    judged = list(_judge_all(request))
    healthy = all(one.healthy for one in judged)
    if as_json:
        console.print_json(
            {
                "schema": "parakeet.doctor.all/1",
                "healthy": healthy,
                "environments": [one.as_json() for one in judged],
            }
        )
    else:
        _print(judged, verbose=verbose)
    return ExitCode.OK if healthy else ExitCode.FAILED


def _judge_all(request: DoctorRequest) -> Iterator[_Judged]:
    for kept in kept_environments(user_data_path("parakeet")):
        asked = replace(request, python=str(kept.python), stack=kept.stack).diagnosis()
        # They are asked for, whichever engine was chosen.
        asked = replace(asked, mock=None, options=("--python", str(kept.python)))
        used = is_used(kept, request.config)
        try:
            yield _Judged(kept, used, diagnose(asked))
        except UsageError as error:
            if request.only or request.skip:  # an id that doesn't exist is nobody's illness
                raise
            yield _Judged(kept, used, None, str(error))


def _print(judged: list[_Judged], *, verbose: bool) -> None:
    if not judged:
        console.out("parakeet setup keeps no environment. To make one: parakeet setup\n")
        return
    style = text.style_of(sys.stdout)
    console.out("".join(f"{line}\n" for line in _table(judged, style)))
    for one in judged:
        if one.healthy and not verbose:
            continue
        heading = style.paint(f"# {console.shown_name(one.kept.name)}", "1")
        console.raw_out(f"\n{heading}\n")
        if one.diagnosis is None:
            lines = text.wrapped(f"{one.error}", style, 0)
            lines += text.wrapped(f"To take it off the list: {_removal(one.kept)}", style, 4)
            console.out("".join(f"{line}\n" for line in lines))
            continue
        title = load_stack(one.diagnosis.stack).title
        shell = Shell(own_command(), options=("--python", str(one.kept.python)))
        report = text.render(one.diagnosis, style, title=title, verbose=verbose, shell=shell)
        console.raw_out(report)


def _table(judged: list[_Judged], style: text.Style) -> list[str]:
    """A row for each environment.

    Where that is wider than the terminal, what is wrong stands below each row; where it still is,
    every environment is a paragraph.
    """
    rows = [tuple(map(console.printable, _cells(one))) for one in judged]
    widths = [max(map(len, column)) for column in zip(_TITLES, *rows, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) <= style.width:
        return [_line(row, widths) for row in (_TITLES, *rows)]
    *narrow, _ = widths
    as_rows = sum(narrow) + 2 * (len(narrow) - 1) <= style.width
    lines = [_line(_TITLES, narrow)] if as_rows else []
    for row in rows:
        lines += [_line(row, narrow)] if as_rows else _paragraph(row, style)
        if row[-1] != _NOTHING:
            lines += text.wrapped(f"    {_TITLES[-1].lower()}: {row[-1]}", style, 4)
    return lines


def _cells(one: _Judged) -> tuple[str, ...]:
    return (
        one.kept.name,
        "yes" if one.used else _NOTHING,
        "yes" if one.healthy else "no",
        one.kept.stack,
        one.torch,
        one.kept.torch_index or _NOTHING,
        one.problems,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)).rstrip()


def _paragraph(cells: Sequence[str], style: text.Style) -> list[str]:
    """The name of an environment, and below it its cells but for what is wrong."""
    named = zip(_TITLES[1:-1], cells[1:-1], strict=True)
    said = ", ".join(f"{title.lower()}: {cell}" for title, cell in named if cell != _NOTHING)
    return [cells[0], *text.wrapped(f"    {said}", style, 4)]


def _removal(kept: KeptEnvironment) -> str:
    return f"parakeet setup --remove {kept.name}"
