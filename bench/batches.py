"""Measures a batch with one worker, with two, and on Ray with one actor and with two.

    python bench/batches.py [--files N] [--speech N] [--resume N] [--rounds N]
                            [--write docs/scaling.md]

The mock engine sleeps for a known share of the audio (PARAKEET_MOCK_RTF), so the rest of the
time is this program's own; each worker transcribes one chunk at a time. The times of the work
come from the run's own journal, without the start of Ray and of Python, which the whole
command's times include. The last line is a run that resumes with all but a few inputs done:
the whole command, and the memory of its processes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path

from measure import SAMPLE_SECONDS, machine, mebibytes, write_table

from parakeet_cli.transcribe.run.journal import JOURNAL, read_journal
from tools.finished_run import make

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench-data" / "batches"
SECONDS = 3.0  # of each made-up recording
COST = 0.02  # PARAKEET_MOCK_RTF: 60 ms a recording
PLACEMENTS = {
    "1 worker": ("--workers", "1", "--threads", "1"),
    "2 workers": ("--workers", "2", "--threads", "2"),
    "Ray, 1 actor": ("--ray", "--workers", "1", "--threads", "1"),
    "Ray, 2 actors": ("--ray", "--workers", "2", "--threads", "2"),
}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from the first input begun to the last result, and of the whole command."""

    work: float
    whole: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000, help="on mock (default 2000)")
    parser.add_argument("--speech", type=int, default=100, help="on whisper (default 100)")
    parser.add_argument("--resume", type=int, default=100_000, help="inputs (default 100000)")
    parser.add_argument("--rounds", type=int, default=3, help="of each (default 3)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    shutil.rmtree(DATA, ignore_errors=True)
    rows = []
    if options.files:
        made = _make_recordings(options.files)
        rows += _rows(
            f"{options.files} × 3 s, mock", _measure_in_turn(made, "mock", options.rounds)
        )
    if options.speech:
        speech = _copy_speech(options.speech)
        rows += _rows(
            f"{options.speech} clips, whisper", _measure_in_turn(speech, "whisper", options.rounds)
        )
    table = "\n".join(
        [
            f"Machine: {machine()}. Medians of {options.rounds} rounds, in turn. Efficiency is",
            "T1 ÷ (N × TN) of the work, which leaves out the start of Python, Ray and the model.",
            "",
            "| what | how | work, s | whole command, s | efficiency | ÷ 1 worker |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            *(_measure_resume(options.resume, max(5, options.rounds)) if options.resume else ()),
        ]
    )
    print(table)
    if options.write:
        write_table(options.write, "batches", table)
    shutil.rmtree(DATA, ignore_errors=True)


def _make_recordings(count: int) -> Path:
    """Recordings of three seconds, each with its text beside it."""
    folder = DATA / "mock"
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"clip{number:05}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(bytes(int(2 * 16_000 * SECONDS)))
        path.with_suffix(".txt").write_text(f"The words of recording {number}.\n")
    return folder


def _copy_speech(count: int) -> Path:
    samples = sorted((ROOT / "samples").rglob("*.wav"))
    folder = DATA / "speech"
    folder.mkdir(parents=True)
    for number in range(count):
        shutil.copy(samples[number % len(samples)], folder / f"clip{number:04}.wav")
    return folder


def _measure_in_turn(folder: Path, engine: str, rounds: int) -> dict[str, list[Timing]]:
    found: dict[str, list[Timing]] = {name: [] for name in PLACEMENTS}
    for _ in range(rounds):
        for name, options in PLACEMENTS.items():
            timing = _run_once(folder, engine, options)
            found[name].append(timing)
            print(
                f"  {name}: {timing.work:.2f} s of {timing.whole:.2f} s",
                file=sys.stderr,
                flush=True,
            )
    return found


def _run_once(folder: Path, engine: str, options: tuple[str, ...]) -> Timing:
    run, out = DATA / "run", DATA / "out"
    for old in (run, out):
        shutil.rmtree(old, ignore_errors=True)
    command = [sys.executable, "-m", "parakeet_cli", "transcribe", str(folder), "--quiet"]
    command += ["-f", "txt", "-o", str(out), "--run", str(run), "--engine", engine, *options]
    begun = time.perf_counter()
    environment = {**os.environ, "PARAKEET_MOCK_RTF": str(COST)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    whole = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    # The first result isn't counted, because the start of the engine is part of its time.
    ended = sorted(entry.at for entry in read_journal(run / JOURNAL).entries.values())
    share = len(ended) / (len(ended) - 1)
    return Timing((ended[-1] - ended[0]) * share, whole)


def _rows(what: str, found: dict[str, list[Timing]]) -> list[str]:
    alone = statistics.median(timing.work for timing in found["1 worker"])
    rows = []
    for name, timings in found.items():
        count = int(next(part for part in name.split() if part.isdigit()))
        work = statistics.median(one.work for one in timings)
        whole = statistics.median(one.whole for one in timings)
        rows.append(
            f"| {what} | {name} | {work:.2f} | {whole:.2f} | {alone / (count * work):.3f} "
            f"| {work / alone:.3f} |"
        )
    return rows


LEFT = 5  # inputs


def _measure_resume(count: int, rounds: int) -> list[str]:
    os.environ["PERSONALPARAKEET_USE_MOCK_STT"] = "true"
    folder = DATA / "resume"
    command = [sys.executable, "-m", "parakeet_cli", "transcribe", "--quiet"]
    command += make(folder, count, LEFT)
    outputs: list[Path] = []  # of the last few files, to be removed before the next round
    firsts, wholes, peaks = [], [], []
    for _ in range(rounds):
        for output in outputs:  # a file without its output is transcribed again
            output.unlink(missing_ok=True)
        first, whole, peak = _resume(command, folder / "run" / JOURNAL)
        print(f"  resumed: {first:.2f} s, {whole:.2f} s, {peak:.0f} MiB", file=sys.stderr)
        firsts.append(first)
        wholes.append(whole)
        peaks.append(peak)
        outputs = sorted((folder / "out").rglob("clip*"))[count - LEFT :]
    return [
        f"A run of {count:,} inputs of which {LEFT} are left, mock: the first is started after "
        f"{statistics.median(firsts):.2f} s,",
        f"all is done after {statistics.median(wholes):.2f} s, and the memory of all processes "
        f"is {max(peaks):.0f} MiB at the most.",
        "",
    ]


def _resume(command: list[str], journal: Path) -> tuple[float, float, float]:
    """Seconds to the first input begun, seconds to the end, mebibytes at the peak."""
    first = peak = looked = 0.0
    with journal.open("rb") as file:
        file.seek(0, 2)
        begun = time.perf_counter()
        process = subprocess.Popen(command)
        while process.poll() is None:
            now = time.perf_counter()
            if not first and b'"begun"' in file.read():
                first = now - begun
            if now - looked > SAMPLE_SECONDS:
                peak, looked = max(peak, mebibytes(process.pid)), now
            time.sleep(0.005)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}.")
    return first, time.perf_counter() - begun, peak


if __name__ == "__main__":
    main()
