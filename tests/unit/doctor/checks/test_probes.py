from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.facts import HiddenModule, ProbeResult, Sample, SampleResult, Unavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding
from tests.doctor_facts import RTX_5090, gpu
from tests.unit.doctor.checks.cases import DEEP_BAD, DEEP_OK, HEALTHY, check_one, with_gpu

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


def test_a_transcript_with_fewer_cuda_graphs_passes_and_says_why() -> None:
    cause = "LostInCaptureError: CUDA graphs can't be made: an illegal memory access"
    probes = replace(DEEP_OK, sample=SampleResult(SAMPLE, result_with(SAMPLE.text), (cause,)))
    finding = check_one("import-probe", replace(HEALTHY, probes=probes))
    assert finding.status is CheckStatus.OK
    assert finding.summary.endswith("a sample is transcribed, with fewer CUDA graphs")
    assert f"tried again with fewer CUDA graphs: {cause}" in finding.detail


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


NO_KERNEL = "RuntimeError: CUDA error: no kernel image is available"


@pytest.mark.parametrize(
    ("first_works", "cause", "status"),
    [
        (True, NO_KERNEL, CheckStatus.WARN),
        (False, NO_KERNEL, CheckStatus.FAIL),
        (True, "ArithmeticError: the product is wrong by 3", CheckStatus.FAIL),
    ],
)
def test_a_gpu_that_no_build_serves_beside_another_is_only_to_be_hidden(
    first_works: bool, cause: str, status: CheckStatus
) -> None:
    old = gpu("6.1", "GeForce GTX 1080")
    both = replace(RTX_5090, devices=(*RTX_5090.devices, *old.devices), indexes=(0, 1))
    first = ProbeResult("matrix product on cuda:0", first_works, "" if first_works else NO_KERNEL)
    second = ProbeResult("matrix product on cuda:1", False, cause)
    probes = replace(DEEP_OK, gpu=(ProbeResult("torch.cuda", True), first, second))
    finding = check_one("gpu-probe", replace(with_gpu(both), probes=probes))
    assert finding.status is status
    assert ("CUDA_VISIBLE_DEVICES=0" in finding.remedy) == (status is CheckStatus.WARN)


def test_no_repair_is_advised_where_something_outside_hides_a_package() -> None:
    hidden = HiddenModule("numpy", "numpy", "1.26.4", "/own/numpy.py", "/own")
    facts = replace(
        HEALTHY,
        interpreter=replace(HEALTHY.interpreter, python_path=("/own",)),
        hidden=(hidden,),
        probes=DEEP_BAD,
    )
    finding = check_one("import-probe", facts)
    assert (finding.status, finding.remedy, finding.stages) == ("fail", "unset PYTHONPATH", ())


def test_a_failed_import_without_another_cause_names_the_reinstallation() -> None:
    finding = check_one("import-probe", replace(HEALTHY, probes=DEEP_BAD))
    assert finding.stages
    assert finding.remedy.splitlines()[0].startswith("parakeet doctor --fix")
    assert "--reinstall" in finding.remedy.splitlines()[1]


def test_a_python_in_which_nothing_starts_is_not_to_be_reinstalled() -> None:
    """As with a sitecustomize.py that ends it."""
    ended = ProbeResult("import_modules", False, "ended with exit code 7")
    probes = replace(DEEP_OK, imports=(ended, ended))
    finding = check_one("import-probe", replace(HEALTHY, probes=probes))
    assert finding.status is CheckStatus.FAIL
    assert finding.summary == "no program starts in this Python: it ended with exit code 7"
    assert "sitecustomize.py" in finding.why
    assert f"{HEALTHY.interpreter.executable} -v -c pass" in finding.remedy
    assert "--fix" not in finding.remedy
    assert finding.stages == ()
