"""Runs NeMo's label-looping decoder by CUDA graphs, which are made as seldom as possible.

Decoding is thousands of small operations, and a graph queues them all at once. NeMo knows three
ways: one graph with its loops inside it (`full_graph`, which needs cuda-python and a driver for
CUDA 12.3 or newer, 12.6 with NeMo 3.0), graphs of the loops' bodies (`no_while_loops`), and no
graphs. NeMo's measurements on 1.1B TDT: 19, 21 and 34 s for LibriSpeech test-other.

A graph serves every batch up to the size it was made for. NeMo makes it again, for a second or
so, whenever a batch has more items or more frames than that, and forgets the larger of the two
sizes. Here, neither size ever shrinks, and a size that grows doubles.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..cuda import Cuda
from ..faults import LostInCaptureError
from ..loading import UnusableError

# For tests and measurements: NeMo's name of a mode, or "off". `no_graphs` is the code that the
# graphs are made of, without making any, and the only one of the three that runs on a CPU.
SETTING = "PARAKEET_NEMO_GRAPHS"
FULL, PARTIAL, WITHOUT_CAPTURE = MODES = ("full_graph", "no_while_loops", "no_graphs")
_OFF = "off"
_LESS = {FULL: PARTIAL}  # what is tried after a mode that failed

_LEAST_BATCH = 8
# Items times frames of the largest graphs: 128 of 4 minutes. Each frame takes 1.7 kB in bfloat16
# (the encoder's output of 640 values, and eleven labels with their times, twice): 0.7 GB.
_MOST_CELLS = 128 * 3000
_MOST_FAILURES = 8


def asked_mode() -> str | None:
    """The mode that the environment asks for; None if it doesn't. Raises UnusableError."""
    mode = os.environ.get(SETTING) or None
    if mode not in (None, _OFF, *MODES):
        raise UnusableError(
            f"{SETTING} is {mode}, which is none of {', '.join((*MODES, _OFF))}.",
            f"Unset {SETTING}.",
        )
    return mode


class GraphRunner:
    """A label-looping computer of NeMo, by the best of its modes that works.

    `width` is that of the encoder's frames. `log` gets a line for --verbose whenever something
    is given up, once for each reason. `mode` is the best to try: another process was lost over a
    better one.
    """

    def __init__(
        self,
        computer: Any,
        width: int,
        cuda: Cuda,
        log: Callable[[str], None],
        mode: str | None = None,
    ) -> None:
        self._computer, self._width, self._cuda, self._log = computer, width, cuda, log
        self._parameter = next(computer.joint.parameters())
        self._logged: set[str] = set()
        self._failures = 0
        self._refused: int | None = None  # cells that no graphs could be made for
        self.reason: str | None = None  # why not by full graphs
        if mode is None:
            mode = _mode_of(computer) or _OFF
            if mode == PARTIAL:
                self.reason = _no_conditional_nodes()
        elif mode != FULL:
            self.reason = "making better ones broke the device"
        self._set_mode(None if mode == _OFF else mode)

    @property
    def mode(self) -> str | None:
        """NeMo's name of the mode; None without graphs."""
        return _mode_of(self._computer)

    def _set_mode(self, mode: str | None) -> None:
        # It also keeps 3.0 from falling back by itself, after which the reason would be lost.
        self._computer.force_cuda_graphs_mode(mode)
        self._computer.reset_cuda_graphs_state()

    def run(self, encoded: Any, lengths: Any, state: Any) -> Any:
        """NeMo's result for encoder frames, shape (batch, frames, width).

        With graphs, it has as many rows as the graphs have.
        """
        computer = self._computer
        run = computer.cuda_graphs_impl if self._ready(encoded) else computer.torch_impl
        return run(encoder_output=encoded, encoder_output_length=lengths, prev_batched_state=state)

    def prime(self, batch: int, frames: int) -> None:
        """Make graphs for the largest batch to come, or the largest for which there is memory."""
        frames = min(frames, _MOST_CELLS)
        batch = max(1, min(batch, _MOST_CELLS // frames))
        while self.mode is not None and not self._make(batch, frames):
            batch //= 2

    def _ready(self, encoded: Any) -> bool:
        """Whether there are graphs for such a batch; makes them if that is possible."""
        if self.mode is None:
            return False
        state = self._computer.state
        if state is not None and not state.need_reinit(encoded):
            return True
        batch, frames = encoded.shape[:2]
        if state is None:
            batch = max(batch, _LEAST_BATCH)
        else:
            batch = _grown(state.batch_size, batch)
            frames = _grown(state.max_time, frames)
            if batch * frames > _MOST_CELLS:
                batch = max(encoded.shape[0], state.batch_size)
                frames = max(encoded.shape[1], state.max_time)
        return self._make(batch, frames)

    def _make(self, batch: int, frames: int) -> bool:
        """Make graphs for batches of that size, by this mode or the next that works.

        Raises LostInCaptureError where nothing can be tried in this process after a failure.
        """
        cells = batch * frames
        if cells > _MOST_CELLS or (self._refused is not None and cells >= self._refused):
            return False
        best = mode = self.mode
        while mode is not None:
            self._set_mode(mode)
            failure = self._try(batch, frames)
            if failure is None:
                if mode != best:
                    self._log_once(f"CUDA graphs of parts of the decoding only: {self.reason}")
                return True
            self.reason = failure
            mode = _LESS.get(mode)
            if not self._cuda.works():
                raise LostInCaptureError(f"CUDA graphs can't be made: {failure}", mode or _OFF)
        self._log_once(f"No CUDA graphs for batches of {batch} x {frames} frames: {self.reason}")
        self._failures += 1
        self._refused = cells
        # Perhaps only the memory didn't suffice. A smaller batch may try again, but not for ever.
        again = batch > _LEAST_BATCH and self._failures < _MOST_FAILURES
        self._set_mode(best if again else None)
        return False

    def _try(self, batch: int, frames: int) -> str | None:
        """Make graphs with a batch of silence; returns why it failed, or None.

        It leaves no state behind if it fails: NeMo would take it for that of finished graphs.
        """
        # A graph can't take memory that torch has in reserve.
        self._cuda.empty_cache()
        try:
            with self._cuda.inference():
                encoded = self._parameter.new_zeros(batch, frames, self._width)
                lengths = encoded.new_ones(batch).long()
                self._computer.cuda_graphs_impl(
                    encoder_output=encoded, encoder_output_length=lengths, prev_batched_state=None
                )
        except Exception as error:  # NVRTC, the driver and NeMo raise anything, also Exception
            self._computer.reset_cuda_graphs_state()
            cause = error.__cause__ or error
            return f"{type(cause).__name__}: {cause}".strip().partition("\n")[0]
        return None

    def _log_once(self, line: str) -> None:
        kind = line.split()[0]
        if kind not in self._logged:
            self._logged.add(kind)
            self._log(line)


def _mode_of(computer: Any) -> str | None:
    mode = computer.cuda_graphs_mode
    return None if mode is None else str(getattr(mode, "value", mode))


def _grown(old: int, needed: int) -> int:
    return old if needed <= old else max(needed, 2 * old)


def _no_conditional_nodes() -> str:
    """Why NeMo uses no graphs with loops inside them."""
    from nemo.core.utils import cuda_python_utils

    try:
        cuda_python_utils.check_cuda_python_cuda_graphs_conditional_nodes_supported()
    except Exception as error:  # as many kinds as there are reasons
        return " ".join(str(error).split())
    return "NeMo chose so"
