"""Measures dictation's latency, from the end of speech to the final text, in stream time.

Clips whose speech ends at a known sample are played as a microphone, in real time. The ratio
is (final text - end of speech) / max(the silence that ends an utterance, the engine's time on
that utterance): no dictation can be faster than the longer of the two.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import machine, write_table

ROOT = Path(__file__).resolve().parent.parent
RATE = 16_000
SILENCE = 0.6  # seconds, the default of --max-silence
PAUSE = 2.5  # seconds between clips: longer than any final takes
GOALS = (1.15, 1.5)  # median and 95th percentile


@dataclass(frozen=True, slots=True)
class Latency:
    """One utterance, in seconds."""

    wait: float
    engine: float

    @property
    def ratio(self) -> float:
        return self.wait / max(SILENCE, self.engine)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each clip is played")
    parser.add_argument("--engines", nargs="+", default=["mock", "whisper"])
    parser.add_argument(
        "--write", action="store_true", help="write the table to docs/benchmarks.md"
    )
    arguments, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        talk, ends = _talk(Path(folder), arguments.rounds)
        found = {name: _latencies(name, talk, ends, Path(folder)) for name in arguments.engines}
    table = _table(found)
    print(table)
    if arguments.write:
        write_table(ROOT / "docs" / "benchmarks.md", "dictate", table)


def _talk(folder: Path, rounds: int) -> tuple[Path, list[float]]:
    """A file of the samples with pauses between them, and where the speech of each ends (s)."""
    path = folder / "talk.wav"
    ends = []
    written = 0
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        for clip in sorted((ROOT / "samples").glob("*.wav")) * rounds:
            with wave.open(str(clip), "rb") as file:
                data = file.readframes(file.getnframes())
            loud = np.abs(np.frombuffer(data, "<i2").astype(np.int32))
            # Speech is louder than a fiftieth of the clip's peak; breath and room noise aren't.
            ends.append((written + int(np.flatnonzero(loud > loud.max() / 50)[-1])) / RATE)
            silence = bytes(int(PAUSE * RATE) * 2)
            out.writeframes(data + silence)
            written += (len(data) + len(silence)) // 2
    # The mock engine's words: one at the end of each clip.
    cues = "".join(f"{end - 0.4:.3f}\t{end - 0.2:.3f}\tword\n" for end in ends)
    path.with_suffix(".cues.tsv").write_text(cues, encoding="utf-8")
    return path, ends


def _latencies(engine: str, talk: Path, ends: list[float], home: Path) -> list[Latency]:
    command = [sys.executable, "-m", "parakeet_cli", "dictate", "--json", "--from-file", str(talk)]
    done = subprocess.run(
        [*command, "--engine", engine, "--no-history"],
        capture_output=True,
        check=True,
        env={**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home)},
    )
    finals = [
        event
        for line in done.stdout.splitlines()
        if (event := json.loads(line))["event"] == "final"
    ]
    found = []
    start = 0.0
    for end in ends:
        # A clip with a long pause in it gives several utterances: the last one counts.
        in_clip = [event for event in finals if start <= event["start"] < end]
        if in_clip:
            last = in_clip[-1]
            found.append(Latency(last["t"] - end, last["engine_seconds"]))
        start = end + PAUSE / 2
    return found


def _table(found: dict[str, list[Latency]]) -> str:
    lines = [
        f"Machine: {machine()}. {SILENCE} s of silence end an utterance. The goal is a median of",
        f"{GOALS[0]} and a 95th percentile of {GOALS[1]}.",
        "",
        "| engine | utterances | wait, median s | engine, median s | ratio, median | ratio, 95 % |",
        "|---|---|---|---|---|---|",
    ]
    for engine, latencies in found.items():
        ratios = sorted(latency.ratio for latency in latencies)
        late = ratios[min(len(ratios) - 1, round(0.95 * (len(ratios) - 1)))]
        wait = statistics.median(latency.wait for latency in latencies)
        busy = statistics.median(latency.engine for latency in latencies)
        lines.append(
            f"| {engine} | {len(ratios)} | {wait:.2f} | {busy:.2f} "
            f"| {statistics.median(ratios):.3f} | {late:.3f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
