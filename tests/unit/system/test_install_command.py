"""Tests the commands that hints give to install a package into the Python that runs."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from parakeet_cli.system import install_command as module
from parakeet_cli.system.install_command import install_command


def test_a_package_of_an_extra_has_its_bounds() -> None:
    *pip, pynput, text2num = shlex.split(install_command("pynput", "text2num"))
    assert pip == [sys.executable, "-m", "pip", "install"]
    # Of the metadata that was installed, which may be older than pyproject.toml.
    assert re.fullmatch(r"pynput>=1\.8[.\d]*", pynput)
    assert text2num == "text2num>=3"


def test_a_package_of_nobody_and_an_option_stay_as_they_are() -> None:
    assert install_command("--no-deps", "nobody").endswith("pip install --no-deps nobody")


def test_in_an_environment_without_pip_uv_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert install_command("nobody") == f"uv pip install --python {sys.executable} nobody"


def test_without_pip_and_path_the_uv_beside_the_python_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(uv.parent / "python"))
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert install_command("nobody") == f"{uv} pip install --python {uv.parent}/python nobody"


def test_no_hint_names_a_package_of_ours_on_an_index() -> None:
    for path in Path(module.__file__).parents[1].rglob("*.py"):
        assert "pip install 'parakeet-cli" not in path.read_text("utf-8"), path


def test_every_hint_to_install_names_the_python_that_runs() -> None:
    """A bare `pip` may be another Python's, and uv's environments have none."""
    bare = re.compile(r"hint=f?\"pip install|return f?\"pip install")
    for path in Path(module.__file__).parents[1].rglob("*.py"):
        assert not bare.search(path.read_text("utf-8")), path
