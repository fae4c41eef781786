from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.doctor.checks import CHECKS, run_checks
from parakeet_cli.doctor.diagnose import (
    DiagnosisRequest,
    diagnose,
    examine,
    make_diagnosis,
    select_checks,
)
from parakeet_cli.doctor.facts import Binaries, Facts
from parakeet_cli.doctor.findings import CheckStatus, Diagnosis, RequirementRow
from parakeet_cli.doctor.stack.stack import load_stack
from parakeet_cli.errors import UsageError
from tests.doctor_facts import OnDisk, dist, having, healthy, lacking

STACK = load_stack("2.4")


def of_facts(facts: Facts) -> Diagnosis:
    return make_diagnosis(facts, STACK, run_checks(facts, STACK))


def row(diagnosis: Diagnosis, package: str) -> RequirementRow:
    (found,) = [row for stage in diagnosis.stages for row in stage.rows if row.package == package]
    return found


def test_checks_are_run_in_the_order_of_their_table() -> None:
    first, second, *others = CHECKS
    assert select_checks((), ()) == tuple(CHECKS)
    assert select_checks((second, first), ()) == (first, second)
    assert select_checks((), (first,)) == (second, *others)
    assert select_checks((first, second), (first,)) == (second,)


def test_an_unknown_check_and_none_at_all_are_refused() -> None:
    for only, skip in ((("nonsense",), ()), ((), ("nonsense",))):
        with pytest.raises(UsageError, match="There is no check nonsense") as refused:
            select_checks(only, skip)
        assert "--list" in (refused.value.hint or "")
    with pytest.raises(UsageError, match="No check is left"):
        select_checks((), tuple(CHECKS))


def test_every_requirement_of_the_stack_has_a_row_in_its_stage() -> None:
    diagnosis = of_facts(healthy())
    assert [(stage.number, [row.package for row in stage.rows]) for stage in diagnosis.stages] == [
        (stage.number, [pin.name for pin in stage.pins]) for stage in STACK.stages
    ]
    assert diagnosis.healthy


@pytest.mark.parametrize(
    ("facts", "installed", "status"),
    [
        (healthy(), "1.26.4", CheckStatus.OK),
        (having(healthy(), dist("numpy", "2.4.6")), "2.4.6", CheckStatus.FAIL),
        (having(healthy(), dist("numpy", None)), "unreadable", CheckStatus.FAIL),
        (lacking(healthy(), "numpy"), "", CheckStatus.FAIL),
    ],
)
def test_a_row_has_what_is_installed_and_whether_it_suits(
    facts: Facts, installed: str, status: CheckStatus
) -> None:
    numpy = row(of_facts(facts), "numpy")
    assert (numpy.installed, numpy.status) == (installed, status)


def test_with_the_mock_engine_no_package_is_required() -> None:
    assert of_facts(replace(healthy(), mock="use_mock_stt")).stages == ()


def test_a_scan_that_can_t_be_cached_is_a_note_and_not_a_finding() -> None:
    facts = replace(healthy(), binaries=Binaries(cache_problem="The folder is read-only."))
    diagnosis = of_facts(facts)
    assert diagnosis.notes == ("The folder is read-only.",)
    assert diagnosis.healthy


def test_an_environment_is_diagnosed_from_its_files(tmp_path: Path) -> None:
    env = OnDisk.new(tmp_path / "env")
    env.install("numpy", "2.4.6")
    request = DiagnosisRequest(
        str(env.python),
        stack="2.4",
        only=("numpy-pin",),
        environment={"HOME": str(tmp_path), "PATH": ""},
        cache_folder=tmp_path / "cache",
        options=("--python", str(env.python)),
    )
    diagnosis = diagnose(request)
    (finding,) = diagnosis.findings
    assert (finding.id, finding.status) == ("numpy-pin", CheckStatus.FAIL)
    assert "2.4.6" in finding.summary
    assert diagnosis.stages == ()  # the table is for all checks
    assert str(env.python) in diagnosis.deep_command
    assert examine(request)[0].installed("numpy") is not None


def test_the_stack_is_that_of_the_installed_nemo(tmp_path: Path) -> None:
    env = OnDisk.new(tmp_path / "env")
    request = DiagnosisRequest(
        str(env.python), "2.4", environment={"PATH": ""}, cache_folder=tmp_path / "cache"
    )
    assert examine(request)[1].name == "2.4"
    env.install("nemo-toolkit", "3.0.0")
    assert examine(request)[1].name == "3.0"
