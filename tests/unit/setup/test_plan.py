"""The sentences of a plan, and how much there is to download."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.models.registry import look_up
from parakeet_cli.setup.choose import Choice
from parakeet_cli.setup.plan import CPU_DOWNLOAD, CUDA_DOWNLOAD, SetupFacts, make_plan
from parakeet_cli.setup.pythons import BasePython
from parakeet_cli.setup.request import ProofSample, SetupRequest
from parakeet_cli.system.environments import KeptEnvironment

NEMO = Choice("nemo", "v3", "RTX 5090", "3.0", "cu128")
V3 = look_up("v3", "nemo")
FACTS = SetupFacts(
    SetupRequest(ProofSample(Path("/a.wav"), "words")),
    V3,
    KeptEnvironment("nemo-3.0", "/data/nemo-3.0", "3.0"),
    BasePython("/usr/bin/python3.11", "3.11.9", has_pip=True),
    Path("/config.json"),
)


def test_a_plan_says_what_where_with_which_and_how_much() -> None:
    plan = make_plan(NEMO, FACTS)
    assert V3 is not None and V3.size is not None
    assert plan.bytes == CUDA_DOWNLOAD + V3.size
    assert plan.env == "/data/nemo-3.0"
    make, install, download, prove, write = plan.steps
    assert "/data/nemo-3.0" in make and "/usr/bin/python3.11" in make
    assert "stack 3.0" in install and "cu128" in install and "GB to download" in install
    assert "2.5 GB" in download
    assert "a.wav" in prove and "compare" in prove
    assert "ml_python" in write and "/config.json" in write


@pytest.mark.parametrize(
    ("index", "expected"),
    [("cpu", CPU_DOWNLOAD), ("cu130", CUDA_DOWNLOAD), ("default", None), ("https://a/b", None)],
)
def test_bytes_are_null_where_pip_has_to_be_asked(index: str, expected: int | None) -> None:
    plan = make_plan(replace(NEMO, torch_index=index), replace(FACTS, missing_model=None))
    assert plan.bytes == expected


def test_what_is_here_already_is_not_downloaded() -> None:
    assert FACTS.kept is not None
    ready = replace(FACTS, base=None, missing_model=None, kept=replace(FACTS.kept, ready=True))
    plan = make_plan(NEMO, ready)
    assert plan.bytes == 0
    assert "Take the environment" in plan.steps[0]
    assert "downloaded already" in plan.steps[2]
    house = replace(FACTS.request, wheelhouse="/wheels")
    assert make_plan(NEMO, replace(FACTS, request=house, missing_model=None)).bytes == 0


def test_a_password_in_an_index_is_not_shown() -> None:
    index = "https://ana:secret@host/simple"
    plan = make_plan(replace(NEMO, torch_index=index), FACTS)
    assert plan.torch_index == "https://host/simple"
    assert not any("secret" in step for step in plan.steps)


def test_onnx_has_no_environment_of_its_own() -> None:
    choice = Choice("onnx", "/models/mine", "no GPU")
    plan = make_plan(choice, replace(FACTS, kept=None, base=None, missing_model=None))
    assert len(plan.steps) == 3
    assert "from the disk" in plan.steps[0]
    assert Path(plan.env).is_dir()
    assert "ml_python" not in plan.steps[-1]
