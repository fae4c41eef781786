"""Run folders and manifests from a stranger: nothing is replaced on their word alone."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.errors import OutputError, ParakeetError
from parakeet_cli.formats.manifest import earlier_lines, merge, read_manifest
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.run.journal import read_journal
from parakeet_cli.transcribe.run.run_folder import open_run_folder
from tests.fuzz.mutations import mutation
from tests.integration.transcribe.command import clip, transcribe

RUN = ("in", "-f", "txt", "-o", "out", "--run", "run")
HAND = "Somebody wrote this by hand."
OTHER = 65_533
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
CASES = int(os.environ.get("PARAKEET_SOAK_JOURNALS", "0"))


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A folder with a finished run of one recording."""
    clip(tmp_path / "in/clip.wav")
    assert transcribe(tmp_path, *RUN).code == 0
    return tmp_path


def plant(folder: Path) -> Path:
    """Let the journal say that the run has only begun, and put another file at its output."""
    path = folder / "run/journal.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    begun = [row for row in rows if "begun" in row]
    assert begun
    path.write_text("".join(json.dumps(row) + "\n" for row in begun), encoding="utf-8")
    (folder / "out/clip.txt").write_text(HAND, encoding="utf-8")
    return path


def output(folder: Path) -> str:
    return (folder / "out/clip.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("how", ["writable", pytest.param("foreign", marks=needs_root)])
def test_a_journal_that_others_can_have_written_has_no_file_replaced(
    how: str, finished: Path
) -> None:
    path = plant(finished)
    if how == "writable":
        path.chmod(0o666)
    else:
        os.chown(path, OTHER, OTHER)
    done = transcribe(finished, *RUN)
    assert (done.code, output(finished)) == (1, HAND)
    assert "clip.txt already exists" in done.err
    assert transcribe(finished, *RUN, "--overwrite").code == 0
    assert output(finished) != HAND


@pytest.mark.parametrize("how", ["own", "group", pytest.param("squashed", marks=needs_root)])
def test_a_run_goes_on_where_its_journal_says_nothing_that_its_writers_could_not_do(
    how: str, finished: Path
) -> None:
    path = plant(finished)
    for one in (path, finished / "out/clip.txt"):
        if how == "group":  # umask 002
            one.chmod(0o664)
        elif how == "squashed":  # a share on which every file is nobody's
            os.chown(one, OTHER, OTHER)
    done = transcribe(finished, *RUN)
    assert done.code == 0, done.err
    assert output(finished) != HAND


@pytest.mark.parametrize("name", ["journal.jsonl", "results.jsonl", "lock"])
@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_nothing_is_written_through_a_link_in_a_run_s_folder(
    name: str, link: str, tmp_path: Path
) -> None:
    if link == "hard" and name != "lock":
        pytest.skip("rows are only added to those, and backups have hard links")
    clip(tmp_path / "in/clip.wav")
    victim = tmp_path / "victim"
    victim.write_text(HAND, encoding="utf-8")
    (tmp_path / "run").mkdir()
    if link == "hard":
        os.link(victim, tmp_path / "run" / name)
    else:
        (tmp_path / "run" / name).symlink_to(victim)
    done = transcribe(tmp_path, *RUN)
    assert done.code == 1
    assert "link" in done.err
    assert "Traceback" not in done.err
    assert victim.read_text(encoding="utf-8") == HAND


ENDED: dict[str, Any] = {
    "ended": "k",
    "status": "ok",
    "id": [1, 2],
    "options": "",
    "seconds": 1.0,
    "outputs": [["out", "sum", 1, 2]],
    "line": 0,
    "at": 1.0,
}


def varied(row: dict[str, Any], key: str, *values: Any) -> list[dict[str, Any]]:
    """The row with each of these values in turn."""
    return [{**row, key: value} for value in values]


WRONG: list[Any] = [
    *varied(ENDED, "status", None, [], {}, "fine"),
    *varied(ENDED, "id", [], "12", [1], [-1, 2], [1, []], {}),
    *varied(ENDED, "outputs", None, [[]], [["a"]], ["abcd"], [[1, 2, 3, 4]]),
    *varied(ENDED, "line", -1, "0", 0.5, [], 1 << 80),
    *varied(ENDED, "seconds", "1", None, float("nan"), float("inf"), -1),
    *varied(ENDED, "at", "1", None, float("nan")),
    *varied(ENDED, "reason", 5, ["x"]),
    {**ENDED, "ended": ["k"]},
    {"ended": "k"},
    {"begun": {}, "options": ""},
    {"begun": "k", "options": 5},
    *(
        {"plan": 1, "seconds": 1, "at": 1, "date": value}
        for value in (5, "../../etc", "2026-01-01/..", "", "٢٠٢٦-٠١-٠١")
    ),
    {"plan": -1, "seconds": 1, "at": 1, "date": "2026-01-01"},
]


@pytest.mark.parametrize("row", WRONG, ids=repr)
def test_a_row_that_no_run_writes_is_an_error_of_its_journal(row: object, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(OutputError, match="isn't a journal"):
        read_journal(tmp_path / "journal.jsonl")
    with pytest.raises(OutputError, match="isn't a journal"), open_run_folder(tmp_path, "o") as run:
        run.split([], retry_failed=False)


def test_an_offset_that_begins_no_line_is_not_used(tmp_path: Path) -> None:
    with LineStore(tmp_path / "lines") as lines:
        offsets = [lines.add("first\n"), lines.add("second\n")]
        assert [at for at in range(-2, 20) if lines.has_line(at)] == offsets


def test_a_fifo_or_a_line_without_an_end_stops_no_reader_of_manifests(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert earlier_lines(tmp_path / "fifo") == {}
    long = tmp_path / "long"
    long.touch()
    os.truncate(long, 8 << 30)
    with pytest.raises(ParakeetError, match="64 MiB"):
        list(read_manifest(long))


@pytest.mark.parametrize("key", ["offset", "audio_stream", "audio_filepath"])
@pytest.mark.parametrize(
    "value", [[], {}, "x", -1, float("nan"), 10**400, True], ids=lambda value: str(value)[:9]
)
def test_values_of_wrong_types_are_a_sentence_when_manifests_are_merged(
    key: str, value: object, tmp_path: Path
) -> None:
    if (key, value) == ("audio_filepath", "x"):
        pytest.skip("that is a path")
    path = tmp_path / "manifest"
    path.write_text(json.dumps({"audio_filepath": "a.wav", key: value}), encoding="utf-8")
    try:
        merge([path])
    except ParakeetError:
        pass
    else:
        pytest.fail("it was taken")
    assert earlier_lines(path) == {}


VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**64,
    10**400,
    float("nan"),
    [],
    {},
    "x",
    "../x",
    [[]],
)


def damaged(rows: list[dict[str, Any]], seed: str) -> bytes:
    """Those rows with some values exchanged, some bytes, or both."""
    chance = random.Random(seed)
    rows = [dict(row) for row in rows]
    for _ in range(chance.randrange(3)):
        row = chance.choice(rows)
        row[chance.choice(list(row))] = chance.choice(VALUES)
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    return mutation(data, seed).data if chance.random() < 0.6 else data


def attack(tmp_path: Path, seed: int) -> None:
    """Damage a run's files and a manifest, and read them in every way."""
    result = {"audio_filepath": "a.wav", "duration": 1.0, "offset": 0.5, "status": "ok"}
    plan = {"plan": 1, "seconds": 1.0, "at": 1.0, "date": "2026-01-01"}
    run = tmp_path / f"run{seed}"
    run.mkdir()
    journal = damaged([plan, {"begun": "k", "options": ""}, ENDED], f"journal {seed}")
    (run / "journal.jsonl").write_bytes(journal)
    (run / "results.jsonl").write_bytes(damaged([result] * 2, f"results {seed}"))
    manifest = run / "manifest"
    manifest.write_bytes(damaged([result] * 3, f"manifest {seed}"))
    reads: tuple[Callable[[], object], ...] = (
        lambda: read_journal(run / "journal.jsonl"),
        lambda: _split(run),
        lambda: list(read_manifest(manifest)),
        lambda: merge([manifest, manifest], "last"),
        lambda: earlier_lines(manifest),
    )
    for read in reads:
        try:
            read()
        except ParakeetError as error:
            assert str(error), seed
    assert sorted(path.name for path in run.iterdir()) == [
        "journal.jsonl",
        "lock",
        "manifest",
        "results.jsonl",
    ]
    shutil.rmtree(run)


def _split(run: Path) -> None:
    with open_run_folder(run, "") as folder:
        folder.split([], retry_failed=True)
        list(folder.results.lines(range(5)))


def test_mutated_runs_and_manifests_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    for seed in range(CASES or 300):
        attack(tmp_path, seed)


@pytest.mark.soak
def test_ten_thousand_mutated_runs_and_manifests(tmp_path: Path) -> None:
    for seed in range(1_000_000, 1_000_000 + (CASES or 10_000)):
        attack(tmp_path, seed)
