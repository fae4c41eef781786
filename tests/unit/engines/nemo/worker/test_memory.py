from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pytest

from parakeet_cli.engines.nemo.worker.memory import (
    WAYS,
    EncoderShape,
    MemoryLimit,
    free_on_cpu,
)

# Parakeet 0.6B, in the precision of a CPU.
LARGE = EncoderShape(mels=128, width=1024, heads=8, channels=256, subsampling=8, bytes_each=4)
GIB = 2**30


def test_full_attention_grows_with_the_square_of_the_length_and_the_others_with_it() -> None:
    assert LARGE.peak("whole", 7200) > 3.5 * LARGE.peak("whole", 3600)
    for way in ("local", "windows"):
        assert LARGE.peak(way, 7200) == pytest.approx(2 * LARGE.peak(way, 3600))


def test_two_minutes_of_a_large_model_fit_a_small_machine_and_an_hour_does_not() -> None:
    assert LARGE.peak("whole", 120) < 2 * GIB
    assert LARGE.peak("whole", 3600) > 100 * GIB


@pytest.mark.parametrize("way", WAYS)
def test_two_chunks_take_twice_as_much_as_one_and_half_the_precision_half(way: str) -> None:
    half = EncoderShape(mels=128, width=1024, heads=8, channels=256, subsampling=8, bytes_each=2)
    one = LARGE.peak(way, 60)  # type: ignore[arg-type]
    assert LARGE.peak(way, 60, 2) == 2 * one  # type: ignore[arg-type]
    assert half.peak(way, 60) == one / 2  # type: ignore[arg-type]


def _files(contents: Mapping[str, str]) -> Callable[[str], str]:
    def read(path: str) -> str:
        if path not in contents:
            raise FileNotFoundError(path)
        return contents[path]

    return read


MEMINFO = {"/proc/meminfo": "MemTotal:  16000 kB\nMemAvailable:    8000 kB\n"}


def test_the_free_memory_is_what_the_system_says_is_available() -> None:
    assert free_on_cpu(_files(MEMINFO)) == 8000 * 1024


def test_a_container_s_limit_applies_if_it_is_lower() -> None:
    second = {"/sys/fs/cgroup/memory.max": "3000000", "/sys/fs/cgroup/memory.current": "1000000"}
    assert free_on_cpu(_files({**MEMINFO, **second})) == 2_000_000
    first = {
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "900",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": "1000",
    }
    assert free_on_cpu(_files({**MEMINFO, **first})) == 0
    unlimited = {"/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/memory.current": "1"}
    assert free_on_cpu(_files({**MEMINFO, **unlimited})) == 8000 * 1024


def test_a_system_without_these_files_still_has_memory() -> None:
    assert free_on_cpu(_files({})) > 0


def test_a_limit_is_halved_and_recovers_after_batches_that_work() -> None:
    limit = MemoryLimit()
    assert not limit.succeeded(1000)
    limit.halve(800)
    limit.halve(800)
    assert limit.bytes == 200
    changes = [limit.bytes for _ in range(1000) if limit.succeeded(700)]
    assert changes == [400, math.inf]
    assert limit.bytes == math.inf


def test_a_limit_that_was_too_high_again_grows_later() -> None:
    def batches_until_it_grows() -> int:
        limit.halve(800)
        return next(number for number in range(1, 10_000) if limit.succeeded(10_000))

    limit = MemoryLimit()
    waits = [batches_until_it_grows() for _ in range(3)]
    assert waits == [waits[0], 2 * waits[0], 4 * waits[0]]
