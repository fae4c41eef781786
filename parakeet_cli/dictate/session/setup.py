"""The parts that a dictation and a recovery are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from parakeet_cli.audio.segment.endpointer import Timing
from parakeet_cli.audio.segment.vad import Detector
from parakeet_cli.dictate.session.engine_queue import EngineQueue
from parakeet_cli.dictate.session.insertion import TextOutputs
from parakeet_cli.dictate.session.request import DictationRequest
from parakeet_cli.dictate.text.rules import TextRules

# Seconds of unbroken speech after which text is settled; the engine then needs its time, so that
# text comes at least each 8 s.
_SETTLE = 7.2


@dataclass(frozen=True, slots=True)
class DictationSetup:
    """The options, the engine, the speech detector, the rules for text, and where it goes."""

    request: DictationRequest
    engine_queue: EngineQueue
    make_detector: Callable[[], Detector]
    rules: TextRules
    outputs: TextOutputs

    @property
    def timing(self) -> Timing:
        """When an utterance ends."""
        return Timing(self.request.max_silence, self.engine_queue.max_utterance_seconds)

    @property
    def settling_timing(self) -> Timing:
        """When an utterance ends while somebody waits for its text."""
        return replace(self.timing, settle_seconds=_SETTLE)
