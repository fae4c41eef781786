"""`uv tool install .` and `pipx install .` give a command that transcribes."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.integration.packaging.environments import (
    CLIP,
    CLIP_ENDS,
    copy_checkout,
    pip_index,
    run,
)

pytestmark = pytest.mark.slow

PRINT_HINT = """
from parakeet_cli.system.install_command import install_command
print(install_command("iniconfig"))
"""


def check(tmp_path: Path, environment: Path, path: str) -> None:
    """The command transcribes, and what a hint to install says works when it is typed."""
    done = run(tmp_path / "bin" / "parakeet", "transcribe", CLIP, env={"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(CLIP_ENDS)
    python = environment / "bin" / "python"
    hint = run(python, "-c", PRINT_HINT, env={"PATH": path}).stdout
    index = {"UV_DEFAULT_INDEX": pip_index(), "PATH": path}
    assert run(*shlex.split(hint), env=index).returncode == 0
    assert run(python, "-c", "import iniconfig").returncode == 0


def test_uv_tool_install(tmp_path: Path) -> None:
    env = {
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
        "UV_DEFAULT_INDEX": pip_index(),
    }
    checkout = copy_checkout(tmp_path / "checkout")
    command = [sys.executable, "-m", "uv", "tool", "install", "--python", sys.executable, "."]
    assert run(*command, cwd=checkout, env=env).returncode == 0
    uv = Path(sys.executable).parent  # the folder of the command uv, too
    check(tmp_path, tmp_path / "tools" / "parakeet-cli", f"{uv}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.soak
def test_pipx_install(tmp_path: Path) -> None:
    env = {
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "UV_DEFAULT_INDEX": pip_index(),
    }
    checkout = copy_checkout(tmp_path / "checkout")
    pipx = [sys.executable, "-m", "uv", "tool", "run", "pipx"]
    done = run(*pipx, "install", "--python", sys.executable, ".", cwd=checkout, env=env)
    assert done.returncode == 0, done.stderr
    check(tmp_path, tmp_path / "pipx" / "venvs" / "parakeet-cli", os.environ["PATH"])
