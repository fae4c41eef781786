"""Long silences are dropped, and slices behind them say so."""

from __future__ import annotations

import numpy as np

from parakeet_cli.audio.segment.frames import FRAME
from parakeet_cli.audio.segment.pauses import SpeechLimits
from parakeet_cli.audio.segment.silence import FrameSlice, SilenceFilter, head_of, tail_of


def filtered(*runs: tuple[int, float], step: int = 7) -> list[FrameSlice]:
    speech = np.concatenate([np.full(count, value, np.float32) for count, value in runs])
    frames = np.arange(len(speech), dtype=np.float32)[:, None].repeat(FRAME, axis=1)
    silence = SilenceFilter(keep_silence=False)
    parts = [
        part
        for at in range(0, len(speech), step)
        for part in silence.feed(frames[at : at + step], speech[at : at + step], at * 0.032)
    ]
    return parts + silence.finish()


def numbers(parts: list[FrameSlice]) -> list[int]:
    return [int(frame[0]) for part in parts for frame in part.frames]


def test_speech_stays_with_a_margin_on_each_side() -> None:
    assert numbers(filtered((100, 0.0), (20, 0.9), (100, 0.0))) == list(range(87, 133))


def test_a_short_pause_stays() -> None:
    assert numbers(filtered((20, 0.9), (62, 0.0), (20, 0.9))) == list(range(102))


def test_the_first_slice_behind_a_dropped_silence_does_not_follow_the_last_one() -> None:
    parts = filtered((20, 0.9), (200, 0.0), (20, 0.9))
    breaks = [part for part in parts[1:] if not part.follows]
    assert [int(part.frames[0][0]) for part in breaks] == [207]


def test_head_and_tail_split_slices() -> None:
    parts = filtered((50, 0.9))
    assert numbers(head_of(parts, 9)) == list(range(9))
    assert numbers(tail_of(parts, 9)) == list(range(41, 50))


def test_a_threshold_decides_what_is_speech_and_its_end_lies_below_it() -> None:
    def kept(limits: SpeechLimits) -> int:
        silence = SilenceFilter(keep_silence=False, limits=limits)
        speech = np.concatenate([np.zeros(100), np.full(20, 0.6), np.full(100, 0.3)])
        frames = np.zeros((len(speech), FRAME), np.float32)
        parts = silence.feed(frames, speech.astype(np.float32), 0.0) + silence.finish()
        return sum(len(part.frames) for part in parts)

    assert kept(SpeechLimits()) == 13 + 20 + 13
    assert kept(SpeechLimits(threshold=0.7)) == 0
    assert kept(SpeechLimits(threshold=0.4)) == 13 + 20 + 100


def test_a_silence_is_dropped_once_it_is_as_long_as_was_asked() -> None:
    def breaks(seconds: float) -> int:
        silence = SilenceFilter(keep_silence=False, limits=SpeechLimits(min_silence=seconds))
        speech = np.concatenate([np.full(20, 0.9), np.zeros(40), np.full(20, 0.9)])
        frames = np.zeros((len(speech), FRAME), np.float32)
        parts = silence.feed(frames, speech.astype(np.float32), 0.0) + silence.finish()
        return sum(not part.follows for part in parts[1:])

    assert [breaks(2.0), breaks(1.0), breaks(0.1)] == [0, 1, 1]
