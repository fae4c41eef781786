"""Runs probe scripts in the ML interpreter, each in a new process that reads it from stdin.

A script is ended after its time limit, and one that ends by a signal is a result. It leaves
nothing behind: no bytecode (`-B`), or only in a folder that is named for it, and the caches of
Numba and Matplotlib go to a folder that is removed.
"""

from __future__ import annotations

import json
import queue
import subprocess
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
    SampleResult,
    Unavailable,
)
from parakeet_cli.doctor.stack.stack import NEMO, Stack
from parakeet_cli.system.processes import exit_in_words, kill_group, signal_name
from parakeet_cli.system.safety.scratch_folders import scratch_folder
from parakeet_cli.system.telemetry import ml_environment

# nemo.collections.asr takes 11 s warm on two cores; from a cold disk several times that.
IMPORT_SECONDS = 300.0
GPU_SECONDS = 180.0
# The imports again, and 2.5 GB of weights from a cold disk.
TRANSCRIBE_SECONDS = 900.0
IMPORTED_STAGES = 5  # nemo.collections.asr imports the packages of the last stage
TRANSCRIBING_MODULE = "nemo.collections.asr"
MODULES = {NEMO: "nemo"}

SIGNALS = {
    "SIGSEGV": "a segmentation fault",
    "SIGABRT": "it aborted itself",
    "SIGBUS": "a bus error",
    "SIGILL": "an instruction this processor doesn't have",
    "SIGFPE": "an arithmetic fault",
    "SIGKILL": "the system kills a process when memory runs out",
}

Event = dict[str, object]


def run_probes(
    facts: Facts,
    stack: Stack,
    ids: Collection[str],
    sample: Sample | Unavailable,
    *,
    bytecode: str = "",
) -> Probes:
    """Run the probes of the selected checks. The sample is transcribed if all imports work.

    What the imports compile goes to the folder `bytecode`, if one is named.
    """
    python = facts.interpreter.executable
    imports: tuple[ProbeResult, ...] = ()
    gpu: tuple[ProbeResult, ...] = ()
    if "gpu-probe" in ids and not isinstance(facts.gpus, Unavailable) and facts.gpus.present:
        gpu = tuple(run_script("multiply_on_gpu", python, (), GPU_SECONDS))
    if "import-probe" in ids:
        modules = modules_of(stack)
        imports = tuple(import_modules(python, modules, bytecode=bytecode))
    result: SampleResult | Unavailable = NOT_TRIED
    if imports and all(tried.ok for tried in imports):
        # A failing GPU is reported by the other probe; this one is about the stack.
        device = "auto" if all(tried.ok for tried in gpu) else "cpu"
        result = (
            sample if isinstance(sample, Unavailable) else transcribe_sample(python, sample, device)
        )
    return Probes(imports, gpu, result)


def transcribe_sample(
    python: str, sample: Sample, device: str = "auto", seconds: float = TRANSCRIBE_SECONDS
) -> SampleResult:
    """Transcribe the sample with the engine's own worker modules.

    Where the device is lost while CUDA graphs are made, a new process tries with fewer, as the
    engine's next worker does.
    """
    arguments = (sample.worker, sample.scanned or sample.model, sample.clip, device)
    graphs: tuple[str, ...] = ()
    lost: list[str] = []
    while True:
        *_, last = run_script("transcribe_sample", python, (*arguments, *graphs), seconds)
        less = last.values.get("less")
        if not isinstance(less, str) or less in graphs:
            return SampleResult(sample, last, tuple(lost))
        graphs = (less,)
        lost.append(last.cause)


def modules_of(stack: Stack) -> tuple[str, ...]:
    """The modules to import, in the order of the stages; the last one transcribes."""
    names = [
        MODULES.get(pin.name, pin.name.replace("-", "_"))
        for pin in stack.pins
        if pin.stage <= IMPORTED_STAGES
    ]
    return (*names, TRANSCRIBING_MODULE)


def import_modules(
    python: str,
    modules: Sequence[str],
    seconds: float = IMPORT_SECONDS,
    *,
    bytecode: str = "",
) -> Iterator[ProbeResult]:
    """Import each module. After a failure a new process continues with the next one."""
    waiting = list(modules)
    while waiting:
        results = list(run_script("import_modules", python, waiting, seconds, bytecode=bytecode))
        yield from results
        waiting = waiting[max(1, len(results)) :]


def run_script(
    script: str,
    python: str,
    arguments: Sequence[str],
    seconds: float,
    *,
    bytecode: str = "",
) -> Iterator[ProbeResult]:
    """Run one script in one process: a result for each step, which may take `seconds` each."""
    source = (Path(__file__).parent / f"{script}.py").read_bytes()
    with scratch_folder() as folder:
        environment = {
            **ml_environment(),
            "NUMBA_CACHE_DIR": f"{folder}/numba",
            "MPLCONFIGDIR": f"{folder}/matplotlib",
            # An empty one counts as none.
            "PYTHONDONTWRITEBYTECODE": "" if bytecode else "1",
            "PARAKEET_BYTECODE": bytecode,
        }
        # stderr goes to a file: a module that prints much would block on an unread pipe.
        with Path(folder, "stderr").open("w+b") as stderr:
            try:
                process = subprocess.Popen(
                    [python, *(() if bytecode else ("-B",)), "-", *arguments],
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
                yield from _results(process, source, Path(stderr.name), seconds, script)
            finally:
                _end(process)


def _results(
    process: subprocess.Popen[bytes], source: bytes, stderr: Path, seconds: float, script: str
) -> Iterator[ProbeResult]:
    """A result for each step that ended, and one for a step that hung or ended the process."""
    events = _start_reader(process)
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it ended before it read: its exit status says why
        process.stdin.write(source)
        process.stdin.close()
    step, began = "", time.monotonic()

    def failed(cause: str) -> ProbeResult:
        return ProbeResult(step or script, False, cause, _tail(stderr), time.monotonic() - began)

    while True:
        try:
            event = events.get(timeout=seconds)
        except queue.Empty:
            _end(process)
            yield failed(f"did not end within {seconds:.0f} seconds")
            return
        if event is None:
            break
        if event.get("event") == "begin":
            step, began = str(event.get("name", "")), time.monotonic()
        else:
            step = ""
            yield _result(event)
    process.wait()
    if step or process.returncode != 0:
        yield failed(_exit_cause(process.returncode))


def _start_reader(process: subprocess.Popen[bytes]) -> queue.Queue[Event | None]:
    """A queue of the script's events, read in a thread; None is the end."""
    events: queue.Queue[Event | None] = queue.Queue()
    threading.Thread(target=_read, args=(process, events), daemon=True).start()
    return events


def _read(process: subprocess.Popen[bytes], events: queue.Queue[Event | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a child of a module wrote to the same pipe
        if isinstance(event, dict):
            events.put(event)
    events.put(None)


def _result(event: Event) -> ProbeResult:
    seconds, values = event.get("seconds", 0.0), event.get("values")
    return ProbeResult(
        name=str(event.get("name", "")),
        ok=event.get("event") == "ok",
        cause=str(event.get("cause", "")),
        detail=_where(event),
        seconds=float(seconds) if isinstance(seconds, (int, float)) else 0.0,
        text=str(event.get("text", "")),
        values=values if isinstance(values, dict) else {},
    )


def _where(event: Event) -> str:
    chain = event.get("chain")
    parts = [f"at {event['where']}"] if event.get("where") else []
    if event.get("last"):
        parts.append(f"which Python reports as {event['last']}")
    if isinstance(chain, list) and len(chain) > 1:
        parts.append("imported through " + " > ".join(Path(str(step)).name for step in chain))
    return "\n".join(parts)


def _exit_cause(code: int) -> str:
    """How the process ended, with the meaning of a signal."""
    meaning = SIGNALS.get(signal_name(-code)) if code < 0 else None
    return f"{exit_in_words(code)} ({meaning})" if meaning else exit_in_words(code)


def _tail(stderr: Path) -> str:
    """The innermost frames if faulthandler wrote some, else the last lines of stderr."""
    lines = stderr.read_bytes().decode("utf-8", errors="replace").splitlines()
    frames = [line.strip() for line in lines if line.lstrip().startswith("File ")]
    return "\n".join(frames[:3] or [line.strip() for line in lines[-3:]])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything it started."""
    kill_group(process)
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
