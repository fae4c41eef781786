"""The options of `parakeet doctor`: merged across a verb, checked, and made into requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.cli.doctor.request import DoctorRequest, with_report_name
from parakeet_cli.errors import UsageError


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PARAKEET_ENGINE", "PARAKEET_ML_PYTHON", "PERSONALPARAKEET_USE_MOCK_STT"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config.json"
    config.write_text("{}")
    monkeypatch.setenv("PARAKEET_CONFIG", str(config))


def test_options_after_a_verb_take_precedence_and_others_stay() -> None:
    before = DoctorRequest(python="/a/python", stack="2.4", json=True)
    merged = before.merged(DoctorRequest(python="/b/python", yes=True))
    assert merged == DoctorRequest(python="/b/python", stack="2.4", json=True, yes=True)


@pytest.mark.parametrize(
    ("request_", "on_nodes"),
    [
        (DoctorRequest(fix=True), True),
        (DoctorRequest(torch_index="cpu"), False),
        (DoctorRequest(wheelhouse="wheels"), False),
        (DoctorRequest(model="v3"), False),
        (DoctorRequest(sample="a.wav"), False),
        (DoctorRequest(gpu_report="-", fix=True), False),
        (DoctorRequest(gpu_report="-", json=True), False),
        (DoctorRequest(gpu_report="-", only=("torch-arch",)), False),
        (DoctorRequest(gpu_report="-"), True),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    request_: DoctorRequest, on_nodes: bool
) -> None:
    with pytest.raises(UsageError):
        request_.check_options(on_nodes=on_nodes)


@pytest.mark.parametrize(
    "request_",
    [
        DoctorRequest(dry_run=True, torch_index="cpu"),
        DoctorRequest(deep=True, model="v3"),
        DoctorRequest(gpu_report="-", model="v3"),
    ],
)
def test_options_that_go_together_are_accepted(request_: DoctorRequest) -> None:
    request_.check_options(on_nodes=False)


def test_a_diagnosis_repeats_what_people_have_to_type_again() -> None:
    asked = DoctorRequest(python="/a/python", stack="3.0", only=("numpy-pin",)).diagnosis()
    assert asked.options == ("--python", "/a/python", "--stack", "3.0")
    assert (asked.python, asked.stack, asked.only) == ("/a/python", "3.0", ("numpy-pin",))
    assert not asked.deep


def test_a_repair_runs_the_probes_whether_they_are_asked_for_or_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    asked = DoctorRequest(python="/a/python", fix=True, yes=True, torch_index="cpu").repair()
    assert asked.diagnosis.deep
    assert (asked.yes, asked.torch_index, asked.dry_run) == (True, "cpu", False)


def test_the_options_of_a_diagnosis_are_passed_to_other_machines() -> None:
    request_ = DoctorRequest(python="/a", only=("x", "y"), skip=("z",), deep=True, json=True)
    assert request_.as_arguments() == ("--python=/a", "--only=x", "--only=y", "--skip=z", "--deep")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--gpu-report"], ["--gpu-report", "gpu-report.md"]),
        (["--gpu-report", "--hours", "2"], ["--gpu-report", "gpu-report.md", "--hours", "2"]),
        (["--gpu_report", "-v"], ["--gpu_report", "gpu-report.md", "-v"]),
        (["--gpu-report", "mine.md"], ["--gpu-report", "mine.md"]),
        (["--gpu-report", "-"], ["--gpu-report", "-"]),
        (["--gpu-report=report"], ["--gpu-report=report"]),
        (["--gpu-report", "report"], ["--gpu-report", "gpu-report.md", "report"]),
        (["--deep"], ["--deep"]),
    ],
)
def test_a_gpu_report_without_a_file_gets_the_usual_one(
    arguments: list[str], expected: list[str]
) -> None:
    assert with_report_name(arguments, ["report", "why"]) == expected


def test_no_verb_takes_a_gpu_report() -> None:
    with pytest.raises(UsageError):
        DoctorRequest(gpu_report="gpu-report.md").check_verb("report")
