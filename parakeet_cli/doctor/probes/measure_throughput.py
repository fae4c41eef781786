"""Probe script: times the engine's worker on a model, at several batch sizes and over hours.

    - WORKER PLAN_JSON

WORKER is the `__main__.py` of the engine's worker, whose modules it uses beside the standard
library, numpy and torch. The plan: `model` (a .nemo file), `device`, `clip` (a WAV, which is
repeated and cut to clips of 2 to 20 s) or `files` (WAVs, taken as they are), `batches`, `count`
(how many clips to make), `seconds` (how long a batch size is timed at most), `hours`. It reports
as import_modules.py does; each event has what was measured as `values`.
"""

from __future__ import annotations

import collections
import faulthandler
import importlib
import itertools
import json
import os
import runpy
import sys
import time
import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

PACKAGE = "parakeet_nemo_worker"
RATE = 16_000
MEBIBYTE = 2**20
# A batch is launched while the one before is decoded, as the worker does it.
IN_FLIGHT = 2
# Seconds: clips as in the test sets of the Open ASR Leaderboard, chunks as the tool cuts them.
CLIP_SECONDS = (2.0, 20.0)
CHUNK_SECONDS = (5.0, 120.0)
MOST_CHUNKS = 128  # in a batch, as in the worker
GOLDEN = 0.6180339887498949  # multiples of it, less their whole part, spread evenly in 0 to 1
READINGS = 10  # of the memory over the hours
# CUDA errors after which every other call fails, too, except for these.
PASSING = ("out of memory", "alloc_failed")

# Of what the worker says of a model that it has loaded.
FACTS = ("device", "gpu", "precision", "class", "nemo", "torch")

torch: Any = None
np: Any = None


def main() -> None:
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the tool starts the worker
    worker, plan = sys.argv[1], json.loads(sys.argv[2])
    measured: dict[str, Any] = {}
    steps: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("load", lambda: _load(worker, plan, measured)),
        *((f"batch {size}", lambda size=size: _batches(size, plan, measured))
          for size in plan["batches"]),
    ]  # fmt: skip
    if plan["hours"]:
        steps.append(("hours", lambda: _hours(plan["hours"], measured)))
    for name, step in steps:
        if not _run(events, name, step):
            break
    os._exit(0)


def _run(events: TextIO, name: str, step: Callable[[], dict[str, Any]]) -> bool:
    """Report one step; whether the next can be tried."""
    began = time.monotonic()
    _write(events, event="begin", name=name)
    try:
        values = step()
    except BaseException as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
        _write(events, event="failed", name=name, seconds=time.monotonic() - began, cause=cause)
        passing = isinstance(error, MemoryError) or any(one in cause.lower() for one in PASSING)
        return passing and name != "load"
    _write(events, event="ok", name=name, seconds=time.monotonic() - began, values=values)
    return True


class Worker:
    """The engine's worker: its modules, in this process, with the model loaded."""

    def __init__(self, worker: str, model: str, device: str) -> None:
        runpy.run_path(worker, run_name="parakeet_nemo_worker_folder")["load_package"]()
        loading = importlib.import_module(f"{PACKAGE}.loading")
        loaded = loading.load_model(loading.LoadRequest(model, device), _to_stderr)
        self.encoder, self.decoder, self.cuda = loaded.encoder, loaded.decoder, loaded.cuda
        self.facts = {name: loaded.facts[name] for name in FACTS}

    def launch(self, sounds: Sequence[Any]) -> Any:
        encoded, lengths, _ = self.encoder.encode(list(sounds))
        return self.decoder.decode(encoded, lengths)


class Captures:
    """Counts the CUDA graphs that are captured from now on."""

    def __init__(self) -> None:
        self.count = 0
        begin = torch.cuda.CUDAGraph.capture_begin

        def counted(graph: Any, *arguments: Any, **options: Any) -> None:
            self.count += 1
            begin(graph, *arguments, **options)

        torch.cuda.CUDAGraph.capture_begin = counted


def _load(worker: str, plan: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    global np, torch
    np, torch = importlib.import_module("numpy"), importlib.import_module("torch")
    importlib.import_module("nemo.collections.asr.models")
    measured["captures"] = Captures()
    began = time.monotonic()
    made = measured["worker"] = Worker(worker, plan["model"], plan["device"])
    took = time.monotonic() - began
    device = measured["device"] = made.cuda.device
    capability = made.cuda.capability()
    if plan.get("files"):
        sounds = [_read(path) for path in plan["files"]]
    else:
        measured["sound"] = _read(plan["clip"])
        sounds = list(itertools.islice(_cut(measured["sound"], CLIP_SECONDS), plan["count"]))
    # Sorted by duration, as run_eval.py of the Open ASR Leaderboard sorts them.
    measured["clips"] = sorted(sounds, key=len, reverse=True)
    if "sound" not in measured:
        measured["sound"] = np.concatenate(sounds)
    return {
        **made.facts,
        "capability": ".".join(map(str, capability)) if capability else None,
        "archs": torch.cuda.get_arch_list() if capability else [],
        "captures": measured["captures"].count,
        **_graphs(measured),
        "load_seconds": took,
        "memory": _gpu_memory(device),
        "clips": len(sounds),
        "clips_seconds": sum(map(len, sounds)) / RATE,
    }


def _batches(size: int, plan: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    worker, clips, device = measured["worker"], measured["clips"], measured["device"]
    # The first batch allocates memory and captures graphs, and isn't timed.
    captured = measured["captures"].count
    for _ in _results(worker, itertools.islice(_fitting(worker.encoder, clips, size), 1)):
        pass
    warm = measured["captures"].count - captured
    _reset_peak(device)
    began = time.perf_counter()
    limit = began + plan["seconds"]
    batches = _fitting(worker.encoder, clips, size)
    audio, tokens, largest = 0.0, 0, 0
    for sounds, results in _results(worker, _until(limit, batches)):
        largest = max(largest, len(sounds))
        audio += sum(map(len, sounds)) / RATE
        tokens += sum(len(one.pieces) for one in results)
    seconds = time.perf_counter() - began
    return {
        "batch": size,
        "largest": largest,
        "audio_seconds": audio,
        "wall_seconds": seconds,
        "rtfx": audio / seconds,
        "tokens": tokens,
        "peak_memory": _gpu_peak(device),
        "captures_before": warm,
        "captures": measured["captures"].count - captured - warm,
        **_graphs(measured),
    }


def _hours(hours: float, measured: dict[str, Any]) -> dict[str, Any]:
    """Chunks of every length in the order of a recording: does memory grow, are graphs made?"""
    worker, device = measured["worker"], measured["device"]
    captured = measured["captures"].count
    _reset_peak(device)
    readings: list[tuple[float, int, int]] = []  # seconds of audio, bytes of RAM, of the GPU
    began, audio = time.perf_counter(), 0.0
    for sounds, _ in _results(worker, _recording(hours, measured)):
        audio += sum(map(len, sounds)) / RATE
        readings.append((audio, _ram(), _gpu_memory(device)))
    seconds = time.perf_counter() - began
    return {
        "hours": hours,
        "audio_seconds": audio,
        "wall_seconds": seconds,
        "rtfx": audio / seconds,
        "ram": _highest(readings, 1),
        "gpu_memory": _highest(readings, 2),
        "peak_memory": _gpu_peak(device),
        "batches": len(readings),
        "captures": measured["captures"].count - captured,
        **_graphs(measured),
    }


def _results(worker: Worker, batches: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, list[Any]]]:
    """Each batch with its tokens, in order, with one batch launched ahead."""
    launched: collections.deque[tuple[Any, Any]] = collections.deque()
    with worker.cuda.inference():
        for sounds in batches:
            launched.append((sounds, worker.launch(sounds)))
            if len(launched) == IN_FLIGHT:
                yield _finished(*launched.popleft())
        while launched:
            yield _finished(*launched.popleft())


def _finished(sounds: Any, pending: Any) -> tuple[Any, list[Any]]:
    return sounds, pending.result()


def _until(limit: float, batches: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The batches, at least one, until the time is over."""
    for sounds in batches:
        yield sounds
        if time.perf_counter() > limit:
            return


def _recording(hours: float, measured: dict[str, Any]) -> Iterator[Sequence[Any]]:
    """Batches of chunks as a recording of that many hours gives them, within the memory."""
    encoder = measured["worker"].encoder
    chunks = _cut(measured["sound"], CHUNK_SECONDS)
    left = hours * 3600
    while left > 0:
        queued: list[Any] = []
        while left > 0 and len(queued) < MOST_CHUNKS:
            queued.append(next(chunks))
            left -= len(queued[-1]) / RATE
        queued.sort(key=len, reverse=True)
        yield from _fitting(encoder, queued, MOST_CHUNKS)


def _fitting(encoder: Any, sounds: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Batches of that size, or smaller where the worker's own estimate of memory says so."""
    while sounds:
        seconds = len(sounds[0]) / RATE
        count = min(size, max(1, int(encoder.budget(seconds) / seconds)))
        yield sounds[:count]
        sounds = sounds[count:]


def _cut(sound: Any, seconds: tuple[float, float]) -> Iterator[Any]:
    """Sounds of lengths between the two, of the clip over and over, without end."""
    shortest, longest = seconds
    start = 0
    for number in itertools.count():
        length = shortest + (longest - shortest) * (number * GOLDEN % 1)
        yield np.resize(np.roll(sound, -start), round(length * RATE))
        start = (start + round(length * RATE)) % len(sound)


def _read(path: str) -> Any:
    """The samples of a WAV of 16 kHz, mono, 16 bit, as float32."""
    with wave.open(path) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.astype(np.float32) / 32768


def _graphs(measured: dict[str, Any]) -> dict[str, str | None]:
    """NeMo's name for the CUDA graphs in use, and why they aren't full ones, if they aren't."""
    decoder = measured["worker"].decoder
    return {"graph_mode": decoder.graph_mode, "no_graphs": decoder.graphs}


def _highest(readings: Sequence[tuple[float, int, int]], which: int) -> tuple[float, float]:
    """MiB: the highest of the second tenth of the audio, and of the last."""
    total = readings[-1][0]
    highest = [0.0] * READINGS
    for audio, *used in readings:
        tenth = min(READINGS - 1, int(audio / total * READINGS))
        highest[tenth] = max(highest[tenth], used[which - 1] / MEBIBYTE)
    return highest[1] or next(filter(None, highest), 0.0), highest[-1]


def _ram() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # not Linux
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _gpu_memory(device: Any) -> int:
    """Bytes that torch holds on the GPU; 0 on a CPU."""
    return int(torch.cuda.memory_reserved(device)) if device.type == "cuda" else 0


def _gpu_peak(device: Any) -> float | None:
    """MiB that torch held on the GPU at most."""
    if device.type != "cuda":
        return None
    return float(torch.cuda.max_memory_reserved(device)) / MEBIBYTE


def _reset_peak(device: Any) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def _write(events: TextIO, **fields: object) -> None:
    events.write(json.dumps(fields) + "\n")
    events.flush()


main()
