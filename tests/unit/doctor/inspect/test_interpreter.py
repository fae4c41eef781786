"""Interpreters, read from their files where possible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect import interpreter
from parakeet_cli.errors import UsageError
from tests.doctor_facts import OnDisk

NO_VARIABLES: dict[str, str] = {"HOME": "/nowhere"}


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    return OnDisk.new(tmp_path / "env")


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("an interpreter was started")

    monkeypatch.setattr(subprocess, "run", refuse)


@pytest.mark.usefixtures("nothing_runs")
def test_a_virtual_environment_is_read_and_not_asked(env: OnDisk) -> None:
    found = interpreter.read_interpreter(
        interpreter.find_interpreter(str(env.python)), NO_VARIABLES
    )
    assert found.kind == "venv"
    assert found.version == "3.11.7"
    assert found.prefix == str(env.prefix)
    assert found.paths == (str(env.site),)
    assert found.executable == str(env.python)


@pytest.mark.usefixtures("nothing_runs")
def test_the_version_key_of_uv_is_read(env: OnDisk) -> None:
    (env.prefix / "pyvenv.cfg").write_text(
        "home = /opt/python/bin\nimplementation = CPython\nuv = 0.5\nversion_info = 3.11.12\n"
    )
    assert interpreter.read_interpreter(env.python, NO_VARIABLES).version == "3.11.12"


@pytest.mark.usefixtures("nothing_runs")
def test_links_are_not_resolved(env: OnDisk, tmp_path: Path) -> None:
    """The link makes the virtual environment: its target is the base Python."""
    assert interpreter.find_interpreter(str(env.python)) == env.python
    assert env.python.resolve() != env.python


@pytest.mark.usefixtures("nothing_runs")
def test_a_folder_means_the_python_in_it(env: OnDisk) -> None:
    assert interpreter.find_interpreter(str(env.prefix)) == env.python


def test_a_name_that_is_no_python_says_where_the_names_are() -> None:
    with pytest.raises(UsageError, match="`parakeet setup --list`"):
        interpreter.find_interpreter("nemo-3.0-cu999")


@pytest.mark.usefixtures("nothing_runs")
def test_a_conda_environment_is_read_from_its_records(tmp_path: Path) -> None:
    env = OnDisk.new(tmp_path / "conda")
    (env.prefix / "pyvenv.cfg").unlink()
    (env.prefix / "conda-meta").mkdir()
    (env.prefix / "conda-meta" / "python-3.11.9-h955ad1f_0.json").write_text("{}")
    (env.prefix / "conda-meta" / "python-dateutil-2.9-0.json").write_text("{}")
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert (found.kind, found.version) == ("conda", "3.11.9")
    (env.prefix / "condabin").mkdir()
    assert interpreter.read_interpreter(env.python, NO_VARIABLES).kind == "conda-base"


def test_a_python_without_files_of_its_own_is_asked(tmp_path: Path) -> None:
    base = Path(os.path.realpath(sys.executable))
    found = interpreter.read_interpreter(base, NO_VARIABLES)
    assert found.kind == "base"
    assert found.minor == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert found.paths


def test_asking_runs_nothing_in_the_site_folders(env: OnDisk, tmp_path: Path) -> None:
    base = OnDisk.new(tmp_path / "base")
    canary = tmp_path / "canary"
    (base.prefix / "pyvenv.cfg").unlink()
    (base.site / "evil.pth").write_text(f"import os; open({str(canary)!r}, 'w')\n")
    (base.site / "sitecustomize.py").write_text(f"open({str(canary)!r}, 'w')\n")
    interpreter.read_interpreter(base.python, NO_VARIABLES)
    assert not canary.exists()


def test_an_environment_whose_python_was_removed_has_a_problem(env: OnDisk) -> None:
    env.python.unlink()
    env.python.symlink_to("/opt/removed/bin/python3.11")
    found = interpreter.read_interpreter(
        interpreter.find_interpreter(str(env.python)), NO_VARIABLES
    )
    assert "/opt/removed/bin/python3.11, which doesn't exist" in found.problem
    assert found.paths == (str(env.site),)


@pytest.mark.parametrize("named", ["/no/such/python", "no-such-python", "."])
def test_a_path_without_a_python_is_a_usage_error(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        interpreter.find_interpreter(named)
    assert "--python" in str(error.value)
    assert error.value.hint is None  # one line says all


def test_a_file_that_is_not_executable_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("")
    with pytest.raises(UsageError, match="can't be run"):
        interpreter.find_interpreter(str(tmp_path / "python"))


@pytest.mark.parametrize("name", ["ls", "cat", "pip", "python-config", "activate"])
def test_a_program_of_another_name_is_asked_and_is_no_python(env: OnDisk, name: str) -> None:
    """Beside a pyvenv.cfg too: an environment has other programs than its Python."""
    program = env.prefix / "bin" / name
    program.write_text("#!/bin/sh\necho usage: $0; exit 2\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match="is not a Python"):
        interpreter.read_interpreter(program, NO_VARIABLES)


def test_an_environment_whose_base_python_is_gone_is_revived_by_its_command(
    env: OnDisk, tmp_path: Path
) -> None:
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    env.install("a", "1.0")
    folder = env.prefix / "lib" / f"python{minor}"
    if folder != env.site.parent:
        env.site.parent.rename(folder)
    env.python.unlink()
    env.python.symlink_to("/opt/removed/bin/python")
    cfg = env.prefix / "pyvenv.cfg"
    cfg.write_text(f"home = /opt/removed/bin\nversion = {minor}.1\n")
    command = interpreter.read_interpreter(env.python, NO_VARIABLES).revival
    assert f"python{minor} -m venv --without-pip {env.prefix}" in command
    on_path = tmp_path / "bin" / f"python{minor}"
    on_path.parent.mkdir()
    on_path.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} "$@"\n')
    on_path.chmod(0o755)
    typed = {"PATH": f"{on_path.parent}:/usr/bin:/bin"}
    subprocess.run(command, shell=True, check=True, env=typed)
    revived = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert (revived.problem, revived.revival) == ("", "")
    assert (Path(revived.site_packages) / "a-1.0.dist-info").is_dir()
    subprocess.run([env.python, "-c", "pass"], check=True)


def test_a_copied_python_whose_base_is_gone_has_a_problem(env: OnDisk) -> None:
    env.python.unlink()
    env.python.write_text("#!/bin/sh\nexit 1\n")
    env.python.chmod(0o755)
    cfg = env.prefix / "pyvenv.cfg"
    cfg.write_text("home = /opt/removed/bin\nversion = 3.11.7\n")
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert "/opt/removed/bin, which doesn't exist" in found.problem
    assert found.revival


def test_a_damaged_python_of_an_environment_has_a_problem(env: OnDisk) -> None:
    env.python.unlink()
    env.python.write_bytes(b"")
    env.python.chmod(0o755)
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert "python is damaged" in found.problem
    assert found.revival


def test_links_that_lead_to_each_other_are_a_problem_of_an_environment(env: OnDisk) -> None:
    env.python.unlink()
    env.python.symlink_to("python3")
    (env.python.parent / "python3").symlink_to("python")
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert found.problem
    assert found.revival


def test_a_link_that_leads_to_a_newer_python_since_an_upgrade_is_a_problem(
    env: OnDisk, tmp_path: Path
) -> None:
    upgraded = tmp_path / "usr" / "python3.14"
    upgraded.parent.mkdir()
    upgraded.write_text("#!/bin/sh\n")
    upgraded.chmod(0o755)
    (upgraded.parent / "python3").symlink_to(upgraded.name)
    env.python.unlink()
    env.python.symlink_to(upgraded.parent / "python3")
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert found.problem == f"it points to {upgraded}, and the packages here are for Python 3.11"
    assert found.revival


# Import paths


@pytest.mark.usefixtures("nothing_runs")
def test_pth_files_add_folders_and_their_code_is_not_run(env: OnDisk, tmp_path: Path) -> None:
    (tmp_path / "extra").mkdir()
    (env.site / "inner").mkdir()
    canary = tmp_path / "canary"
    (env.site / "a.pth").write_text(
        f"# a comment\n\n{tmp_path}/extra\ninner\n/gone\nimport os; open({str(canary)!r}, 'w')\n"
    )
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert found.paths == (str(env.site), f"{tmp_path}/extra", str(env.site / "inner"))
    assert found.pth_files[0].dangling == ("/gone",)
    assert not canary.exists()


@pytest.mark.usefixtures("nothing_runs")
def test_a_pth_file_of_any_bytes_is_read(env: OnDisk) -> None:
    (env.site / "odd.pth").write_bytes(b"\xff\xfe\x00\x80\n")
    (env.site / "folder.pth").mkdir()
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    assert [bool(pth.problem) for pth in found.pth_files] == [True, False]


@pytest.mark.usefixtures("nothing_runs")
def test_pythonpath_comes_first_and_the_user_site_only_if_it_is_used(
    env: OnDisk, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    user = home / ".local/lib/python3.11/site-packages"
    user.mkdir(parents=True)
    (tmp_path / "own").mkdir()
    variables = {"HOME": str(home), "PYTHONPATH": f"{tmp_path}/own:{tmp_path}/gone"}
    found = interpreter.read_interpreter(env.python, variables)
    assert found.paths == (f"{tmp_path}/own", str(env.site))
    assert found.user_site is None

    (env.prefix / "pyvenv.cfg").unlink()
    (env.prefix / "conda-meta").mkdir()
    (env.prefix / "conda-meta" / "python-3.11.9-0.json").write_text("{}")
    found = interpreter.read_interpreter(env.python, variables)
    assert found.paths == (f"{tmp_path}/own", str(user), str(env.site))
    found = interpreter.read_interpreter(env.python, {**variables, "PYTHONNOUSERSITE": "1"})
    assert found.user_site is None


def test_a_virtual_environment_that_inherits_sees_its_base(env: OnDisk) -> None:
    cfg = env.prefix / "pyvenv.cfg"
    cfg.write_text(cfg.read_text().replace("= false", "= true"))
    found = interpreter.read_interpreter(env.python, NO_VARIABLES)
    base = interpreter.read_interpreter(Path(os.path.realpath(sys.executable)), NO_VARIABLES)
    assert found.paths == (str(env.site), *base.paths)


def test_the_user_site_is_where_the_interpreter_puts_it(tmp_path: Path) -> None:
    """In a virtual environment that inherits: after its own folder, before its base's."""
    env = tmp_path / "v"
    command = [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(env)]
    subprocess.run(command, check=True)
    user = (
        tmp_path
        / "home/.local/lib"
        / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        / "site-packages"
    )
    user.mkdir(parents=True)
    variables = {"HOME": str(tmp_path / "home")}
    printed = subprocess.run(
        [env / "bin/python", "-c", "import sys; print([p for p in sys.path if 'packages' in p])"],
        capture_output=True,
        text=True,
        env=variables,
        check=True,
    ).stdout
    found = interpreter.read_interpreter(env / "bin/python", variables)
    assert found.user_site == str(user)
    assert str(list(found.paths)) == printed.strip()


def test_the_paths_are_those_of_the_interpreter_itself(tmp_path: Path) -> None:
    """A real interpreter is started, to compare with."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True)
    python = tmp_path / "v" / "bin" / "python"
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    printed = subprocess.run(
        [python, "-c", "import sys; print([p for p in sys.path if 'site-packages' in p])"],
        capture_output=True,
        text=True,
        check=True,
        env=variables,
    ).stdout
    found = interpreter.read_interpreter(python, variables)
    assert str(list(found.paths)) == printed.strip()


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"MZ" + bytes(62))
    path.chmod(0o755)
    return path


@pytest.mark.usefixtures("nothing_runs")
def test_a_virtual_environment_of_windows_is_read(tmp_path: Path) -> None:
    python = program(tmp_path / "env" / "Scripts" / "python.exe")
    site = tmp_path / "env" / "Lib" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text(f"home = {tmp_path}\nversion = 3.11.9\n")
    assert interpreter.find_interpreter(str(tmp_path / "env")) == python
    found = interpreter.read_interpreter(python, NO_VARIABLES)
    assert (found.kind, found.version, found.problem) == ("venv", "3.11.9", "")
    assert (found.prefix, found.site_packages) == (str(tmp_path / "env"), str(site))


@pytest.mark.usefixtures("nothing_runs")
def test_a_conda_environment_of_windows_is_read(tmp_path: Path) -> None:
    python = program(tmp_path / "env" / "python.exe")
    site = tmp_path / "env" / "Lib" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / "env" / "conda-meta").mkdir()
    (tmp_path / "env" / "conda-meta" / "python-3.12.4-h889d299_1.json").write_text("{}")
    assert interpreter.find_interpreter(str(tmp_path / "env")) == python
    found = interpreter.read_interpreter(python, NO_VARIABLES)
    assert (found.kind, found.version, found.problem) == ("conda", "3.12.4", "")
    assert (found.prefix, found.site_packages) == (str(tmp_path / "env"), str(site))
