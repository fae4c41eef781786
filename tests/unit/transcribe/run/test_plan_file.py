from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import Job, SearchRoot
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.run.plan_file import (
    PLAN,
    PlanHeader,
    PlannedInput,
    SettledInput,
    add_to_plan,
    read_header,
    read_plan,
    root_of,
    write_plan,
)
from parakeet_cli.transcript import FileResult, Status

HEADER = PlanHeader(3, 9, "options", "1/3", "/in", "/out", 12.5)


def planned() -> list[PlannedFile]:
    jobs = [Job("a", "/in/a.wav"), Job("b", "/in/b.wav", offset=1.5), Job("c", "/in/c.wav")]
    return plan_outputs(jobs, expand_formats(["txt"]), "/out", "{filename}-{index}")


@pytest.mark.parametrize("with_outputs", [False, True])
def test_a_plan_is_read_as_it_was_written(tmp_path: Path, with_outputs: bool) -> None:
    items = planned()
    settled = [(items[2], FileResult("c", Status.SKIPPED, reason="It is there."))]
    write_plan(tmp_path / PLAN, HEADER, items, settled, with_outputs=with_outputs)
    plan = read_plan(tmp_path / PLAN)
    assert plan is not None
    assert plan.header == HEADER == read_header(tmp_path / PLAN)
    given = with_outputs or None
    assert plan.inputs == {
        "/in/a.wav": PlannedInput("/in/a.wav", given and ("/out/a-1.txt",)),
        "/in/b.wav#1.5+None": PlannedInput("/in/b.wav", given and ("/out/b-2.txt",)),
        "/in/c.wav": PlannedInput("/in/c.wav", given and ("/out/c-3.txt",)),
    }
    assert plan.settled == {"/in/c.wav": SettledInput(Status.SKIPPED, "It is there.")}


def test_without_a_plan_there_is_none(tmp_path: Path) -> None:
    assert read_plan(tmp_path / PLAN) is None
    assert read_header(tmp_path / PLAN) is None


@pytest.mark.parametrize(
    "row",
    [
        {"keys": [5]},
        {"keys": [["a"]]},
        {"settled": [["a", "fine", ""]]},
        {"plan": 1},
        {**HEADER.as_json(), "shard": "1/\x1b"},
        {**HEADER.as_json(), "shard": "2/1"},
    ],
    ids=str,
)
def test_a_row_that_no_run_writes_costs_that_row(tmp_path: Path, row: object) -> None:
    write_plan(tmp_path / PLAN, HEADER, planned(), [], with_outputs=False)
    with (tmp_path / PLAN).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + '\n{"keys": ["/in/d.wav"]}\n{"keys": [')
    plan = read_plan(tmp_path / PLAN)
    assert plan is not None
    assert list(plan.inputs)[2:] == ["/in/c.wav", "/in/d.wav"]


def test_the_root_is_the_folder_that_all_inputs_are_in() -> None:
    root = SearchRoot("/data/in/", 9)
    found = Job("in/x/a.wav", "/data/in/x/a.wav", root=root)
    assert root_of([PlannedFile(found, ())]) == "/data/in"
    assert root_of([PlannedFile(found, ()), PlannedFile(Job("b", "/data/b.wav"), ())]) == "/data"
    assert root_of([]) is None


def test_what_comes_to_a_watched_folder_is_added_once(tmp_path: Path) -> None:
    items = planned()
    header = PlanHeader(1, 1, "options", root="/in", folder="/out", at=12.5, watched=True)
    write_plan(tmp_path / PLAN, header, items[:1], (), with_outputs=False)
    add_to_plan(tmp_path / PLAN, items[:2], ())
    settled = [(items[2], FileResult("c", Status.SKIPPED, reason="It is there."))]
    add_to_plan(tmp_path / PLAN, items[1:], settled)
    plan = read_plan(tmp_path / PLAN)
    assert plan is not None
    assert (plan.header.count, plan.header.total, plan.header.watched) == (3, 3, True)
    assert len(plan.inputs) == 3
    assert plan.settled == {"/in/c.wav": SettledInput(Status.SKIPPED, "It is there.")}
