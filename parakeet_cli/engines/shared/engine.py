"""An `Engine` for one client of a shared engine, so that every use case works with it as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.decoding import TRANSLATE
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.engines.shared.request import (
    AS_LOADED,
    Adjustment,
    EngineAccess,
    EngineDied,
    EngineRequest,
    OwnerEnded,
)
from parakeet_cli.errors import EngineError
from parakeet_cli.transcript import EngineInfo

_OWNERS = 3  # processes in a row that may share an engine, and end with the same chunk
_numbers = count()  # of jobs


class SharedEngine:
    """One client's view, for one job. `close` drops what was asked, and leaves the engine.

    A chunk that an engine takes with it when it dies is given to the next one, alone, while there
    are `attempts`. The end of a process that shared its engine is no fault of a chunk's: it counts
    as no attempt.
    """

    def __init__(
        self,
        access: EngineAccess,
        client: str,
        *,
        priority: Priority = Priority.BATCH,
        adjustment: Adjustment = AS_LOADED,
        attempts: int = 1,
        on_close: Callable[[], object] = lambda: None,
    ) -> None:
        self._access = access
        self._client = client
        self._priority = priority
        self._adjustment = adjustment
        self.runs_on = ""
        self.failure: EngineError | None = None  # why a chunk has no result, the last time
        self._job = f"{client}-{next(_numbers)}"
        self._cancelled = False
        self._attempts, self._on_close = attempts, on_close

    @property
    def info(self) -> EngineInfo:
        info = self._access.properties.info
        translates = self._adjustment.task == TRANSLATE or info.translates
        return replace(
            info, translates=translates, language=self._adjustment.language or info.language
        )

    @property
    def max_chunk_seconds(self) -> float:
        return self._access.properties.max_chunk_seconds

    @property
    def concurrency(self) -> int:
        return self._access.properties.concurrency

    @property
    def max_inflight_seconds(self) -> float:
        return self._access.properties.max_inflight_seconds

    @property
    def needs_all_audio(self) -> bool:
        return self._access.properties.needs_all_audio

    @property
    def invents_in_silence(self) -> bool:
        return self._access.properties.invents_in_silence

    def load(self) -> None:
        self.runs_on = self._access.wait_until_loaded()

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        request = EngineRequest(chunk, self._client, self._job, self._priority, self._adjustment)
        deaths = owners = 0
        last: EngineDied
        while True:
            try:
                return self._attempt(request)
            except OwnerEnded as error:
                owners, last = owners + 1, error
            except EngineDied as error:
                deaths, last = deaths + 1, error
            except EngineError as error:
                self.failure = error
                raise
            if deaths == self._attempts or owners == _OWNERS:
                self.failure = last
                raise last
            request = replace(request, alone=True)

    def _attempt(self, request: EngineRequest) -> ChunkResult:
        future = self._access.submit(request)
        if self._cancelled:
            self._access.cancel(self._job)
        return future.result()

    def cancel(self) -> None:
        """Make what is asked, and what will be asked, raise RequestCancelled."""
        self._cancelled = True
        self._access.cancel(self._job)

    def close(self) -> None:
        self._access.cancel(self._job)
        self._on_close()
