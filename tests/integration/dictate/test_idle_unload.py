"""Tests that a model that is unloaded when nobody speaks gives its memory back, each time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dictate.desktop import until
from tests.integration.dictate.test_warm import User
from tests.integration.transcribe.command import CLIP

WHISPER = {"PERSONALPARAKEET_USE_MOCK_STT": "false", "PARAKEET_ENGINE": "whisper"}
TINY = WHISPER | {"PARAKEET_MODEL": "tiny.en"}


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    made = User(tmp_path)
    yield made
    made.dictate("stop", "--quit")


def resident(pid: int) -> int:
    """The MiB of the process, once they don't change any more: it says first that it unloads."""
    sizes = [-1, 0]
    while sizes[-1] != sizes[-2]:
        time.sleep(1)
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        sizes.append(pages * os.sysconf("SC_PAGE_SIZE") >> 20)
    return sizes[-1]


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_over_20_cycles_the_process_stays_within_a_tenth_of_its_first_size(user: User) -> None:
    source = ("--from-file", str(CLIP), "--sink", f"file:{user.text}")
    started = user.dictate(*source, "start", "--idle", "--idle-unload", "0.2", env=TINY)
    assert started.code == 0, started.err
    pid = int(str(user.status()["pid"]))
    sizes = []
    for cycle in range(20):
        assert user.dictate("start").code == 0
        assert until(lambda: user.status()["loaded"] is True)
        assert until(lambda: user.status()["speaking"] is True)
        assert user.dictate("stop").code == 0
        assert until(lambda: user.status()["loaded"] is False), cycle
        sizes.append(resident(pid))
    assert user.typed().strip()
    assert max(sizes) <= 1.1 * sizes[0], sizes
