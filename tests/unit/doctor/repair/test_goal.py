"""Findings to a goal, on facts alone."""

from __future__ import annotations

from dataclasses import replace

from parakeet_cli.doctor.facts import WrongSize
from parakeet_cli.doctor.repair.goal import repair_goal
from tests.unit.doctor.repair.facts import STACK, dist, facts, fail


def test_the_goal_has_the_stages_of_what_fails_in_the_documented_order() -> None:
    torch = dist("torch", "2.13.0+cpu")
    found = [fail("nemo-requirements", 6, 4), fail("numpy-pin", 1), fail("cuda-toolkit")]
    goal = repair_goal(found, facts(torch), STACK)
    assert goal.stages == (1, 4, 6)
    assert goal.ids == {"nemo-requirements", "numpy-pin"}
    assert not goal.torch


def test_a_failing_import_alone_needs_every_stage_but_never_replaces_a_suitable_torch() -> None:
    goal = repair_goal(
        [fail("import-probe", 1, 2, 3, 4, 5, 6)], facts(dist("torch", "2.13.0")), STACK
    )
    assert goal.stages == (1, 2, 3, 4, 5, 6)
    assert not goal.torch


def test_a_failing_import_beside_a_cause_adds_no_stage() -> None:
    found = [fail("import-probe", 1, 2, 3, 4, 5, 6), fail("fsspec-pin", 3)]
    assert repair_goal(found, facts(dist("torch", "2.13.0")), STACK).stages == (3,)


def test_torch_is_replaced_with_its_family() -> None:
    there = facts(dist("torch", "2.6.0"), dist("torchaudio", "2.6.0"))
    goal = repair_goal([fail("torch-installed", 2)], there, STACK)
    assert goal.torch
    assert goal.family == ("torchaudio",)


def test_the_goal_is_empty_if_no_step_can_repair() -> None:
    assert repair_goal([fail("cuda-driver"), fail("system-libraries")], facts(), STACK).empty


def test_a_truncated_file_needs_its_package_and_no_stage() -> None:
    einops = replace(dist("einops", "0.8.2"), resized=(WrongSize("einops/a.py", 0, 10),))
    goal = repair_goal([fail("broken-dists", 6)], facts(einops), STACK)
    assert (goal.stages, goal.torch) == ((), False)
    assert goal.fix.reinstall == {"einops"}
    assert not goal.empty


def test_a_truncated_torch_is_chosen_again_with_its_stage() -> None:
    torch = replace(dist("torch", "2.13.0"), resized=(WrongSize("torch/lib/a.so", 1, 10),))
    goal = repair_goal([fail("broken-dists", 2)], facts(torch), STACK)
    assert (goal.stages, goal.torch) == ((2,), True)


def test_without_what_no_index_has_the_rest_of_the_goal_stays() -> None:
    broken = [
        replace(dist(name, "1.0"), resized=(WrongSize(f"{name}/a.py", 0, 10),))
        for name in ("einops", "private")
    ]
    there = facts(*broken)
    found = [fail("broken-dists", 6), fail("import-probe", 1), fail("numpy-pin", 1)]
    goal = repair_goal(found, there, STACK).without({"private"}, there)
    assert goal.fix.reinstall == {"einops"}
    assert goal.ids == {"numpy-pin"}  # what fails because of it is not to be proved
