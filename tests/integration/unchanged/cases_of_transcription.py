"""`parakeet transcribe`: files, stdout, manifests, runs, exit codes."""

from __future__ import annotations

import json
import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.integration.unchanged.running import Files, as_json, case, made, parakeet, stable
from tests.media_files import SAMPLES, speech

TEXT = (
    "Mr. Dashwood had then leisure to consider how much there might be prudently in his power "
    'to do for them. "He was not an ill-disposed young man," she said; <unless> to be rather '
    "cold-hearted & rather selfish is to be ill-disposed: naïve, 3.5 %, 東京, and that is that."
)


def clip(path: Path, sample: str = "sense_0880.wav", text: str = "") -> Path:
    """A sample under another name, and what the mock engine hears in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SAMPLES / sample, path)
    os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    if text:
        path.with_suffix(".txt").write_text(text, encoding="utf-8")
    return path


def cued(path: Path, seconds: float) -> Path:
    """A longer recording with pauses: words of changing length, with cues for the engine."""
    import wave

    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = (speech(seconds) * 2**15).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(pcm.tobytes())
    rolls = random.Random(7)
    words = TEXT.split()
    at, number, lines = 0.4, 0, []
    while at < seconds - 1:
        word = words[number % len(words)]
        end = at + 0.08 + 0.05 * len(word)
        lines.append(f"{at:.3f}\t{end:.3f}\t{word}\n")
        number += 1
        pause = 2.2 if number % 11 == 0 else rolls.choice((0.02, 0.1, 0.3))
        at = end + pause
    path.with_suffix(".cues.tsv").write_text("".join(lines), encoding="utf-8")
    return path


@case
def every_format(folder: Path) -> Files:
    clip(folder / "in/plain.wav")
    clip(folder / "in/told.wav", "sense_0870.wav", TEXT)
    cued(folder / "in/long.wav", 75)
    parakeet(folder, "transcribe", "in", "-f", "all", "--html-link-audio", "-o", "out")
    return made(folder, "out")


@case
def a_page_with_its_recording(folder: Path) -> Files:
    clip(folder / "a.wav", "cmu/cards_1.wav", "Ten of clubs.")
    parakeet(folder, "transcribe", "a.wav", "-f", "html", "-o", "out", "--language", "en")
    return made(folder, "out")


@case
def shapes_of_subtitles(folder: Path) -> Files:
    cued(folder / "long.wav", 40)
    for name, options in {
        "narrow": ("--max-line-width", "20"),
        "one-line": ("--max-line-width", "30", "--max-line-count", "1"),
        "few-words": ("--max-words-per-line", "3"),
        "highlighted": ("--highlight-words", "--max-line-width", "25"),
    }.items():
        parakeet(folder, "transcribe", "long.wav", "-f", "srt,vtt", "-o", f"out/{name}", *options)
    return made(folder, "out")


@case
def damaged_files(folder: Path) -> Files:
    cut = clip(folder / "in/cut.wav", "sense_0890.wav")
    cut.write_bytes(cut.read_bytes()[:70_001])
    hole = clip(folder / "in/hole.flac", "../tests/fixtures/held_out/clip-03.flac")
    data = bytearray(hole.read_bytes())
    first = len(data) // 2
    data[first : first + 4000] = random.Random(11).randbytes(4000)
    hole.write_bytes(data)
    (folder / "in/empty.wav").touch()
    (folder / "in/noise.mp3").write_bytes(random.Random(12).randbytes(5000))
    clip(folder / "in/whole.wav")
    done = parakeet(
        folder,
        *("transcribe", "in", "-f", "json,txt,html", "--html-link-audio", "-o", "out"),
        *("--manifest-out", "out/manifest.jsonl"),
        code=1,
    )
    assert not done.out
    return made(folder, "out")


@case
def text_on_stdout(folder: Path) -> Files:
    clip(folder / "b.wav", text="The second, of two lines.\nHere is the other.")
    clip(folder / "a.wav")
    clip(folder / "c.wav", "sense_0930.wav", "Third.")
    several = parakeet(folder, "transcribe", "c.wav", "a.wav", "b.wav")
    srt = parakeet(folder, "transcribe", "b.wav", "-o", "-", "-f", "srt")
    data = (folder / "a.wav").read_bytes()
    piped = parakeet(folder, "transcribe", "-", "-o", "-", "-f", "json", stdin=data)
    return {
        "several.txt": several.out,
        "one.srt": srt.out,
        "stdin.json": stable(piped.out, folder),
    }


@case
def a_tree_of_folders(folder: Path) -> Files:
    for number, name in enumerate(("a.wav", "one/b.wav", "one/two/c.wav", "three/a.wav")):
        clip(folder / "in" / name, "cmu/cards_2.wav", f"Number {number}.")
    (folder / "in/one/notes.md").write_text("No recording.\n")
    parakeet(
        folder,
        *("transcribe", "in", "-f", "srt,tsv", "-o", "out"),
        *("--manifest-out", "out/manifest.jsonl"),
    )
    name = "{parent}-{filename}-{index}/x"
    parakeet(folder, "transcribe", "in/one", "-o", "named", "--output-template", name)
    return made(folder, "out", "named")


@case
def a_manifest_of_parts(folder: Path) -> Files:
    cued(folder / "talk.wav", 30)
    clip(folder / "sub/b.wav")
    rows: list[dict[str, Any]] = [
        {"audio_filepath": "talk.wav", "offset": 0.0, "duration": 8.0, "text": "kept?"},
        {"audio_filepath": "talk.wav", "offset": 8.0, "duration": 7.5},
        {"audio_filepath": "talk.wav", "offset": 15.5},
        {"audio_filepath": "sub/b.wav", "duration": 2.99},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "jobs.jsonl").write_text(lines, encoding="utf-8")
    parakeet(
        folder,
        *("transcribe", "jobs.jsonl", "-f", "json,vtt", "-o", "out"),
        *("--output-template", "{filename}-{index}"),
        *("--manifest-out", "out/manifest.jsonl"),
    )
    return made(folder, "out")


@case
def a_dry_run(folder: Path) -> Files:
    clip(folder / "in/a.wav")
    clip(folder / "in/b/c.wav", "sense_0870.wav")
    clip(folder / "in/done.wav")
    (folder / "out").mkdir()
    (folder / "out/done.txt").write_text("There.\n")
    asked = ("transcribe", "in", "-f", "txt,json", "-o", "out", "--dry-run")
    plain = parakeet(folder, *asked, "--overwrite")
    texts = ("transcribe", "in", "-f", "txt", "-o", "out", "--dry-run")
    skipping = parakeet(folder, *texts, "--skip-existing")
    refused = parakeet(folder, *texts, code=1)
    assert sorted(made(folder, "out")) == ["out/done.txt"]
    return {
        "plain.txt": plain.out,
        "skipping.txt": skipping.out,
        "refused.txt": refused.out,
    }


@case
def files_that_are_there(folder: Path) -> Files:
    clip(folder / "in/a.wav")
    clip(folder / "in/b.wav")
    (folder / "out").mkdir()
    (folder / "out/a.txt").write_text("By hand.\n")
    asked = ("transcribe", "in", "-f", "txt", "-o", "out", "--manifest-out", "out/m.jsonl")
    parakeet(folder, *asked, "--skip-existing")
    found = made(folder, "out")
    parakeet(folder, *asked, code=1)
    refused = made(folder, "out")
    parakeet(folder, *asked, "--overwrite")
    return {
        **{f"skipped/{name}": data for name, data in found.items()},
        **{f"refused/{name}": data for name, data in refused.items()},
        **{f"replaced/{name}": data for name, data in made(folder, "out").items()},
    }


USAGE: tuple[tuple[str, ...], ...] = (
    (),
    ("nonsense",),
    ("transcribe",),
    ("transcribe", "a.wav", "--nonsense"),
    ("transcribe", "a.wav", "-f", "docx"),
    ("transcribe", "a.wav", "-f", "txt,srt", "-o", "-"),
    ("transcribe", "a.wav", "--skip-existing", "--overwrite"),
    ("transcribe", "a.wav", "--max-line-width", "0"),
    ("transcribe", "a.wav", "-f", "txt", "--output-template", "{name}"),
    ("transcribe", "a.wav", "--run", "run"),
    ("transcribe", "a.wav", "-f", "txt", "--retry-failed"),
    ("transcribe", "a.wav", "-f", "txt", "--shard", "4/3"),
    ("transcribe", "a.wav", "a.flac", "-o", "out"),
    ("transcribe", "a.wav", "--engine", "nothing"),
    ("transcribe", "--status", "nowhere"),
    ("dictate", "--fast"),
    ("dictate", "--from-file", "a.wav", "--sink", "nowhere"),
    ("doctor", "--only", "nothing"),
    ("doctor", "--torch-index", "cpu"),
    ("doctor", "match", "nothing"),
    ("config", "nothing"),
    ("models", "path"),
)
UNUSABLE: tuple[tuple[str, ...], ...] = (
    ("transcribe", "a.wav", "--engine", "nemo", "--python", "/nowhere/bin/python"),
    ("transcribe", "a.wav", "--engine", "whisper", "--model", "nothing", "--offline"),
    ("transcribe", "a.wav", "--engine", "onnx", "--offline"),
    ("models", "path", "1.1b"),
    ("models", "pull", "1.1b", "--offline"),
)
FAILED: tuple[tuple[str, ...], ...] = (
    ("transcribe", "empty.wav", "-f", "txt", "-o", "out1"),
    ("transcribe", "nowhere.wav", "a.wav", "-f", "txt", "-o", "out2"),
    ("transcribe", "cut.wav", "-f", "txt", "-o", "out3"),
    ("transcribe", "cut.wav", "-f", "txt", "-o", "out4", "--allow-partial"),
    ("transcribe", "a.wav", "-f", "txt", "-o", "out5"),
    ("dictate", "--from-file", "nowhere.wav"),
    ("--help",),
    ("transcribe", "--help"),
    ("models", "list"),
    ("models", "verify"),
    ("models", "scan", "a.wav"),
    ("manifest", "--help"),
)


@case
def exit_codes(folder: Path) -> Files:
    clip(folder / "a.wav")
    shutil.copyfile(folder / "a.wav", folder / "a.flac")
    (folder / "empty.wav").touch()
    (folder / "cut.wav").write_bytes((folder / "a.wav").read_bytes()[:50_000])

    def code(arguments: tuple[str, ...]) -> int:
        engine = {} if arguments in UNUSABLE else {"PARAKEET_ENGINE": "mock"}
        return parakeet(folder, *arguments, env=engine, code=None).code

    every = (*USAGE, *UNUSABLE, *FAILED)
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(code, every))
    found = {" ".join(("parakeet", *one)): code for one, code in zip(every, codes, strict=True)}
    assert {found[" ".join(("parakeet", *one))] for one in USAGE[1:]} == {2}
    assert {found[" ".join(("parakeet", *one))] for one in UNUSABLE} == {3}
    return {"exit-codes.json": as_json(found)}


# Runs

RUN = ("transcribe", "in", "-f", "txt,srt", "-o", "out", "--run", "run")


def rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal or a manifest."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def result_at(spool: bytes, line: int | None) -> Any:
    """The manifest's row that a journal's `line` points to."""
    return None if line is None else json.loads(spool[line:].split(b"\n")[0])


def steady(row: dict[str, Any], spool: bytes, options: str) -> dict[str, Any]:
    """A journal's line without what the clock says and the order in which files ended."""
    row = dict(row)
    for name in ("at", "date"):
        if name in row:
            row[name] = type(row[name]).__name__
    if "options" in row:
        row["options"] = "the same" if row["options"] == options else row["options"]
    if "line" in row:
        row["line"] = result_at(spool, row["line"])
    if "outputs" in row:
        row["outputs"] = [[*one[:3], type(one[3]).__name__] for one in row["outputs"]]
    return row


@case
def a_run_and_its_journal(folder: Path) -> Files:
    clip(folder / "in/a.wav")
    clip(folder / "in/sub/b.wav", "sense_0870.wav", TEXT)
    clip(folder / "in/cut.wav").write_bytes((SAMPLES / "sense_0880.wav").read_bytes()[:50_000])
    os.utime(folder / "in/cut.wav", ns=(1_700_000_001_000_000_000,) * 2)
    (folder / "in/empty.wav").touch()
    os.utime(folder / "in/empty.wav", ns=(1_700_000_002_000_000_000,) * 2)
    parakeet(folder, *RUN, "--manifest-out", "done.jsonl", code=1)
    journal, spool = folder / "run/journal.jsonl", (folder / "run/results.jsonl").read_bytes()
    options = next(row["options"] for row in rows(journal) if "options" in row)
    lines = sorted(
        json.dumps(steady(row, spool, options), ensure_ascii=False) for row in rows(journal)
    )
    files = sorted(made(folder, "run"))
    first = json.loads(parakeet(folder, "transcribe", "--status", "run", "--json").out)
    again = parakeet(folder, *RUN, "--manifest-out", "again.jsonl", code=1)
    assert not again.out
    dry = parakeet(folder, *RUN, "--dry-run")
    assert isinstance(first["rtfx"], float | None)
    first["rtfx"] = "by the clock"
    first["failures"].sort(key=lambda one: one["input"])
    return {
        "files.json": as_json(files),
        "journal.txt": stable("\n".join(lines).encode() + b"\n", folder),
        "status.json": stable(as_json(first), folder),
        "done.jsonl": (folder / "done.jsonl").read_bytes(),
        "again.jsonl": (folder / "again.jsonl").read_bytes(),
        "dry-run.txt": stable(dry.out, folder),
        **made(folder, "out"),
    }


@case
def shards_of_a_run(folder: Path) -> Files:
    for number in range(6):
        clip(folder / f"in/{number}.wav", "cmu/cards_1.wav", f"Number {number}.")
    asked = ("transcribe", "in", "-f", "txt", "-o", "out", "--run", "run")
    for number in (1, 2, 3):
        done = ("--manifest-out", f"{number}.jsonl")
        parakeet(folder, *asked, "--shard", f"{number}/3", *done)
    status = json.loads(parakeet(folder, "transcribe", "--status", "run", "--json").out)
    assert isinstance(status.pop("rtfx"), float | None)
    return {
        "files.json": as_json(sorted(made(folder, "run", "out"))),
        "status.json": as_json(status),
        **{f"{number}.jsonl": (folder / f"{number}.jsonl").read_bytes() for number in (1, 2, 3)},
    }


@case
def fingerprints_of_options(folder: Path) -> Files:
    """By other options an input is heard again, by others of these values every old run is.

    What is asked for is a file that fails: nothing is written where the outputs would be.
    """
    (folder / "empty.wav").touch()
    variants: dict[str, tuple[str, ...]] = {
        "plain": ("-f", "txt"),
        "all": ("-f", "all"),
        "template": ("-f", "txt", "--output-template", "{parent}-{filename}"),
        "subtitles": ("-f", "srt", "--max-line-width", "30", "--max-line-count", "1"),
        "words": ("-f", "vtt", "--max-words-per-line", "4", "--highlight-words"),
        "sound": ("-f", "txt", "--audio-stream", "0", "--channel", "0", "--no-vad"),
        "language": ("-f", "json", "--language", "en", "--beam-size", "3"),
        "linked": ("-f", "html", "--html-link-audio"),
        "threads": ("-f", "txt", "--threads", "1"),
    }

    def fingerprint(name: str) -> str:
        asked = ("transcribe", "empty.wav", "-o", "/nowhere/parakeet/out", "--run", name)
        parakeet(folder, *asked, *variants[name], code=1)
        (found,) = {
            row["options"] for row in rows(folder / name / "journal.jsonl") if "ended" in row
        }
        return str(found)

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(variants, pool.map(fingerprint, variants), strict=True))
    assert found["plain"] == found["threads"]
    return {"fingerprints.json": as_json(found)}
