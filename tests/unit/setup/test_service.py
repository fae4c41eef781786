from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.setup.service import (
    Service,
    install_service,
    lasting_environment,
    this_command,
    unit_name,
    unit_text,
    units_folder,
)

HOSTILE = 'a b%h $HOME ${X} "q" \\n \\ 100% ; rm'
SERVICE = Service(
    "parakeet-watch-x", "What it does", ("/bin/echo", HOSTILE, ""), "/tmp", {"PATH": "/a b:%h$X"}
)


def test_a_unit_restarts_after_crashes_and_takes_signals_for_a_good_end() -> None:
    lines = unit_text(SERVICE).splitlines()
    for line in (
        "SuccessExitStatus=129 130 143",
        "Restart=on-failure",
        "RestartPreventExitStatus=2",
        "KillMode=mixed",
        "TimeoutStopSec=35",
        "WantedBy=default.target",
        'Environment="PATH=/a b:%%h$X"',
        'ExecStart="/bin/echo" "a b%%h $$HOME $${X} \\"q\\" \\\\n \\\\ 100%% ; rm" ""',
    ):
        assert line in lines


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_finds_no_fault_in_a_unit(tmp_path: Path) -> None:
    path = tmp_path / SERVICE.file
    path.write_text(unit_text(SERVICE))
    runtime = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", path], capture_output=True, text=True, env=runtime
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_line_s_end_can_t_smuggle_a_setting_into_a_unit() -> None:
    for service in (
        Service("x", "x", ("/bin/echo", "a\nExecStartPre=/bin/rm"), "/tmp"),
        Service("x", "x\n[Service]", ("/bin/echo",), "/tmp"),
        Service("x", "x", ("/bin/echo",), "/tmp", {"PARAKEET_MODEL": "a\nb"}),
    ):
        with pytest.raises(UsageError, match="line's end"):
            unit_text(service)


def test_a_unit_is_named_after_what_it_is_about() -> None:
    assert unit_name("watch", "/srv/talks.2026") == "parakeet-watch-srv-talks.2026"
    assert unit_name("serve", "8178") == "parakeet-serve-8178"
    assert unit_name("watch", "/srv/Talks & more").startswith("parakeet-watch-srv-Talks-more-")
    assert len(unit_name("watch", "/x" * 200)) == 200


def test_no_two_folders_have_one_unit() -> None:
    folders = ["/srv/a/b", "/srv/a-b", "/srv/a b", "/srv/a_b", "/srv/.a/b", "/srv-a-b", "/srv"]
    folders += ["/", "/root", "/srv/лекции", "/srv/записи", "/srv/-", "/srv/\udcff"]
    folders += ["/x" * 200, "/x" * 201]
    assert len({unit_name("watch", folder) for folder in folders}) == len(folders)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
@pytest.mark.parametrize("name", ["ends\\", "ends ", "ends\\\\", " begins", "50%"])
def test_a_folder_of_any_name_is_the_one_that_systemd_works_in(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    lines = unit_text(Service("x", f"About {folder}", ("/bin/true",), str(folder))).split("\n")
    given = next(line for line in lines if line.startswith("WorkingDirectory="))
    assert Path(given.removeprefix("WorkingDirectory=").replace("%%", "%")).samefile(folder)
    path = tmp_path / "x.service"
    path.write_text("\n".join(lines))
    runtime = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", path], capture_output=True, text=True, env=runtime
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_secret_is_written_into_a_unit() -> None:
    given = {
        "PATH": "/bin",
        "PARAKEET_MODEL": "v3",
        "PARAKEET_API_KEY": "secret",
        "HF_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "SSH_AUTH_SOCK": "/x",
    }
    assert lasting_environment(given) == {"PATH": "/bin", "PARAKEET_MODEL": "v3"}


def test_the_command_is_the_one_that_runs_without_what_makes_it_a_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "parakeet"
    script.touch(mode=0o755)
    asked = ["transcribe", "--watch", "in", "--install-service"]
    monkeypatch.setattr(sys, "argv", [str(script), *asked])
    wanted = ("transcribe", "--watch", "in")
    assert this_command(("--install-service",)) == (str(script), *wanted)
    monkeypatch.setattr(sys, "argv", ["/somewhere/__main__.py", *asked])
    command = this_command(("--install-service",))
    assert (command[0], command[-3:]) == (sys.executable, wanted)


def test_where_systemd_can_t_be_reached_the_unit_is_there_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    installed = install_service(SERVICE, environment)
    assert installed.path == units_folder(environment) / "parakeet-watch-x.service"
    assert installed.path.read_text() == unit_text(SERVICE)
    assert installed.path.stat().st_mode & 0o777 == 0o600
    assert installed.failure == "systemctl is not installed"
