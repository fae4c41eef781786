"""Where the report of a GPU is written, and the exit code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.cli.doctor.gpu_output import show_gpu_report
from parakeet_cli.cli.doctor.request import DoctorRequest
from parakeet_cli.doctor import measure_gpu
from parakeet_cli.errors import EngineUnavailable, ExitCode, OutputError
from tests.unit.doctor.explain.test_gpu_report import REPORT


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARAKEET_CONFIG", str(tmp_path / "config.json"))
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", "/home/alice")
    for name in ("PARAKEET_MODEL", "PARAKEET_ML_PYTHON", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)


def measured(monkeypatch: pytest.MonkeyPatch, report: measure_gpu.GpuReport) -> None:
    monkeypatch.setattr(measure_gpu, "report_gpu", lambda *_: report)


def test_a_complete_report_is_written_without_the_home_folder_and_the_exit_code_is_0(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subject = replace(REPORT.subject, reason="/home/alice/models has none")
    measured(monkeypatch, replace(REPORT, subject=subject))
    out = tmp_path / "report.md"
    assert show_gpu_report(DoctorRequest(gpu_report=str(out)), 1.0) is ExitCode.OK
    text = out.read_text(encoding="utf-8")
    assert "**Measured on NVIDIA GeForce RTX 5090**" in text
    assert "~/models has none" in text
    assert "alice" not in text


def test_a_report_that_lacks_a_step_is_written_too_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(monkeypatch, replace(REPORT, steps=REPORT.steps[:-1]))
    assert show_gpu_report(DoctorRequest(gpu_report="-"), 1.0) is ExitCode.FAILED
    captured = capsys.readouterr()
    assert "| hours | " in captured.out
    assert "Not everything could be measured" in captured.err


def test_a_file_that_cant_be_written_is_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measure_gpu, "report_gpu", lambda *_: pytest.fail("it was measured"))
    for file in (tmp_path, tmp_path / "none" / "report.md"):
        with pytest.raises(OutputError):
            show_gpu_report(DoctorRequest(gpu_report=str(file)), 1.0)


def test_a_model_that_is_named_and_cant_be_used_is_refused(tmp_path: Path) -> None:
    request = DoctorRequest(gpu_report="-", model=str(tmp_path / "none.nemo"))
    with pytest.raises(EngineUnavailable):
        show_gpu_report(request, 1.0)
