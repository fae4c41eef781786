"""Runs everything that needs an NVIDIA GPU, and writes one Markdown report: `make gpu`.

    python bench/gpu.py [--python PATH] [--out gpu-report.md] [--hours 10]

The report has what `parakeet doctor --gpu-report` writes, the tests marked gpu, the engine's
throughput beside NeMo's own transcribe() and the loop of the Open ASR Leaderboard's run_eval.py
at each batch size, and the whole command against NeMo (bench/rtfx.py). Without a GPU it is a
trial: small sizes, on the CPU, and nothing is measured on a GPU.

Exit: 0 if all of it ran, or on a trial; 1 if a part failed, and the report says which.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from measure import machine

from parakeet_cli.config import load_settings
from parakeet_cli.doctor.explain.report import redact
from parakeet_cli.doctor.probes.throughput import (
    BATCHES,
    LAYERS,
    LOAD,
    MeasurePlan,
    Subject,
    measure,
)
from parakeet_cli.system.hardware import list_gpus

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "samples" / "sense_0880.wav"
WORKER = ROOT / "parakeet_cli" / "engines" / "nemo" / "worker" / "__main__.py"
SMALL = ROOT / "tests" / "fixtures" / "models" / "small-parakeet-tdt.nemo"
TESTS = ("tests/integration/gpu", "tests/integration/transcribe/test_onnx.py")
RATE = 16_000
HAS_STACK = (
    "from importlib.util import find_spec; "
    "raise SystemExit(not (find_spec('nemo') and find_spec('torch')))"
)
NO_STACK = "no ML stack: BENCH_STACK names the python of one"


class NotRun(Exception):
    """A part of the report that can't be run; the message says why."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    device: str
    batches: tuple[int, ...]
    clips: int
    seconds: float  # that a batch size is timed at most
    hours: float
    model: Path | None  # None: random weights of the published size


GPU_SCALE = Scale("cuda", BATCHES, 1024, 60.0, 10.0, None)
TRIAL = Scale("cpu", (1, 2), 4, 2.0, 0.01, SMALL)


@dataclass(slots=True)
class Run:
    """The options, and what failed so far."""

    python: str | None
    scale: Scale
    folder: Path  # for files that are removed at the end
    problems: list[str] = field(default_factory=list)

    @property
    def on_gpu(self) -> bool:
        return self.scale.device != "cpu"

    @property
    def stack(self) -> str:
        """The ML stack's interpreter. Raises NotRun where there is none."""
        if self.python is None:
            raise NotRun(NO_STACK)
        return self.python


def main() -> None:
    options = _options()
    on_gpu = bool(list_gpus().gpus)
    scale = GPU_SCALE if on_gpu else TRIAL
    python = _find_stack(options.python)
    with tempfile.TemporaryDirectory(prefix="parakeet-gpu-") as folder:
        run = Run(python, scale, Path(folder))
        hours = options.hours if on_gpu else scale.hours
        text = "\n".join(_report(run, hours)) + "\n"
    options.out.write_text(redact(text), encoding="utf-8")
    print(f"Wrote {options.out}.")
    if not on_gpu:
        print("This was a trial on the CPU: nothing was measured on a GPU.")
    if run.problems:
        print("\n".join(run.problems), file=sys.stderr)
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--python", help="the ML stack's interpreter (default: as parakeet's)")
    parser.add_argument("--out", type=Path, default=Path("gpu-report.md"))
    parser.add_argument("--hours", type=float, default=GPU_SCALE.hours, help="default 10")
    return parser.parse_args()


def _find_stack(named: str | None) -> str | None:
    """The interpreter that is named, or parakeet's own setting, if NeMo is installed in it."""
    python = named or load_settings({}).ml_python or sys.executable
    found = subprocess.run([python, "-I", "-c", HAS_STACK], capture_output=True, check=False)
    if found.returncode and named:
        sys.exit(f"torch and NeMo are not installed in {named}.")
    return None if found.returncode else python


def _report(run: Run, hours: float) -> Iterator[str]:
    yield f"Machine: {machine()}."
    if not run.on_gpu:
        yield ""
        yield (
            "**Nothing was measured on a GPU**: nvidia-smi lists none. This is a trial of the "
            "scripts on the CPU, with small sizes."
        )
    for title, part in PARTS:
        print(f"{title} ...", file=sys.stderr, flush=True)
        yield from ("", f"# {title}", "")
        try:
            yield from part(run, hours)
        except NotRun as reason:
            yield f"Not run: {reason}."
            if run.on_gpu:
                run.problems.append(f"{title} was not run: {reason}.")


def _doctor(run: Run, hours: float) -> Iterator[str]:
    """What anybody's `parakeet doctor --gpu-report` says."""
    out = run.folder / "doctor.md"
    command = [sys.executable, "-m", "parakeet_cli", "doctor", "--gpu-report", str(out)]
    command += ["--hours", str(hours)] + (["--python", run.python] if run.python else [])
    done = subprocess.run(command, cwd=ROOT, check=False)
    if not out.exists():
        raise NotRun(f"it ended with {done.returncode}")
    if done.returncode and run.on_gpu:
        run.problems.append("parakeet doctor --gpu-report could not measure everything.")
    yield from (f"#{line}" if line.startswith("#") else line
                for line in out.read_text(encoding="utf-8").splitlines())  # fmt: skip


def _tests(run: Run, hours: float) -> Iterator[str]:
    """The tests marked gpu, by name."""
    results = run.folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu"]
    command += [f"--junitxml={results}", *TESTS]
    environment = {**os.environ, "PARAKEET_TEST_GPU_PYTHON": run.python or ""}
    subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False)
    if not results.exists():
        raise NotRun("pytest could not start")
    yield from ("| test | result | why |", "|---|---|---|")
    for case in ElementTree.parse(results).iter("testcase"):
        outcome, why = "passed", ""
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                outcome, why = child.tag, child.get("message", "").partition("\n")[0]
        if outcome in ("failure", "error"):
            run.problems.append(f"{case.get('name')}: {why}")
        yield f"| {case.get('name')} | {outcome} | {why.replace('|', '/')} |"


def _by_batch(run: Run, hours: float) -> Iterator[str]:
    """The worker, NeMo's transcribe() and the leaderboard's loop on the same clips."""
    scale = run.scale
    model = scale.model or _random_model(run)
    clips = _clips(run.folder / "clips", scale.clips)
    plan = MeasurePlan(device=scale.device, batches=scale.batches, seconds=scale.seconds,
                       hours=0.0, files=tuple(map(str, clips)))  # fmt: skip
    ours = {}
    for step in measure(run.stack, Subject(str(WORKER), str(CLIP), str(model)), plan, _note):
        if not step.ok:
            run.problems.append(f"The worker's {step.name} failed: {step.cause}")
        elif step.name == LOAD:
            yield f"The worker: {step.values['gpu'] or 'CPU'}, {step.values['precision']}."
        else:
            ours[step.values["batch"]] = step.values
    audio = sum(map(_seconds, clips))
    batches = [*map(str, scale.batches)]
    rows = _json([run.stack, "-B", "bench/bare_rtfx.py", str(model), scale.device,
                  ",".join(batches), *map(str, clips)])  # fmt: skip
    yield (
        f"{len(clips)} clips, {audio / 60:.1f} minutes. The worker has its audio in memory, the "
        "longest first; NeMo reads files, in random order and the longest first. RTFx is seconds "
        "of audio per second; loading isn't counted."
    )
    yield ""
    yield (
        "| batch | worker | transcribe() | run_eval loop | worker ÷ run_eval loop "
        "| GPU MiB, worker | GPU MiB, NeMo |"
    )
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        mine = ours.get(row["batch"])
        plain, loop = (audio / row[name] if name in row else None
                       for name in ("seconds", "sorted_seconds"))  # fmt: skip
        cells = [
            str(row["batch"]), f"{mine['rtfx']:.1f}" if mine else "failed",
            f"{plain:.1f}" if plain else "out of memory",
            f"{loop:.1f}" if loop else "out of memory",
            f"{mine['rtfx'] / loop:.3f}" if mine and loop else "",
            _mebibytes(mine["peak_memory"] if mine else None), _mebibytes(row["peak_memory"]),
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _command(run: Run, hours: float) -> Iterator[str]:
    """The whole command against NeMo's transcribe(), and hours in one file."""
    if not run.on_gpu:
        raise NotRun("it takes minutes on a CPU: make bench runs its trial")
    command = [sys.executable, "bench/rtfx.py", run.stack, "--hours", str(hours)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    yield from done.stdout.splitlines()
    if done.returncode:
        run.problems.append("bench/rtfx.py ended with an error or missed its goal.")


PARTS: tuple[tuple[str, Callable[[Run, float], Iterator[str]]], ...] = (
    ("parakeet doctor --gpu-report", _doctor),
    ("Tests marked gpu", _tests),
    ("The worker and NeMo by batch size", _by_batch),
    ("parakeet transcribe and NeMo", _command),
)


def _random_model(run: Run) -> Path:
    path = run.folder / "random.nemo"
    _json([run.stack, "bench/full_size.py", str(path), str(CLIP), "--layers", str(LAYERS)])
    return path


def _clips(folder: Path, count: int) -> list[Path]:
    """WAVs of 2 to 20 s, of the samples over and over, in random order."""
    folder.mkdir()
    chance = random.Random(7)
    parts = []
    for sample in sorted((ROOT / "samples").glob("*.wav")):
        with wave.open(str(sample)) as sound:
            parts.append(sound.readframes(sound.getnframes()))
    speech = b"".join(parts)
    paths = []
    for number in range(count):
        start = 2 * chance.randrange(len(speech) // 2 - 20 * RATE)
        path = folder / f"{number:05}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(speech[start : start + 2 * round(chance.uniform(2, 20) * RATE)])
        paths.append(path)
    return paths


def _seconds(path: Path) -> float:
    return (path.stat().st_size - 44) / 2 / RATE


def _mebibytes(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _note(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _json(command: Sequence[str]) -> list[dict[str, float]]:
    """The JSON in the last line that a script prints. Raises NotRun."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [""]
        raise NotRun(f"{Path(command[1]).name} ended with {done.returncode}: {last[0]}")
    found: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
