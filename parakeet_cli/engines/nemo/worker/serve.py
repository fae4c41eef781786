"""Runs the worker: loads a model, then transcribes batches until the tool closes the pipe.

Requests (`operation`): `load` first; `transcribe` for a chunk; `open_stream`, `accept` and
`close_stream` for live speech. Answers carry the request's `id` and a `result` or an `error`.
`started` names the chunks that are being worked on, so that the tool knows which they were if
the worker dies; `note` is a line for --verbose.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from . import messages
from .batches import next_batch
from .loading import LoadRequest, UnusableError, restore

_MAX_BATCH = 128  # chunks
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def main() -> None:
    """Serve the pipes that the worker was started with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tool handles Ctrl-C
    # What NeMo and torch print to stdout must not get between the messages.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    requests: SimpleQueue[WorkerRequest] = SimpleQueue()
    threading.Thread(target=_read, args=(os.fdopen(0, "rb"), requests), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        ModelServer(answers, requests).run()
    # A GPU's libraries can take seconds to shut down, and have nothing to save.
    os._exit(0)


@dataclass(slots=True)
class WorkerRequest:
    """One message from the tool."""

    head: dict[str, Any]
    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        return len(self.samples) / 16_000

    @property
    def alone(self) -> bool:
        return bool(self.head.get("alone") or self.head.get("boundaries"))


def _read(stream: BinaryIO, requests: SimpleQueue[WorkerRequest]) -> None:
    """Queue the requests; end the process once the tool is gone, whatever the main thread does."""
    try:
        while (message := messages.receive(stream)) is not None:
            head, samples = message
            requests.put(WorkerRequest(head, np.frombuffer(samples, np.float32)))
    except messages.BrokenMessageError as error:
        print(f"The worker received something that isn't a message: {error}", file=sys.stderr)
    os._exit(0)


@dataclass(slots=True)
class ModelServer:
    """Takes requests from a queue and writes answers to a pipe."""

    answers: BinaryIO
    requests: SimpleQueue[WorkerRequest]
    queued_chunks: list[WorkerRequest] = field(default_factory=list)
    utterances: dict[int, Any] = field(default_factory=dict)
    import_error: Exception | None = None
    encoder: Any = None
    decoder: Any = None

    def run(self) -> None:
        # It takes ten seconds, in which the tool finds and scans the model and decodes.
        try:
            import nemo.collections.asr.models  # noqa: F401
        except Exception as error:  # a broken stack raises anything: AttributeError, ValueError
            traceback.print_exception(error)
            self.import_error = error
        while True:
            for request in self._received():
                if request.head["operation"] == "transcribe":
                    self.queued_chunks.append(request)
                else:
                    self._answer(request)
            if self.queued_chunks:
                self._transcribe_next_batch()

    def _received(self) -> Iterator[WorkerRequest]:
        """All requests received so far; waits for one unless there are chunks to transcribe."""
        if not self.queued_chunks:
            yield self.requests.get()
        with contextlib.suppress(Empty):
            while True:
                yield self.requests.get_nowait()

    def _note(self, text: str) -> None:
        messages.send(self.answers, {"note": text})

    def _answer(self, request: WorkerRequest) -> None:
        number = request.head["id"]
        try:
            result = getattr(self, f"_do_{request.head['operation']}")(request)
        except UnusableError as error:
            messages.send(self.answers, {"id": number, "unusable": str(error), "hint": error.hint})
        except Exception as error:
            self._failed(number, error)
        else:
            messages.send(self.answers, {"id": number, "result": result})

    def _failed(self, number: int, error: Exception) -> None:
        traceback.print_exception(error)  # to the tool, which shows it with --verbose
        messages.send(self.answers, {"id": number, "error": f"{type(error).__name__}: {error}"})

    def _do_load(self, request: WorkerRequest) -> dict[str, Any]:
        if self.import_error is not None:
            raise UnusableError(
                f"The ML stack in {sys.prefix} can't be imported: {self.import_error}",
                f"parakeet doctor --python {sys.executable}",
            ) from self.import_error
        import torch
        from nemo import __version__ as nemo_version

        from .decoding import make_decoder
        from .encoding import Encoder

        model = restore(LoadRequest(**request.head["model"]))
        self.decoder = make_decoder(model)
        self.encoder = Encoder(model, self._note)
        if self.decoder.graphs:
            self._note(f"CUDA graphs are not used: {self.decoder.graphs}.")
        device = self.encoder.device
        return {
            "device": str(device),
            "precision": str(next(model.encoder.parameters()).dtype).removeprefix("torch."),
            "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
            "nemo": nemo_version,
            "torch": torch.__version__,
            "class": type(model).__name__,
            "frame_seconds": self.encoder.frame_seconds,
            "ways": self.encoder.ways(),
        }

    def _transcribe_next_batch(self) -> None:
        oldest = self.queued_chunks[0]
        budget = self.encoder.budget(max(oldest.seconds, 1.0), oldest.head.get("way"))
        batch = next_batch(self.queued_chunks, budget, _MAX_BATCH)
        taken = {id(one) for one in batch}
        self.queued_chunks = [one for one in self.queued_chunks if id(one) not in taken]
        messages.send(self.answers, {"started": [one.head["id"] for one in batch]})
        self._transcribe(batch)

    def _transcribe(self, batch: list[WorkerRequest]) -> None:
        """Answer every request of the batch, in halves if it takes too much memory."""
        import torch

        try:
            with torch.inference_mode():
                results = self._tokens(batch)
        except Exception as error:
            # The traceback refers to every tensor of the failed batch: free them before a retry.
            failure = error.with_traceback(None) if is_out_of_memory(error) else error
        else:
            for request, result in zip(batch, results, strict=True):
                messages.send(self.answers, {"id": request.head["id"], "result": result})
            return
        if is_out_of_memory(failure):
            self._transcribe_in_halves(batch, failure)
        elif len(batch) > 1:  # one by one, to find the chunk that causes it
            for one in batch:
                self._transcribe([one])
        else:
            self._failed(batch[0].head["id"], failure)

    def _transcribe_in_halves(self, batch: list[WorkerRequest], error: Exception) -> None:
        if self.encoder.device.type == "cuda":
            import torch

            torch.cuda.empty_cache()
        if not self.encoder.reduce_limit(max(one.seconds for one in batch), len(batch)):
            self._failed(batch[0].head["id"], error)
            return
        for one in batch:
            one.head["way"] = None  # the one asked for takes too much memory
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            if half:
                self._transcribe(half)

    def _tokens(self, batch: list[WorkerRequest]) -> list[dict[str, Any]]:
        head = batch[0].head
        encoded, lengths, way = self.encoder.encode(
            [one.samples for one in batch], head.get("way"), head.get("boundaries") or ()
        )
        return [
            {
                "pieces": tokens.pieces,
                "frames": tokens.frames,
                "probabilities": tokens.probabilities,
                "way": way,
            }
            for tokens in self.decoder.decode(encoded, lengths)
        ]

    def _do_open_stream(self, request: WorkerRequest) -> None:
        from .live import LiveUtterance

        self.utterances[request.head["utterance"]] = LiveUtterance(self.encoder, self.decoder)

    def _do_accept(self, request: WorkerRequest) -> str:
        import torch

        with torch.inference_mode():
            return str(self.utterances[request.head["utterance"]].accept(request.samples))

    def _do_close_stream(self, request: WorkerRequest) -> None:
        self.utterances.pop(request.head["utterance"], None)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in str(error).lower() for words in _OUT_OF_MEMORY)
    )
