from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.facts import ProbeResult, Sample, SampleResult, Unavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding
from tests.unit.doctor.checks.cases import DEEP_OK, HEALTHY, check_one

SAMPLE = Sample("/models/v3.nemo", "/clip.wav", "he was not an ill disposed young man", "/w")


def transcribed(result: ProbeResult, *, certain: bool = True) -> Finding:
    sample = replace(SAMPLE, certain=certain)
    probes = replace(DEEP_OK, sample=SampleResult(sample, result))
    return check_one("import-probe", replace(HEALTHY, probes=probes))


def result_with(text: str) -> ProbeResult:
    return ProbeResult("transcribing a sample", True, text=text)


def test_a_nearly_right_transcript_passes_and_both_texts_are_shown() -> None:
    finding = transcribed(result_with("He was not an ill-disposed young men."))
    assert finding.status is CheckStatus.OK
    assert "a sample is transcribed" in finding.summary
    assert SAMPLE.text in finding.detail
    assert "He was not an ill-disposed young men." in finding.detail


@pytest.mark.parametrize("text", ["", "he he he he he he he he", "six people open the window"])
def test_a_wrong_transcript_fails_if_the_model_must_know_the_words(text: str) -> None:
    finding = transcribed(result_with(text))
    assert finding.status is CheckStatus.FAIL
    assert f"'{text}' for '{SAMPLE.text}'" in finding.summary
    assert "--reinstall" in finding.remedy
    unsure = transcribed(result_with(text), certain=False)
    assert unsure.status is CheckStatus.WARN
    assert "--sample" in unsure.remedy


def test_a_crash_while_transcribing_fails_and_no_stage_repairs_it() -> None:
    finding = transcribed(ProbeResult("transcribing a sample", False, "was ended by SIGSEGV"))
    assert (finding.status, finding.stages) == (CheckStatus.FAIL, ())
    assert "SIGSEGV" in finding.summary
    assert "parakeet models scan /models/v3.nemo" in finding.remedy


def test_too_little_memory_for_a_model_is_only_a_warning() -> None:
    for cause in ("MemoryError: ", "was ended by SIGKILL", "not enough memory"):
        finding = transcribed(ProbeResult("transcribing a sample", False, cause))
        assert finding.status is CheckStatus.WARN
        assert "memory" in finding.why


def test_without_a_model_the_imports_pass_with_a_note() -> None:
    probes = replace(DEEP_OK, sample=Unavailable("The model v3 is not on this machine."))
    finding = check_one("import-probe", replace(HEALTHY, probes=probes))
    assert finding.status is CheckStatus.OK
    assert "No sample was transcribed: The model v3 is not on this machine." in finding.detail
