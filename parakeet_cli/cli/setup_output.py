"""Prints what `parakeet setup` plans, does and keeps; functions return the exit code."""

from __future__ import annotations

import sys
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.cli.doctor.repair_screen import RepairScreen, plan_lines
from parakeet_cli.cli.doctor.sample import CLIP, TEXT
from parakeet_cli.console import Verbosity
from parakeet_cli.doctor.explain.text import Style, style_of, wrapped
from parakeet_cli.doctor.repair.plan import Plan
from parakeet_cli.errors import ExitCode, SetupError, UsageError
from parakeet_cli.setup.environment import data_folder, size_of
from parakeet_cli.setup.prove import read_sample
from parakeet_cli.setup.request import ProofSample, SetupOutcome, SetupPlan, SetupRequest
from parakeet_cli.setup.run import is_used, remove_environment, run_setup
from parakeet_cli.system.environments import KeptEnvironment, kept_environments
from parakeet_cli.system.files import data_file
from parakeet_cli.system.units import megabytes


def sample_of(named: str | None) -> ProofSample:
    """The sample that was named, or the one that ships. Raises UsageError."""
    if named is not None:
        return read_sample(named)
    try:
        return ProofSample(data_file(CLIP, folder="samples"), TEXT)
    except FileNotFoundError:
        raise UsageError(
            f"{CLIP} is missing: reinstall parakeet-cli, or name another with --sample."
        ) from None


def show_setup(request: SetupRequest, *, as_json: bool, verbose: bool) -> int:
    """The plan, the question, a line for each step, and how it ended."""
    console.set_verbosity(Verbosity(verbose=verbose))  # pip's lines are logged
    screen = SetupScreen(as_json=as_json, bar=not verbose, dry_run=request.dry_run)
    try:
        outcome = run_setup(request, screen)
    finally:
        screen.clear()
    if as_json:
        console.print_json(outcome.plan.as_json())
    elif request.dry_run:
        console.out("Nothing was changed. To carry this out, leave out --dry-run.\n")
    else:
        _print_outcome(outcome)
    console.show_warnings(outcome.warnings, show=console.note)
    return ExitCode.OK


def _print_outcome(outcome: SetupOutcome) -> None:
    plan = outcome.plan
    console.out(
        f"parakeet transcribe and parakeet dictate now use the engine "
        f"{plan.engine} with the model {plan.model}.\nNext: parakeet transcribe FILE\n"
    )


class SetupScreen(RepairScreen):
    """The screen of a repair, which shows the setup around it, too."""

    def __init__(self, *, as_json: bool, bar: bool, dry_run: bool) -> None:
        super().__init__(show_plan=False, bar=bar, dry_run=dry_run)
        self._as_json, self._only_plan = as_json, dry_run

    @property
    def shows_progress(self) -> bool:
        return console.shows_progress()

    def show_setup(self, plan: SetupPlan) -> None:
        if self._as_json:
            return
        stream = sys.stdout if self._only_plan else sys.stderr
        text = "\n".join(setup_lines(plan, style_of(stream)))
        if self._only_plan:
            console.out(text + "\n")
        else:
            console.note(text)

    def show_plan(self, plan: Plan) -> None:
        """Only how much it is: the commands of 150 packages are the doctor's to show."""
        if plan.steps:
            self.show_status(plan_lines(plan)[-1])


def setup_lines(plan: SetupPlan, style: Style) -> list[str]:
    """What was chosen and why, and each step with its number."""
    chosen = plan.engine if plan.stack is None else f"{plan.engine}, stack {plan.stack}"
    lines = wrapped(f"Engine  {chosen} ({plan.reason})", style, 8)
    lines += wrapped(f"Model   {plan.model}", style, 8)
    for number, step in enumerate(plan.steps, start=1):
        lines += wrapped(f"  {number}. {step}", style, 5)
    if plan.bytes:
        lines.append(f"To download: about {plan.bytes / 1e9:.1f} GB.")
    return lines


# What setup keeps


def show_kept(config: str | None, *, as_json: bool) -> int:
    """Each environment, what it is for, and how much room it takes."""
    rows = [
        (kept, is_used(kept, config), size_of(Path(kept.path)))
        for kept in kept_environments(data_folder())
    ]
    if as_json:
        console.print_json(
            {
                "environments": [
                    {
                        "name": kept.name,
                        "path": kept.path,
                        "stack": kept.stack,
                        "torch_index": kept.torch_index,
                        "model": kept.model,
                        "ready": kept.ready,
                        "used": used,
                        "bytes": size,
                    }
                    for kept, used, size in rows
                ]
            }
        )
        return ExitCode.OK
    if not rows:
        console.out("parakeet setup keeps no environment. To make one: parakeet setup\n")
    for kept, used, size in rows:
        state = "in use" if used else "ready" if kept.ready else "unfinished"
        torch = f", torch from {kept.torch_index}" if kept.torch_index else ""
        about = f"{kept.name}  {state}, stack {kept.stack}{torch}, {megabytes(size)}"
        lines = [*wrapped(about, style_of(sys.stdout), 4), f"  {kept.path}"]
        console.out("".join(f"{line}\n" for line in lines))
    return ExitCode.OK


def show_removal(name: str, config: str | None, *, yes: bool) -> int:
    """Ask, and remove one. Raises UsageError, SetupError and Refused."""
    kept = _kept_named(name)
    used = is_used(kept, config)
    if not yes:
        also = ", and from config.json that it is used" if used else ""
        what = kept.path if kept.made else f"{kept.name} from the list"
        console.note(f"This removes {what}{also}.")
        screen = SetupScreen(as_json=False, bar=False, dry_run=False)
        if not screen.confirm():
            raise SetupError("Nothing was removed.", hint="Add --yes to go ahead without asking.")
    if remove_environment(kept, config):
        console.out(f"{kept.path} is gone.\n")
    else:
        console.out(
            f"{kept.name} is no longer on the list. {kept.path} wasn't made by setup: it stays.\n"
        )
    return ExitCode.OK


def _kept_named(name: str) -> KeptEnvironment:
    kept = list(kept_environments(data_folder()))
    for one in kept:
        if name in (one.name, one.path):
            return one
    names = ", ".join(one.name for one in kept)
    raise UsageError(
        f"parakeet setup keeps no environment called {name}.",
        hint=f"It keeps {names}." if names else "It keeps none.",
    )
