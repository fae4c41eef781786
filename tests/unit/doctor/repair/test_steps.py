"""The steps of a plan: what is removed, installed and typed in each stage."""

from __future__ import annotations

from pathlib import Path

from parakeet_cli.doctor.repair.goal import Fix, RepairGoal
from parakeet_cli.doctor.repair.indexes import PackageSources
from parakeet_cli.doctor.repair.plan import Change, PipRun, Plan
from parakeet_cli.doctor.repair.steps import CommandLine, PlanBuilder
from tests.unit.doctor.repair.facts import SITE, STACK, dist, facts

PIP = ("python", "-m", "pip")
INDEX = "https://example.org/cu128"


def built(
    goal: RepairGoal,
    *changes: Change,
    reinstalled: tuple[str, ...] = (),
    torch: str | None = None,
    sources: PackageSources = PackageSources(INDEX),  # noqa: B008 - it is frozen
) -> Plan:
    there = facts(dist("torch", "2.13.0"), dist("numpy", "2.4.6"))
    command_line = CommandLine(PIP, sources, Path("/c.txt"))
    by_name = {change.name: change for change in changes}
    return PlanBuilder(goal, there, by_name, reinstalled, torch, command_line).build()


def test_a_stage_that_changes_nothing_has_no_step() -> None:
    plan = built(RepairGoal(STACK, (1, 3)), Change("numpy", "2.4.6", "1.26.4"))
    [step] = plan.steps
    assert step.stage == 1
    assert [change.name for change in step.changes] == ["numpy"]
    assert step.commands[0].startswith("python -m pip install -c /c.txt ")


def test_what_no_requirement_leads_to_is_installed_by_name_in_the_last_stage() -> None:
    goal = RepairGoal(STACK, (1, 6))
    stray = Change("stray", None, "1.0")
    *_, step = built(goal, Change("numpy", "2.4.6", "1.26.4"), stray).steps
    assert step.stage == 6
    assert step.runs[0].arguments[-1] == "stray==1.0"


def test_a_torch_of_its_own_index_is_pinned_and_only_its_command_names_the_index() -> None:
    goal = RepairGoal(STACK, (1, 2), torch=True)
    changes = (Change("numpy", "2.4.6", "1.26.4"), Change("torch", "2.13.0", "2.11.0+cu128"))
    first, second = built(goal, *changes, torch="2.11.0+cu128").steps
    assert INDEX not in first.commands[0]
    assert f"--extra-index-url {INDEX}" in second.commands[0]
    assert "torch==2.11.0+cu128" in second.commands[0]


def test_a_wheelhouse_is_named_in_every_installing_command() -> None:
    goal = RepairGoal(STACK, (1,))
    sources = PackageSources(None, "/wheels")
    [step] = built(goal, Change("numpy", "2.4.6", "1.26.4"), sources=sources).steps
    assert "--no-index --find-links /wheels -c /c.txt" in step.commands[0]


def test_what_is_reinstalled_is_forced_in_its_own_stage_without_dependencies() -> None:
    goal = RepairGoal(STACK, (1,), Fix(reinstall=frozenset({"numpy"})))
    again = Change("numpy", "1.26.4", "1.26.4")
    [step] = built(goal, again, reinstalled=("numpy",)).steps
    assert step.runs == (PipRun("install", ("numpy==1.26.4",), ("--force-reinstall", "--no-deps")),)


def test_each_copy_is_uninstalled_and_paths_are_removed_first() -> None:
    path = f"{SITE}/~umpy"
    goal = RepairGoal(STACK, (), Fix(uninstall={"tqdm": 2, "wrapt": 1}, remove=(path,)))
    [step] = built(goal).steps
    assert step.stage == 0
    assert [run.arguments for run in step.runs] == [("--yes", "tqdm", "wrapt"), ("--yes", "tqdm")]
    assert step.commands[0] == f"rm -r '{path}'"
    assert step.remove == (path,)
