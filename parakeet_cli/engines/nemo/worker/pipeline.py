"""Has two batches in flight on a GPU: one that it works on, and the next on its way to it.

One thread, the caller's, pads and launches. Another waits for the device's results, makes lists
and JSON of them and writes them to the pipe. On a GPU a launch returns at once, so the device
always has the next batch. On a CPU a launch takes as long as the work: one batch is in flight,
and the next is made of all the chunks that have come until it is answered.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Any

from .batches import Batch
from .faults import is_out_of_memory
from .loading import LoadedModel

if TYPE_CHECKING:
    from .decoding import PendingTokens


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """A batch that was launched and has no result."""

    batch: Batch
    error: Exception


class BatchPipeline:
    """Launches batches and answers them, in the order in which they were launched.

    `failed` is called, on the other thread, with each launched batch that can't be answered.
    """

    def __init__(
        self,
        model: LoadedModel,
        send: Callable[[dict[str, Any]], object],
        failed: Callable[[FailedBatch], object],
    ) -> None:
        self._model = model
        self._send = send
        self._failed = failed
        self._max_batches = model.cuda.max_batches
        self._room = Semaphore(self._max_batches)
        self._launched: SimpleQueue[tuple[Batch, PendingTokens, str]] = SimpleQueue()
        Thread(target=self._answer_batches, name="answers", daemon=True).start()

    def launch(self, batch: Batch) -> None:
        """Give the device a batch, as soon as there is room for one. Raises what it raises."""
        self._room.acquire()
        try:
            launched = self._launch(batch)
        except BaseException:
            self._room.release()
            raise
        self._launched.put(launched)

    def _launch(self, batch: Batch) -> tuple[Batch, PendingTokens, str]:
        head = batch[0].head
        with self._model.cuda.inference():
            encoded, lengths, way = self._model.encoder.encode(
                [one.samples for one in batch], head.get("way"), head.get("boundaries") or ()
            )
            return batch, self._model.decoder.decode(encoded, lengths), way

    def wait_for_room(self) -> None:
        """Wait until `launch` would not: what arrives meanwhile can be in the next batch."""
        self._room.acquire()
        self._room.release()

    def drain(self) -> None:
        """Wait until every launched batch is answered or has failed."""
        for _ in range(self._max_batches):
            self._room.acquire()
        self._room.release(self._max_batches)

    def _answer_batches(self) -> None:
        try:
            self._model.cuda.select()
            while True:
                self._answer(*self._launched.get())
                self._room.release()
        except BaseException as error:
            # Nothing would be answered any more. The tool starts another worker instead.
            traceback.print_exception(error)
            os._exit(1)

    def _answer(self, batch: Batch, pending: PendingTokens, way: str) -> None:
        try:
            results = [_as_result(tokens, way) for tokens in pending.result()]
        except Exception as error:
            self._failed(FailedBatch(batch, without_tensors(error)))
            return
        for request, result in zip(batch, results, strict=True):
            self._send({"id": request.head["id"], "result": result})


def without_tensors(error: Exception) -> Exception:
    """The error; without its traceback, which refers to a batch's tensors, if memory ran out."""
    return error.with_traceback(None) if is_out_of_memory(error) else error


def _as_result(tokens: Any, way: str) -> dict[str, Any]:
    return {
        "pieces": tokens.pieces,
        "frames": tokens.frames,
        "probabilities": tokens.probabilities,
        "way": way,
    }
