"""Measures the CPU time that the engine nemo's worker takes beside its model, for a clip of 3 s.

    python bench/worker_cpu.py STACK_PYTHON MODEL.nemo [--against CHECKOUT]
                               [--clips N] [--rounds N] [--write docs/benchmarks.md]

Padding, batches, lists, JSON and pipes: while the worker is busy with them, a GPU may have to
wait. It is measured on a CPU with one thread, where the process's time less the model's is the
worker's own. Tokens are decoded by the code of a GPU, without capture, and so come in tables as
large as there. CHECKOUT is another checkout, for example a `git worktree` of an older commit: both
workers are loaded at once and take turns, clip for clip the same. (One before CUDA graphs were
tried on a CPU needs NeMo 3.) With the tests' small Parakeet the text is as long as that of speech.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import wave
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from against import stack_of
from measure import machine, spread, write_table
from numpy.typing import NDArray

from parakeet_cli.engines.nemo.worker import messages
from parakeet_cli.engines.nemo.worker.decoding.graphs import SETTING as MODE

ROOT = Path(__file__).resolve().parent.parent
WORKER = Path("parakeet_cli/engines/nemo/worker")
RATE, SECONDS = 16_000, 3
GOAL = 0.3  # milliseconds a clip


class TimedWorker:
    """A checkout's worker with the model loaded, in a process of the ML stack's interpreter."""

    def __init__(self, checkout: Path, python: Path, model: Path) -> None:
        self._control, theirs = socket.socketpair()
        command = [str(python), "-B", str(ROOT / "bench" / "timed_worker.py")]
        environment = {
            **os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", MODE: "no_graphs",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [*command, str(checkout / WORKER), str(theirs.fileno())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()], env=environment,
        )  # fmt: skip
        theirs.close()
        request = {"path": str(model), "device": "cpu", "threads": 1, "trusted": True}
        self._send({"operation": "load", "id": 0, "model": request})
        loaded = self._receive()
        if "result" not in loaded:
            sys.exit(f"{checkout}: the worker can't load {model}: {loaded}")

    def _send(self, head: dict[str, Any], samples: bytes = b"") -> None:
        assert self._process.stdin is not None
        messages.send(self._process.stdin, head, samples)
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while (message := messages.receive(self._process.stdout)) is not None:
            if "id" in message[0]:
                return message[0]
        sys.exit(f"The worker ended with {self._process.wait()}.")

    def transcribe(self, clips: list[bytes]) -> tuple[float, float, int]:
        """Milliseconds of the worker's own and of the model's for a clip, and how many pieces."""
        before = self._seconds()
        sending = Thread(target=self._send_all, args=(clips,))
        sending.start()
        pieces = sum(len(self._receive()["result"]["pieces"]) for _ in clips)
        sending.join()
        after = self._seconds()
        model = after["model"] - before["model"]
        own = after["process"] - before["process"] - model
        return 1000 * own / len(clips), 1000 * model / len(clips), pieces

    def _send_all(self, clips: list[bytes]) -> None:
        for number, clip in enumerate(clips, 1):
            self._send({"operation": "transcribe", "id": number, "way": None}, clip)

    def _seconds(self) -> dict[str, float]:
        self._control.sendall(b"?")
        with self._control.makefile("rb") as answers:
            found: dict[str, float] = json.loads(answers.readline())
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@dataclass(slots=True)
class Turns:
    """What one worker took in each round: milliseconds a clip."""

    own: list[float] = field(default_factory=list)
    model: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("python", type=Path, help="the ML stack's interpreter")
    parser.add_argument("model", type=Path, help="a .nemo file with a TDT or RNN-T head")
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--clips", type=int, default=256, help="in a round (default 256)")
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds (default 7)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    python, model = options.python.absolute(), options.model.resolve()
    checkouts = {"this checkout": ROOT}
    if options.against:
        checkouts["the other"] = options.against.resolve()
    clips = cut(options.clips)
    workers = {name: TimedWorker(path, python, model) for name, path in checkouts.items()}
    turns = {name: Turns() for name in checkouts}
    pieces = 0
    for number in range(-1, options.rounds):  # the first warms up
        for name in list(workers)[:: 1 if number % 2 else -1]:
            own, models, pieces = workers[name].transcribe(clips)
            print(f"  {name}: {own:.3f} ms beside the model's {models:.1f}", file=sys.stderr)
            if number >= 0:
                turns[name].own.append(own)
                turns[name].model.append(models)
    for worker in workers.values():
        worker.close()
    table = show(turns, f"{len(clips)} clips of {SECONDS} s, {pieces / len(clips):.1f} pieces each")
    print(table := f"Machine: {machine()}; {stack_of(python)}. {table}")
    if options.write:
        write_table(options.write, "worker", table)
    if statistics.median(turns["this checkout"].own) > GOAL:
        sys.exit(f"The worker took more than {GOAL} ms a clip beside the model.")


def show(turns: dict[str, Turns], clips: str) -> str:
    ours = turns["this checkout"]
    rows = []
    for name, one in turns.items():
        pairs = [mine / theirs for mine, theirs in zip(ours.own, one.own, strict=True)]
        share = spread(pairs) if one is not ours else ""
        rows.append(
            f"| {name} | {spread(one.own)} | {share} | {statistics.median(one.model):.1f} |\n"
        )
    return (
        f"{clips};\n{len(ours.own)} rounds, CPU milliseconds a clip with one thread.\n\n"
        "| worker | beside the model | this checkout ÷ this | the model |\n|---|---|---|---|\n"
        + "".join(rows)
    )


def cut(count: int) -> list[bytes]:
    """Clips of the samples joined, each beginning somewhere else, as a message's samples."""
    sound = np.concatenate([read(path) for path in sorted((ROOT / "samples").glob("*.wav"))])
    length = RATE * SECONDS
    starts = np.linspace(0, len(sound) - length, count).astype(int)
    return [sound[start : start + length].tobytes() for start in starts]


def read(path: Path) -> NDArray[np.float32]:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.astype(np.float32) / np.float32(32768)


if __name__ == "__main__":
    main()
