"""Makes what commands leave on the disk when they are killed, for later versions to read.

    python -m tests.integration.unchanged.leave_behind [NAME...]

What lies in `tests/fixtures/unchanged/left_behind` was made by version 0.1.0, before the
layout changed, and stays as that version made it: run by a later one, this would record
what that leaves behind. The folder's own path is written as `<folder>`.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.hub import Hub
from tests.integration.doctor.fake_stack import Environment, Wheel
from tests.integration.unchanged.cases_of_dictation import PLAY, talk
from tests.integration.unchanged.cases_of_transcription import clip
from tests.integration.unchanged.environments import good, stack, upgrades, variables
from tests.integration.unchanged.running import (
    COMMAND,
    MOCK,
    RECORDED,
    as_json,
    parakeet,
    start,
)
from tests.media_files import SAMPLES

LEFT = RECORDED / "left_behind"
PLACE = b"<folder>"

# A run

RUN = ("transcribe", "in", "-f", "txt,json", "-o", "out", "--run", "run")
RUN_CLIPS = 8


def fingerprint(folder: str, formats: list[str]) -> str:
    """The sum of a run's options as version 0.1.0 makes it, for its defaults and the mock."""
    kept = {
        "formats": formats,
        "folder": folder,
        "template": "{filename}",
        "engine": ["mock", None, None, 5],
        "sound": [None, None, True],
        "shape": {
            "max_line_width": 42,
            "max_line_count": 2,
            "max_words_per_line": None,
            "highlight_words": False,
            "max_cue_seconds": 7.0,
            "min_cue_seconds": 0.833,
            "min_gap": 0.083,
            "sound": None,
        },
        "html_link_audio": False,
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def inputs_of_the_run(folder: Path) -> None:
    """Clips, one that ends too early, and one with nothing in it."""
    for number in range(RUN_CLIPS):
        path = folder / f"in/{number % 2}/clip{number}.wav"
        clip(path, "cmu/cards_1.wav", f"The words of clip {number}.")
    (folder / "in/cut.wav").write_bytes((SAMPLES / "sense_0880.wav").read_bytes()[:50_000])
    (folder / "in/empty.wav").touch()
    for name in ("cut", "empty"):
        os.utime(folder / f"in/{name}.wav", ns=(1_700_000_001_000_000_000,) * 2)


def an_interrupted_run(folder: Path, kept: Path) -> None:
    inputs_of_the_run(folder)
    whole = tuple("whole" if word == "out" else word for word in RUN[:-2])
    parakeet(folder, *whole, "--manifest-out", "whole.jsonl", code=1)
    journal = folder / "run/journal.jsonl"
    slow = {**MOCK, "PARAKEET_MOCK_RTF": "0.4"}
    process = start(folder, *RUN, "--threads", "1", env=slow)
    while not journal.exists() or journal.read_bytes().count(b'"ended"') < 5:
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    process.communicate()
    text = journal.read_bytes()
    options = fingerprint(str(folder / "out"), ["txt", "json"]).encode()
    assert text.count(b'"options"') == text.count(options)
    assert text.count(b'"begun"') > text.count(b'"ended"')
    status = parakeet(folder, "transcribe", "--status", "run", "--json")
    for name in ("out", "whole"):
        for path in (folder / name).rglob(".parakeet-*"):
            path.unlink()
        shutil.copytree(folder / name, kept / name)
    shutil.copytree(folder / "run", kept / "run")
    shutil.copy(folder / "whole.jsonl", kept)
    (kept / "run/lock").write_text("process 4242 on host")
    data = text.replace(options, b"<options>").replace(str(folder).encode(), PLACE)
    (kept / "run/journal.jsonl").write_bytes(data)
    (kept / "status.json").write_bytes(status.out.replace(str(folder).encode(), PLACE))


# Dictations

SHORT = (("cmu/cards_1.wav", "ten clubs"), ("cmu/cards_3.wav", "seven spades"))


def _keep_dictation(folder: Path, kept: Path) -> None:
    """The recording and the history, and what the engine hears in the sound."""
    state = folder / "home/state/parakeet/dictation"
    (recording,) = (path for path in state.iterdir() if path.is_dir())
    shutil.copytree(recording, kept / "recording")
    journal = kept / "recording/journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(str(folder).encode(), PLACE))
    for path in (state / "history.jsonl", folder / "talk.cues.tsv"):
        if path.exists():
            shutil.copy(path, kept)


def a_dictation_killed_in_mid_speech(folder: Path, kept: Path) -> None:
    """The first utterance was written into the file, the second was just being said."""
    talk(folder, SHORT, lead=0.0)
    process = start(folder, *PLAY[:-1], "--json", "--sink", "file:out.txt", stdout=-3)
    while not (folder / "out.txt").exists() or not (folder / "out.txt").read_bytes():
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(1.45)
    process.kill()
    process.communicate()
    _keep_dictation(folder, kept)
    shutil.copy(folder / "out.txt", kept)


def a_dictation_killed_by_its_command(folder: Path, kept: Path) -> None:
    """It is unknown what the command made of the text."""
    talk(folder, SHORT[:1], lead=0.1)
    parakeet(folder, *PLAY, "--sink", "command:cat >> given; kill -9 $PPID", code=-9)
    _keep_dictation(folder, kept)


def a_dictation_that_did_not_arrive(folder: Path, kept: Path) -> None:
    """One sink took it, the other did not."""
    talk(folder, SHORT[:1], lead=0.1)
    parakeet(folder, *PLAY, "--sink", "file:out.txt", "--sink", "command:exit 3", code=1)
    _keep_dictation(folder, kept)
    shutil.copy(folder / "out.txt", kept)


# Repairs

PINNED = (
    *("datasets", "editdistance", "einops", "fsspec", "huggingface-hub", "hydra-core"),
    *("inflect", "ipython", "jiwer", "lhotse", "librosa", "lightning", "ml-dtypes"),
    *("nemo-toolkit", "numba", "numpy", "omegaconf", "onnx", "pandas", "protobuf"),
    *("pyannote-core", "pyannote-metrics", "pyarrow", "python-dateutil", "pytorch-lightning"),
    *("ruamel-yaml", "sacremoses", "scipy", "sentencepiece", "setuptools", "tensorboard"),
    *("text-unidecode", "torch", "torchmetrics", "transformers", "webdataset", "wget", "wrapt"),
)


def _pinned() -> dict[str, Wheel]:
    """The stack's own pins, and nothing that only they require."""

    def among(text: str) -> bool:
        found = re.match(r"[A-Za-z0-9._-]+", text)
        return found is not None and re.sub(r"[-_.]+", "-", found[0]).lower() in PINNED

    return {
        name: replace(wheel, requires=tuple(filter(among, wheel.requires)))
        for name, wheel in good().items()
        if name in PINNED
    }


def _ill(folder: Path) -> tuple[Environment, list[str]]:
    """An environment with upgrades too many, and the command that repairs it."""
    place = stack(folder, _pinned())
    requires = {name: wheel.requires for name, wheel in _pinned().items()}
    bad = [replace(wheel, requires=requires[wheel.name.lower()]) for wheel in upgrades()]
    place.install(bad, folder / "bad")
    house = ("--fix", "--yes", "--wheelhouse", str(folder / "good"))
    return place, [*COMMAND, "doctor", "--python", str(place.python), *house]


def sums(prefix: Path) -> dict[str, str]:
    """What is in every file of an environment that a repair may change; where links lead."""
    return {
        str(path.relative_to(prefix)): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(prefix.rglob("*"))
        if (path.is_symlink() or path.is_file())
        and not {"__pycache__", ".parakeet", "pyvenv.cfg"} & set(path.relative_to(prefix).parts)
    }


# An interpreter that may or may not be there: an environment is put back without it.
BASE = "/usr/bin/python3.11"
CFG = b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n"


def _keep_environment(folder: Path, place: Environment, before: dict[str, str], kept: Path) -> None:
    base = os.path.realpath(place.python)
    kept.mkdir(parents=True)
    found = {name: BASE if text == base else text for name, text in before.items()}
    (kept / "before.json").write_bytes(as_json(found))
    for cache in place.prefix.rglob("__pycache__"):
        shutil.rmtree(cache)

    def content(path: Path) -> bytes:
        if path.name == "pyvenv.cfg":
            return CFG
        data = path.read_bytes()
        if path.parent.parent.name == ".parakeet":  # the repair's own files
            data = data.replace(base.encode(), BASE.encode())
            data = data.replace(str(folder).encode(), PLACE)
        return data

    with tarfile.open(kept / "env.tar.gz", "w:gz") as archive:
        for path in sorted(place.prefix.rglob("*")):
            info = archive.gettarinfo(path, str(path.relative_to(place.prefix)))
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            if info.issym() and info.linkname == base:
                info.linkname = BASE
            if info.isreg():
                data = content(path)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            else:
                archive.addfile(info)


def _events(place: Environment) -> list[str]:
    found = list(place.prefix.glob(".parakeet/*/journal"))
    rows = [json.loads(line) for path in found for line in path.read_bytes().splitlines()]
    return [f"{row['event']} {row.get('stage', '')}".strip() for row in rows]


def an_interrupted_repair(folder: Path, kept: Path) -> None:
    place, command = _ill(folder)
    before = sums(place.prefix)
    process = subprocess.Popen(
        command, env=variables(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while "step-done 3" not in _events(place):
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.wait()
    descriptor = os.open(place.prefix, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # until the last pip has ended
    os.close(descriptor)
    assert sums(place.prefix) != before
    _keep_environment(folder, place, before, kept)


def a_complete_repair(folder: Path, kept: Path) -> None:
    place, command = _ill(folder)
    before = sums(place.prefix)
    subprocess.run(command, env=variables(folder), check=True, capture_output=True)
    assert _events(place)[-1] == "stands"
    _keep_environment(folder, place, before, kept)


# Models

REPOSITORY = "nvidia/parakeet-tdt-1.1b"
MODEL = "parakeet-tdt-1.1b.nemo"


def a_pulled_model(folder: Path, kept: Path) -> None:
    with Hub() as hub:
        hub.add(REPOSITORY, {MODEL: hashlib.shake_256(b"model").digest(3000)})
        parakeet(folder, "models", "pull", "1.1b", env={"HF_ENDPOINT": hub.url})
    name = "models--" + REPOSITORY.replace("/", "--")
    shutil.copytree(folder / "home/cache/huggingface/hub" / name, kept / name, symlinks=True)


MAKERS: dict[str, Callable[[Path, Path], None]] = {
    maker.__name__: maker
    for maker in (
        an_interrupted_run,
        a_dictation_killed_in_mid_speech,
        a_dictation_killed_by_its_command,
        a_dictation_that_did_not_arrive,
        an_interrupted_repair,
        a_complete_repair,
        a_pulled_model,
    )
}


def main(names: list[str]) -> None:
    """Makes all, or those that are named."""
    for name in names or list(MAKERS):
        shutil.rmtree(LEFT / name, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="unchanged-") as temporary:
            MAKERS[name](Path(temporary).resolve(), LEFT / name)
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
