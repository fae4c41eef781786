"""Measures what one short clip costs in front of the engine and behind it, in CPU time.

    python bench/clip_cost.py [--clips N] [--rounds N] [--write docs/scaling.md]

The engine mock takes no time, and is given what the speech detector leaves. Whole commands are
compared by twice as many clips: their difference has no start of a process in it. The stages are
measured in one process, without the messages between processes, which are the rest.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import feed
from measure import machine, write_table

from parakeet_cli.audio.segment.sparse import SparseTrack
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.outputs.plan import plan_outputs
from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import SilentView

SECONDS = 5.0  # of each clip
FEEDERS = (1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=200, help="and half of them (default 200)")
    parser.add_argument("--rounds", type=int, default=3, help="of each (default 3)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    shutil.rmtree(feed.DATA, ignore_errors=True)
    half, whole = feed.DATA / "half", feed.DATA / "whole"
    for number in range(options.clips):
        speech = feed._speech(SECONDS, number)
        for folder in (whole, half)[: 1 + (number < options.clips // 2)]:
            feed._encode(folder / f"{number:04}.wav", speech, feed.ENCODINGS[0])
    os.environ.update(PARAKEET_MOCK_RTF="0", PARAKEET_MOCK_VAD="1")
    lines = [
        f"Machine: {machine()}. The median of {options.rounds} rounds.",
        "",
        "| one clip of 5 s | ms of CPU |",
        "|---|---|",
    ]
    clips = sorted(whole.iterdir())
    # The commands come first: they wait for every child, and those of the stages stay.
    stages: dict[str, Callable[[], float]] = {
        **{
            f"the whole command, feeders {count}": partial(
                _command, whole, half, options.clips - options.clips // 2, count
            )
            for count in FEEDERS
        },
        "decoding": partial(_stage, clips, None),
        "decoding and detecting": partial(_stage, clips, SparseTrack),
        "the engine's process, with writing": partial(_engine_process, whole),
    }
    for name, stage in stages.items():
        found = statistics.median(stage() for _ in range(options.rounds))
        lines.append(f"| {name} | {found:.1f} |")
        print(f"  {lines[-1]}", flush=True)
    if options.write:
        write_table(options.write, "clip cost", "\n".join(lines) + "\n")
    shutil.rmtree(feed.DATA, ignore_errors=True)


def _stage(clips: Sequence[Path], detecting: Callable[[], SparseTrack] | None) -> float:
    feed._decode(clips[0], detecting)  # what is loaded once isn't counted
    begun = time.process_time()
    for clip in clips:
        feed._decode(clip, detecting)
    return (time.process_time() - begun) * 1000 / len(clips)


def _engine_process(folder: Path) -> float:
    """The process that cuts, has the engine, joins and writes, without its feeder."""
    out = feed.DATA / "out"
    shutil.rmtree(out, ignore_errors=True)
    items = plan_outputs(find_jobs([str(folder)]), expand_formats(["json"]), str(out), "{filename}")
    engine = make_engine("mock", EngineOptions(), concurrency=64)
    begun = time.process_time()
    count = sum(1 for _ in transcribe_jobs(items, engine, PipelineOptions(), SilentView()))
    return (time.process_time() - begun) * 1000 / count


def _command(whole: Path, half: Path, more: int, feeders: int) -> float:
    cost = feed._command(whole, feeders) - feed._command(half, feeders)
    return cost.cpu * 1000 / more


if __name__ == "__main__":
    main()
