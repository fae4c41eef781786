"""Decodes and cuts several recordings at once, each in a thread with a feeder's process.

The processes are the decoder's own pool: they decode, resample and find the speech. A thread here
waits for its process, cuts what comes in pauses and queues the chunks for the engine. It touches
nothing else: what it did is passed to `post`, whose calls belong to the thread of the pipeline.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread

from parakeet_cli.audio.decode.media import Block, Media, open_media
from parakeet_cli.audio.decode.pool import IsolatedMedia
from parakeet_cli.audio.segment.chunker import Chunk, cut_fixed, cut_in_silence
from parakeet_cli.audio.segment.pauses import SpeechLimits
from parakeet_cli.audio.segment.speech import SPARSE, WHOLE, ReceivedSpeech
from parakeet_cli.engines.base import Engine
from parakeet_cli.errors import InputError
from parakeet_cli.formats import Collector
from parakeet_cli.transcribe.diarizers import Diarizer
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.pipeline.engine_threads import EngineThreads
from parakeet_cli.transcribe.pipeline.file_in_work import FileInWork, Voice
from parakeet_cli.transcribe.pipeline.helpers import Places, SharedWork
from parakeet_cli.transcribe.pipeline.options import PipelineOptions

_MOST = 16  # feeders that an engine has by itself: the fastest GPU takes no more
Post = Callable[[Callable[[], object]], object]


class Feeders:
    """As many threads as there are feeders; each works on one file at a time.

    `post` is called with what is to be called in the pipeline's own thread: `on_opened` with a
    file and its duration, `on_submitted` with a file and the error that ended it, or None.
    """

    def __init__(
        self,
        count: int,
        engine: Engine,
        threads: EngineThreads,
        options: PipelineOptions,
        post: Post,
        *,
        diarizer: Diarizer | None,
        on_opened: Callable[[FileInWork, float | None], object],
        on_submitted: Callable[[FileInWork, Exception | None], object],
    ) -> None:
        self._count = count
        self._places = Places(count)
        self._engine = engine
        self._engine_threads = threads
        self._options = options
        self._annotator = annotator_of(engine, options.speech)
        self._diarizer = diarizer
        self._post = post
        self._on_opened, self._on_submitted = on_opened, on_submitted
        self._queue: SimpleQueue[tuple[FileInWork, Path] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._open: set[Media] = set()  # that threads read
        self._lock = Lock()  # for the set
        self._ending = Event()

    def __enter__(self) -> Feeders:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ending.set()
        with self._lock:
            for media in self._open:
                if isinstance(media, IsolatedMedia):
                    media.abandon()
        for _thread in self._threads:
            self._queue.put(None)
        if kind is None or issubclass(kind, Exception):
            for thread in self._threads:
                thread.join()

    def start(self, file: FileInWork, path: Path) -> None:
        """Let a thread decode the recording at `path` and queue its chunks."""
        self._queue.put((file, path))
        if len(self._threads) < self._count:
            name = f"feeder-{len(self._threads)}"
            thread = Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while (given := self._queue.get()) is not None and not self._ending.is_set():
            file, path = given
            error: Exception | None = None
            try:
                self._feed(file, path)
            except Exception as caught:  # raised or reported where the file's result is made
                error = caught
            self._post(partial(self._on_submitted, file, error))

    def _feed(self, file: FileInWork, path: Path) -> None:
        """Decode a recording, or one of its channels after the other, and queue its chunks."""
        left = deque([Voice(0 if self._options.split_channels else None)])
        while left and not self._ending.is_set():
            voice = left.popleft()
            self._feed_voice(file, path, voice)
            if voice.channel == 0:
                left += (Voice(number, voice.count) for number in range(1, voice.count))

    def _feed_voice(self, file: FileInWork, path: Path, voice: Voice) -> None:
        job = file.item.job
        speech = ReceivedSpeech()
        work = SharedWork(speech, self._places, shares=self._annotator == SPARSE)
        with (
            self._places.own(),
            self._opened(path, job, work, voice.channel) as media,
            self._collected_speakers(voice),
        ):
            voice.seconds = job.duration or media.source.duration
            if voice.channel == 0:
                voice.count = media.source.channels or 1
                if voice.count == 1:
                    voice.channel = None
            file.voices.append(voice)
            if len(file.voices) == 1:
                self._post(partial(self._on_opened, file, voice.seconds))
            collectors: list[Collector] = list(file.collectors.values())
            if voice.channel is not None:
                collectors.append(voice.levels)
            blocks = _collected(work.blocks(media), collectors)
            for chunk in self._chunks(blocks, job, speech):
                if self._ending.is_set():
                    return
                future = self._engine_threads.submit(chunk)
                if voice.speakers is not None:
                    voice.speakers.add(chunk)
                file.pending.append((chunk.without_samples(), future, voice))
                future.add_done_callback(lambda _: self._post(_nothing))
            file.source, voice.accounting = media.source, media.accounting
            voice.doubts = media.doubts
            if job.offset and not media.accounting.decoded_seconds:
                raise InputError(
                    f"{job.name} ends before second {job.offset:g}, where the part begins."
                )

    @contextlib.contextmanager
    def _collected_speakers(self, voice: Voice) -> Iterator[None]:
        """Let what tells speakers apart take the chunks in the block, and end with them."""
        if self._diarizer is None:
            yield
            return
        voice.speakers = self._diarizer.open()
        try:
            yield
        finally:
            voice.speakers.close()

    @contextlib.contextmanager
    def _opened(
        self, path: Path, job: Job, work: SharedWork, channel: int | None
    ) -> Iterator[Media]:
        options = self._options
        stream = options.audio_stream if job.audio_stream is None else job.audio_stream
        with open_media(
            path,
            name=job.name,
            audio_stream=stream,
            language=options.language,
            channel=options.channel if channel is None else channel,
            offset=job.offset,
            duration=job.duration,
            annotator=self._annotator,
            on_notes=work.receive,
            wants_bare=work.wants_bare,
        ) as media:
            with self._lock:
                self._open.add(media)
            try:
                yield media
            finally:
                with self._lock:
                    self._open.discard(media)

    def _chunks(self, blocks: Iterable[Block], job: Job, speech: ReceivedSpeech) -> Iterator[Chunk]:
        max_seconds, source = self._engine.max_chunk_seconds, str(job.path)
        if self._engine.needs_all_audio:
            return cut_fixed(blocks, max_seconds=max_seconds, source=source)
        return cut_in_silence(
            blocks,
            speech,
            max_seconds=max_seconds,
            source=source,
            keep_silence=not self._options.vad,
            limits=self._options.speech,
        )


def suitable_count(asked: int | None, engine: Engine, cores: int) -> int:
    """How many feeders the engine gets, if no number was asked for.

    An engine on the CPU uses all cores, is slower than one feeder, and would only share them with
    others. Before a GPU there is nothing else for the cores to do.
    """
    if asked is not None:
        return asked
    return 1 if engine.info.device == "cpu" else max(1, min(cores, _MOST))


def annotator_of(engine: Engine, limits: SpeechLimits) -> str:
    """What a feeder computes beside the samples, for that engine.

    The sparse detector knows where to look for the usual limits only.
    """
    if engine.needs_all_audio:
        return ""
    return WHOLE if engine.invents_in_silence or limits != SpeechLimits() else SPARSE


def _collected(blocks: Iterable[Block], collectors: Sequence[Collector]) -> Iterator[Block]:
    """The same blocks, each given to every collector as it passes."""
    for block in blocks:
        for collector in collectors:
            collector.add(block)
        yield block


def _nothing() -> None:
    """Only wakes the pipeline's thread."""
