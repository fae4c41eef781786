"""Environments that no longer lie where they were made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.inspect import interpreter
from parakeet_cli.doctor.inspect.gather import gather_facts
from parakeet_cli.doctor.inspect.moved import MOST_SCRIPTS
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import OnDisk

NO_VARIABLES: dict[str, str] = {"HOME": "/nowhere"}
HEADS = ["#!{python}\n", "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"]


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    return OnDisk.new(tmp_path / "env")


def python_version(python: Path, tmp_path: Path) -> Finding:
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    facts = gather_facts(
        str(python), environment=environment, root=tmp_path, cache_folder=tmp_path / "cache"
    )
    (finding,) = run_checks(facts, load_stack("2.4"), ["python-version"])
    return finding


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="no stack supports it")
@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "venv"],
        [sys.executable, "-m", "uv", "venv", "--python", sys.executable],
    ],
    ids=["venv", "uv"],
)
def test_a_moved_environment_is_a_warning_and_its_command_puts_it_right(
    tmp_path: Path, command: list[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    subprocess.run([*command, str(first)], check=True, capture_output=True)
    first.rename(second)
    python = second / "bin" / "python"
    finding = python_version(python, tmp_path)
    assert finding.status is CheckStatus.WARN
    assert f"its commands name {first}" in finding.summary
    subprocess.run(finding.remedy.splitlines()[0], shell=True, check=True)
    again = interpreter.read_interpreter(python, NO_VARIABLES)
    assert (again.moved_from, again.script_python) == ("", "")
    assert python.is_symlink()
    sourced = f". {second}/bin/activate && python -c 'import sys; print(sys.prefix)'"
    done = subprocess.run(sourced, shell=True, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(second)
    if (pip := second / "bin" / "pip").exists():
        subprocess.run([pip, "--version"], check=True, capture_output=True)


def test_an_environment_in_its_first_place_is_not_moved(env: OnDisk, tmp_path: Path) -> None:
    (env.prefix / "bin" / "pip").write_text(f"#!{env.python}\n")
    (env.prefix / "bin" / "activate").write_text(f'VIRTUAL_ENV="{env.prefix}"\n')
    assert not interpreter.read_interpreter(env.python, NO_VARIABLES).moved_from
    link = tmp_path / "link"
    link.symlink_to(env.prefix)
    assert not interpreter.read_interpreter(link / "bin" / "python", NO_VARIABLES).moved_from


@pytest.mark.parametrize("line", ["#!/usr/bin/env python3", f"#!{sys.base_prefix}/bin/python3"])
def test_a_script_for_a_base_python_does_not_make_an_environment_a_moved_one(
    env: OnDisk, line: str
) -> None:
    (env.prefix / "bin" / "tool").write_text(f"{line}\n")
    assert not interpreter.read_interpreter(env.python, NO_VARIABLES).moved_from


@pytest.mark.parametrize("value", ["$(cygpath /x)", "${PWD}", "`pwd`", "relative"])
def test_a_relocatable_activate_names_no_place(env: OnDisk, value: str) -> None:
    (env.prefix / "bin" / "activate").write_text(f"VIRTUAL_ENV={value}\n")
    assert not interpreter.read_interpreter(env.python, NO_VARIABLES).moved_from


def test_an_environment_with_many_scripts_and_odd_files_is_read(env: OnDisk) -> None:
    folder = env.prefix / "bin"
    for number in range(MOST_SCRIPTS + 10):
        (folder / f"tool{number}").write_bytes(b"\xff\xfe#!/gone/bin/python")
    (folder / "folder").mkdir()
    assert not interpreter.read_interpreter(env.python, NO_VARIABLES).moved_from


def test_a_moved_conda_environment_is_not_rewritten(env: OnDisk, tmp_path: Path) -> None:
    (env.prefix / "pyvenv.cfg").unlink()
    (env.prefix / "conda-meta").mkdir()
    (env.prefix / "conda-meta" / "python-3.11.9-h955ad1f_0.json").write_text("{}")
    (env.prefix / "bin" / "tool").write_text("#!/opt/gone/bin/python3.11\n")
    finding = python_version(env.python, tmp_path)
    assert finding.status is CheckStatus.WARN
    assert "Move it back to /opt/gone" in finding.remedy


@pytest.mark.parametrize("head", HEADS, ids=["plain", "path with a space"])
def test_the_pip_of_a_copied_environment_names_the_python_that_it_runs(
    env: OnDisk, tmp_path: Path, head: str
) -> None:
    first = OnDisk.new(tmp_path / "the first")
    pip = env.prefix / "bin" / "pip"
    pip.write_text(head.format(python=first.python))
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert found.script_python == str(first.python)
    assert found.moved_from == str(first.prefix)
    pip.write_text(head.format(python=env.python))
    assert not interpreter.read_interpreter(env.python, NO_VARIABLES).script_python
    # Where nothing is there to be run, the shell says so, and the place is still another one.
    pip.write_text(head.format(python="/gone/bin/python"))
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert (found.script_python, found.moved_from) == ("", "/gone")


def test_where_the_new_path_has_a_space_the_scripts_are_written_again(
    env: OnDisk, tmp_path: Path
) -> None:
    (env.prefix / "bin" / "pip").write_text("#!/gone/bin/python\n")
    spaced = tmp_path / "a b"
    env.prefix.rename(spaced)
    remedy = python_version(spaced / "bin" / "python", tmp_path).remedy
    assert "--force-reinstall" in remedy
    assert "sed" not in remedy


def test_a_finder_of_setuptools_names_folders_that_are_gone(env: OnDisk, tmp_path: Path) -> None:
    finder = "__editable___a_1_0_finder"
    (env.site / "__editable__.a-1.0.pth").write_text(f"import {finder}; {finder}.install()")
    (tmp_path / "a").mkdir()
    mapping = f"{{'a': '{tmp_path}/a', 'b': '/gone/b'}}"
    (env.site / f"{finder}.py").write_text(
        f"MAPPING: dict[str, str] = {mapping}\nNAMESPACES: dict[str, list[str]] = {{}}\n"
    )
    (pth,) = interpreter.read_interpreter(env.python, NO_VARIABLES).pth_files
    assert pth.dangling == ("/gone/b",)
