"""NeMo's worker with doubles for torch and the model, which fail where a test wants it.

`write_interpreter` makes a program that stands in for the ML interpreter: pipes, messages,
batches, retries and exits are the real ones. A chunk's text is the number of its samples, or the
pieces that a test names with their probabilities.

The faults are a JSON object: {"load": {"2": TEXT}, "launch": {"3": TEXT}, "result": {"1": TEXT},
"poison": {"70000": TEXT}, "capture": {"full_graph": TEXT}, "larger": {"70000": TEXT},
"stall": {"70000": TIMES}}. The numbers count loads, launches and results over the lives of all
workers, from 1, and * is each; a poison is raised at each launch with a chunk of so many samples.
A capture is that of graphs at each load, and a larger one that of full graphs for a chunk of so
many samples: either breaks the process. At a stall the worker stands still, as after SIGSTOP, at
so many launches with a chunk of so many samples. After a text that is sticky, everything fails in
that process.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.engines.nemo.worker.decoding import Tokens
from parakeet_cli.engines.nemo.worker.decoding.tokens import TokenTable
from parakeet_cli.engines.nemo.worker.faults import LostInCaptureError, is_sticky
from parakeet_cli.engines.nemo.worker.loading import LoadedModel, LoadRequest

FACTS = {
    "device": "cuda:0", "precision": "bfloat16", "gpu": "NVIDIA Test GPU", "graphs": "full_graph",
    "graphs_reason": None,
    "why_cpu": None, "nemo": "2.4.0", "torch": "2.8.0", "class": "Double", "frame_seconds": 0.08,
    "ways": ["whole"],
}  # fmt: skip
FULL, PARTIAL, OFF = "full_graph", "no_while_loops", "off"
LESS = {FULL: PARTIAL, PARTIAL: OFF}
VARIABLE = "TEST_FAULTS"  # the JSON object
CHANGES = "TEST_FACTS"  # a JSON object of facts that are different
PIECES = "TEST_PIECES"  # a JSON array of [piece, probability], the text of every chunk
COUNTS = "TEST_COUNTS"  # a folder with a file for each kind of event, a byte an event


def write_interpreter(folder: Path) -> Path:
    """A program that takes the place of the ML interpreter."""
    program = folder / "python"
    root = Path(__file__).parents[1]
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root)!r})\n"
        "from tests.scripted_worker import main\nmain()\n"
    )
    program.chmod(0o755)
    return program


class Faults:
    """Raises what the test wants, when its turn has come."""

    def __init__(self, plan: dict[str, dict[str, str]], counts: Path) -> None:
        self._plan, self._counts = plan, counts
        self.broken: str | None = None
        self.graphs = FULL

    def capture(self, kind: str, key: str) -> None:
        """Make graphs of the present kind."""
        text = self._plan.get(kind, {}).get(key)
        if text is not None:
            self.broken = text
            raise LostInCaptureError(text, LESS[self.graphs])

    def stall(self, lengths: Sequence[int]) -> None:
        for length in lengths:
            times = self._plan.get("stall", {}).get(str(length))
            if times is not None and self._count("stall") <= int(times):
                os.kill(os.getpid(), signal.SIGSTOP)

    def happen(self, kind: str, keys: Sequence[int] | None = None) -> None:
        if self.broken:
            raise RuntimeError(self.broken)
        numbers = [self._count(kind)] if keys is None else keys
        for number in numbers:
            planned = self._plan.get(kind, {})
            text = planned.get(str(number)) or planned.get("*")
            if text is not None:
                error = RuntimeError(text)
                if is_sticky(error):
                    self.broken = text
                raise error

    def _count(self, kind: str) -> int:
        with (self._counts / kind).open("ab") as file:
            file.write(b".")
            return file.tell()


class Device:
    """The seam's double: a device without any of its own."""

    device = "cuda:0"
    max_batches = 2

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def select(self) -> None:
        pass

    def inference(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def free_memory(self) -> float:
        return 0.0

    def empty_cache(self) -> None:
        pass

    def works(self) -> bool:
        return self._faults.broken is None


class Encoder:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def budget(self, seconds: float, way: str | None = None) -> float:
        return 6.5  # two of the test's chunks

    def encode(
        self, sounds: Sequence[NDArray[np.float32]], way: Any = None, boundaries: Any = ()
    ) -> tuple[list[int], None, str]:
        self._faults.stall([len(sound) for sound in sounds])
        self._faults.happen("poison", [len(sound) for sound in sounds])
        for sound in sounds if self._faults.graphs == FULL else ():
            self._faults.capture("larger", str(len(sound)))
        self._faults.happen("launch")
        return [len(sound) for sound in sounds], None, "whole"

    def reduce_limit(self, seconds: float, count: int) -> bool:
        return count > 1

    def succeeded(self) -> None:
        pass


class Pending:
    def __init__(self, faults: Faults, lengths: list[int]) -> None:
        self._faults, self._lengths = faults, lengths

    def result(self) -> list[Tokens]:
        self._faults.happen("result")
        return [_tokens(length) for length in self._lengths]


def _tokens(length: int) -> Tokens:
    """The text of a chunk, which has a piece each two frames."""
    said = json.loads(os.environ.get(PIECES) or "null") or [[f"▁{length}", 0.5]]
    starts = 2 * np.arange(len(said))
    logarithms = np.array([math.log(probability) for _, probability in said], np.float32)
    table = TokenTable(np.array([len(said)]), np.arange(len(said)), starts, starts + 2, logarithms)
    return table.split([piece for piece, _ in said])[0]


class Decoder:
    graphs = None

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def decode(self, encoded: list[int], lengths: Any) -> Pending:
        return Pending(self._faults, encoded)


def main() -> None:
    from parakeet_cli.engines.nemo.worker import serve

    faults = Faults(json.loads(os.environ.get(VARIABLE) or "{}"), Path(os.environ[COUNTS]))

    def load(request: LoadRequest, note: Callable[[str], None]) -> Any:
        from parakeet_cli.engines.nemo.worker.loading import blaming

        with blaming("NVIDIA Test GPU"):
            faults.happen("load")
        faults.graphs = request.graphs or FULL
        if faults.graphs != OFF:
            faults.capture("capture", faults.graphs)
        made = faults.graphs if faults.graphs != OFF else None
        facts = {**FACTS, "graphs": made, "graphs_reason": request.graphs and "it broke a process"}
        facts = {**facts, **json.loads(os.environ.get(CHANGES) or "{}")}
        return LoadedModel(Encoder(faults), Decoder(faults), Device(faults), facts)  # type: ignore[arg-type]

    serve.main(load)
