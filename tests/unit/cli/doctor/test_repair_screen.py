"""The plan and the bar of a repair, as lines."""

from __future__ import annotations

import pytest

from parakeet_cli.cli.doctor.repair_screen import bar, plan_lines
from parakeet_cli.doctor.repair.plan import Change, Plan, Step


@pytest.mark.parametrize("columns", [12, 20, 40, 80, 200])
@pytest.mark.parametrize("total", [0, 1_000_000, 5_000_000_000])
def test_a_bar_leaves_the_last_column_free(columns: int, total: int) -> None:
    assert len(bar(total // 2, total, "numpy-1.26.4-cp311-cp311-manylinux.whl", columns)) < columns


def test_a_bar_shows_the_file_where_there_is_room() -> None:
    assert (
        bar(12_000_000, 24_000_000, "numpy.whl", 80)
        == f"{'#' * 12}{'.' * 12} 12 of 24 MB  numpy.whl"
    )
    assert "numpy" not in bar(12_000_000, 24_000_000, "numpy.whl", 40)


def test_a_plan_has_steps_changes_commands_and_the_size_of_the_download() -> None:
    changes = (
        Change("numpy", "2.4.6", "1.26.4", size=18_000_000),
        Change("wrapt", None, "1.17.0"),
        Change("tqdm", "4.1", "4.1", size=1_000_000),
    )
    step = Step(1, "Core scientific stack", ("pip install numpy",), changes)
    assert plan_lines(Plan((step,))) == [
        "The plan:",
        "",
        "1  Core scientific stack",
        "     numpy 2.4.6 -> 1.26.4",
        "     wrapt (missing) -> 1.17.0",
        "     tqdm 4.1, reinstalled",
        "   $ pip install numpy",
        "",
        "3 packages to fetch, 19.0 MB for 2 of them, the rest unknown.",
    ]


def test_a_plan_without_steps_is_one_line() -> None:
    assert len(plan_lines(Plan())) == 1
