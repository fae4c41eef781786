"""A clock that jumps by years, no shared memory, and no process or thread more: nothing is lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.transcribe.command import COMMAND, clip, environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits and namespaces of Linux"),
]

# Each call of the clock is ten years off, one way and the other.
JUMPING = """
import itertools, time
_real, _years = time.time, itertools.cycle((0, 10, -10, 20, -20))
time.time = lambda: _real() + next(_years) * 365.25 * 86400
"""
# What multiprocessing would need /dev/shm for.
WITHOUT_SHM = """
import _multiprocessing, _posixshmem, errno, os
def _refuse(*arguments, **options):
    raise OSError(errno.ENOSYS, "there is no /dev/shm")
_posixshmem.shm_open = _multiprocessing.SemLock = _refuse
"""
ANOTHER_USER = 54321


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("a.wav", "b.wav"):
        clip(folder / name)
    return folder


def parakeet(
    here: Path, *arguments: str, start_up: str = "", before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """The command with code that runs as its Python and those of its children start."""
    hooks = here.parent / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(start_up)
    env = environment(here, {"PARAKEET_ENGINE": "mock", "PYTHONPATH": str(hooks)})
    return subprocess.run(
        [*before, COMMAND, *arguments],
        cwd=here, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip


TRANSCRIBE = ("transcribe", "a.wav", "b.wav", "-f", "json", "-o", "out", "--run", "run")


def test_a_clock_that_jumps_by_years_changes_no_result(here: Path) -> None:
    for _ in range(2):  # the second time everything is done
        done = parakeet(here, *TRANSCRIBE, "--workers", "2", start_up=JUMPING)
        assert done.returncode == 0, done.stderr
        rows = [json.loads(row) for row in (here / "run" / "journal.jsonl").open()]
        assert sum("ended" in row for row in rows) == 2
    assert len(list((here / "out").iterdir())) == 2
    status = parakeet(here, "transcribe", "--status", "run", "--json", start_up=JUMPING)
    assert json.loads(status.stdout)["done"] == 2


def test_a_dictation_goes_on_when_the_clock_jumps(here: Path) -> None:
    plain = parakeet(here, "dictate", "--from-file", "a.wav", "--fast")
    done = parakeet(here, "dictate", "--from-file", "a.wav", "--fast", start_up=JUMPING)
    assert (done.returncode, done.stdout) == (0, plain.stdout), done.stderr
    recovered = parakeet(here, "dictate", "--recover", start_up=JUMPING)
    assert recovered.returncode == 0, recovered.stderr


def test_without_shared_memory_everything_works(here: Path) -> None:
    done = parakeet(here, *TRANSCRIBE, "--workers", "2", start_up=WITHOUT_SHM)
    assert done.returncode == 0, done.stderr
    assert len(list((here / "out").iterdir())) == 2
    done = parakeet(here, "dictate", "--from-file", "a.wav", "--fast", start_up=WITHOUT_SHM)
    assert done.returncode == 0, done.stderr


def limited() -> tuple[str, ...]:
    """What starts a command that can start no process and no thread more."""
    limit = ("prlimit", "--nproc=1:1")
    if os.geteuid():
        return limit
    # root has no such limit: another user has, who may read what root may.
    user = f"--reuid={ANOTHER_USER}", f"--regid={ANOTHER_USER}", "--clear-groups"
    capability = "+dac_read_search"
    return (
        "setpriv", *user, f"--inh-caps={capability}", f"--ambient-caps={capability}", *limit
    )  # fmt: skip


@pytest.mark.skipif(
    not all(map(shutil.which, ("prlimit", "setpriv"))), reason="util-linux is not installed"
)
@pytest.mark.parametrize(
    "asked",
    [TRANSCRIBE, (*TRANSCRIBE, "--workers", "2"), ("dictate", "--from-file", "a.wav", "--fast")],
    ids=["transcribe", "workers", "dictate"],
)
def test_where_no_process_can_be_started_a_sentence_says_so(
    here: Path, asked: tuple[str, ...]
) -> None:
    for path in (here, *here.iterdir()):
        if not os.geteuid():
            os.chown(path, ANOTHER_USER, ANOTHER_USER)
    before = resource.getrlimit(resource.RLIMIT_NPROC)
    done = parakeet(here, *asked, before=limited())
    assert resource.getrlimit(resource.RLIMIT_NPROC) == before
    assert done.returncode == 1, done.stderr
    assert "ulimit -u" in done.stderr
    assert "Traceback" not in done.stderr
    if asked[0] == "transcribe":
        whole = parakeet(here, *asked)
        assert whole.returncode == 0, whole.stderr
        assert len(list((here / "out").iterdir())) == 2
