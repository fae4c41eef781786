"""Runs that were moved, are reached by another path, or have another number of shards."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.transcribe.command import transcribe
from tests.integration.transcribe.test_runs import RUN, batch, content, journal, status

NO_LOCKS = """
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
int flock(int descriptor, int operation) { errno = FAULT; return -1; }
int lockf(int descriptor, int command, off_t length) { errno = FAULT; return -1; }
"""


def test_a_run_that_was_moved_goes_on(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "elsewhere/here"
    batch(there, 6)
    (there / "in/empty.wav").touch()
    assert transcribe(there, *RUN).code == 1
    whole = content(there / "out")
    here.parent.mkdir()
    subprocess.run(["cp", "-rp", there, here], check=True)
    shutil.rmtree(there)
    (here / "out/0/clip00.txt").unlink()
    done = transcribe(here, *RUN, "--manifest-out", "m.jsonl")
    assert "7 files: 6 ok, 1 failed (6 of them before)." in done.err
    assert set(journal(here, "begun")) == {"clip00.wav"}  # of the others, how they ended is left
    assert content(here / "out") == whole
    assert (status(here)["done"], status(here)["earlier"]) == (6, 0)
    assert "(7 of them before)" in transcribe(here, *RUN).err
    here.rename(there)
    assert "(7 of them before)" in transcribe(there, *RUN).err


def test_a_run_is_the_same_by_another_path(tmp_path: Path) -> None:
    there = tmp_path / "there"
    batch(there, 4)
    (tmp_path / "link").symlink_to(there)
    for top, again in ((there, False), (tmp_path / "link", True), (there, True)):
        asked = (f"{top}/in", "-f", "txt", "-o", f"{top}/out", "--run", f"{top}/run")
        done = transcribe(tmp_path, *asked, "--manifest-out", f"{top}/m.jsonl")
        assert done.code == 0, done.err
        rows = [json.loads(line) for line in (top / "m.jsonl").read_text().splitlines()]
        assert [Path(row["audio_filepath"]).parents[2] for row in rows] == [top] * 4
        assert all(row["pred_text"].startswith("The words of clip") for row in rows)
        assert "4 files: 4 ok" in done.err
        assert ("(4 of them before)" in done.err) is again


def test_more_inputs_than_before_move_nothing(tmp_path: Path) -> None:
    batch(tmp_path, 3)
    assert transcribe(tmp_path, *RUN).code == 0
    shutil.copytree(tmp_path / "in/0", tmp_path / "more")
    done = transcribe(tmp_path, "more", *RUN, "--output-template", "{parent}-{filename}", "--yes")
    assert done.code == 0, done.err
    assert content(tmp_path / "out").keys() >= {"0/clip00.txt", "more-clip00.txt"}


def test_what_was_done_in_other_shards_is_not_done_again(tmp_path: Path) -> None:
    batch(tmp_path, 12)
    for number in (1, 2, 3):
        assert transcribe(tmp_path, *RUN, "--shard", f"{number}/3").code == 0
    whole = content(tmp_path / "out")
    for number in (1, 2):
        done = transcribe(tmp_path, *RUN, "--shard", f"{number}/2", "--manifest-out", "m.jsonl")
        assert done.code == 0, done.err
        assert "again" not in done.err
        rows = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
        assert all(row["pred_text"].startswith("The words of clip") for row in rows)
    found = status(tmp_path)
    assert (found["state"], found["total"], found["done"], found["earlier"]) == (
        "finished", 12, 12, 0,
    )  # fmt: skip
    done = transcribe(tmp_path, *RUN)
    assert "12 files: 12 ok (12 of them before)." in done.err
    assert content(tmp_path / "out") == whole


def test_a_run_on_a_storage_is_refused_in_a_sentence(tmp_path: Path) -> None:
    batch(tmp_path, 1)
    done = transcribe(tmp_path, "in", "-f", "txt", "-o", "out", "--run", "s3://bucket/run")
    assert done.code == 2
    assert "a journal is added to and locked, which no storage can do" in done.err
    assert not (tmp_path / "s3:").exists()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a compiler")
@pytest.mark.parametrize("fault", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_refused_in_a_sentence(tmp_path: Path, fault: str) -> None:
    batch(tmp_path, 1)
    (tmp_path / "no_locks.c").write_text(NO_LOCKS)
    library = tmp_path / "no_locks.so"
    subprocess.run(
        ["gcc", f"-DFAULT={fault}", "-shared", "-fPIC", "-o", library, tmp_path / "no_locks.c"],
        check=True,
    )
    done = transcribe(tmp_path, *RUN, env={"LD_PRELOAD": str(library)})
    assert done.code == 1
    assert "has no locks" in done.err
    assert "Name a --run on another disk" in done.err
    assert "in use by another" not in done.err
    assert not (tmp_path / "out").exists()
    # Without a journal it works, and so does a run that was made elsewhere.
    plain = transcribe(tmp_path, *RUN[:-2], env={"LD_PRELOAD": str(library)})
    assert plain.code == 0, plain.err
    assert transcribe(tmp_path, *RUN, "--overwrite").code == 0
    asked = transcribe(tmp_path, "--status", "run", env={"LD_PRELOAD": str(library)})
    assert asked.code == 0, asked.err
