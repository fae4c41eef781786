from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from parakeet_cli.doctor.checks import CHECKS, run_checks
from parakeet_cli.doctor.findings import CheckStatus
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import healthy
from tests.unit.doctor.checks.cases import CASES, check_one


def test_every_check_has_cases() -> None:
    assert list(CASES) == list(CHECKS)
    for check, cases in CASES.items():
        assert cases.keys() & {"fail", "warn"}, check
        assert "ok" in cases, check


@pytest.mark.parametrize(
    ("check", "status"),
    [(check, status) for check, cases in CASES.items() for status in cases],
)
def test_a_check_has_the_status_of_its_case(check: str, status: str) -> None:
    finding = check_one(check, CASES[check][status])
    assert finding.status == status, finding
    assert finding.summary
    if status in ("fail", "warn"):
        assert finding.why
        assert finding.remedy


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_that_crashes_is_unknown(check: str) -> None:
    class Explodes:
        mock = None

        def __getattr__(self, name: str) -> object:
            raise RuntimeError("boom")

    finding = check_one(check, cast(Any, Explodes()))
    assert finding.status is CheckStatus.UNKNOWN
    assert "boom" in finding.summary


@pytest.mark.parametrize("stack", ["2.4", "3.0"])
def test_a_healthy_stack_has_no_failing_check(stack: str) -> None:
    findings = run_checks(healthy(stack), load_stack(stack))
    assert [f.id for f in findings] == list(CHECKS)
    assert [f for f in findings if not f.healthy] == []


def test_findings_name_the_stage_that_repairs_them() -> None:
    assert check_one("numpy-pin", CASES["numpy-pin"]["fail"]).stages == (1,)
    assert check_one("torch-arch", CASES["torch-arch"]["fail"]).stages == (2,)
    assert check_one("nemo-requirements", CASES["nemo-requirements"]["fail"]).stages == (6,)
    assert check_one("cuda-driver", CASES["cuda-driver"]["fail"]).stages == ()


def test_the_mock_engine_skips_the_checks_of_ml_packages() -> None:
    broken = replace(CASES["numpy-pin"]["fail"], mock="use_mock_stt")
    findings = run_checks(broken, load_stack("2.4"))
    assert {f.status for f in findings if CHECKS[f.id].ml} == {CheckStatus.SKIP}
    assert all(f.healthy for f in findings)
    assert "use_mock_stt" in next(f for f in findings if f.id == "numpy-pin").summary
