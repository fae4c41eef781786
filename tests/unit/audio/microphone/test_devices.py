"""A microphone is found by its number, its name, the server's name or a part of one."""

from __future__ import annotations

import pytest

from parakeet_cli.audio.microphone.devices import InputDevice, find_device
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


SERVER = [
    InputDevice(0, "Built-in Audio", 2, 48_000, False, "alsa_input.pci"),
    InputDevice(1, "Monitor of Built-in Audio", 2, 48_000, False, "alsa.monitor", monitor=True),
    InputDevice(2, "Jabra 65t", 1, 16_000, True, "bluez_input.50_C2", bluetooth=True),
    InputDevice(3, "Built-in Audio: ALC (hw:0,0)", 2, 44_100, False, number=0),
    InputDevice(4, "pulse", 32, 44_100, False, number=1),
]


@pytest.mark.parametrize(
    ("requested", "index"),
    [
        (None, 2),
        ("built-in", 0),  # a monitor and the device underneath have it in their names, too
        ("monitor of", 1),
        ("alsa.monitor", 1),
        ("bluez", 2),
        ("jabra", 2),
        ("hw:0,0", 3),
        ("pulse", 4),
    ],
)
def test_the_sound_server_s_microphone_counts_more_than_monitors_and_what_is_underneath(
    requested: str | None, index: int
) -> None:
    assert find_device(requested, SERVER).index == index


def test_a_device_is_opened_by_the_server_s_name_or_portaudio_s_number() -> None:
    assert [device.key for device in SERVER[2:4]] == ["pulse:bluez_input.50_C2", "portaudio:0"]
