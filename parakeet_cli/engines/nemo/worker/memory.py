"""How much memory a batch takes on each path, and how much there is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Way = Literal["whole", "local", "windows"]
WAYS: tuple[Way, ...] = ("whole", "local", "windows")

SHARE = 0.6  # of what is free: others want some too, and the estimates are estimates
LOCAL_CONTEXT = 128  # frames of 80 ms on each side, as the Open ASR Leaderboard uses it

# How often a tensor of its kind is alive at the same moment: estimates from the layers'
# code. Where they are too low, what runs out of memory is halved.
_SCORES = 8.0
_LOCAL_SCORES = 9.0
_HIDDEN = 24.0
_CONVOLVED = 2.6


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an encoder decides its memory."""

    mels: int
    width: int  # d_model
    heads: int
    channels: int  # of the convolutions that subsample
    subsampling: int
    bytes_each: int  # 4 for float32, 2 for bfloat16

    def peak(self, way: Way, seconds: float, count: int = 1) -> float:
        """Bytes at the worst moment for `count` chunks of that length."""
        mel_frames = seconds * 100
        frames = mel_frames / self.subsampling
        convolved = mel_frames / 2 * self.mels / 2 * self.channels * _CONVOLVED
        hidden = frames * self.width * _HIDDEN
        if way == "whole":
            scores = self.heads * frames * frames * _SCORES
        else:
            scores = self.heads * frames * 4 * LOCAL_CONTEXT * _LOCAL_SCORES
        return count * self.bytes_each * max(convolved, hidden + scores)


def free_on_cpu(
    read: Callable[[str], str] = lambda path: Path(path).read_text(encoding="ascii"),
) -> int:
    """Bytes that this process may still take: the machine's, or less by its control group."""
    found = [_available(read)]
    for used_path, most_path in (
        ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.max"),
        (
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ),
    ):
        try:
            found.append(int(read(most_path)) - int(read(used_path)))
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
    return max(0, min(found))


def _available(read: Callable[[str], str]) -> int:
    try:
        for line in read("/proc/meminfo").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:  # not Linux
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
