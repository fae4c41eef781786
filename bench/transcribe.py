"""Compares `parakeet transcribe` with the bare engine and a peer command, in turn.

    python bench/transcribe.py [--model NAME] [--rounds N] [--write docs/benchmarks.md]

All use the same model folder, beam and cores. The others are told the language, which parakeet
detects, as its users' commands do. The peer, whisper-ctranslate2, is installed in an
environment of its own below bench-data/.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import venv
import wave
from collections.abc import Callable
from pathlib import Path

from measure import Runs, in_turn, machine, spread, write_table

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.whisper.model import find_whisper

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench-data"
PEER = "whisper-ctranslate2==0.5.8"
CLIPS = 100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", help="a Whisper model (default: the embedded one)")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (default 5)")
    parser.add_argument("--clips", type=int, default=CLIPS, help="short clips (default 100)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    joined, clips = _make_clips(options.clips)
    model = find_whisper(options.model, offline=True)
    asked = ["--engine", "whisper", *(["--model", options.model] if options.model else [])]
    commands = _commands(str(model.prepare().path), asked)
    print("44 s in one file", file=sys.stderr)
    one = in_turn({name: make([joined]) for name, make in commands.items()}, options.rounds)
    print(f"{len(clips)} short clips", file=sys.stderr)
    many = in_turn({name: make(clips) for name, make in commands.items()}, options.rounds, warmup=0)
    table = _table(model.name, one, many, len(clips))
    print(table)
    if options.write:
        write_table(options.write, "transcribe", table)


def _make_clips(count: int) -> tuple[Path, list[Path]]:
    """All samples joined to one file, and `count` short clips: copies of the samples."""
    samples = sorted((ROOT / "samples").rglob("*.wav"))
    folder = DATA / "clips"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    joined = DATA / "joined.wav"
    with wave.open(str(joined), "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        for sample in samples:
            with wave.open(str(sample), "rb") as source:
                out.writeframes(source.readframes(source.getnframes()))
    clips = []
    for number in range(count):
        clip = folder / f"clip-{number:03}.wav"
        shutil.copy(samples[number % len(samples)], clip)
        clips.append(clip)
    return joined, clips


def _commands(model: str, asked: list[str]) -> dict[str, Callable[[list[Path]], list[str]]]:
    """For each program, a function from the files to transcribe to its command line.

    `model` is the model's folder, `asked` how parakeet's options name it.
    """
    threads = str(EngineOptions().cores)
    peer = _peer()
    out = DATA / "out"

    def ours(files: list[Path]) -> list[str]:
        base = [sys.executable, "-m", "parakeet_cli", "transcribe", "--quiet", *asked]
        base += ["--threads", threads]
        return [*base, "-f", "txt", "-o", str(out), "--overwrite", *map(str, files)]

    def bare(files: list[Path]) -> list[str]:
        return [sys.executable, str(ROOT / "bench" / "bare.py"), model, threads, *map(str, files)]

    def theirs(files: list[Path]) -> list[str]:
        base = [str(peer), "--model_directory", model, "--device", "cpu", "--compute_type", "int8"]
        base += [
            "--threads",
            threads,
            "--beam_size",
            "5",
            "--language",
            "en",
            "--vad_filter",
            "True",
        ]
        return [*base, "-f", "txt", "-o", str(out), *map(str, files)]

    return {"parakeet": ours, "bare faster-whisper": bare, PEER.replace("==", " "): theirs}


def _peer() -> Path:
    """The peer's command, installed on the first run."""
    folder = DATA / "peer"
    command = folder / "bin" / "whisper-ctranslate2"
    if not command.exists():
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", PEER]
        subprocess.run(pip, check=True)
    return command


def _table(model: str, one: dict[str, Runs], many: dict[str, Runs], clips: int) -> str:
    lines = [
        f"Machine: {machine()}. Model: {model}. Medians of whole commands, model load included;",
        "the ratio is parakeet's time divided by the other's, pair by pair (median, minimum and",
        "maximum).",
        "",
        "| what | command | seconds | peak memory, MiB | parakeet ÷ this |",
        "|---|---|---|---|---|",
    ]
    for what, runs in (("44 s in one file", one), (f"{clips} short clips", many)):
        ours = runs["parakeet"]
        for name, these in runs.items():
            ratio = "" if these is ours else spread(ours.against(these))
            memory = max(these.mebibytes)
            lines.append(f"| {what} | {name} | {these.median:.2f} | {memory:.0f} | {ratio} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
