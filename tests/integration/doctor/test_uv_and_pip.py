"""uv's plans, compared with those of pip alone: on made-up stacks, and on the real ones."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.inspect.gather import gather_facts
from parakeet_cli.doctor.repair import resolve
from parakeet_cli.doctor.repair.goal import RepairGoal
from parakeet_cli.doctor.repair.indexes import PackageSources
from parakeet_cli.doctor.repair.pip import find_pip
from parakeet_cli.doctor.repair.plan import Change, Plan
from parakeet_cli.doctor.repair.uv.solve import Uv, UvFailed
from parakeet_cli.doctor.stack.stack import load_stack
from tests.integration.doctor.fake_stack import Environment
from tests.integration.doctor.repairing import RepairCase

pytestmark = pytest.mark.slow

Ask = Callable[[Environment, RepairGoal, PackageSources], tuple[Plan, dict[str, Change]]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def ask(
        environment: Environment, goal: RepairGoal, sources: PackageSources
    ) -> tuple[Plan, dict[str, Change]]:
        facts = gather_facts(str(environment.python), cache_folder=tmp_path / "cache")
        found = resolve.Resolver(
            find_pip(facts), facts, goal, sources, constraints_file=tmp_path / "constraints.txt"
        ).resolve()
        # Sizes are asked of servers, which don't always answer.
        return found.plan, {one.name: replace(one, size=None) for one in found.installs}

    return ask


@pytest.fixture
def compare(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Callable[[Environment, RepairGoal, PackageSources], dict[str, Change]]:
    """Resolve with uv and without it: both agree on every version, sum and command."""

    def no_uv(facts: Facts) -> Uv:
        raise UvFailed("this test leaves it out")

    def compare(
        environment: Environment, goal: RepairGoal, sources: PackageSources
    ) -> dict[str, Change]:
        caplog.set_level(logging.INFO, logger="parakeet_cli")
        plan, installs = ask(environment, goal, sources)
        assert "so pip is asked" not in caplog.text
        monkeypatch.setattr(resolve, "find_uv", no_uv)
        plan_of_pip, installs_of_pip = ask(environment, goal, sources)
        assert "so pip is asked: this test leaves it out" in caplog.text
        assert installs.keys() == installs_of_pip.keys()
        for name, change in installs_of_pip.items():
            assert installs[name].pinned == change.pinned
            assert installs[name].before == change.before
            # uv names all of an index's wheels that suit, and pip the one that it takes.
            assert set(change.hashes) <= set(installs[name].hashes)
            assert installs[name].is_wheel == change.is_wheel
        assert _words(plan) == _words(plan_of_pip)
        return installs

    return compare


Compare = Callable[[Environment, RepairGoal, PackageSources], dict[str, Change]]


def _words(plan: Plan) -> list[list[list[str]]]:
    """The commands of each step; uv and pip list what they say in different orders."""
    return [[sorted(shlex.split(line)) for line in step.commands] for step in plan.steps]


def whole(name: str, *, reinstall: bool = False) -> RepairGoal:
    stack = load_stack(name)
    numbers = tuple(stage.number for stage in stack.stages)
    return RepairGoal(stack, numbers, torch=reinstall, reinstall=reinstall)


def test_five_upgrades_are_undone_alike_and_planning_leaves_no_trace(
    case: RepairCase, compare: Compare
) -> None:
    before = case.tree()
    installs = compare(
        case.environment, whole("2.4"), PackageSources(wheelhouse=str(case.wheelhouse))
    )
    assert {"numpy", "fsspec", "pytorch-lightning", "pyarrow", "setuptools"} <= set(installs)
    assert installs["numpy"].before == "2.4.6"
    assert "torch" not in installs
    assert case.tree() == before


def test_a_reinstallation_takes_everything_again_alike(case: RepairCase, compare: Compare) -> None:
    sources = PackageSources(wheelhouse=str(case.wheelhouse))
    installs = compare(case.environment, whole("2.4", reinstall=True), sources)
    assert {"torch", "numpy", "nemo-toolkit"} <= set(installs)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["2.4", "3.0"])
def test_an_empty_environment_gets_the_same_real_stack_alike(
    name: str, compare: Compare, tmp_path: Path
) -> None:
    environment = Environment.new(tmp_path / "empty")
    installs = compare(environment, whole(name, reinstall=True), PackageSources())
    assert len(installs) > 100
    assert all(one.hashes for one in installs.values() if one.url.endswith(".whl"))
