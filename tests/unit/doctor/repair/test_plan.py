"""Findings to aims, and changes to stages: pure, so tested on facts alone."""

from __future__ import annotations

from parakeet_cli.doctor.facts import Distribution, Facts, Interpreter, Leftover
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.repair.goal import Fix, RepairGoal, repair_goal
from parakeet_cli.doctor.repair.plan import (
    Change,
    assign_to_stages,
    constraints,
    reinstalls,
)
from parakeet_cli.doctor.stack.stack import load_stack

STACK = load_stack("2.4")
PREFIX = "/env"
SITE = f"{PREFIX}/lib/python3.11/site-packages"


def dist(name: str, version: str, **more: object) -> Distribution:
    info = f"{SITE}/{name}-{version}.dist-info"
    return Distribution(name, version, SITE, info, **more)  # type: ignore[arg-type]


def facts(*dists: Distribution, leftovers: tuple[str, ...] = ()) -> Facts:
    interpreter = Interpreter(
        f"{PREFIX}/bin/python", "3.11.9", PREFIX, "/usr", "venv", (SITE,), SITE
    )
    return Facts(
        interpreter,
        tuple(dists),
        tuple(Leftover(path) for path in leftovers),
        pkg_resources=True,
    )


def fail(id_: str, *stages: int) -> Finding:
    return Finding(id_, CheckStatus.FAIL, "broken", stages=stages)


def test_only_the_stages_of_what_fails_are_aimed_at_in_the_documented_order() -> None:
    torch = dist("torch", "2.13.0+cpu")
    found = [fail("nemo-requirements", 6, 4), fail("numpy-pin", 1), fail("cuda-toolkit")]
    goal = repair_goal(found, facts(torch), STACK)
    assert goal.stages == (1, 4, 6)
    assert goal.ids == {"nemo-requirements", "numpy-pin"}
    assert not goal.torch


def test_a_failing_import_alone_aims_at_every_stage_but_never_at_a_torch_that_suits() -> None:
    goal = repair_goal(
        [fail("import-probe", 1, 2, 3, 4, 5, 6)], facts(dist("torch", "2.13.0")), STACK
    )
    assert goal.stages == (1, 2, 3, 4, 5, 6)
    assert not goal.torch


def test_a_failing_import_beside_a_cause_adds_no_stage() -> None:
    found = [fail("import-probe", 1, 2, 3, 4, 5, 6), fail("fsspec-pin", 3)]
    assert repair_goal(found, facts(dist("torch", "2.13.0")), STACK).stages == (3,)


def test_torch_takes_its_family_along() -> None:
    there = facts(dist("torch", "2.6.0"), dist("torchaudio", "2.6.0"))
    goal = repair_goal([fail("torch-installed", 2)], there, STACK)
    assert goal.torch
    assert goal.family == ("torchaudio",)


def test_nothing_is_aimed_at_where_no_step_can_mend() -> None:
    assert repair_goal([fail("cuda-driver"), fail("system-libraries")], facts(), STACK).empty


def test_what_lies_twice_or_half_is_taken_away_first() -> None:
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


def test_constraints_hold_every_pin_and_in_place_the_tool_too() -> None:
    tool = dist("parakeet-cli", "0.1", requires=("typer<0.29,>=0.15", "x>1; extra == 'y'"))
    held = constraints(STACK, facts(tool))
    assert "fsspec==2024.12.0" in held
    assert "nemo-toolkit==2.4.0" in held
    assert "typer<0.29,>=0.15" in held
    assert not any(line.startswith("x") for line in held)


def test_constraints_have_no_extras_for_pip_takes_none_there() -> None:
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
