"""Probes: short scripts that the ML interpreter runs from stdin, each in a new process.

Timed out, watched for signals, and leaving nothing behind: no bytecode (`-B`), caches of
Numba and Matplotlib in a folder that is removed.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from parakeet_cli.doctor.facts import (
    NOT_TRIED,
    Facts,
    ProbeResult,
    Probes,
    Sample,
    Transcribed,
    Unavailable,
)
from parakeet_cli.doctor.stack.stack import NEMO, Stack

# nemo.collections.asr takes 11 s warm on two cores; from a cold disk several times that.
IMPORT_SECONDS = 300.0
GPU_SECONDS = 180.0
# The import once more, and 2.5 GB of weights from a cold disk.
TRANSCRIBE_SECONDS = 900.0
IMPORTED_STAGES = 5  # the last stage's packages are what nemo.collections.asr imports
TRANSCRIBES = "nemo.collections.asr"
MODULES = {NEMO: "nemo"}

SIGNALS = {
    "SIGSEGV": "a segmentation fault",
    "SIGABRT": "it aborted itself",
    "SIGBUS": "a bus error",
    "SIGILL": "an instruction this processor doesn't have",
    "SIGFPE": "an arithmetic fault",
    "SIGKILL": "killed from outside, by the system when memory runs out",
}


def run_probes(
    facts: Facts, stack: Stack, ids: Collection[str], sample: Sample | Unavailable
) -> Probes:
    """Runs what the selected checks judge. A sample is transcribed if the imports work."""
    python = facts.interpreter.executable
    imports: tuple[ProbeResult, ...] = ()
    gpu: tuple[ProbeResult, ...] = ()
    if "gpu-probe" in ids and not isinstance(facts.gpus, Unavailable) and facts.gpus.present:
        gpu = tuple(run_script("multiply_on_gpu", python, (), GPU_SECONDS))
    if "import-probe" in ids:
        imports = tuple(import_modules(python, modules_of(stack)))
    transcript: Transcribed | Unavailable = NOT_TRIED
    if imports and all(result.ok for result in imports):
        # A GPU that fails is the other probe's matter: this one is about the stack.
        device = "auto" if all(result.ok for result in gpu) else "cpu"
        transcript = (
            sample if isinstance(sample, Unavailable) else transcribe_sample(python, sample, device)
        )
    return Probes(imports, gpu, transcript)


def transcribe_sample(
    python: str, sample: Sample, device: str = "auto", seconds: float = TRANSCRIBE_SECONDS
) -> Transcribed:
    """The sample through the engine's own worker, up to the first thing that fails."""
    arguments = (sample.worker, sample.model, sample.clip, device)
    *_, last = run_script("transcribe_sample", python, arguments, seconds)
    return Transcribed(sample, last)


def modules_of(stack: Stack) -> tuple[str, ...]:
    """What to import for each stage in order, ending with what transcribes."""
    names = [
        MODULES.get(pin.name, pin.name.replace("-", "_"))
        for pin in stack.pins
        if pin.stage <= IMPORTED_STAGES
    ]
    return (*names, TRANSCRIBES)


def import_modules(
    python: str, modules: Sequence[str], seconds: float = IMPORT_SECONDS
) -> Iterator[ProbeResult]:
    """Each module's import. After a failure the rest begin in a new process."""
    waiting = list(modules)
    while waiting:
        results = list(run_script("import_modules", python, waiting, seconds))
        yield from results
        waiting = waiting[max(1, len(results)) :]


def run_script(
    script: str, python: str, arguments: Sequence[str], seconds: float
) -> Iterator[ProbeResult]:
    """One process of one script: a result for each thing it tried. `seconds` is for each."""
    source = (Path(__file__).parent / f"{script}.py").read_bytes()
    with tempfile.TemporaryDirectory(prefix="parakeet-probe-") as folder:
        environment = {
            **os.environ,
            "NUMBA_CACHE_DIR": f"{folder}/numba",
            "MPLCONFIGDIR": f"{folder}/matplotlib",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # stderr goes to a file: a pipe nobody reads would block a module that talks a lot.
        with Path(folder, "stderr").open("w+b") as stderr:
            try:
                process = subprocess.Popen(
                    [python, "-B", "-", *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    cwd=folder,  # "-" puts the working folder on the path: an empty one
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                first = arguments[0] if arguments else script
                yield ProbeResult(first, False, f"{python} can't be started: {error.strerror}")
                return
            try:
                yield from _watch(process, source, Path(stderr.name), seconds, script)
            finally:
                _end(process)


def _watch(
    process: subprocess.Popen[bytes], source: bytes, stderr: Path, seconds: float, script: str
) -> Iterator[ProbeResult]:
    assert process.stdin is not None
    events: queue.Queue[dict[str, object] | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, events), daemon=True)
    reader.start()
    with suppress(BrokenPipeError):  # it ended before it read: its exit says why
        process.stdin.write(source)
        process.stdin.close()
    trying, began = "", time.monotonic()
    while True:
        try:
            event = events.get(timeout=seconds)
        except queue.Empty:
            _end(process)
            yield ProbeResult(
                trying or script,
                False,
                f"did not end within {seconds:.0f} seconds",
                _tail(stderr),
                time.monotonic() - began,
            )
            return
        if event is None:
            break
        name = str(event.get("name", ""))
        if event.get("event") == "begin":
            trying, began = name, time.monotonic()
            continue
        trying = ""
        ok = event.get("event") == "ok"
        told = event.get("seconds", 0.0)
        took = float(told) if isinstance(told, (int, float)) else 0.0
        said = str(event.get("said", ""))
        yield ProbeResult(name, ok, str(event.get("cause", "")), _where(event), took, said)
    process.wait()
    if trying or process.returncode != 0:
        yield ProbeResult(
            trying or script,
            False,
            _exit(process.returncode),
            _tail(stderr),
            time.monotonic() - began,
        )


def _read(process: subprocess.Popen[bytes], events: queue.Queue[dict[str, object] | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a child of a module wrote to the same pipe
        if isinstance(event, dict):
            events.put(event)
    events.put(None)


def _where(event: dict[str, object]) -> str:
    chain = event.get("chain")
    parts = [f"at {event['where']}"] if event.get("where") else []
    if event.get("last"):
        parts.append(f"which Python reports as {event['last']}")
    if isinstance(chain, list) and len(chain) > 1:
        parts.append("imported through " + " > ".join(Path(str(step)).name for step in chain))
    return "\n".join(parts)


def _exit(code: int) -> str:
    """An exit status in words: negative is a signal."""
    if code >= 0:
        return f"the process ended by itself with status {code} while it was tried"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"ended by signal {-code}"
    return f"ended by {name}: {SIGNALS.get(name, 'a signal')}"


def _tail(stderr: Path) -> str:
    """Where it stood: the innermost frames that faulthandler wrote, else the last lines."""
    text = stderr.read_bytes().decode("utf-8", errors="replace")
    said = text.splitlines()
    frames = [line.strip() for line in said if line.lstrip().startswith("File ")]
    return "\n".join(frames[:3] or [line.strip() for line in said[-3:]])


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and what it started, gone."""
    if process.poll() is None:
        with suppress(ProcessLookupError):  # it ended in the meantime
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
