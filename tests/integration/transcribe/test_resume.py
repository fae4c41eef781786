"""A long run that is nearly done resumes at once, with little memory and few system calls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.transcribe.command import MOCK, environment
from tools.finished_run import make

pytestmark = pytest.mark.slow

LEFT = 5
# Runs the command, and prints its number of system calls and its peak memory.
COUNTED = """
import json, os, sys
from pathlib import Path
from parakeet_cli.cli.app import app

asked = {"stat": 0, "scandir": 0}

def counted(name):
    real = getattr(os, name)
    def call(*arguments, **options):
        asked[name] += 1
        return real(*arguments, **options)
    setattr(os, name, call)

counted("stat")
counted("scandir")
code = app(sys.argv[1:], standalone_mode=False)
# ru_maxrss would count what the process that started this one held.
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(json.dumps({"code": code, "kib": int(peak), **asked}))
"""


def resume(top: Path, count: int) -> tuple[dict[str, int], str]:
    asked = make(top, count, LEFT)
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, "transcribe", *asked],
        capture_output=True,
        text=True,
        env=environment(top, MOCK),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found, done.stderr


def test_a_run_of_a_hundred_thousand_goes_on_in_200_mb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONALPARAKEET_USE_MOCK_STT", "true")
    few, said = resume(tmp_path / "few", 1000)
    assert (few["code"], "1000 files: 1000 ok (995 of them before)." in said) == (0, True)
    many, said = resume(tmp_path / "many", 100_000)
    assert (many["code"], "100000 files: 100000 ok (99995 of them before)." in said) == (0, True)
    assert many["kib"] < 200 * 1000
    # Each recording, each output and each folder of the outputs is looked at once, and each
    # folder of the inputs is listed once.
    assert many["stat"] - few["stat"] == 2 * 99_000 + 99
    assert many["scandir"] - few["scandir"] == 99
