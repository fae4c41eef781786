from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from parakeet_cli.doctor import parallel_map


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were no other threads: pytest-xdist has one, which does no harm here."""
    monkeypatch.setattr(parallel_map, "is_single_threaded", lambda: True)


IN_COPIES = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


@IN_COPIES
@pytest.mark.usefixtures("alone")
def test_work_is_shared_with_copies_of_this_process_and_its_order_stays() -> None:
    results = parallel_map.map_in_processes(lambda item: (item, os.getpid()), "abc")
    assert [item for item, _ in results] == ["a", "b", "c"]
    assert results[0][1] == os.getpid()
    assert len({process for _, process in results}) == (3 if sys.platform == "linux" else 1)


@IN_COPIES
@pytest.mark.usefixtures("alone")
def test_the_work_of_a_copy_that_fails_is_done_here() -> None:
    here = os.getpid()

    def work(item: str) -> str:
        if os.getpid() == here:
            return f"{item} here"
        if item == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise MemoryError

    assert parallel_map.map_in_processes(work, ["first", "killed", "failing"]) == [
        "first here",
        "killed here",
        "failing here",
    ]


def test_beside_other_threads_all_work_is_done_here() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        workers = parallel_map.map_in_processes(lambda _: os.getpid(), range(3))
    finally:
        ended.set()
        thread.join()
    assert workers == [os.getpid()] * 3


@IN_COPIES
@pytest.mark.usefixtures("alone")
def test_work_that_fails_here_ends_the_copies(tmp_path: Path) -> None:
    here = os.getpid()

    def work(_: int) -> None:
        if os.getpid() == here:
            raise KeyboardInterrupt
        (tmp_path / str(os.getpid())).touch()
        time.sleep(600)

    with pytest.raises(KeyboardInterrupt):
        parallel_map.map_in_processes(work, range(3))
    for file in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.name), 0)
