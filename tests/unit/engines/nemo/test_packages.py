"""Tests that NeMo and torch are looked for before a model is fetched for them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo.engine import Nemo
from parakeet_cli.engines.nemo.packages import refuse_older_nemo, require_packages
from parakeet_cli.errors import EngineUnavailable, ExitCode
from parakeet_cli.models.registry import look_up
from parakeet_cli.models.types import NEMO, KnownModel


def environment(prefix: Path, **versions: str) -> str:
    """An environment with these distributions' metadata, and a Python that runs."""
    site = prefix / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    for name, version in versions.items():
        (site / f"{name}-{version}.dist-info").mkdir()
    python = prefix / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    return str(python)


def model(oldest: str | None) -> KnownModel:
    known = look_up("v3", NEMO)
    assert known is not None
    return replace(known, oldest_nemo=oldest)


def test_without_nemo_and_torch_the_engine_says_so_and_asks_no_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    python = environment(tmp_path / "env")
    with pytest.raises(EngineUnavailable, match="needs nemo-toolkit and torch") as refused:
        Nemo(EngineOptions(ml_python=python), concurrency=1)
    assert refused.value.exit_code is ExitCode.ENGINE
    assert f"parakeet doctor --python {python}" in (refused.value.hint or "")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    python = environment(tmp_path / "env", nemo_toolkit="2.4.0")
    with pytest.raises(EngineUnavailable, match="needs torch, which"):
        require_packages(python)
    require_packages(environment(tmp_path / "whole", nemo_toolkit="2.4.0", torch="2.13.0"))


def test_packages_that_are_elsewhere_are_found_by_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = environment(tmp_path / "env")
    for package in ("nemo", "torch"):
        (tmp_path / "elsewhere" / package).mkdir(parents=True)
        (tmp_path / "elsewhere" / package / "__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    require_packages(python, model("3.0"))  # of which release, nobody says


def test_packages_in_the_working_folder_don_t_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("nemo", "torch"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineUnavailable, match="nemo-toolkit and torch"):
        require_packages(environment(tmp_path / "env"))


@pytest.mark.parametrize(
    ("installed", "oldest", "enough"),
    [
        ("2.4.0", "3.0", False),
        ("2.10.1", "3.0", False),
        ("3.0.0", "3.0", True),
        ("3.0.0rc1", "3.0", True),
        ("3.1", "3.0", True),
        ("2.4.0", None, True),
        ("2.x.y", "3.0", True),
    ],
)
def test_a_model_that_needs_a_newer_nemo_says_so(
    tmp_path: Path, installed: str, oldest: str | None, enough: bool
) -> None:
    python = environment(tmp_path / "env", nemo_toolkit=installed, torch="2.13.0")
    for check in (require_packages, refuse_older_nemo):
        if enough:
            check(python, model(oldest))
            continue
        with pytest.raises(EngineUnavailable, match=r"needs NeMo 3\.0 or newer") as refused:
            check(python, model(oldest))
        assert f"--stack 3.0 --python {python}" in (refused.value.hint or "")


def test_a_model_may_be_fetched_where_there_is_no_nemo(tmp_path: Path) -> None:
    refuse_older_nemo(environment(tmp_path / "env"), model("3.0"))
