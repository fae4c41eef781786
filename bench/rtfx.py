"""Compares `parakeet transcribe --engine nemo` with NeMo's own transcribe(), in turns.

    python bench/rtfx.py PYTHON [--device cuda] [--layers 24] [--hours 10]
        [--write docs/benchmarks.md]

PYTHON is the interpreter of an ML stack. Both transcribe the sample clips, over and over, with
a Parakeet of the published size and random weights (`full_size.py`). Start and load are not
measured: NeMo times itself, and parakeet's time is from the first batch's result to the last
result, for the clips that were not yet in flight when it starts. Then one recording of
`--hours` shows whether memory grows. On a GPU, parakeet is also measured with 1 to 16 feeders, as
many as there are cores; otherwise it chooses their number. `--device cpu --layers 2` tries the
script without a GPU; the figures then mean nothing for one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import machine, mebibytes, spread, tree, write_table

from parakeet_cli.system.hardware import usable_cores

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench-data" / "rtfx"
FULL = 24  # layers
GOAL = 0.95  # of NeMo's RTFx
MAX_GROWTH = 1.05
ENOUGH_HOURS = 1.0  # shorter runs measure how the queue fills up
# Chunks in work or queued: the engine's concurrency and two more.
IN_FLIGHT = {"": 1026, "cpu": 18}
RATE = 16_000
GPU_MEMORY = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]


def main() -> None:
    options = _options()
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    try:
        table, problems = _measured(options)
    finally:
        shutil.rmtree(DATA, ignore_errors=True)
    print(table)
    if options.write:
        write_table(options.write, "rtfx", table)
    if problems:
        sys.exit("\n".join(problems))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("python", help="the ML stack's interpreter")
    parser.add_argument("--device", default="cuda", help="cuda (default) or cpu")
    parser.add_argument("--layers", type=int, default=FULL, help=f"default {FULL}, as published")
    parser.add_argument("--files", type=int, default=20_000, help="clips (default 20000)")
    parser.add_argument("--batch", type=int, default=128, help="NeMo's batch (default 128)")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--hours", type=float, default=10.0, help="of one recording (default 10)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    if options.files <= _in_flight(options):
        parser.error(f"--files must be more than {_in_flight(options)}, which are not measured.")
    return options


def _in_flight(options: argparse.Namespace) -> int:
    return IN_FLIGHT["cpu" if options.device == "cpu" else ""]


def _measured(options: argparse.Namespace) -> tuple[str, list[str]]:
    model = DATA / "random.nemo"
    made = _json([options.python, "bench/full_size.py", str(model), str(_samples()[1]),
                  "--layers", str(options.layers)])  # fmt: skip
    clips = _clips(options.batch + options.files)
    ours, theirs, gpu = [], [], None
    by_feeders: dict[int, list[float]] = {count: [] for count in _feeders(options)}
    for number in range(options.rounds):
        _parakeet(options, model, clips[0].parent)
        ours.append(_rtfx(clips, options.batch, _in_flight(options)))
        bare = _json([options.python, "-B", "bench/bare_rtfx.py", str(model), options.device,
                      str(options.batch), *map(str, clips)])  # fmt: skip
        gpu = bare["gpu"]
        for count, found in by_feeders.items():
            _parakeet(options, model, clips[0].parent, str(count))
            found.append(_rtfx(clips, options.batch, _in_flight(options)))
        theirs.append(_seconds(clips) / bare["seconds"])
        print(f"  round {number + 1}: parakeet {ours[-1]:.1f}, NeMo {theirs[-1]:.1f}",
              file=sys.stderr, flush=True)  # fmt: skip
    shares = [a / b for a, b in zip(ours, theirs, strict=True)]
    hours = _parakeet(options, model, _recording(options.hours))
    table = "".join(
        [
            f"Machine: {machine()}; {gpu or 'no GPU'}. {made['layers']} layers, "
            f"{made['parameters'] / 1e6:.0f} M random parameters.\n",
            "" if gpu and options.layers == FULL else
            "A trial of the script: it means nothing for a GPU or the whole model.\n",
            f"{len(clips)} clips of {_seconds(clips) / len(clips):.1f} s in files; "
            f"medians of {options.rounds}.\n\n",
            "| what | RTFx | parakeet ÷ NeMo |\n|---|---|---|\n",
            f"| parakeet transcribe | {statistics.median(ours):.1f} | {spread(shares)} |\n",
            f"| NeMo's transcribe(), batches of {options.batch} "
            f"| {statistics.median(theirs):.1f} | |\n",
            *(
                f"| parakeet transcribe --feeders {count} | {statistics.median(found):.1f} "
                f"| {spread([a / b for a, b in zip(found, theirs, strict=True)])} |\n"
                for count, found in by_feeders.items()
            ),
            "\n",
            f"Memory over {options.hours:g} hours in one file, the highest of the second tenth "
            "and of the last:\n",
            f"{hours.memory}.\n" if hours.samples[9:] else "the run was too short.\n",
        ]
    )  # fmt: skip
    problems = []
    if gpu and options.layers == FULL and statistics.median(shares) < GOAL:
        problems.append(f"parakeet reached less than {GOAL} of NeMo's RTFx.")
    if options.hours >= ENOUGH_HOURS and hours.growth > MAX_GROWTH:
        problems.append(f"Memory grew: {hours.memory}.")
    return table, problems


def _feeders(options: argparse.Namespace) -> list[int]:
    """The numbers of feeders to measure: none on a CPU, whose cores the engine uses."""
    if options.device == "cpu":
        return []
    return [count for count in (1, 2, 4, 8, 16) if count <= usable_cores()]


def _samples() -> list[Path]:
    return sorted((ROOT / "samples").glob("*.wav"))


def _clips(count: int) -> list[Path]:
    """Copies of the samples, over and over, as separate files."""
    folder = DATA / "clips"
    folder.mkdir()
    samples = _samples()
    return [
        Path(shutil.copy(samples[number % len(samples)], folder / f"{number:05}.wav"))
        for number in range(count)
    ]


def _seconds(files: Sequence[Path]) -> float:
    total = 0.0
    for file in files:
        with wave.open(str(file)) as sound:
            total += sound.getnframes() / sound.getframerate()
    return total


def _rtfx(clips: Sequence[Path], warm: int, in_flight: int) -> float:
    """Seconds of audio per second, from the times when the outputs were written.

    The time starts with the `warm`-th output. Clips that were in flight then don't count.
    """
    written = {clip: (DATA / "out" / f"{clip.stem}.json").stat().st_mtime_ns for clip in clips}
    order = sorted(clips, key=lambda clip: written[clip])
    took = (written[order[-1]] - written[order[warm - 1]]) / 1e9
    return _seconds(order[warm + in_flight :]) / took


def _recording(hours: float) -> Path:
    """The samples over and over in one file."""
    path = DATA / "long.wav"
    parts = []
    for sample in _samples():
        with wave.open(str(sample)) as sound:
            parts.append(sound.readframes(sound.getnframes()))
    once = b"".join(parts)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for _ in range(round(hours * 3600 * RATE * 2 / len(once)) or 1):
            file.writeframesraw(once)
    return path


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """A command's memory and GPU memory in MiB, each second while it transcribed."""

    samples: list[tuple[float, float]]

    def _tenth(self, number: int, which: int) -> float:
        each = max(1, len(self.samples) // 10)
        return max(sample[which] for sample in self.samples[number * each : (number + 1) * each])

    @property
    def growth(self) -> float:
        if not self.samples[9:]:  # a tenth would be empty
            return 1.0
        return max(
            self._tenth(9, which) / self._tenth(1, which)
            for which in (0, 1)
            if self._tenth(1, which)
        )

    @property
    def memory(self) -> str:
        ram = f"{self._tenth(1, 0):.0f} and {self._tenth(9, 0):.0f} MiB of RAM"
        gpu = self._tenth(1, 1), self._tenth(9, 1)
        return ram + (f", {gpu[0]:.0f} and {gpu[1]:.0f} MiB of the GPU" if any(gpu) else "")


def _parakeet(
    options: argparse.Namespace, model: Path, given: Path, feeders: str = "auto"
) -> MemoryUse:
    out = DATA / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "parakeet_cli", "transcribe", "--quiet", "--engine", "nemo"]
    command += ["--device", options.device, "--python", options.python, "--model", str(model)]
    command += ["--feeders", feeders, "-f", "json", "-o", str(out), str(given)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    samples = []
    while True:
        try:
            process.wait(1.0)
            break
        except subprocess.TimeoutExpired:
            samples.append(_memory(process.pid, on_gpu=options.device != "cpu"))
    if process.returncode:
        assert process.stderr is not None
        sys.exit(f"parakeet ended with {process.returncode}: {process.stderr.read().decode()}")
    # The first samples are of the import and the load.
    loaded = next((at for at, one in enumerate(samples) if one[0] > 0.5 * samples[-1][0]), 0)
    return MemoryUse(samples[loaded:] or [(0.0, 0.0)])


def _memory(pid: int, *, on_gpu: bool) -> tuple[float, float]:
    """The memory of a process and its children, in MiB: RAM, and the GPU's."""
    ram = mebibytes(pid)
    if not on_gpu:
        return ram, 0.0
    pids = tree(pid)
    rows = subprocess.run(GPU_MEMORY, capture_output=True, text=True, check=True).stdout
    used = [row.split(",") for row in rows.splitlines() if row.count(",") == 1]
    # In a container nvidia-smi may show other process ids; then all processes are counted.
    mine = [row for row in used if row[0].strip().isdigit() and int(row[0]) in pids] or used
    return ram, sum(float(row[1]) for row in mine)


def _json(command: Sequence[str]) -> dict[str, object]:
    """The JSON in the last line that a script prints."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
