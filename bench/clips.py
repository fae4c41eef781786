"""Measures a run over many short clips: how soon it begins, and what a file costs.

    python bench/clips.py [--files N] [--against CHECKOUT] [--write docs/scaling.md]

The clips are links to one of half a second, and the engine is the mock, which takes no time: all
that is measured is this program's own. The engine is taken to be ready when stderr names it, which
is before its process has started. CHECKOUT is a folder with another version of this program, which
runs on the same dependencies. The CPU time is read while the processes run, by what they are for.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from measure import SAMPLE_SECONDS, machine, mebibytes, tree, write_table

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench-data" / "clips"
PER_FOLDER = 1000
CLIP = ROOT / "samples" / "sense_0870.wav"
CLIP_SECONDS = 0.5
MESSAGES = DATA / "messages"
ENGINE_LINE = b"Engine: "  # what is printed on stderr once the engine is made
DECODER = b"audio.decode.worker"  # in a decoder's command line
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Watched:
    """What was seen of a command: seconds, mebibytes, and seconds of CPU by process."""

    whole: float = 0.0
    ready: float = 0.0  # until the line of the engine
    first: float = 0.0  # until the first output
    peak: float = 0.0
    cpu: dict[int, float] = field(default_factory=dict)
    decoders: set[int] = field(default_factory=set)

    @property
    def all_cpu(self) -> float:
        return sum(self.cpu.values())

    @property
    def decoding(self) -> float:
        return sum(self.cpu[process] for process in self.decoders)

    def look(self, process: int) -> None:
        """Read the CPU times and the memory of a process and of its children."""
        self.peak = max(self.peak, mebibytes(process))
        for one in tree(process):
            with suppress(OSError):  # it has ended since
                fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
                self.cpu[one] = (int(fields[11]) + int(fields[12])) / TICKS
                if DECODER in Path(f"/proc/{one}/cmdline").read_bytes():
                    self.decoders.add(one)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=20_000, help="clips (default 20000)")
    parser.add_argument("--against", type=Path, help="a folder with another version")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    shutil.rmtree(DATA, ignore_errors=True)
    clips = _make_clips(options.files)
    checkouts = {"before": options.against} if options.against else {}
    measured = {
        name: _measure(checkout.resolve(), clips, options.files)
        for name, checkout in {**checkouts, "now": ROOT}.items()
    }
    shutil.rmtree(DATA, ignore_errors=True)
    rows = [
        f"| {what} | " + " | ".join(found[what] for found in measured.values()) + " |"
        for what in measured["now"]
    ]
    table = "\n".join(
        [
            f"Machine: {machine()}. {options.files:,} clips of {CLIP_SECONDS} s, mock, one round.",
            "",
            "| what | " + " | ".join(measured) + " |",
            "|---" * (1 + len(measured)) + "|",
            *rows,
            "",
        ]
    )
    print(table)
    if options.write:
        write_table(options.write, "clips", table)


def _make_clips(count: int) -> Path:
    folder = DATA / "in"
    folder.mkdir(parents=True)
    first = DATA / "clip.wav"
    with wave.open(str(CLIP)) as whole, wave.open(str(first), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(int(whole.getframerate() * CLIP_SECONDS)))
    for number in range(count):
        path = folder / f"{number // PER_FOLDER:03}" / f"clip{number:06}.wav"
        path.parent.mkdir(exist_ok=True)
        os.link(first, path)
    return folder


def _measure(checkout: Path, clips: Path, count: int) -> dict[str, str]:
    """The figures of one version, by what they are."""
    run, out = DATA / "run", DATA / "out"
    for old in (run, out):
        shutil.rmtree(old, ignore_errors=True)
    asked = [str(clips), "-f", "txt", "-o", str(out), "--run", str(run), "--engine", "mock"]
    plan = _watch(checkout, [*asked, "--dry-run"])
    whole = _watch(checkout, asked, out)
    status = _watch(checkout, ["--status", str(run), "--json"])
    again = _watch(checkout, asked)
    milliseconds = 1000 / count
    return {
        "`--dry-run`": f"{plan.whole:.1f} s",
        "first output after": f"{whole.first:.1f} s",
        "first output after the engine is ready, at the most": f"{whole.first - whole.ready:.1f} s",
        "the whole run": f"{whole.whole:.0f} s",
        "CPU a file": f"{whole.all_cpu * milliseconds:.1f} ms",
        "of that beside decoding": f"{(whole.all_cpu - whole.decoding) * milliseconds:.1f} ms",
        "memory of all processes, at the most": f"{whole.peak:.0f} MiB",
        "`--status`": f"{status.whole:.1f} s",
        "the same command, with nothing left": f"{again.whole:.1f} s",
    }


def _watch(checkout: Path, arguments: Sequence[str], out: Path | None = None) -> Watched:
    seen, looked = Watched(), 0.0
    command = [sys.executable, "-m", "parakeet_cli", "transcribe", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    begun = time.perf_counter()
    with open(MESSAGES, "wb") as messages:
        process = subprocess.Popen(
            command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL, stderr=messages
        )
    while process.poll() is None:
        now = time.perf_counter()
        if out is not None and not seen.ready and ENGINE_LINE in MESSAGES.read_bytes():
            seen.ready = now - begun
        if out is not None and not seen.first and any(out.rglob("*.txt")):
            seen.first = now - begun
        if now - looked > SAMPLE_SECONDS:
            seen.look(process.pid)
            looked = now
        time.sleep(0.01)
    seen.whole = time.perf_counter() - begun
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{MESSAGES.read_text()}")
    return seen


if __name__ == "__main__":
    main()
