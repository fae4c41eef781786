from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from parakeet_cli.doctor.checks import CHECKS, run_checks, run_few_checks
from parakeet_cli.doctor.checks.presence import nothing_installed
from parakeet_cli.doctor.facts import Facts, Leftover, Unavailable
from parakeet_cli.doctor.findings import CheckStatus
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import RTX_5090, SITE, built, dist, having, healthy
from tests.unit.doctor.checks.cases import CASES, EMPTY, HEALTHY, check_one


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


def test_where_no_ml_package_is_needed_every_check_is_skipped() -> None:
    broken = replace(CASES["numpy-pin"]["fail"], mock="use_mock_stt")
    findings = run_checks(broken, load_stack("2.4"))
    assert {f.status for f in findings} == {CheckStatus.SKIP}
    assert all("use_mock_stt" in f.summary for f in findings)


def test_where_nothing_is_installed_only_that_is_judged() -> None:
    findings = run_few_checks(EMPTY, load_stack("2.4"), CHECKS)
    assert [f.id for f in findings] == list(CHECKS)
    assert [f.id for f in findings if f.status is not CheckStatus.SKIP] == ["stack-installed"]


def test_a_python_of_another_version_is_no_finding_where_nothing_is_installed() -> None:
    newer = replace(EMPTY, interpreter=replace(EMPTY.interpreter, version="3.13.0"))
    findings = run_few_checks(newer, load_stack("2.4"), CHECKS)
    (finding,) = [f for f in findings if f.status is not CheckStatus.SKIP]
    assert finding.id == "stack-installed"
    assert finding.remedy.splitlines()[0] == "parakeet setup"
    assert "python3.11 -m venv" in finding.remedy.splitlines()[1]


def test_a_python_that_can_not_start_is_judged_where_nothing_is_installed_too() -> None:
    broken = replace(EMPTY, interpreter=replace(EMPTY.interpreter, problem="its base is gone"))
    findings = run_few_checks(broken, load_stack("2.4"), CHECKS)
    failing = [f.id for f in findings if f.status is CheckStatus.FAIL]
    assert failing == ["stack-installed", "python-version"]


@pytest.mark.parametrize(
    "facts",
    [
        having(EMPTY, dist("torch", "2.9.0")),
        having(EMPTY, dist("nemo-toolkit", None)),
        having(EMPTY, dist("lightning", "2.2.5")),
        replace(EMPTY, torch=built("2.9.0", None, ())),
        replace(EMPTY, torch=Unavailable("its version.py can't be read")),
        replace(EMPTY, leftovers=(Leftover(f"{SITE}/~orch"),)),
        replace(EMPTY, leftovers=(Leftover(f"{SITE}/~emo_toolkit-2.4.0.dist-info"),)),
        replace(EMPTY, unlisted=("permission denied",)),
    ],
)
def test_an_environment_with_a_piece_of_the_stack_is_judged_whole(facts: Facts) -> None:
    assert not nothing_installed(facts)


@pytest.mark.parametrize(
    "facts",
    [
        EMPTY,
        having(EMPTY, dist("numpy", "2.4.6"), dist("huggingface-hub", "1.2.0")),
        replace(EMPTY, leftovers=(Leftover(f"{SITE}/~umpy"),)),
    ],
)
def test_what_any_program_brings_is_no_piece_of_the_stack(facts: Facts) -> None:
    assert nothing_installed(facts)


@pytest.mark.parametrize("visible", ["7", "GPU-unknown", "MIG-unknown"])
def test_a_variable_that_names_no_gpu_is_to_be_unset(visible: str) -> None:
    hidden = replace(RTX_5090, devices=(), hidden=RTX_5090.devices)
    facts = replace(HEALTHY, gpus=hidden, variables={"CUDA_VISIBLE_DEVICES": visible})
    finding = check_one("environment-variables", facts)
    assert finding.status is CheckStatus.WARN
    assert f"CUDA_VISIBLE_DEVICES='{visible}' names no GPU of this machine" in finding.summary
    assert finding.remedy == "unset CUDA_VISIBLE_DEVICES"
