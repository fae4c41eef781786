"""The worker's life: load, then batches of what waits, until nobody asks any more.

Requests (`op`): `load` first; `hear` a chunk; `listen`, `more`, `forget` for live speech.
Answers carry the request's `id` and `result` or `error`. `begun` names the chunks that are
being worked on, so that whoever finds the worker dead knows which they were; `note` is a
line for people who asked for more of them.
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

_MOST_AT_ONCE = 128  # chunks in a batch
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
Sound = NDArray[np.float32]


def main() -> None:
    """Serve the pipes that the worker was started with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the tool's to deal with
    # What NeMo and torch print must not get between the messages.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    requests: SimpleQueue[Request] = SimpleQueue()
    threading.Thread(target=_read, args=(os.fdopen(0, "rb"), requests), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        Server(answers, requests).run()
    # A GPU's libraries can take seconds to end, and have nothing left to save.
    os._exit(0)


@dataclass(slots=True)
class Request:
    """One message from the tool."""

    head: dict[str, Any]
    sound: Sound

    @property
    def seconds(self) -> float:
        return len(self.sound) / 16_000

    @property
    def alone(self) -> bool:
        return bool(self.head.get("alone") or self.head.get("seams"))


def _read(stream: BinaryIO, requests: SimpleQueue[Request]) -> None:
    """Ends the process where the tool has gone, whatever the main thread is doing."""
    try:
        while (message := messages.receive(stream)) is not None:
            head, sound = message
            requests.put(Request(head, np.frombuffer(sound, np.float32)))
    except messages.BrokenMessageError as error:
        print(f"The worker got what is no message: {error}", file=sys.stderr)
    os._exit(0)


@dataclass(slots=True)
class Server:
    """Takes requests, gives answers."""

    answers: BinaryIO
    requests: SimpleQueue[Request]
    waiting: list[Request] = field(default_factory=list)
    utterances: dict[int, Any] = field(default_factory=dict)
    broken: Exception | None = None  # what importing NeMo ended in
    encoder: Any = None
    decoder: Any = None

    def run(self) -> None:
        # Ten seconds, in which the tool finds the model, looks at it and decodes.
        try:
            import nemo.collections.asr.models  # noqa: F401
        except Exception as error:  # a broken stack raises anything: AttributeError, ValueError
            traceback.print_exception(error)
            self.broken = error
        while True:
            for request in self._arrived():
                if request.head["op"] == "hear":
                    self.waiting.append(request)
                else:
                    self._answer(request)
            if self.waiting:
                self._hear_some()

    def _arrived(self) -> Iterator[Request]:
        """All there is; where nothing waits to be heard, the next that comes too."""
        if not self.waiting:
            yield self.requests.get()
        with contextlib.suppress(Empty):
            while True:
                yield self.requests.get_nowait()

    def _say(self, text: str) -> None:
        messages.send(self.answers, {"note": text})

    def _answer(self, request: Request) -> None:
        number = request.head["id"]
        try:
            result = getattr(self, f"_do_{request.head['op']}")(request)
        except UnusableError as error:
            messages.send(self.answers, {"id": number, "unusable": str(error), "hint": error.hint})
        except Exception as error:
            self._failed(number, error)
        else:
            messages.send(self.answers, {"id": number, "result": result})

    def _failed(self, number: int, error: Exception) -> None:
        traceback.print_exception(error)  # to the tool, which shows it with --verbose
        messages.send(self.answers, {"id": number, "error": f"{type(error).__name__}: {error}"})

    def _do_load(self, request: Request) -> dict[str, Any]:
        if self.broken is not None:
            raise UnusableError(
                f"The ML stack in {sys.prefix} can't be imported: {self.broken}",
                f"parakeet doctor --python {sys.executable}",
            ) from self.broken
        import torch
        from nemo import __version__ as nemo_version

        from .decoding import make_decoder
        from .encoding import Encoder

        wanted = LoadRequest(**request.head["wanted"])
        model = restore(wanted)
        self.decoder = make_decoder(model)
        self.encoder = Encoder(model, self._say)
        if self.decoder.graphs:
            self._say(f"CUDA graphs are not used: {self.decoder.graphs}.")
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

    def _hear_some(self) -> None:
        oldest = self.waiting[0]
        budget = self.encoder.budget(max(oldest.seconds, 1.0), oldest.head.get("way"))
        batch = next_batch(self.waiting, budget, _MOST_AT_ONCE)
        taken = {id(one) for one in batch}
        self.waiting = [one for one in self.waiting if id(one) not in taken]
        messages.send(self.answers, {"begun": [one.head["id"] for one in batch]})
        self._hear(batch)

    def _hear(self, batch: list[Request]) -> None:
        """Answer every request of the batch, in halves where memory doesn't suffice."""
        import torch

        try:
            with torch.inference_mode():
                results = self._tokens(batch)
        except Exception as error:
            # Its traceback holds every tensor of what failed: let go before anything is tried.
            failure = error.with_traceback(None) if is_out_of_memory(error) else error
        else:
            for request, result in zip(batch, results, strict=True):
                messages.send(self.answers, {"id": request.head["id"], "result": result})
            return
        if is_out_of_memory(failure):
            self._hear_less(batch, failure)
        elif len(batch) > 1:  # whose fault it is shows when each is alone
            for one in batch:
                self._hear([one])
        else:
            self._failed(batch[0].head["id"], failure)

    def _hear_less(self, batch: list[Request], error: Exception) -> None:
        if self.encoder.device.type == "cuda":
            import torch

            torch.cuda.empty_cache()
        if not self.encoder.too_much(max(one.seconds for one in batch), len(batch)):
            self._failed(batch[0].head["id"], error)
            return
        for one in batch:
            one.head["way"] = None  # the one asked for takes too much
        middle = len(batch) // 2
        for part in (batch[:middle], batch[middle:]):
            if part:
                self._hear(part)

    def _tokens(self, batch: list[Request]) -> list[dict[str, Any]]:
        asked = batch[0].head
        encoded, lengths, way = self.encoder.encode(
            [one.sound for one in batch], asked.get("way"), asked.get("seams") or ()
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

    def _do_listen(self, request: Request) -> None:
        from .live import Utterance

        self.utterances[request.head["utterance"]] = Utterance(self.encoder, self.decoder)

    def _do_more(self, request: Request) -> str:
        import torch

        with torch.inference_mode():
            return str(self.utterances[request.head["utterance"]].hear(request.sound))

    def _do_forget(self, request: Request) -> None:
        self.utterances.pop(request.head["utterance"], None)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, or Python, had too little memory for it."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in str(error).lower() for words in _OUT_OF_MEMORY)
    )
