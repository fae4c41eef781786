"""--run: finished files stay valid, changed ones are transcribed again, and a kill costs little."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.transcribe.command import MOCK, clip, files, start, transcribe

RUN = ("in", "-f", "txt,json", "-o", "out", "--run", "run")
SLOW = {**MOCK, "PARAKEET_MOCK_RTF": "0.02"}  # 60 ms a clip


def batch(folder: Path, count: int) -> None:
    for number in range(count):
        path = clip(folder / f"in/{number % 3}/clip{number:02}.wav")
        path.with_suffix(".txt").write_text(f"The words of clip {number}.", encoding="utf-8")


def content(folder: Path) -> dict[str, bytes]:
    """Everything that looks like an output, without a killed writer's temporary files."""
    return {
        name: (folder / name).read_bytes()
        for name in sorted(files(folder))
        if not Path(name).name.startswith(".parakeet-")
    }


def journal(folder: Path, kind: str) -> Counter[str]:
    """How often each input began, or ended, by its name; nothing before there is a journal."""
    rows = []
    path = folder / "run/journal.jsonl"
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return Counter(Path(row[kind]).name for row in rows if kind in row)


def status(folder: Path) -> dict[str, Any]:
    done = transcribe(folder, "--status", "run", "--json")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_second_run_does_only_what_is_left(tmp_path: Path) -> None:
    batch(tmp_path, 6)
    (tmp_path / "in/empty.wav").touch()
    first = transcribe(tmp_path, *RUN, "--manifest-out", "first.jsonl")
    assert first.code == 1
    assert "7 files: 6 ok, 1 failed." in first.err
    again = transcribe(tmp_path, *RUN, "--manifest-out", "again.jsonl")
    assert again.code == 1
    assert "7 files: 6 ok, 1 failed (7 of them before)." in again.err
    assert "in/empty.wav is empty" in again.err
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "first.jsonl").read_bytes()
    found = status(tmp_path)
    assert (found["done"], found["failed"], found["left"], found["running"]) == (6, 1, 0, False)
    assert found["audio_seconds"] == pytest.approx(6 * 2.99)
    assert set(journal(tmp_path, "begun").values()) == {1}
    shutil.copyfile(tmp_path / "in/0/clip00.wav", tmp_path / "in/repaired.wav")
    (tmp_path / "in/empty.wav").unlink()
    (tmp_path / "in/repaired.wav").rename(tmp_path / "in/empty.wav")
    repaired = transcribe(tmp_path, *RUN)
    assert repaired.code == 0, repaired.err


def test_retry_failed_tries_once_more(tmp_path: Path) -> None:
    batch(tmp_path, 2)
    (tmp_path / "in/empty.wav").touch()
    assert transcribe(tmp_path, *RUN).code == 1
    assert transcribe(tmp_path, *RUN, "--retry-failed").code == 1
    assert journal(tmp_path, "begun") == {"clip00.wav": 1, "clip01.wav": 1, "empty.wav": 2}


def test_changed_inputs_outputs_and_options_are_transcribed_again(tmp_path: Path) -> None:
    batch(tmp_path, 6)
    assert transcribe(tmp_path, *RUN).code == 0
    whole = content(tmp_path / "out")
    os.utime(tmp_path / "in/0/clip00.wav", (1, 1))  # the input
    (tmp_path / "out/1/clip01.txt").unlink()  # an output
    (tmp_path / "out/2/clip02.json").write_text("{}")
    os.utime(tmp_path / "out/0/clip03.txt", (1, 1))  # only its time: the content stands
    assert transcribe(tmp_path, *RUN).code == 0
    begun = journal(tmp_path, "begun")
    assert {name for name, count in begun.items() if count == 2} == {
        "clip00.wav",
        "clip01.wav",
        "clip02.wav",
    }
    assert content(tmp_path / "out") == whole
    other = transcribe(tmp_path, *RUN, "--language", "en")  # the options
    assert other.code == 0, other.err
    assert "(0 of" not in other.err
    assert all(count >= 2 for count in journal(tmp_path, "begun").values())


def test_a_file_that_is_not_the_run_s_own_is_not_replaced(tmp_path: Path) -> None:
    batch(tmp_path, 2)
    (tmp_path / "out/0").mkdir(parents=True)
    (tmp_path / "out/0/clip00.txt").write_text("Somebody wrote this by hand.")
    done = transcribe(tmp_path, *RUN)
    assert done.code == 1
    assert "clip00.txt already exists" in done.err
    assert (tmp_path / "out/0/clip00.txt").read_text() == "Somebody wrote this by hand."
    assert transcribe(tmp_path, *RUN, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in", "--run", "run"), "--run needs output files"),
        (("in", "-f", "txt", "--retry-failed"), "--retry-failed needs --run"),
        (("-", "-f", "txt", "--run", "run"), "stdin can't be part of a --run"),
        (("in", "-f", "txt", "--shard", "4/3"), "it must be I/N"),
        ((), "Name what to transcribe"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    batch(tmp_path, 1)
    done = transcribe(tmp_path, *arguments)
    assert done.code == 2
    assert message in done.err
    assert files(tmp_path / "in") == {"0/clip00.wav", "0/clip00.txt"}


def test_a_dry_run_prints_what_would_be_done_and_does_nothing(tmp_path: Path) -> None:
    batch(tmp_path, 2)
    before = files(tmp_path)
    done = transcribe(tmp_path, *RUN, "--dry-run")
    assert done.code == 0
    assert done.out.decode().splitlines() == [
        f"in/{n}/clip0{n}.wav  3.0 s  -> out/{n}/clip0{n}.txt, out/{n}/clip0{n}.json"
        for n in range(2)
    ]
    assert "2 of 2 files would be transcribed, 6.0 s of audio. Nothing was done." in done.err
    assert files(tmp_path) == before


def test_three_shards_side_by_side_are_the_union_of_one_run(tmp_path: Path) -> None:
    batch(tmp_path, 12)
    assert transcribe(tmp_path, "in", "-f", "txt,json", "-o", "whole").code == 0
    shards = [start(tmp_path, "transcribe", *RUN, "--shard", f"{n}/3") for n in (1, 2, 3)]
    for shard in shards:
        _, err = shard.communicate(timeout=120)
        assert shard.returncode == 0, err
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    ended: Counter[str] = Counter()
    for n in (1, 2, 3):
        lines = (tmp_path / f"run/shard-{n}-of-3/journal.jsonl").read_text().splitlines()
        ended.update(row["ended"] for row in map(json.loads, lines) if "ended" in row)
    assert len(ended) == 12
    assert set(ended.values()) == {1}
    assert status(tmp_path)["done"] == 12


def killed(tmp_path: Path, times: int, seed: int, *more: str, in_hand: int = 3) -> None:
    """Kill the driver at random moments; the resumed run must end as if it never was killed."""
    batch(tmp_path, 30)
    (tmp_path / "in/empty.wav").touch()
    done = transcribe(tmp_path, "in", "-f", "txt,json", "-o", "whole")
    assert done.code == 1, done.err
    whole = content(tmp_path / "whole")
    rolls = random.Random(seed)
    kills = middle = 0
    while kills < times:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        ended = 0
        while kills < times:
            before = ended
            process = start(tmp_path, "transcribe", *RUN, *more, engine=SLOW)
            until = time.monotonic() + 60
            if rolls.random() < 0.8:  # else while it is still starting
                seen = len(files(tmp_path / "out"))
                while process.poll() is None and time.monotonic() < until:
                    if len(files(tmp_path / "out")) > seen:
                        break
                    time.sleep(0.005)
            time.sleep(rolls.uniform(0, 1.0))
            process.kill()
            process.communicate()
            kills += 1
            ended = sum(journal(tmp_path, "ended").values())
            middle += before < ended < 31
            if process.returncode == 1:
                break
        last = transcribe(tmp_path, *RUN, *more, limit=180)
        assert last.code == 1, last.err
        assert content(tmp_path / "out") == whole
        assert set(journal(tmp_path, "ended").values()) == {1}
        again = sum(journal(tmp_path, "begun").values()) - 31
        assert again <= in_hand * kills
    assert middle >= max(1, times // 3), "it was seldom killed in the middle"


@pytest.mark.slow
def test_killed_at_random_moments_a_run_goes_on(tmp_path: Path) -> None:
    killed(tmp_path, times=5, seed=1)


@pytest.mark.soak
def test_killed_at_thirty_random_moments_a_run_goes_on(tmp_path: Path) -> None:
    killed(tmp_path, times=30, seed=2)
