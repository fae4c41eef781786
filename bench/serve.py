"""Compares `parakeet serve` with the peer wyoming-faster-whisper, on the same model, in turn.

    python bench/serve.py [--model NAME] [--clips N] [--clients N] [--rounds N]
                          [--write docs/benchmarks.md]

Clients at once send short clips by Wyoming, the protocol that both have, each its next one when
it has the text of the last. Both have the same model folder, language, beam and cores. A server
runs for one round, and its first clip, which isn't counted, warms it up. The peer is installed in
an environment of its own below bench-data/.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import wave
from collections.abc import Callable
from pathlib import Path

from measure import machine, spread, write_table
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.whisper.model import find_whisper

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench-data"
PEER = "wyoming-faster-whisper==3.8.1"
RATE, CHUNK = 16_000, 3200  # bytes of a message: 0.1 s
PATIENCE = 120.0  # seconds until a server answers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="tiny.en", help="a Whisper model (default tiny.en)")
    parser.add_argument("--clips", type=int, default=60, help="in a round (default 60)")
    parser.add_argument("--clients", type=int, default=8, help="at once (default 8)")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds (default 3)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    clips = _clips(options.clips)
    seconds = sum(len(clip) for clip in clips) / 2 / RATE
    model = find_whisper(options.model, offline=True)
    servers = {"parakeet serve": _ours(options.model), PEER: _theirs(str(model.prepare().path))}
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(options.rounds):
        for name in list(servers)[:: -1 if number % 2 else 1]:
            rate = len(clips) / _round(servers[name], clips, options.clients)
            print(f"  {name}: {rate:.2f} clips a second", file=sys.stderr, flush=True)
            rates[name].append(rate)
    ours, theirs = rates.values()
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    table = (
        f"Machine: {machine()}. {len(clips)} clips, {seconds:.0f} s in all, by {options.clients} "
        f"clients at once; {model.name}, {options.rounds} rounds.\n\n"
        "| server | clips a second | parakeet ÷ this |\n|---|---|---|\n"
        f"| parakeet serve | {spread(ours)} | |\n"
        f"| {PEER.replace('==', ' ')} | {spread(theirs)} | {spread(ratios)} |\n"
    )
    print(table)
    if options.write:
        write_table(options.write, "serve", table)
    print(f"The median ratio is {statistics.median(ratios):.2f}.")


def _ours(model: str) -> Callable[[int], list[str]]:
    def command(port: int) -> list[str]:
        base = [sys.executable, "-m", "parakeet_cli", "serve", "--quiet", "--language", "en"]
        base += ["--engine", "whisper", "--model", model, "--threads", str(EngineOptions().cores)]
        return [*base, "--port", str(_free_port()), "--wyoming", f"127.0.0.1:{port}"]

    return command


def _theirs(model: str) -> Callable[[int], list[str]]:
    python = _peer()

    def command(port: int) -> list[str]:
        base = [str(python), "-m", "wyoming_faster_whisper", "--uri", f"tcp://127.0.0.1:{port}"]
        base += ["--model", model, "--stt-library", "faster-whisper", "--language", "en"]
        base += ["--beam-size", "5", "--compute-type", "int8", "--data-dir", str(DATA)]
        return [*base, "--cpu-threads", str(EngineOptions().cores), "--local-files-only"]

    return command


def _peer() -> Path:
    """The Python of the peer's environment, which is made on the first run."""
    folder = DATA / "serve-peer"
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER], check=True)
        (folder / "whole").touch()
    return python


def _round(command: Callable[[int], list[str]], clips: list[bytes], clients: int) -> float:
    """The seconds that the clips take."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as runtime:
        # A folder of its own, or a server of this user's would lend its engine.
        environment = {**os.environ, "XDG_RUNTIME_DIR": runtime}
        server = subprocess.Popen(command(port), env=environment, stderr=subprocess.DEVNULL)
        try:
            return asyncio.run(_send_all(server, port, clips, clients))
        finally:
            server.terminate()
            server.wait()


async def _send_all(
    server: subprocess.Popen[bytes], port: int, clips: list[bytes], clients: int
) -> float:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            await _text_of(port, clips[0])
            break
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{server.args!r} doesn't answer.")
            await asyncio.sleep(0.2)
    left = list(clips)

    async def client() -> None:
        while left:
            await _text_of(port, left.pop())

    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.monotonic() - began


async def _text_of(port: int, clip: bytes) -> str:
    async with AsyncTcpClient("127.0.0.1", port) as client:
        sound = {"rate": RATE, "width": 2, "channels": 1}
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(**sound).event())
        for at in range(0, len(clip), CHUNK):
            await client.write_event(AudioChunk(audio=clip[at : at + CHUNK], **sound).event())
        await client.write_event(AudioStop().event())
        while (event := await client.read_event()) is not None:
            if Transcript.is_type(event.type):
                return Transcript.from_event(event).text
    raise ConnectionError("The server closed the connection without a text.")


def _clips(count: int) -> list[bytes]:
    samples = []
    for path in sorted((ROOT / "samples").rglob("*.wav")):
        with wave.open(str(path), "rb") as file:
            samples.append(file.readframes(file.getnframes()))
    return [samples[number % len(samples)] for number in range(count)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
