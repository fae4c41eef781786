"""Tests which engine `auto` chooses: environments, GPUs and caches are real files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.decoding import Decoding
from parakeet_cli.engines.registry import choose
from parakeet_cli.models.registry import look_up

ROOT = Path(__file__).parents[3]
STACK = {"requirements-ml.txt": "2.4.0", "requirements-ml-nemo3.txt": "3.0.0"}


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU and no cached model, whatever this machine has."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def gpu(tmp_path: Path, line: str = "NVIDIA H200, 9.0, 570.86.15, 143771 MiB") -> None:
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\necho '{line}'\n")
    smi.chmod(0o755)


def stack(prefix: Path, requirements: str = "requirements-ml.txt", **other: str) -> str:
    """An environment with the metadata of a whole stack, as pip leaves it."""
    from packaging.requirements import Requirement

    site = prefix / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    versions = {"torch": "2.13.0"}
    for line in (ROOT / requirements).read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text and not text.startswith("-"):
            wanted = Requirement(text)
            versions[wanted.name] = next(
                version
                for version in ("1.26.4", "0.24.1", "0.61.0", "2.2.5", "4.51.3", "3.1.0", "5.29.6",
                                "80.9.0", "25.0.1", "1.32.2", "99.0", *candidates(wanted))
                if wanted.specifier.contains(version)
            )  # fmt: skip
    for name, version in {**versions, **other}.items():
        if version:
            (site / f"{name.replace('-', '_')}-{version}.dist-info").mkdir()
    return str(prefix / "bin" / "python")


def candidates(wanted: object) -> list[str]:
    """The versions that its own bounds name, and those a little above and below."""
    bounds = [one.version.rstrip(".*") for one in wanted.specifier]  # type: ignore[attr-defined]
    return [*bounds, *(f"{bound}.1" for bound in bounds)]


def cached(tmp_path: Path, name: str, kind: str) -> None:
    known = look_up(name, kind)
    assert known is not None
    folder = tmp_path / "hub" / f"models--{known.repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    snapshot.mkdir(parents=True)
    for file in known.files:
        (snapshot / file).write_bytes(b"x")


@pytest.fixture
def with_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that can be found, and fail if anyone imports them."""
    for name in ("onnx_asr", "onnxruntime"):
        package = tmp_path / "packages" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemExit('it was imported')")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))


@pytest.fixture
def without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx_asr", None)


def test_without_any_setup_it_is_whisper_and_each_reason_is_given(
    tmp_path: Path, without_onnx: None
) -> None:
    python = str(tmp_path / "env" / "bin" / "python")
    choice = choose("auto", "default", EngineOptions(ml_python=python))
    assert choice.name == "whisper"
    assert choice.reason == (
        "auto: nemo: the ML interpreter's packages can't be found; onnx: onnx-asr is not installed"
    )


@pytest.mark.parametrize("requirements", STACK)
def test_with_a_whole_stack_a_gpu_and_a_model_it_is_nemo(
    tmp_path: Path, with_onnx: None, requirements: str
) -> None:
    request = EngineOptions(ml_python=stack(tmp_path / "env", requirements))
    assert choose("auto", "default", request).name == "whisper"
    cached(tmp_path, "v3", "onnx")
    assert choose("auto", "default", request).name == "onnx"
    gpu(tmp_path)
    assert choose("auto", "default", request).name == "onnx"  # there is no model for nemo
    cached(tmp_path, "v3", "nemo")
    choice = choose("auto", "default", request)
    assert choice.name == "nemo"
    assert choice.reason == "auto: a CUDA device, a whole NeMo stack and the model v3 are available"


def test_a_torch_without_cuda_beside_a_gpu_is_not_taken_for_nemo(
    tmp_path: Path, with_onnx: None
) -> None:
    request = EngineOptions(ml_python=stack(tmp_path / "env"))
    cached(tmp_path, "v3", "nemo")
    gpu(tmp_path)
    assert choose("auto", "default", request).name == "nemo"
    torch = tmp_path / "env/lib/python3.11/site-packages/torch"
    torch.mkdir()
    (torch / "version.py").write_text("__version__ = '2.13.0+cpu'\ncuda = None\n")
    choice = choose("auto", "default", request)
    assert choice.name == "whisper"
    assert "nemo: torch 2.13.0+cpu is built without CUDA" in choice.reason


def test_without_a_gpu_it_is_onnx_if_a_model_is_cached(tmp_path: Path, with_onnx: None) -> None:
    request = EngineOptions(ml_python=stack(tmp_path / "env"))
    cached(tmp_path, "v3", "nemo")
    choice = choose("auto", "default", request)
    assert choice.name == "whisper"
    assert "nemo: no CUDA device; onnx: no model for it is on this machine" in choice.reason
    cached(tmp_path, "v2-int8", "onnx")
    choice = choose("auto", "default", request)
    assert choice.name == "onnx"
    assert choice.reason == "auto: onnx-asr, ONNX Runtime and the model v2-int8 are available"


def test_with_a_language_it_is_an_engine_that_accepts_one(tmp_path: Path, with_onnx: None) -> None:
    cached(tmp_path, "v3", "onnx")
    choice = choose("auto", "default", EngineOptions(language="en"))
    assert choice.name == "whisper"
    assert "doesn't accept a language" in choice.reason


def test_a_model_by_name_decides(tmp_path: Path, with_onnx: None) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "encoder-model.int8.onnx").touch()
    (tmp_path / "ct2").mkdir()
    python = stack(tmp_path / "env")
    for model, engine in {
        str(tmp_path / "a.nemo"): "nemo",
        str(tmp_path / "onnx"): "onnx",
        str(tmp_path / "ct2"): "whisper",
        "small": "whisper",
        "Systran/faster-whisper-small": "whisper",
        "v3": "onnx",
        "v3-int8": "onnx",
        "1.1b": "nemo",  # there is no ONNX of it
    }.items():
        choice = choose("auto", "default", EngineOptions(model=model, ml_python=python))
        assert choice.name == engine, (model, choice.reason)
        assert choice.reason.startswith("auto: ")
    gpu(tmp_path)
    assert choose("auto", "x", EngineOptions(model="v3", ml_python=python)).name == "nemo"
    on_cpu = EngineOptions(model="v3", ml_python=python, device="cpu")
    assert choose("auto", "x", on_cpu).name == "onnx"


def test_a_parakeet_that_no_engine_can_run_is_not_given_to_whisper(without_onnx: None) -> None:
    request = EngineOptions(model="v3", ml_python="/nowhere/bin/python")
    choice = choose("auto", "default", request)
    assert choice.name == "onnx"  # its error names what to install
    assert "onnx-asr is not installed" in choice.reason


def test_where_only_the_model_is_missing_the_way_to_parakeet_is_advised(with_onnx: None) -> None:
    advice = choose("auto", "default").advice or ""
    assert "parakeet models pull v3-int8 (670 MB)" in advice
    assert "parakeet setup" in advice
    for request in (EngineOptions(language="de"), EngineOptions(model="small")):
        assert choose("auto", "default", request).advice is None
    assert choose("whisper", "--engine").advice is None


def test_after_the_model_is_pulled_auto_takes_it(tmp_path: Path, with_onnx: None) -> None:
    cached(tmp_path, "v3-int8", "onnx")
    choice = choose("auto", "default")
    assert (choice.name, choice.advice) == ("onnx", None)


def test_a_folder_with_a_model_s_name_changes_nothing(
    tmp_path: Path, with_onnx: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("v3").mkdir()
    assert choose("auto", "default", EngineOptions(model="v3")).name == "onnx"
    assert choose("auto", "default", EngineOptions(model="./v3")).name == "whisper"


def test_what_no_parakeet_can_do_is_left_to_whisper_and_the_reason_is_said(tmp_path: Path) -> None:
    gpu(tmp_path)
    asked = EngineOptions(ml_python=stack(tmp_path / "env"), decoding=Decoding(task="translate"))
    choice = choose("auto", "default", asked)
    assert choice.name == "whisper"
    assert "it has no --task translate" in choice.reason
    assert choice.advice is None
