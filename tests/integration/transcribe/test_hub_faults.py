"""A batch whose model has to be fetched first, while the hub, the token or the disk fails."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub
from tests.integration.transcribe.command import Done, start, transcribe
from tests.integration.transcribe.nemo_engine import LIMIT
from tests.integration.transcribe.test_crashes import mounted
from tests.integration.transcribe.test_runs import RUN, batch, status
from tests.integration.transcribe.test_workers import TWO
from tests.scripted_worker import COUNTS, write_interpreter

pytestmark = pytest.mark.slow

REPOSITORY = "nvidia/parakeet-tdt-1.1b"
FILE = "parakeet-tdt-1.1b.nemo"
# More than the client reads at once (10 MB), so that a partial download can be stored.
CONTENT = random.Random(1).randbytes(25_000_000)
SMALL = CONTENT[:200_000]
FILES = 3
NOBODY = "http://127.0.0.1:9"
REFUSED = (401, "Invalid credentials in Authorization header")
ASKED = (*RUN, "--model", "1.1b", "--no-vad", "--trust-model")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as made:
        made.add(REPOSITORY, {FILE: SMALL})
        yield made


def engine(folder: Path, url: str) -> dict[str, str]:
    """NeMo's engine with a double for the stack, whose model comes from that hub."""
    (folder / "counts").mkdir(exist_ok=True)
    return {
        "PARAKEET_ENGINE": "nemo",
        "PARAKEET_ML_PYTHON": str(write_interpreter(folder)),
        COUNTS: str(folder / "counts"),
        "HF_ENDPOINT": url,
        "HF_HOME": str(folder / "cache"),
        "HF_TOKEN": "hf_expired",
        "HF_HUB_DOWNLOAD_TIMEOUT": "5",
    }


def run(folder: Path, url: str, *more: str) -> Done:
    return transcribe(folder, *ASKED, *more, engine=engine(folder, url), limit=LIMIT)


def goes_on(folder: Path, url: str, *more: str) -> None:
    """The same command does everything, once the cause is gone."""
    again = run(folder, url, *more)
    assert again.code == 0, again.err
    assert f"{FILES} files: {FILES} ok" in again.err
    assert status(folder)["done"] == FILES


def stopped(folder: Path, done: Done, cause: str) -> None:
    """The surroundings stopped it, and all that there was to do is left."""
    assert done.code == 4, done.err
    assert f"Stopped: {cause}: " in done.err
    assert "No file counts as failed. The same command goes on from here." in done.err
    assert "Traceback" not in done.err
    found = status(folder)
    assert (found["state"], found["failed"], found["left"]) == ("stopped", 0, FILES)


@pytest.mark.parametrize("way", [(), TWO], ids=["one", "workers"])
def test_a_hub_that_can_t_be_reached_fails_no_file(
    hub: Hub, tmp_path: Path, way: tuple[str, ...]
) -> None:
    batch(tmp_path, FILES)
    done = run(tmp_path, NOBODY, *way, "--wait", "0")
    stopped(tmp_path, done, "the model hub can't be reached")
    assert "parakeet models pull 1.1b" in done.err
    goes_on(tmp_path, hub.url, *way)


def test_a_hub_that_is_back_after_a_while_costs_only_time(hub: Hub, tmp_path: Path) -> None:
    batch(tmp_path, FILES)
    hub.refusal = (503, "Service Unavailable")
    process = start(
        tmp_path, "transcribe", *ASKED, "--wait", "2s", engine=engine(tmp_path, hub.url)
    )
    assert process.stderr is not None
    waiting = next(line for line in process.stderr if line.startswith(b"Waiting: "))
    assert b"the model hub can't serve anything at the moment" in waiting
    hub.refusal = None
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err.decode()
    assert f"{FILES} files: {FILES} ok" in err.decode()


@pytest.mark.parametrize("answer", [REFUSED, (403, "Forbidden")], ids=["401", "403"])
def test_a_token_that_is_refused_is_not_waited_for(
    hub: Hub, tmp_path: Path, answer: tuple[int, str]
) -> None:
    batch(tmp_path, FILES)
    hub.refusal = answer
    done = run(tmp_path, hub.url)
    stopped(tmp_path, done, "the model hub refuses the credentials")
    assert "Waiting" not in done.err
    assert "HF_TOKEN" in done.err
    hub.refusal = None
    goes_on(tmp_path, hub.url)


def test_a_model_that_can_t_be_had_is_no_fault_of_the_surroundings(
    hub: Hub, tmp_path: Path
) -> None:
    batch(tmp_path, FILES)
    hub.repositories[REPOSITORY].gated = True
    done = run(tmp_path, hub.url)
    assert done.code == 3, done.err
    assert "open only to people who requested access" in done.err
    missing = run(tmp_path, hub.url, "--model", "nobody/nothing")
    assert missing.code == 3, missing.err
    assert "The hub has no model nobody/nothing" in missing.err
    assert status(tmp_path)["failed"] == 0
    hub.repositories[REPOSITORY].gated = False
    goes_on(tmp_path, hub.url)


def test_a_connection_that_breaks_half_way_goes_on_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    batch(tmp_path, FILES)
    hub.add(REPOSITORY, {FILE: CONTENT})
    hub.break_after = [15_000_000, *[0] * 100]  # and then nothing more comes
    done = run(tmp_path, hub.url, "--wait", "0")
    stopped(tmp_path, done, "the model hub can't be reached")
    hub.break_after = []
    goes_on(tmp_path, hub.url)
    assert (hub.downloads(FILE)[-1].start or 0) > 0


def test_a_disk_that_fills_while_the_model_comes_fails_no_file(hub: Hub, tmp_path: Path) -> None:
    batch(tmp_path, FILES)
    hub.add(REPOSITORY, {FILE: CONTENT})
    with mounted(tmp_path / "cache", "size=100m"):
        hub.pause_at(15_000_000)
        asked = (*ASKED, "--wait", "0")
        process = start(tmp_path, "transcribe", *asked, engine=engine(tmp_path, hub.url))
        assert hub.paused.wait(LIMIT)
        subprocess.run(["mount", "-o", "remount,size=11m", tmp_path / "cache"], check=True)
        hub.resume()
        out, err = process.communicate(timeout=LIMIT)
        done = Done(process.returncode, out, err.decode())
        stopped(tmp_path, done, "the disk of the models is full")
        assert "Make room on the disk" in done.err
        subprocess.run(["mount", "-o", "remount,size=200m", tmp_path / "cache"], check=True)
        goes_on(tmp_path, hub.url)


def test_a_disk_without_room_for_the_model_is_seen_before_the_download(
    hub: Hub, tmp_path: Path
) -> None:
    batch(tmp_path, FILES)
    with mounted(tmp_path / "cache", "size=1m"):
        done = run(tmp_path, hub.url, "--wait", "0")
        stopped(tmp_path, done, "the disk of the models is full")
        assert not hub.downloads(FILE)
        subprocess.run(["mount", "-o", "remount,size=200m", tmp_path / "cache"], check=True)
        goes_on(tmp_path, hub.url)
