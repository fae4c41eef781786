"""Estimates the memory that a batch takes, and measures how much is free."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Way = Literal["whole", "local", "windows"]
WAYS: tuple[Way, ...] = ("whole", "local", "windows")

SHARE = 0.6  # of the free memory: other processes need some too, and estimates can be wrong
LOCAL_CONTEXT = 128  # frames of 80 ms on each side, as the Open ASR Leaderboard uses it

# How many tensors of each kind exist at the same time: estimates from the layers' code. If they
# are too low, a batch runs out of memory and is halved.
_SCORES = 8.0
_LOCAL_SCORES = 9.0
_HIDDEN = 24.0
_CONVOLVED = 2.6


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """The sizes of an encoder that decide how much memory it takes."""

    mels: int
    width: int  # d_model
    heads: int
    channels: int  # of the subsampling convolutions
    subsampling: int
    bytes_each: int  # 4 for float32, 2 for bfloat16

    def peak(self, way: Way, seconds: float, count: int = 1) -> float:
        """The most bytes in use at once for `count` chunks of that length."""
        mel_frames = seconds * 100
        frames = mel_frames / self.subsampling
        convolved = mel_frames / 2 * self.mels / 2 * self.channels * _CONVOLVED
        hidden = frames * self.width * _HIDDEN
        if way == "whole":
            scores = self.heads * frames * frames * _SCORES
        else:
            scores = self.heads * frames * 4 * LOCAL_CONTEXT * _LOCAL_SCORES
        return count * self.bytes_each * max(convolved, hidden + scores)


_PATIENCE = 8  # good batches; twice as many after each batch that ran out of memory
_MOST_PATIENCE = 1024


@dataclass(slots=True)
class MemoryLimit:
    """The most bytes a batch may take: halved when one runs out of memory, and doubled again.

    Estimates can be wrong, and other programs come and go. After `_PATIENCE` batches that
    worked the limit grows, until it no longer limits anything.
    """

    bytes: float = math.inf
    _patience: int = _PATIENCE
    _good: int = 0  # batches since it was changed

    @property
    def applies(self) -> bool:
        return self.bytes < math.inf

    def halve(self, taken: float) -> None:
        """A batch that was estimated to take that many bytes ran out of memory."""
        self.bytes = min(self.bytes, taken) / 2
        self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self._good = 0

    def succeeded(self, available: float) -> bool:
        """Count a batch that worked, with that many bytes to be had; whether the limit grew."""
        if not self.applies:
            return False
        self._good += 1
        if self._good < self._patience:
            return False
        self._good = 0
        self.bytes *= 2
        if self.bytes >= available:
            self.bytes = math.inf
        return True


def free_on_cpu(
    read: Callable[[str], str] = lambda path: Path(path).read_text(encoding="ascii"),
) -> int:
    """Bytes that this process may still take, by the machine's memory and its control group."""
    limits = [_available(read)]
    for used_path, limit_path in (
        ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.max"),
        (
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ),
    ):
        try:
            limits.append(int(read(limit_path)) - int(read(used_path)))
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
    return max(0, min(limits))


def _available(read: Callable[[str], str]) -> int:
    try:
        for line in read("/proc/meminfo").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:  # not Linux
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
