"""Requirements, reinstallations and stages of a plan, on facts alone."""

from __future__ import annotations

from parakeet_cli.doctor.repair.goal import Fix, RepairGoal, repair_goal
from parakeet_cli.doctor.repair.plan import (
    Change,
    Plan,
    Step,
    assign_to_stages,
    constraints,
    reinstalls,
)
from parakeet_cli.doctor.stack.stack import load_stack
from tests.unit.doctor.repair.facts import SITE, STACK, dist, facts, fail


def test_what_is_there_twice_or_in_part_is_removed_first() -> None:
    there = facts(dist("tqdm", "4.1"), dist("tqdm", "4.2"), leftovers=(f"{SITE}/~umpy",))
    goal = repair_goal([fail("duplicate-dists", 6)], there, STACK)
    assert goal.fix.uninstall == {"tqdm": 2}
    assert goal.fix.remove == (f"{SITE}/~umpy",)
    assert reinstalls(goal, there, ()) == ("tqdm",)


def test_a_package_without_a_module_is_installed_again_in_its_own_version() -> None:
    there = facts(dist("jiwer", "3.1.0", missing=("jiwer/__init__.py",)))
    goal = repair_goal([fail("broken-dists", 6)], there, STACK)
    assert reinstalls(goal, there, ()) == ("jiwer==3.1.0",)
    assert reinstalls(goal, there, ("jiwer",)) == ()  # it is replaced anyway


def test_constraints_have_every_pin_and_the_tools_own_requirements() -> None:
    tool = dist("parakeet-cli", "0.1", requires=("typer<0.29,>=0.15", "x>1; extra == 'y'"))
    lines = constraints(STACK, facts(tool))
    assert "fsspec==2024.12.0" in lines
    assert "nemo-toolkit==2.4.0" in lines
    assert "typer<0.29,>=0.15" in lines
    assert not any(line.startswith("x") for line in lines)


def test_constraints_have_no_extras_because_pip_allows_none_there() -> None:
    assert not any("[" in line for line in constraints(load_stack("3.0"), facts()))


def test_each_change_goes_to_the_first_stage_that_leads_to_it() -> None:
    goal = RepairGoal(STACK, (1, 3, 5, 6), Fix())
    changes = [
        Change("numpy", "2.4.6", "1.26.4"),
        Change("librosa", None, "0.11.0", requires=("pooch>=1.1", "numpy")),
        Change("pooch", None, "1.9.0"),
        Change("nemo-toolkit", None, "2.4.0", requires=("jiwer",)),
        Change("jiwer", None, "3.1.0"),
        Change("stray", None, "1.0"),
    ]
    found = {
        stage: [change.name for change in mine]
        for stage, mine in assign_to_stages(goal, changes, facts()).items()
    }
    assert found == {
        1: ["numpy"],
        3: ["librosa", "pooch"],
        5: ["nemo-toolkit"],
        6: ["jiwer", "stray"],
    }


def test_a_summary_lists_a_few_changes_and_counts_many() -> None:
    few = [Change("numpy", "2.4.6", "1.26.4"), Change("jiwer", None, "3.1.0")]
    again = Change("tqdm", "4.1", "4.1")
    plan = Plan((Step(1, "", (), (*few, again)),))
    assert plan.summary == "numpy 2.4.6 → 1.26.4, jiwer new → 3.1.0, tqdm 4.1 reinstalled"
    many = tuple(Change(f"package{number}", None, "1") for number in range(6))
    assert Plan((Step(1, "", (), (*few, *many)),)).summary == "1 package changed, 7 added"
    assert Plan((Step(0, "", ()),)).summary == "leftovers removed"
