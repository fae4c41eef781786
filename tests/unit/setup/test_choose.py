"""What is set up on which machine: by GPU, compute capability and driver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.doctor.facts import Gpus
from parakeet_cli.errors import Refused, UsageError
from parakeet_cli.setup.choose import choose
from parakeet_cli.setup.request import ProofSample, SetupRequest
from parakeet_cli.system.hardware import Gpu

NOTHING = SetupRequest(ProofSample(Path("/clip.wav"), None))
NO_GPU = Gpus()
LINUX = "linux-x86_64"
MODELS = Path(__file__).parents[2] / "fixtures" / "models"


def card(name: str, capability: str, driver: str) -> Gpus:
    return Gpus("/usr/bin/nvidia-smi", (Gpu(f"NVIDIA {name}", capability, driver, "24564 MiB"),))


@pytest.mark.parametrize(
    ("gpus", "index"),
    [
        (card("GeForce RTX 5090", "12.0", "570.86.10"), "cu128"),
        (card("GeForce RTX 4090", "8.9", "535.54.03"), "cu128"),
        (card("H100 80GB HBM3", "9.0", "570.86.10"), "cu128"),
        (card("GeForce GTX 1080", "6.1", "550.54.14"), "cu126"),
    ],
)
def test_a_gpu_gets_nemo_with_the_build_that_has_code_for_it(gpus: Gpus, index: str) -> None:
    choice = choose(NOTHING, gpus, LINUX)
    assert (choice.engine, choice.stack, choice.torch_index) == ("nemo", "3.0", index)
    assert choice.model == "v3"


@pytest.mark.parametrize(
    "gpus",
    [
        NO_GPU,
        card("K80", "3.7", "470.82.01"),
        replace(
            card("GeForce RTX 5090", "12.0", "570.86.10"),
            devices=(),
            hidden=card("GeForce RTX 5090", "12.0", "570.86.10").devices,
        ),
        Gpus("/usr/bin/nvidia-smi", problem="NVIDIA-SMI has failed."),
    ],
)
def test_without_a_usable_gpu_it_is_onnx_with_a_small_model(gpus: Gpus) -> None:
    choice = choose(NOTHING, gpus, LINUX)
    assert (choice.engine, choice.model) == ("onnx", "v3-int8")
    assert (choice.stack, choice.torch_index) == (None, None)
    assert choice.reason


@pytest.mark.parametrize("engine", [None, "nemo"])
def test_a_driver_that_does_not_know_the_card_is_refused_with_the_one_that_does(
    engine: str | None,
) -> None:
    old = card("GeForce RTX 5090", "12.0", "550.54.14")
    with pytest.raises(Refused, match="550") as refused:
        choose(replace(NOTHING, engine=engine), old, LINUX)
    assert "570" in (refused.value.hint or "")
    assert "--engine onnx" in (refused.value.hint or "")


def test_with_an_old_driver_the_cpu_can_be_used() -> None:
    old = card("GeForce RTX 5090", "12.0", "550.54.14")
    assert choose(replace(NOTHING, engine="onnx"), old, LINUX).engine == "onnx"
    asked = replace(NOTHING, engine="nemo", torch_index="cpu")
    assert choose(asked, old, LINUX).torch_index == "cpu"


@pytest.mark.parametrize(
    ("asked", "engine"),
    [
        ({"model": "v2-int8"}, "onnx"),
        ({"model": "1.1b"}, "nemo"),
        ({"model": str(MODELS / "small-parakeet-tdt.nemo")}, "nemo"),
        ({"model": str(MODELS / "small-parakeet-tdt-onnx")}, "onnx"),
        ({"stack": "2.4"}, "nemo"),
        ({"torch_index": "default"}, "nemo"),
    ],
)
def test_what_only_one_engine_takes_decides(asked: dict[str, Any], engine: str) -> None:
    assert choose(replace(NOTHING, **asked), NO_GPU, LINUX).engine == engine


def test_what_is_asked_for_is_taken() -> None:
    asked = replace(NOTHING, engine="nemo", stack="2.4", torch_index="nightly/cu128", model="v2")
    choice = choose(asked, NO_GPU, LINUX)
    assert (choice.stack, choice.torch_index, choice.model) == ("2.4", "nightly/cu128", "v2")
    nemo = replace(NOTHING, engine="nemo")
    assert choose(nemo, NO_GPU, LINUX).torch_index == "cpu"
    failing = Gpus("/usr/bin/nvidia-smi", problem="NVIDIA-SMI has failed.")
    assert choose(nemo, failing, LINUX).torch_index == "cu128"


@pytest.mark.parametrize(
    "asked",
    [
        {"engine": "whisper"},
        {"engine": "mock"},
        {"engine": "nemo", "stack": "9.9"},
        {"engine": "nemo", "torch_index": "no-such-index"},
        {"engine": "onnx", "stack": "3.0"},
        {"engine": "onnx", "torch_index": "cpu"},
    ],
)
def test_what_does_not_exist_or_go_together_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        choose(replace(NOTHING, **asked), NO_GPU, LINUX)
    assert refused.value.hint


def test_a_path_becomes_absolute_and_a_known_name_is_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v3").mkdir()
    for asked, model in (("a.nemo", str(tmp_path / "a.nemo")), ("v3", "v3")):
        assert choose(replace(NOTHING, engine="nemo", model=asked), NO_GPU, LINUX).model == model
