"""--watch: each file once, when it is whole, whatever happens to it, to the folder and to us."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.transcribe.command import CLIP, clip, files, transcribe
from tests.integration.transcribe.test_crashes import mounted
from tests.integration.transcribe.test_runs import SLOW, journal, status
from tests.integration.transcribe.watching import WATCH, watching


def words(path: Path, text: str) -> Path:
    """A clip of which the mock engine says that text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".txt").write_text(text, encoding="utf-8")
    return clip(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_is_there_and_what_arrives_is_transcribed_once_until_a_signal_ends_it(
    tmp_path: Path, number: int
) -> None:
    clip(tmp_path / "in/there.wav")
    with watching(tmp_path) as watch:
        watch.says("there.wav: ok, 3.0 s")
        clip(tmp_path / "in/deep/er/arrived.wav")
        watch.says("arrived.wav: ok")
        assert status(tmp_path)["state"] == "running"
        err = watch.end(number)
    assert "Ended: 2 files transcribed, 0 failed. The same command goes on from here." in err
    names = {"there", "deep/er/arrived"}
    assert files(tmp_path / "out") == {f"{one}.{kind}" for one in names for kind in ("txt", "json")}
    found = status(tmp_path)
    assert (found["state"], found["done"], found["left"], found["total"]) == ("finished", 2, 0, 2)
    with watching(tmp_path) as watch:  # the same command again
        watch.looks(tmp_path / "in")
        watch.end()
    assert {one: journal(tmp_path, "begun")[one] for one in ("there.wav", "arrived.wav")} == {
        "there.wav": 1,
        "arrived.wav": 1,
    }


@pytest.mark.parametrize(
    "way", [(), ("--workers", "2"), ("--feeders", "2")], ids=["one", "workers", "feeders"]
)
def test_a_watch_killed_at_any_moment_loses_nothing_and_does_nothing_twice(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    rolls = random.Random(len(way[0]) if way else 0)
    count = 24
    for number in range(count // 2):
        words(tmp_path / f"in/{number:02}.wav", f"Words {number}.")
    arriving = iter(range(count // 2, count))
    for _kill in range(4):
        with watching(tmp_path, *way, engine=SLOW) as watch:
            watch.says("Watching in.")
            for number in [next(arriving) for _ in range(3)]:
                words(tmp_path / f"in/{number:02}.wav", f"Words {number}.")
            time.sleep(rolls.uniform(0.3, 1.5))
            watch.end(signal.SIGKILL)
    with watching(tmp_path, *way, engine=SLOW) as watch:
        watch.until(lambda: len(files(tmp_path / "out")) == 2 * count)
        watch.looks(tmp_path / "in")
        watch.end()
    assert not list(tmp_path.rglob(".parakeet-*"))
    for number in range(count):
        assert (tmp_path / f"out/{number:02}.txt").read_text().strip() == f"Words {number}."
    ended = journal(tmp_path, "ended")
    assert {ended[f"{number:02}.wav"] for number in range(count)} == {1}


def test_a_copy_that_pauses_is_waited_for_and_an_unfinished_name_too(tmp_path: Path) -> None:
    sound = CLIP.read_bytes()
    (tmp_path / "in").mkdir()
    with watching(tmp_path) as watch:
        with (tmp_path / "in/paused.wav").open("wb") as paused:
            paused.write(sound[:30000])
            paused.flush()
            for name in ("film.wav.part", "film.wav.crdownload", ".film.wav.x1Y2z3", ".film.wav"):
                (tmp_path / "in" / name).write_bytes(sound)
            (tmp_path / "in/placeholder.wav").touch()  # as Firefox makes one, and its own beside it
            (tmp_path / "in/placeholder.x1.wav.part").write_bytes(sound)
            for number in range(3):  # each comes after several times the time to settle
                watch.looks(tmp_path / "in", f"sentinel{number}")
            assert not (tmp_path / "out").exists()
            paused.write(sound[30000:])
        watch.says("paused.wav: ok, 3.0 s")
        (tmp_path / "in/film.wav.part").rename(tmp_path / "in/film.wav")
        (tmp_path / "in/placeholder.x1.wav.part").replace(tmp_path / "in/placeholder.wav")
        watch.says("film.wav: ok, 3.0 s")
        watch.says("placeholder.wav: ok, 3.0 s")
        watch.end()
    begun = journal(tmp_path, "begun")
    assert {name: n for name, n in begun.items() if "sentinel" not in name} == {
        "paused.wav": 1,
        "film.wav": 1,
        "placeholder.wav": 1,
    }


def test_other_content_under_the_same_name_is_transcribed_and_replaces_the_text(
    tmp_path: Path,
) -> None:
    path = words(tmp_path / "in/a.wav", "The first.")
    with watching(tmp_path) as watch:
        watch.says("a.wav: ok")
        path.unlink()
        watch.looks(tmp_path / "in")
        words(path, "The second.")
        watch.says("a.wav: ok", times=2)
        words(path, "The third.")  # written over it, with the same size
        watch.says("because the recording has changed", times=2)
        watch.says("a.wav: ok", times=3)
        watch.end()
    assert (tmp_path / "out/a.txt").read_text() == "The third.\n"
    assert status(tmp_path)["left"] == 0
    words(path, "The fourth, while nobody watches.")
    with watching(tmp_path) as watch:
        watch.says("a.wav: ok")
        assert watch.end().count("because the recording has changed") == 1


def test_a_file_that_can_t_be_read_is_reported_once_and_again_only_if_asked(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/bad.wav").write_bytes(b"no sound at all")
    with watching(tmp_path) as watch:
        watch.says("Failed: in/bad.wav")
        watch.looks(tmp_path / "in")
        err = watch.end()
    assert err.count("bad.wav") == 1
    with watching(tmp_path) as watch:
        watch.looks(tmp_path / "in", "another")
        assert "bad.wav" not in watch.end()
    with watching(tmp_path, "--retry-failed") as watch:
        watch.says("Failed: in/bad.wav")
        (tmp_path / "in/bad.wav").chmod(0o600)  # it may be readable from now on
        watch.says("Failed: in/bad.wav", times=2)
        watch.end()
    assert status(tmp_path)["failed"] >= 1


def test_a_folder_that_goes_and_returns_costs_nothing(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    with watching(tmp_path) as watch:
        watch.says("a.wav: ok")
        (tmp_path / "in").rename(tmp_path / "away")
        watch.says("in can't be read: No such file or directory. It is looked for until it can.")
        clip(tmp_path / "away/b.wav")
        (tmp_path / "away").rename(tmp_path / "in")
        watch.says("in can be read again.")
        watch.says("b.wav: ok")
        err = watch.end()
    assert err.count("can't be read") == 1
    (tmp_path / "in").rename(tmp_path / "away")
    with watching(tmp_path, made=False) as watch:  # it isn't mounted at the start
        watch.says("in can't be read")
        (tmp_path / "away").rename(tmp_path / "in")
        clip(tmp_path / "in/c.wav")
        watch.says("c.wav: ok")
        watch.end()
    assert journal(tmp_path, "begun") == {"a.wav": 1, "b.wav": 1, "c.wav": 1}


def test_a_mount_that_goes_in_mid_recording_loses_no_part_of_it(tmp_path: Path) -> None:
    with mounted(tmp_path / "in", "size=64m"):
        for number in range(30):
            words(tmp_path / f"in/{number:02}.wav", f"Words {number}.")
        shutil.copytree(tmp_path / "in", tmp_path / "copy")
        with watching(tmp_path, engine=SLOW) as watch:
            watch.until(lambda: len(files(tmp_path / "out")) >= 6)
            subprocess.run(["umount", "-l", tmp_path / "in"], check=True)
            watch.until(lambda: not list((tmp_path / "in").iterdir()))
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path / "in"], check=True)
            shutil.copytree(tmp_path / "copy", tmp_path / "in", dirs_exist_ok=True)
            watch.until(lambda: len(files(tmp_path / "out")) == 60)
            watch.looks(tmp_path / "in")
            watch.end()
        found = status(tmp_path)
        assert (found["done"], found["partial"], found["left"]) == (30, 0, 0)
    for number in range(30):
        # The mock's text lies beside the recording, and can be gone once all of that is decoded.
        texts = (f"Words {number}.\n", "This is a mock transcript of 2.99 seconds of audio.\n")
        assert (tmp_path / f"out/{number:02}.txt").read_text() in texts


def test_a_full_disk_is_waited_for_and_fails_nothing(tmp_path: Path) -> None:
    for number in range(20):
        clip(tmp_path / f"in/{number:02}.wav")
    with mounted(tmp_path / "out", "size=48k"):
        with watching(tmp_path, "--wait", "1s") as watch:
            watch.says("Waiting: the disk of the outputs is full. It is tried again each 1 s.")
            time.sleep(2.5)  # it is said once, however often it is tried
            subprocess.run(["mount", "-o", "remount,size=8m", tmp_path / "out"], check=True)
            watch.says("Going on.")
            watch.until(lambda: len(files(tmp_path / "out")) == 40)
            watch.looks(tmp_path / "in")
            err = watch.end()
        assert err.count("Waiting: ") == 1
        assert "Failed: in/0" not in err and "Failed: in/1" not in err
    assert set(journal(tmp_path, "ended").values()) == {1}


def test_a_full_disk_under_the_journal_loses_no_transcript(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with mounted(tmp_path / "run", "size=64k"):
        with watching(tmp_path, "--wait", "1s") as watch:
            watch.says("Watching in.")
            filler = tmp_path / "run/filler"
            with pytest.raises(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(512))
            for number in range(20):
                clip(tmp_path / f"in/{number:02}.wav")
            watch.says("Waiting: ")
            filler.unlink()
            watch.says("Going on.")
            watch.until(lambda: sum(journal(tmp_path, "ended").values()) == 20)
            watch.end()
        assert set(journal(tmp_path, "ended").values()) == {1}
        assert len(files(tmp_path / "out")) == 40


def test_the_end_of_a_watch_counts_what_was_transcribed_in_part(tmp_path: Path) -> None:
    clip(tmp_path / "in/whole.wav")
    whole = (tmp_path / "in/whole.wav").read_bytes()
    (tmp_path / "in/cut.wav").write_bytes(whole[: len(whole) // 2])
    with watching(tmp_path) as watch:
        watch.says("Partial: ")
        watch.says("whole.wav: ok")
        err = watch.end()
    assert "Ended: 2 files transcribed, 1 of them in part, 0 failed." in err


def test_outputs_in_the_watched_folder_are_not_picked_up(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    asked = ("--watch", "in", "-f", "all", "-o", "in", "--run", "in/run", "--all-files")
    with watching(tmp_path, "--log", "in/log.txt", asked=asked) as watch:
        watch.says("a.wav: ok")
        clip(tmp_path / "in/b.wav")
        watch.says("b.wav: ok")
        clip(tmp_path / "in/no-suffix")
        watch.says("no-suffix: ok")
        err = watch.end()
    assert "Failed" not in err
    assert "Ended: 3 files transcribed" in err


def test_two_recordings_for_one_output_are_kept_apart_and_said(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    with watching(tmp_path) as watch:
        watch.says("a.wav: ok")
        shutil.copyfile(CLIP, tmp_path / "in/a.wave")
        watch.says("Its transcript would be written to out/a.txt, which is that of in/a.wav.")
        watch.end()
    with watching(tmp_path) as watch:
        watch.says("Its transcript would be written to out/a.txt, which is that of in/a.wav.")
        watch.looks(tmp_path / "in")
        watch.end()
    assert journal(tmp_path, "begun")["a.wav"] == 1


def test_existing_outputs_are_skipped_replaced_or_refused_as_in_a_batch(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    (tmp_path / "out").mkdir()
    for kind in ("txt", "json"):
        (tmp_path / f"out/a.{kind}").write_text("mine")
    with watching(tmp_path) as watch:
        watch.says("already exists.")
        watch.end()
    with watching(tmp_path, "--skip-existing") as watch:
        watch.says("a.wav: skipped")
        watch.end()
    assert (tmp_path / "out/a.txt").read_text() == "mine"
    with watching(tmp_path, "--overwrite") as watch:
        watch.says("a.wav: ok")
        watch.end()
    assert (tmp_path / "out/a.txt").read_text() != "mine"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("--watch", "in", "-f", "txt"), "--watch needs --run DIR"),
        ((*WATCH, "more.wav"), "leave out more.wav"),
        (("--watch", "nowhere", *WATCH[2:]), "there is no such folder"),
        (("--watch", "file", *WATCH[2:]), "it isn't a folder"),
        (("in", "--then", "true"), "--then needs --watch"),
        ((*WATCH, "--then-timeout", "5"), "--then-timeout needs --then"),
        ((*WATCH, "--settle", "soon"), "--settle soon"),
    ],
)
def test_what_a_watch_can_t_honour_it_refuses(
    tmp_path: Path, asked: tuple[str, ...], why: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "file").touch()
    done = transcribe(tmp_path, *asked)
    assert (done.code, why in done.err) == (2, True), done.err
    assert not (tmp_path / "run").exists()


def test_a_watch_that_waits_takes_hardly_any_time_of_the_processor(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / "in" / f"{number}").mkdir(parents=True)
        (tmp_path / f"in/{number}/notes.md").touch()
    clip(tmp_path / "in/a.wav")
    with watching(tmp_path) as watch:
        watch.looks(tmp_path / "in")
        before, began = busy_seconds(watch.process.pid), time.monotonic()
        time.sleep(4)
        used = busy_seconds(watch.process.pid) - before
        share = used / (time.monotonic() - began)
        watch.end()
    assert share < 0.1, share  # a hundredth where nothing else runs


def busy_seconds(pid: int) -> float:
    """User and system seconds of a process and of those that it has started."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(path.parent.name) == pid or int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
