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
from parakeet_cli.system.environments import KeptEnvironment, kept_environments


@dataclass(frozen=True, slots=True)
class _Judged:
    """One environment with its diagnosis, or why there is none."""

    kept: KeptEnvironment
    diagnosis: Diagnosis | None
    error: str | None = None

    @property
    def healthy(self) -> bool:
        return self.diagnosis is not None and self.diagnosis.healthy

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.kept.name,
            "path": self.kept.path,
            "healthy": self.healthy,
            "error": self.error,
            "report": self.diagnosis.as_json() if self.diagnosis else None,
        }


def show_all(request: DoctorRequest, *, as_json: bool, verbose: bool) -> ExitCode:
    """A report for each environment; exit 1 if one of them isn't healthy."""
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
        try:
            yield _Judged(kept, diagnose(asked))
        except UsageError as error:
            if request.only or request.skip:  # an id that doesn't exist is nobody's illness
                raise
            yield _Judged(kept, None, str(error))


def _print(judged: list[_Judged], *, verbose: bool) -> None:
    if not judged:
        console.out("parakeet setup keeps no environment. To make one: parakeet setup\n")
    style = text.style_of(sys.stdout)
    for number, one in enumerate(judged):
        heading = style.paint(f"# {console.shown_name(one.kept.name)}", "1")
        console.raw_out(("\n" if number else "") + heading + "\n")
        if one.diagnosis is None:
            console.out(f"{one.error}\nTo take it off the list: {_removal(one.kept)}\n")
            continue
        title = load_stack(one.diagnosis.stack).title
        shell = Shell(own_command(), options=("--python", str(one.kept.python)))
        report = text.render(one.diagnosis, style, title=title, verbose=verbose, shell=shell)
        console.raw_out(report)


def _removal(kept: KeptEnvironment) -> str:
    return f"parakeet setup --remove {kept.name}"
