"""Measures what is in front of the engine: decoding, detecting speech and cutting.

    python bench/feed.py [--minutes N] [--clips N] [--files N] [--hours N] [--rounds N]
                         [--ffmpeg PATH] [--write docs/scaling.md]

The first table is of stages: CPU seconds for an hour of sound, by format, beside the same of
ffmpeg's command (`ffmpeg -threads 1 -ac 1 -ar 16000`), where there is one. The second is of the
whole command by the number of feeders. The engine mock takes no time there, and is given what the
speech detector leaves, like any other engine. The start of the command, which is measured with one
short clip, is left out of each. Speech is made of the samples, with pauses of 0.2 to 3 s.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
from measure import machine, write_table
from numpy.typing import NDArray

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.segment.sparse import SparseTrack
from parakeet_cli.audio.segment.speech import SpeechTrack
from parakeet_cli.system.hardware import usable_cores

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench-data" / "feed"
RATE = 16_000
PR_SET_CHILD_SUBREAPER = 36  # https://man7.org/linux/man-pages/man2/prctl.2.html

Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Encoding:
    """A format to measure: its name in the table, codec, sample rate and layout."""

    name: str
    suffix: str
    codec: str
    rate: int
    layout: str


ENCODINGS = (
    Encoding("WAV, 16 kHz mono", "wav", "pcm_s16le", RATE, "mono"),
    Encoding("WAV, 44.1 kHz stereo", "wav", "pcm_s16le", 44_100, "stereo"),
    Encoding("FLAC, 16 kHz mono", "flac", "flac", RATE, "mono"),
    Encoding("MP3, 44.1 kHz stereo", "mp3", "libmp3lame", 44_100, "stereo"),
    Encoding("M4A, 44.1 kHz stereo", "m4a", "aac", 44_100, "stereo"),
    Encoding("Opus, 48 kHz stereo", "opus", "libopus", 48_000, "stereo"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a command: on the clock, and of the CPU by all its processes."""

    wall: float
    cpu: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.cpu - other.cpu)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="of each format (default 20)")
    parser.add_argument("--clips", type=int, default=200, help="of 5 s (default 200)")
    parser.add_argument("--files", type=int, default=8, help="of 10 minutes (default 8)")
    parser.add_argument("--hours", type=float, default=2.0, help="of one WAV (default 2)")
    parser.add_argument("--rounds", type=int, default=3, help="of each (default 3)")
    parser.add_argument("--ffmpeg", default=shutil.which("ffmpeg"), help="its command")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    lines = [f"Machine: {machine()}. The least of {options.rounds} rounds, in turn.", ""]
    lines += _stages(options.minutes, options.rounds, options.ffmpeg)
    lines += ["", *_rates(options)]
    table = "\n".join(lines) + "\n"
    print(table)
    if options.write:
        write_table(options.write, "feed", table)
    shutil.rmtree(DATA, ignore_errors=True)


def _stages(minutes: float, rounds: int, ffmpeg: str | None) -> list[str]:
    speech = _speech(minutes * 60, seed=1)
    rows = [
        "| CPU s for an hour of | decoded | and detected | whole detector | ffmpeg | ÷ ffmpeg |",
        "|---|---|---|---|---|---|",
    ]
    for number, encoding in enumerate(ENCODINGS):
        path = DATA / f"{number}.{encoding.suffix}"
        _encode(path, speech, encoding)
        stages: dict[str, Callable[[], object]] = {
            "decoded": partial(_decode, path),
            "detected": partial(_decode, path, SparseTrack),
            "whole": partial(_decode, path, SpeechTrack),
        }
        if ffmpeg:
            command = [ffmpeg, "-v", "error", "-threads", "1", "-i", str(path)]
            command += ["-ac", "1", "-ar", str(RATE), "-f", "null", "-"]
            stages["ffmpeg"] = partial(subprocess.run, command, check=True)
        _decode(path, SparseTrack)  # what is loaded once isn't counted
        found: dict[str, list[float]] = {name: [] for name in stages}
        for _ in range(rounds):
            for name, stage in stages.items():
                found[name].append(_cpu_of(stage) * 60 / minutes)
        least = {name: min(values) for name, values in found.items()}
        theirs = least.get("ffmpeg")
        ratio = f"{theirs:.2f} | {least['detected'] / theirs:.2f}" if theirs else "– | –"
        rows.append(
            f"| {encoding.name} | {least['decoded']:.2f} | {least['detected']:.2f} "
            f"({3600 / least['detected']:,.0f} ×) | {least['whole']:.2f} | {ratio} |"
        )
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
        path.unlink()
    return rows


def _rates(options: argparse.Namespace) -> list[str]:
    work = {}
    for number in range(options.clips):
        _encode(DATA / "clips" / f"{number:04}.wav", _speech(5.0, number), ENCODINGS[0])
        work[f"{options.clips} clips of 5 s"] = (DATA / "clips", options.clips * 5.0)
    for number in range(options.files):
        _encode(DATA / "files" / f"{number}.wav", _speech(600.0, 1000 + number), ENCODINGS[0])
        work[f"{options.files} files of 10 minutes"] = (DATA / "files", options.files * 600.0)
    if options.hours:
        _encode(DATA / "long.wav", _speech(options.hours * 3600, 2), ENCODINGS[0])
        work[f"one WAV of {options.hours:g} hours"] = (DATA / "long.wav", options.hours * 3600)
    start = DATA / "start.wav"
    _encode(start, _speech(5.0, 3), ENCODINGS[0])
    counts = sorted({1, 2, usable_cores()})
    rows = [
        "| what | feeders | rate, × real time | CPU s | wall s | ÷ one feeder |",
        "|---|---|---|---|---|---|",
    ]
    for name, (path, seconds) in work.items():
        found: dict[int, list[Cost]] = {count: [] for count in counts}
        for _ in range(options.rounds):
            for count in counts:
                cost = _command(path, count) - _command(start, count)
                found[count].append(cost)
                print(f"  {name}, {count}: {cost}", file=sys.stderr, flush=True)
        best = {count: min(costs, key=lambda one: one.wall) for count, costs in found.items()}
        for count in counts:
            pairs = [one.wall / many.wall for one, many in zip(found[1], found[count], strict=True)]
            rows.append(
                f"| {name} | {count} | {seconds / best[count].wall:,.0f} "
                f"| {min(one.cpu for one in found[count]):.2f} | {best[count].wall:.2f} "
                f"| {best[1].wall / best[count].wall:.2f} "
                f"(pairs {statistics.median(pairs):.2f}) |"
            )
    return rows


def _command(path: Path, feeders: int) -> Cost:
    """What one command costs; processes that outlive it a moment count, too."""
    out = DATA / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "parakeet_cli", "transcribe", str(path), "--quiet"]
    command += ["-f", "json", "-o", str(out), "--engine", "mock", "--feeders", str(feeders)]
    environment = {**os.environ, "PARAKEET_MOCK_RTF": "0", "PARAKEET_MOCK_VAD": "1"}
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = _children_seconds()
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    if process.wait():
        sys.exit(f"{' '.join(command)} ended with {process.returncode}.")
    wall = time.perf_counter() - begun
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return Cost(wall, _children_seconds() - before)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cpu_of(stage: Callable[[], object]) -> float:
    begun = time.process_time() + _children_seconds()
    stage()
    return time.process_time() + _children_seconds() - begun


def _decode(path: Path, detecting: Callable[[], SparseTrack | SpeechTrack] | None = None) -> None:
    track = detecting() if detecting else None
    with open_media(path, isolated=False) as media:
        for block in media:
            if track is not None:
                track.add(block)
    if track is not None:
        track.finish()


def _speech(seconds: float, seed: int) -> Pcm:
    """Sentences of the samples in any order, with a faint noise in the pauses."""
    random = np.random.default_rng(seed)
    sentences = list(_sentences())
    parts: list[Pcm] = []
    while sum(map(len, parts)) < seconds * RATE:
        parts.append(sentences[random.integers(len(sentences))])
        pause = random.standard_normal(int(random.choice([0.2, 0.4, 0.6, 0.9, 3.0]) * RATE))
        parts.append((pause * 8).astype(np.int16))
    return np.concatenate(parts)[: round(seconds * RATE)]


def _sentences() -> Iterator[Pcm]:
    for path in sorted((ROOT / "samples").rglob("*.wav")):
        with wave.open(str(path), "rb") as file:
            if file.getparams()[:3] == (1, 2, RATE):
                yield np.frombuffer(file.readframes(file.getnframes()), np.int16)


def _encode(path: Path, pcm: Pcm, encoding: Encoding) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoding.codec, rate=encoding.rate, layout=encoding.layout)
        resampler = av.AudioResampler(
            format=stream.format, layout=encoding.layout, rate=encoding.rate
        )
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        fifo = av.AudioFifo()
        for resampled in (*resampler.resample(frame), *resampler.resample(None)):
            fifo.write(resampled)
        size = stream.codec_context.frame_size or 4096
        while (part := fifo.read(size, partial=True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
