"""What version 0.1.0 left on the disk, before the layout changed, is read and finished.

Each of these was left by a command that was killed, or that could not do all it was to do
(`leave_behind` says how), and is put here as it lay: the command goes on with it.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.integration.unchanged.cases_of_dictation import events
from tests.integration.unchanged.cases_of_transcription import clip, rows
from tests.integration.unchanged.leave_behind import (
    LEFT,
    MODEL,
    PLACE,
    RUN,
    RUN_CLIPS,
    fingerprint,
    inputs_of_the_run,
    sums,
)
from tests.integration.unchanged.running import made, parakeet, recorded, stable
from tests.media_files import SAMPLES


def there(path: Path, folder: Path, **more: str) -> None:
    """Fills in what is dependent on the machine."""
    data = path.read_bytes().replace(PLACE, str(folder).encode())
    for name, text in more.items():
        data = data.replace(f"<{name}>".encode(), text.encode())
    path.write_bytes(data)


# Runs


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with a run that was killed, and everything it had written."""
    folder = tmp_path.resolve()
    inputs_of_the_run(folder)
    kept = LEFT / "an_interrupted_run"
    for name in ("out", "run"):
        shutil.copytree(kept / name, folder / name)
    options = fingerprint(str(folder / "out"), ["txt", "json"])
    there(folder / "run/journal.jsonl", folder, options=options)
    # Half of the outputs have the time that they had, the others that of a copy.
    ended = [row for row in rows(folder / "run/journal.jsonl") if "ended" in row]
    for row in ended[::2]:
        for path, _, _, changed in row["outputs"]:
            os.utime(path, ns=(changed, changed))
    return folder


def journal(folder: Path, kind: str) -> list[str]:
    """The inputs that were begun, or ended, each time."""
    found = rows(folder / "run/journal.jsonl")
    return [str(Path(row[kind]).relative_to(folder)) for row in found if kind in row]


def as_of_0_1_0(data: bytes) -> bytes:
    """An output without the keys that later versions have added to the JSON."""
    lines = data.splitlines(keepends=True)
    return b"".join(
        line for line in lines if not line.startswith((b'  "doubts": ', b'  "streams": '))
    )


def test_the_fingerprint_of_options_is_unchanged() -> None:
    held = json.loads(recorded("fingerprints_of_options")["fingerprints.json"])
    assert held["plain"] == fingerprint("/nowhere/parakeet/out", ["txt"])


def test_the_status_of_a_run_begun_by_version_0_1_0_is_read(run: Path) -> None:
    done = parakeet(run, "transcribe", "--status", "run", "--json")
    wanted = json.loads((LEFT / "an_interrupted_run/status.json").read_bytes())
    found = json.loads(stable(done.out, run))
    assert wanted.pop("in_hand")
    assert found["in_hand"] == []  # its process is dead: those are left, as all the others
    assert {name: found[name] for name in wanted} == wanted
    assert (found["state"], found["total"], found["earlier"]) == ("stopped", 10, 0)


def test_a_run_begun_by_version_0_1_0_goes_on(run: Path) -> None:
    ended = journal(run, "ended")
    begun = journal(run, "begun")
    times = {path: path.stat().st_mtime_ns for path in (run / "out").rglob("*.*")}
    parakeet(run, *RUN, "--manifest-out", "done.jsonl", code=1)
    again = journal(run, "begun")[len(begun) :]
    every = {str(path.relative_to(run)) for path in (run / "in").rglob("*.wav")}
    assert sorted(again) == sorted(every - set(ended))
    assert {path: path.stat().st_mtime_ns for path in times} == times
    whole = LEFT / "an_interrupted_run"
    assert (run / "done.jsonl").read_bytes() == (whole / "whole.jsonl").read_bytes()
    found = {
        name.removeprefix("out/"): as_of_0_1_0(data) for name, data in made(run, "out").items()
    }
    wanted = {name.removeprefix("whole/"): data for name, data in made(whole, "whole").items()}
    assert found == wanted
    status = json.loads(parakeet(run, "transcribe", "--status", "run", "--json").out)
    assert (status["done"], status["partial"], status["failed"]) == (8, 1, 1)
    assert (status["left"], status["in_hand"]) == (0, [])


def test_a_run_from_version_0_1_0_with_other_options_is_repeated(run: Path) -> None:
    begun = journal(run, "begun")
    parakeet(run, *RUN, "--language", "en", code=1)
    assert len(journal(run, "begun")[len(begun) :]) == RUN_CLIPS + 2


def test_a_torn_line_is_skipped(run: Path) -> None:
    path = run / "run/journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"ended":"')
    parakeet(run, *RUN, code=1)
    path.write_bytes(path.read_bytes().replace(b'{"ended":"\n', b""))
    assert path.read_bytes().startswith(whole)
    assert len(journal(run, "ended")) == RUN_CLIPS + 2


def test_partial_transcripts_from_version_0_1_0_are_done_again(
    tmp_path: Path,
) -> None:
    clip(tmp_path / "in/cut.wav", "sense_0890.wav")
    clip(tmp_path / "in/whole.wav")
    (tmp_path / "out").mkdir()
    old = recorded("damaged_files")
    names = [f"out/{name}.{kind}" for name in ("cut", "whole") for kind in ("json", "txt")]
    for name in (*names, "out/manifest.jsonl"):
        (tmp_path / name).write_bytes(old[name])
    asked = ("transcribe", "in", "-f", "json,txt", "-o", "out", "--skip-existing")
    parakeet(tmp_path, *asked, "--manifest-out", "out/manifest.jsonl")
    assert json.loads((tmp_path / "out/cut.json").read_bytes())["status"] == "ok"
    assert (tmp_path / "out/cut.txt").read_bytes() != old["out/cut.txt"]
    assert (tmp_path / "out/whole.json").read_bytes() == old["out/whole.json"]
    found = {row["audio_filepath"]: row for row in rows(tmp_path / "out/manifest.jsonl")}
    assert found["in/cut.wav"]["status"] == "ok"
    assert found["in/whole.wav"] == json.loads(old["out/manifest.jsonl"].splitlines()[-1])


# Dictations


def dictation(name: str, folder: Path) -> Path:
    """The recording that a dictation left behind, and what lay beside it; where it lies."""
    kept = LEFT / name
    state = folder / "home/state/parakeet/dictation"
    state.mkdir(parents=True, mode=0o700)
    recording = state / "20250102-030405-4242"
    shutil.copytree(kept / "recording", recording)
    there(recording / "journal.jsonl", folder)
    for path in kept.iterdir():
        if path.is_file():
            shutil.copy(path, state if path.name == "history.jsonl" else folder)
    return recording


def history(folder: Path) -> list[tuple[str, bool | None]]:
    """What `dictate history` shows: each text, and whether it arrived."""
    shown = parakeet(folder, "dictate", "history", "--json")
    entries = [json.loads(line) for line in shown.out.splitlines()]
    return [(entry["text"], entry["delivered"]) for entry in entries]


def test_a_dictation_killed_by_version_0_1_0_is_recovered(tmp_path: Path) -> None:
    recording = dictation("a_dictation_killed_in_mid_speech", tmp_path)
    assert (tmp_path / "out.txt").read_text() == "Ten clubs\n"
    parakeet(tmp_path, "dictate", "--recover", "--sink", "file:out.txt")
    assert (tmp_path / "out.txt").read_text() == "Ten clubs\nSeven spades\n"
    assert not recording.exists()
    assert history(tmp_path) == [("Ten clubs", True), ("Seven spades", True)]


def test_a_text_of_uncertain_delivery_is_shown_and_not_inserted(
    tmp_path: Path,
) -> None:
    recording = dictation("a_dictation_killed_by_its_command", tmp_path)
    assert history(tmp_path) == [("Ten clubs", None)]
    done = parakeet(tmp_path, "dictate", "--recover", "--json")
    (shown,) = events(done.out)["error"]
    assert shown["uncertain"] == "Ten clubs"
    assert not recording.exists()


def test_an_undelivered_text_from_version_0_1_0_is_given_to_the_sink_that_lacks_it(
    tmp_path: Path,
) -> None:
    recording = dictation("a_dictation_that_did_not_arrive", tmp_path)
    assert history(tmp_path) == [("Ten clubs", False)]
    sinks = ("--sink", "file:out.txt", "--sink", "command:cat >> given")
    parakeet(tmp_path, "dictate", "--recover", *sinks)
    assert (tmp_path / "out.txt").read_text() == "Ten clubs\n"
    assert (tmp_path / "given").read_text().split() == ["Ten", "clubs"]
    assert not recording.exists()


def test_a_history_from_version_0_1_0_is_shown_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "home/state/parakeet/dictation"
    state.mkdir(parents=True)
    lines = b"".join(
        (LEFT / name / "history.jsonl").read_bytes()
        for name in ("a_dictation_killed_in_mid_speech", "a_dictation_that_did_not_arrive")
    )
    (state / "history.jsonl").write_bytes(lines)
    assert parakeet(tmp_path, "dictate", "history", "--json").out == lines


# Repairs


def unpacked(name: str, folder: Path) -> Path:
    """The environment as the repair left it: the times of its files as they were noted."""
    prefix = folder / "env"
    prefix.mkdir()
    with gzip.open(LEFT / name / "env.tar.gz") as file, tarfile.open(fileobj=file) as archive:
        for member in archive:
            path = prefix / member.name
            if member.isdir():
                path.mkdir()
            elif member.issym():
                path.symlink_to(member.linkname)
            elif member.islnk():
                os.link(prefix / member.linkname, path)
            else:
                source = archive.extractfile(member)
                assert source is not None
                path.write_bytes(source.read())
            if not member.issym():
                path.chmod(member.mode)
    (state,) = (prefix / ".parakeet").iterdir()
    there(state / "journal", folder)
    if (state / "after").exists():
        timed(prefix, state / "after")
    timed(state / "kept", state / "before")
    return prefix


def timed(root: Path, manifest: Path) -> None:
    """Each file below the root has the time that the manifest says."""
    for line in manifest.read_text().splitlines():
        name, kind, _, _, changed, _, _ = json.loads(line)
        if kind == "file" and (root / name).exists():
            os.utime(root / name, ns=(changed, changed))


def noted(prefix: Path, folder: Path) -> Path:
    """Where it is noted that a repair is at work in an environment."""
    path = folder / "home/state/parakeet/repairs" / str(prefix).strip("/").replace("/", "%2F")
    path.parent.mkdir(parents=True)
    path.write_text(str(prefix))
    return path


def wanted(name: str) -> dict[str, str]:
    """Every file of the environment before the repair."""
    found: dict[str, str] = json.loads((LEFT / name / "before.json").read_bytes())
    return found


@pytest.mark.parametrize("command", ["config path", "doctor rollback"])
def test_a_repair_interrupted_by_version_0_1_0_is_restored(tmp_path: Path, command: str) -> None:
    folder = tmp_path.resolve()
    prefix = unpacked("an_interrupted_repair", folder)
    before = wanted("an_interrupted_repair")
    (manifest,) = prefix.glob(".parakeet/*/before")
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    note = noted(prefix, folder)
    assert sums(prefix) != before
    parakeet(folder, *command.split())
    assert sums(prefix) == before
    for name, kind, mode, _, changed, _, _ in lines:
        if kind != "link":
            found = (prefix / name).stat()
            assert (found.st_mode & 0o7777, found.st_mtime_ns) == (mode, changed), name
    assert not (prefix / ".parakeet").exists()
    assert not note.exists()


def test_a_repair_from_version_0_1_0_is_rolled_back(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    prefix = unpacked("a_complete_repair", folder)
    before = wanted("a_complete_repair")
    assert sums(prefix) != before
    one = ("doctor", "--python", str(prefix / "bin/python"), "rollback")
    listed = json.loads(parakeet(folder, *one, "--list", "--json").out)
    (state,) = listed["states"]
    (kept,) = (prefix / ".parakeet").iterdir()
    assert state["id"] == kept.name
    assert "numpy" in state["changes"]
    parakeet(folder, *one)
    assert sums(prefix) == before
    assert not (prefix / ".parakeet").exists()


def test_a_repair_from_version_0_1_0_is_left_alone_if_something_has_changed(
    tmp_path: Path,
) -> None:
    folder = tmp_path.resolve()
    prefix = unpacked("a_complete_repair", folder)
    (site,) = prefix.glob("lib/*/site-packages")
    (site / "mine.py").write_text("x = 1\n")
    after = sums(prefix)
    one = ("doctor", "--python", str(prefix / "bin/python"), "rollback")
    parakeet(folder, *one, code=6)
    assert sums(prefix) == after
    assert json.loads(parakeet(folder, *one, "--list", "--json").out)["states"]


# Models


def test_a_model_pulled_by_version_0_1_0_is_found_and_compared_with_its_sums(
    tmp_path: Path,
) -> None:
    hub = tmp_path / "home/cache/huggingface/hub"
    shutil.copytree(LEFT / "a_pulled_model", hub, symlinks=True)
    path = parakeet(tmp_path, "models", "path", "1.1b").out.decode().strip()
    assert Path(path).name == MODEL
    checked = json.loads(parakeet(tmp_path, "models", "verify", "--json").out)
    assert (checked["ok"], [row["status"] for row in checked["files"]]) == (True, ["ok"])
    assert checked["files"][0]["against"] == "what was recorded when it was pulled"
    blob = Path(path).resolve()
    data = bytearray(blob.read_bytes())
    data[7] ^= 1
    blob.write_bytes(data)
    assert json.loads(parakeet(tmp_path, "models", "verify", "--json", code=1).out)["ok"] is False


# The configuration

EVERY_SETTING = {
    "version": 1,
    "use_mock_stt": True,
    "model": "small",
    "device": "cpu",
    "language": "fr",
    "beam_size": 4,
    "threads": 2,
    "offline": True,
    "ml_python": "~/nemo/bin/python",
    "replacements": {"by the way": "BTW"},
    "vocabulary": ["Parakeet", "NeMo"],
    "history_days": 3,
}


def test_a_configuration_from_version_0_1_0_is_read(tmp_path: Path) -> None:
    path = tmp_path / "home/config/parakeet/config.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(EVERY_SETTING))
    shown = parakeet(tmp_path, "config", "show", env={}).out.decode().splitlines()
    found = dict(line.split(maxsplit=1) for line in shown)
    # Settings that version 0.1.0 didn't have are as they are without any.
    assert {key: value for key, value in found.items() if not value.endswith("(default)")} == {
        "engine": f'mock  ("use_mock_stt": true in {path})',
        **{
            name: f"{value if isinstance(value, str) else json.dumps(value)}  ({path})"
            for name, value in EVERY_SETTING.items()
            if name not in ("version", "use_mock_stt")
        },
    }
    clip(tmp_path / "a.wav")
    assert b"mock transcript" in parakeet(tmp_path, "transcribe", "a.wav", env={}).out
    initial = recorded("the_configuration")["config.json"]
    path.write_bytes(initial)
    parakeet(tmp_path, "config", "show", env={})


def test_the_samples_are_those_that_everything_here_was_recorded_from() -> None:
    sizes = {path.name: path.stat().st_size for path in SAMPLES.rglob("*.wav")}
    assert sizes["sense_0880.wav"] == 95_724
    assert sizes["cards_1.wav"] == 35_096
