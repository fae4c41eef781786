"""What a repair leaves is shown with the command to type for it, and prose beside it."""

from __future__ import annotations

import pytest

from parakeet_cli.cli.doctor import repair_output
from parakeet_cli.doctor.diagnose import DiagnosisRequest
from parakeet_cli.doctor.findings import CheckStatus, Diagnosis, Finding
from parakeet_cli.doctor.repair.plan import Plan
from parakeet_cli.doctor.repair.request import RepairOutcome, RepairRequest


def shown(capsys: pytest.CaptureFixture[str], *left: Finding) -> str:
    diagnosis = Diagnosis("/env/bin/python", "2.4", left)
    asked = DiagnosisRequest("/env/bin/python", options=("--python", "/env/bin/python"))
    repair_output._print_outcome(RepairOutcome(diagnosis, Plan()), RepairRequest(asked))
    return capsys.readouterr().out


def failed(remedy: str, summary: str = "it fails") -> Finding:
    return Finding("cuda-driver", CheckStatus.FAIL, summary, remedy=remedy)


def test_a_sentence_stands_under_do_and_a_command_under_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = shown(capsys, failed("Install a newer driver, then restart."))
    assert "      Do    Install a newer driver, then restart.\n" in text
    assert "Type" not in text
    assert "      Type  unset PYTHONPATH\n" in shown(capsys, failed("unset PYTHONPATH"))


def test_what_has_just_been_tried_is_not_advised_again(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, failed("parakeet doctor --fix --python /env/bin/python\nAsk somebody."))
    assert "--fix" not in text
    assert "Ask somebody." in text


def test_what_is_left_fits_the_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = shown(capsys, failed("Ask " * 30 + "somebody.", "words " * 30 + "\x1b[2J"))
    assert max(map(len, text.splitlines())) <= 40
    assert "\x1b" not in text


def test_a_healthy_environment_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    passed = Finding("numpy-pin", CheckStatus.OK, "fine")
    assert shown(capsys, passed) == "Healthy: nothing to repair.\n"
