from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import parakeet_cli
from parakeet_cli.system import processes


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (-40, "was ended by signal 40"),  # a real-time signal has no name
    ],
)
def test_an_exit_status_is_described_in_words(code: int, words: str) -> None:
    assert processes.exit_in_words(code) == words


def test_a_child_ended_by_a_real_time_signal_can_be_described() -> None:
    child = subprocess.run(
        [sys.executable, "-c", "import os; os.kill(os.getpid(), 40)"], check=False
    )
    assert processes.exit_in_words(child.returncode) == "was ended by signal 40"


@pytest.mark.parametrize("isolated", [False, True])
def test_a_child_imports_our_modules_whatever_the_folder_says(
    tmp_path: Path, isolated: bool
) -> None:
    (tmp_path / "parakeet_cli").mkdir()
    (tmp_path / "parakeet_cli" / "__init__.py").write_text("raise SystemExit(9)")
    code = "import parakeet_cli; print(parakeet_cli.__file__, sys.argv[1])"
    command = processes.python_command(code, "argument", isolated=isolated)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        check=True,
    )
    assert done.stdout.split() == [parakeet_cli.__file__, "argument"]


def test_a_group_is_killed_whole(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    processes.kill_group(process)
    process.stdout.close()
    deadline = time.monotonic() + 10.0
    while is_running(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_signal_is_handled_while_the_block_runs() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    received: list[int] = []
    with processes.handle_signals(lambda number, frame: received.append(number), signal.SIGUSR1):
        signal.raise_signal(signal.SIGUSR1)
    assert received == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before


def test_our_own_command_is_run_whatever_the_working_folder_holds(tmp_path: Path) -> None:
    (tmp_path / "parakeet_cli").mkdir()
    (tmp_path / "parakeet_cli" / "__main__.py").write_text("print('another')", "utf-8")
    command = processes.parakeet_command("--version")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("parakeet ")


def test_a_thread_other_than_the_main_one_handles_no_signals() -> None:
    def run() -> None:
        with processes.handle_signals(signal.SIG_IGN, signal.SIGUSR1):
            handlers.append(signal.getsignal(signal.SIGUSR1))

    handlers: list[object] = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGUSR1)]


def test_a_crash_on_windows_is_named_by_its_code() -> None:
    assert processes.exit_in_words(0xC0000005) == "crashed (0xc0000005)"
    assert processes.exit_in_words(1) == "ended with exit code 1"
