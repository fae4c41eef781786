"""A microphone is found by number or name, and its audio becomes 16 kHz mono."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.audio.microphone.microphone import InputDevice, MonoConverter, find_device
from parakeet_cli.errors import InputError, UsageError

DEVICES = [
    InputDevice(0, "Webcam", 1, 48_000, default=False),
    InputDevice(3, "USB Headset", 1, 48_000, default=True),
    InputDevice(4, "USB Headset Pro", 2, 44_100, default=False),
]


@pytest.mark.parametrize(
    ("requested", "index"),
    [(None, 3), ("0", 0), ("webcam", 0), ("cam", 0), ("usb headset", 3), ("PRO", 4)],
)
def test_a_device_is_found_by_number_name_or_part_of_a_name(
    requested: str | None, index: int
) -> None:
    assert find_device(requested, DEVICES).index == index


def test_without_a_default_the_first_device_is_used() -> None:
    assert find_device(None, DEVICES[:1]).index == 0


@pytest.mark.parametrize(
    ("requested", "message"),
    [("usb", r"several microphones: 3 \(USB Headset\), 4 "), ("7", "no microphone '7', only 0 ")],
)
def test_an_ambiguous_or_unknown_device_is_refused_with_the_choices(
    requested: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_device(requested, DEVICES)


def test_without_any_device_the_hint_says_what_to_check() -> None:
    with pytest.raises(InputError, match="There is no microphone") as caught:
        find_device(None, [])
    assert "--from-file" in (caught.value.hint or "")


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_channels_are_averaged(channels: int) -> None:
    levels = np.arange(1, channels + 1, dtype=np.int16) * 1000
    pcm = MonoConverter(16_000, channels)(np.tile(levels, 100))
    assert pcm.tolist() == [round(levels.mean())] * 100


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_another_rate_keeps_the_length_and_the_level(rate: int) -> None:
    convert = MonoConverter(rate, 1)
    packet = np.full(rate // 50, 1000, np.int16)
    parts = [convert(packet) for _ in range(50)] + [convert(packet[:0], last=True)]
    pcm = np.concatenate(parts)
    assert len(pcm) == pytest.approx(16_000, abs=1)
    assert np.abs(pcm[1000:-1000] - 1000).max() <= 2
