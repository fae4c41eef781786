"""A journal that a stranger planted in an environment does nothing, and is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.doctor.repair.rollback.restore import (
    prune,
    recover,
    restore_points,
    rollback,
)
from parakeet_cli.doctor.repair.rollback.validate import JournalRefused
from tests.security.repairs import SITE, Case, make, tree

Plant = Callable[[Case], object]


def roots(*names: object) -> Plant:
    """The journal's events name these folders."""

    def plant(case: Case) -> None:
        def change(rows: list[Any]) -> None:
            for row in rows:
                if "roots" in row:
                    row["roots"] = list(names)

        case.changed("journal", change)

    return plant


def name(text: str) -> Plant:
    """The list of files has another name in its last line, and there is a file stored for it."""

    def plant(case: Case) -> None:
        stored = case.repair / os.path.normpath(f"kept/{text}")  # where a join leads
        if not stored.exists():
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_text("overwritten")
        now = stored.stat()
        row = [text, "file", now.st_mode & 0o7777, now.st_size, now.st_mtime_ns, now.st_ino, ""]
        case.changed("before", lambda rows: rows.__setitem__(-1, row))

    return plant


def entry(name: str, kind: str = "file", target: str = "") -> Plant:
    """The list of files has one line more."""
    row = [name, kind, 0o644, 1, 1, 1, target]
    return lambda case: case.changed("before", lambda rows: rows.append(row))


def value(place: int, new: object) -> Plant:
    """A line of the list of files has another value in one place."""
    return lambda case: case.changed("before", lambda rows: rows[0].__setitem__(place, new))


def event(**row: object) -> Plant:
    """The journal has one event more, before its last."""
    return lambda case: case.changed("journal", lambda rows: rows.insert(-1, row))


def text(file: str, data: bytes) -> Plant:
    return lambda case: (case.repair / file).write_bytes(data)


def replaced_by_a_link(name: str, target: str) -> Plant:
    """Something in the environment is a link to a copy of it, or to what is there, outside."""

    def plant(case: Case) -> None:
        path = case.env / name.replace("ID", case.repair.name)
        there = case.outside / target
        if not there.exists():
            shutil.copytree(path, there, symlinks=True)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.symlink_to(there)

    return plant


def a_file_by_a_link(name: str) -> Plant:
    def plant(case: Case) -> None:
        shutil.copy2(case.repair / name, case.outside / name)
        (case.repair / name).unlink()
        (case.repair / name).symlink_to(case.outside / name)

    return plant


def a_hard_link(name: str) -> Plant:
    """A file of the journal is also a file outside, which would be written with it."""

    def plant(case: Case) -> None:
        shutil.copy2(case.repair / name, case.outside / name)
        (case.repair / name).unlink()
        os.link(case.outside / name, case.repair / name)

    return plant


def fifo(name: str) -> Plant:
    def plant(case: Case) -> None:
        path = case.repair / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    return plant


def mode(name: str, bits: int) -> Plant:
    return lambda case: (case.env / name.replace("ID", case.repair.name)).chmod(bits)


def stored(name: str) -> Plant:
    """The snapshot has a file that isn't in the list."""

    def plant(case: Case) -> None:
        path = case.repair / "kept" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    return plant


def deep(case: Case) -> None:
    folder = os.open(case.repair, os.O_RDONLY)
    os.mkdir("work", dir_fd=folder) if not (case.repair / "work").exists() else None
    here = os.open("work", os.O_RDONLY, dir_fd=folder)
    for _ in range(200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    os.close(folder)


def without(name: str) -> Plant:
    def plant(case: Case) -> None:
        path = case.repair / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return plant


LONG = "a/" * 3_000 + "a"
PLANTED: Mapping[str, Plant] = {
    # Deleting: what is in a root and not in the list of files is removed.
    "a root above": roots("../outside"),
    "a root above, by a way around": roots("lib/../../outside"),
    "a root above, from site-packages": roots(f"{SITE}/../../../../outside"),
    "an absolute root": lambda case: roots(str(case.outside))(case),
    "a root above among good ones": roots("bin", "../outside/victim", SITE),
    "the environment itself": roots("."),
    "an empty root": roots(""),
    "a root with an end": roots("bin/"),
    "the journals' own folder": roots(".parakeet"),
    "a folder of the environment that is no repair's": roots("project/src"),
    "roots in each other": roots("lib", SITE),
    "a root with NUL": roots("bin\0"),
    "a root that is no text": roots(["bin"]),
    "no roots": roots(),
    "a root behind a link": replaced_by_a_link("lib", "lib"),
    # Overwriting: what is in the list of files is made.
    "a name above": name("../outside/canary"),
    "a name above, in a root": name(f"{SITE}/../../../../outside/canary"),
    "an absolute name": lambda case: name(str(case.outside / "canary"))(case),
    "a name in no root": entry("other/file"),
    "the configuration of the environment": entry("pyvenv.cfg"),
    "a name twice": entry(f"{SITE}/numpy/version.py"),
    "a name in a file": entry("bin/f2py/more"),
    "a name in a link": entry(f"{SITE}/torch/lib/more"),
    "a name in a folder that isn't in the list": entry(f"{SITE}/other/more"),
    "a name with NUL": entry("bin/\0"),
    "a name with half of a character": entry("bin/\ud800"),
    "a long name": entry(f"bin/{LONG}"),
    "a long component": entry(f"bin/{'a' * 256}"),
    "a link without a target": entry("bin/x", "link"),
    "a file with a target": entry("bin/x", "file", "y"),
    "a socket": entry("bin/x", "socket"),
    "a mode that no file has": value(2, 0o17777),
    "a mode that is no number": value(2, True),
    "a size below nothing": value(3, -1),
    "a size that is no number": value(3, "0"),
    "a time that no file has": value(4, 10**30),
    "one value more": lambda case: case.changed("before", lambda rows: rows[0].append("")),
    "an object in the place of a line": lambda case: case.changed(
        "before", lambda rows: rows.append({"bin/x": 1})
    ),
    "a list that is no JSON": text("before", b"\x80\x04."),
    "a list nested deeply": text("before", b"[" * 100_000),
    "a list that is one long line": text("before", b'["' + b"a" * 2**20 + b'"]'),
    "no list": without("before"),
    # What is stored.
    "a file more than in the list": stored(f"{SITE}/numpy/more.py"),
    "a file above the roots": stored("lib/more.py"),
    "a folder that is a link": replaced_by_a_link(f".parakeet/ID/kept/{SITE}/numpy", "numpy"),
    "a snapshot that is a link": replaced_by_a_link(".parakeet/ID/kept", "kept"),
    "a FIFO among the stored files": fifo(f"kept/{SITE}/numpy/removed.py"),
    # The journal.
    "an unknown event": event(event="run", command="rm"),
    "an event with a key more": event(event="fetched", roots=["bin"], time=1.0, more=1),
    "a row that is no event": event(time=1.0),
    "other roots in one event": event(event="keeping", roots=["share"], time=1.0),
    "a time that is none": event(event="fetched", time=float("inf")),
    "a number that is too long": lambda case: text(
        "journal", (case.repair / "journal").read_bytes() + b'{"event":"step","stage":1e999}\n'
    )(case),
    "text in the place of the journal": text("journal", b"nothing\n"),
    "a journal nested deeply": text("journal", b"[" * 100_000),
    "a huge journal": text("journal", b'{"event":"fetched"}\n' * 100_000),
    "no journal, but what one names": without("journal"),
    # What the files are.
    "a journal that is a FIFO": fifo("journal"),
    "a list that is a FIFO": fifo("before"),
    "a scratch file that is a FIFO": fifo("kept.tmp"),
    "a journal that is a link": a_file_by_a_link("journal"),
    "a list that is a link": a_file_by_a_link("before"),
    "a journal that is a hard link": a_hard_link("journal"),
    "a list that is a hard link": a_hard_link("before"),
    "a journal's folder that is a link": replaced_by_a_link(".parakeet/ID", "repair"),
    "a folder of journals that is a link": replaced_by_a_link(".parakeet", "repairs"),
    "a second repair that is a link": lambda case: (
        case.env / ".parakeet/20990101-000000"
    ).symlink_to(case.outside),
    "a folder of another name": lambda case: (case.env / ".parakeet/x").mkdir(),
    "a name that a terminal obeys": lambda case: (case.env / ".parakeet/\x1b]0;x\x07").mkdir(),
    "something else in the folder": lambda case: (case.repair / "more").write_text("x"),
    "folders nested deeply": deep,
    # Who could write it.
    "a folder of journals that all can write": mode(".parakeet", 0o777),
    "a repair's folder that a group can write": mode(".parakeet/ID", 0o775),
    "a journal that all can write": mode(".parakeet/ID/journal", 0o666),
    "a snapshot that all can write": mode(".parakeet/ID/kept", 0o777),
}


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The tests make the environment as most people's umask does."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("complete", [False, True], ids=["interrupted", "complete"])
@pytest.mark.parametrize("planted", PLANTED)
def test_nothing_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str, complete: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "x").mkdir()
    case = make(tmp_path / "x", complete=complete)
    PLANTED[planted](case)
    before = tree(case.folder) if planted != "folders nested deeply" else tree(case.outside)
    act = rollback if complete else recover
    with pytest.raises(JournalRefused) as caught:
        act(str(case.env))
    assert "Nothing was touched" in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.hint
    after = tree(case.folder) if planted != "folders nested deeply" else tree(case.outside)
    assert after == before


@pytest.mark.parametrize("complete", [False, True], ids=["interrupted", "complete"])
def test_the_same_without_a_plant_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    case = make(tmp_path, complete=complete)
    outside = tree(case.outside)
    assert bool(restore_points(str(case.env))) is complete
    (rollback if complete else recover)(str(case.env))
    numpy = case.env / SITE / "numpy"
    assert sorted(path.name for path in numpy.iterdir()) == ["removed.py", "version.py"]
    assert (numpy / "version.py").read_text() == "2.0\n"
    assert not (case.env / ".parakeet").exists()
    assert tree(case.outside) == outside


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_user_s_journal_is_refused(tmp_path: Path) -> None:
    case = make(tmp_path, complete=False)
    os.chown(case.repair, 12_345, 12_345)
    before = tree(tmp_path)
    with pytest.raises(JournalRefused, match="user 12345") as caught:
        recover(str(case.env))
    assert "Run this command as user 12345" in caught.value.hint
    assert tree(tmp_path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's files are root's")
@pytest.mark.parametrize("answer", [None, False, True], ids=["nobody", "no", "yes"])
def test_root_s_repair_is_put_back_only_if_the_user_wants_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bool | None
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    case = make(tmp_path, complete=False)
    before = tree(tmp_path)
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return bool(answer)

    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    if answer:
        recover(str(case.env), confirm=confirm)
        assert not (case.env / ".parakeet").exists()
    else:
        with pytest.raises(JournalRefused, match="root began"):
            recover(str(case.env), confirm=None if answer is None else confirm)
        assert tree(tmp_path) == before
    assert len(asked) == (answer is not None)


def test_old_journals_are_not_pruned_where_one_is_planted(tmp_path: Path) -> None:
    case = make(tmp_path, complete=True)
    PLANTED["a second repair that is a link"](case)
    before = tree(tmp_path)
    with pytest.raises(JournalRefused):
        prune(str(case.env), days=0)
    assert tree(tmp_path) == before


# By the command

DELETING, OVERWRITING = "a root above among good ones", "a name above"
BY_COMMAND = (DELETING, OVERWRITING, "a root behind a link", "a journal that is a FIFO")
COMMANDS: Mapping[str, tuple[list[str], int]] = {
    "--fix": (["doctor", "--python", "PYTHON", "--fix"], 6),
    "--fix --yes": (["doctor", "--python", "PYTHON", "--fix", "--yes"], 6),
    "--reinstall --yes": (["doctor", "--python", "PYTHON", "--reinstall", "--yes"], 6),
    "rollback": (["doctor", "--python", "PYTHON", "rollback"], 6),
    "the start-up hook": (["config", "path"], 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("planted", BY_COMMAND)
def test_no_command_touches_anything(tmp_path: Path, planted: str, command: str) -> None:
    words, code = COMMANDS[command]
    (tmp_path / "x").mkdir()
    case = make(tmp_path / "x", complete=command == "rollback", venv=True)
    PLANTED[planted](case)
    before = tree(case.folder)
    python = str(case.env / "bin/python")
    done = case.parakeet(*[python if word == "PYTHON" else word for word in words])
    assert tree(case.folder) == before, done.stderr
    assert done.returncode == code, done.stderr
    assert done.stderr.count("Nothing was touched.") == 1, done.stderr
    assert str(case.env) in done.stderr
    assert "Traceback" not in done.stderr
