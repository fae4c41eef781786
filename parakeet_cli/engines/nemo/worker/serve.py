"""Runs the worker: loads a model, then transcribes batches until the tool closes the pipe.

Requests (`operation`): `load` first; `transcribe` for a chunk; `open_stream`, `accept` and
`close_stream` for live speech. Another model says who speaks: `load_diarizer` first, then
`accept_recording` for each part of a recording. Answers carry the request's `id` and a `result`
or an `error`. `started` names the chunks that are being worked on, so that the tool knows which
they were if the worker dies; `note` is a line for --verbose.

After an error that leaves CUDA broken for this process, the process ends: the tool starts
another. If it came of making CUDA graphs, `graphs` names what the next one may try.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

import numpy as np

from . import messages
from .batches import MAX_BATCH, Batch, WorkerRequest, next_batch
from .diarizing import Frames, RecordingServer
from .faults import DeviceLostError, LostInCaptureError, first_line, is_out_of_memory, is_sticky
from .loading import LoadedModel, LoadRequest, UnusableError, load_model
from .pipeline import BatchPipeline, FailedBatch, without_tensors

Load = Callable[[LoadRequest, Callable[[str], None]], LoadedModel]


def main(load: Load = load_model) -> None:
    """Serve the pipes that the worker was started with."""
    # The tool handles Ctrl-C, and what a batch system sends to every process before it kills.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # What NeMo and torch print to stdout must not get between the messages.
    send = messages.Sender(os.fdopen(os.dup(1), "wb", buffering=0))
    os.dup2(2, 1)
    requests: SimpleQueue[WorkerRequest | FailedBatch] = SimpleQueue()
    threading.Thread(target=_read, args=(os.fdopen(0, "rb"), requests), daemon=True).start()
    code = 0
    try:
        ModelServer(send, requests, load).run()
    except BrokenPipeError:
        pass
    except DeviceLostError as error:
        if isinstance(error, LostInCaptureError):
            send({"graphs": error.less})
        send.finish()
        print(error, file=sys.stderr, flush=True)  # the last line, which the tool quotes
        code = 1
    # A GPU's libraries can take seconds to shut down, and have nothing to save.
    os._exit(code)


def _read(stream: BinaryIO, requests: SimpleQueue[WorkerRequest | FailedBatch]) -> None:
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
    """Takes requests from a queue and sends answers."""

    send: Callable[[dict[str, Any]], object]
    requests: SimpleQueue[WorkerRequest | FailedBatch]
    load: Load = load_model
    queued_chunks: list[WorkerRequest] = field(default_factory=list)
    utterances: dict[int, Any] = field(default_factory=dict)
    import_error: Exception | None = None
    loaded: LoadedModel | None = None
    running: BatchPipeline | None = None
    recordings: RecordingServer = field(default_factory=RecordingServer)

    def run(self) -> None:
        """Serve for ever. Raises DeviceLostError, and BrokenPipeError once the tool is gone."""
        # It takes ten seconds, in which the tool finds and scans the model and decodes.
        if self.load is load_model:
            self._import_nemo()
        while True:
            if not self.queued_chunks:
                self._handle(self.requests.get())
            self._handle_arrived()
            if self.queued_chunks:
                self.pipeline.wait_for_room()
                self._handle_arrived()  # what came meanwhile can be in the next batch
                self._transcribe_next_batch()

    def _handle_arrived(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._handle(self.requests.get_nowait())

    def _handle(self, request: WorkerRequest | FailedBatch) -> None:
        if isinstance(request, FailedBatch):
            self._recover(request)
        elif request.head["operation"] == "transcribe":
            self.queued_chunks.append(request)
        else:
            self._answer(request)

    def _import_nemo(self) -> None:
        try:
            import nemo.collections.asr.models  # noqa: F401
        except Exception as error:  # a broken stack raises anything: AttributeError, ValueError
            traceback.print_exception(error)
            self.import_error = error

    @property
    def model(self) -> LoadedModel:
        assert self.loaded is not None, "load comes first"
        return self.loaded

    @property
    def pipeline(self) -> BatchPipeline:
        assert self.running is not None, "load comes first"
        return self.running

    def _note(self, text: str) -> None:
        self.send({"note": text})

    def _answer(self, request: WorkerRequest) -> None:
        number = request.head["id"]
        try:
            result = getattr(self, f"_do_{request.head['operation']}")(request)
        except UnusableError as error:
            self.send(
                {
                    "id": number,
                    "unusable": str(error),
                    "hint": error.hint,
                    "memory": error.memory,
                }
            )
        except Exception as error:
            self._failed(number, error)
        else:
            self.send({"id": number, "result": result})

    def _failed(self, number: int, error: Exception) -> None:
        """Answer with the error. Raises DeviceLostError if nothing more can be done after it."""
        traceback.print_exception(error)  # to the tool, which shows it with --debug
        self._end_if_broken(error)
        self.send({"id": number, "error": f"{type(error).__name__}: {error}"})

    def _end_if_broken(self, error: Exception) -> None:
        if isinstance(error, DeviceLostError):
            raise error
        cuda = self.loaded.cuda if self.loaded is not None else self.recordings.cuda
        if is_sticky(error) or (cuda is not None and not cuda.works()):
            raise DeviceLostError(first_line(error)) from error

    def _do_load(self, request: WorkerRequest) -> dict[str, Any]:
        self._refuse_broken_stack()
        self.loaded = self.load(LoadRequest(**request.head["model"]), self._note)
        self.running = BatchPipeline(self.loaded, self.send, self.requests.put)
        return self.loaded.facts

    def _do_load_diarizer(self, request: WorkerRequest) -> dict[str, Any]:
        self._refuse_broken_stack()
        return self.recordings.load(request.head)

    def _do_accept_recording(self, request: WorkerRequest) -> Frames:
        return self.recordings.accept(request.head, request.samples)

    def _refuse_broken_stack(self) -> None:
        if self.import_error is not None:
            raise UnusableError(
                f"The ML stack in {sys.prefix} can't be imported: {self.import_error}",
                f"parakeet doctor --python {sys.executable}",
            ) from self.import_error

    def _transcribe_next_batch(self) -> None:
        oldest = self.queued_chunks[0]
        budget = self.model.encoder.budget(max(oldest.seconds, 1.0), oldest.head.get("way"))
        batch = next_batch(self.queued_chunks, budget, MAX_BATCH)
        taken = {id(one) for one in batch}
        self.queued_chunks = [one for one in self.queued_chunks if id(one) not in taken]
        alone = oldest.alone
        if alone:  # whatever happens to the worker, this chunk did it
            self.pipeline.drain()
        self.send({"started": [one.head["id"] for one in batch]})
        self._launch(batch)
        if alone:
            self.pipeline.drain()

    def _launch(self, batch: Batch) -> None:
        """Launch a batch, in smaller ones if that fails."""
        try:
            self.pipeline.launch(batch)
        except Exception as error:
            # The traceback refers to every tensor of the failed batch: free them before a retry.
            failure = without_tensors(error)
        else:
            self.model.encoder.succeeded()
            return
        self._recover(FailedBatch(batch, failure))

    def _recover(self, failed: FailedBatch) -> None:
        """Answer every request of a batch that failed, however many launches that takes."""
        batch, error = failed.batch, failed.error
        self.pipeline.drain()
        if is_out_of_memory(error, self.model.cuda.free_memory):
            self._launch_halves(batch, error)
            return
        self._end_if_broken(error)
        if len(batch) > 1:  # one by one, to find the chunk that causes it
            for one in batch:
                self._launch([one])
        else:
            self._retry_or_fail(batch[0], error)

    def _retry_or_fail(self, request: WorkerRequest, error: Exception) -> None:
        """Try a chunk that failed by itself once more: some errors pass."""
        if request.retried:
            self._failed(request.head["id"], error)
        else:
            request.retried = True
            self._launch([request])

    def _launch_halves(self, batch: Batch, error: Exception) -> None:
        self.model.cuda.empty_cache()
        if not self.model.encoder.reduce_limit(max(one.seconds for one in batch), len(batch)):
            self._retry_or_fail(batch[0], error)
            return
        for one in batch:
            one.head["way"] = None  # the one asked for takes too much memory
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            if half:
                self._launch(half)

    def _do_open_stream(self, request: WorkerRequest) -> None:
        from .live import LiveUtterance

        self.utterances[request.head["utterance"]] = LiveUtterance(
            self.model.encoder, self.model.decoder
        )

    def _do_accept(self, request: WorkerRequest) -> str:
        with self.model.cuda.inference():
            return str(self.utterances[request.head["utterance"]].accept(request.samples))

    def _do_close_stream(self, request: WorkerRequest) -> None:
        self.utterances.pop(request.head["utterance"], None)
