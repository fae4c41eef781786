"""Judges every environment that `parakeet setup` keeps: `doctor --all`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
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
        return next(found, "") or "-"

    @property
    def problems(self) -> str:
        """The ids of what isn't healthy, as far as they fit a line."""
        if self.diagnosis is None:
            return "it is gone, or no environment"
        ids = [finding.id for finding in self.diagnosis.unhealthy]
        more = f" (and {len(ids) - _IDS} more)" if len(ids) > _IDS else ""
        return ", ".join(ids[:_IDS]) + more if ids else "-"

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
    console.out("".join(f"{line}\n" for line in _table(judged)))
    for one in judged:
        if one.healthy and not verbose:
            continue
        heading = style.paint(f"# {console.shown_name(one.kept.name)}", "1")
        console.raw_out(f"\n{heading}\n")
        if one.diagnosis is None:
            console.out(f"{one.error}\nTo take it off the list: {_removal(one.kept)}\n")
            continue
        title = load_stack(one.diagnosis.stack).title
        shell = Shell(own_command(), options=("--python", str(one.kept.python)))
        report = text.render(one.diagnosis, style, title=title, verbose=verbose, shell=shell)
        console.raw_out(report)


def _table(judged: list[_Judged]) -> list[str]:
    rows = [("ENVIRONMENT", "IN USE", "HEALTHY", "STACK", "TORCH", "INDEX", "WHAT IS WRONG")]
    rows += [
        (
            one.kept.name,
            "yes" if one.used else "-",
            "yes" if one.healthy else "no",
            one.kept.stack,
            one.torch,
            one.kept.torch_index or "-",
            one.problems,
        )
        for one in judged
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        console.printable(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
        for row in rows
    ]


def _removal(kept: KeptEnvironment) -> str:
    return f"parakeet setup --remove {kept.name}"
