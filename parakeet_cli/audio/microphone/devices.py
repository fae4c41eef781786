"""Lists microphones, and finds the one that is asked for."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from parakeet_cli.audio.microphone.capture_client import (
    OPEN_TIMEOUT,
    capture_command,
    capture_environment,
    capture_error,
    parse_message,
)
from parakeet_cli.errors import InputError, UsageError


@dataclass(frozen=True, slots=True)
class InputDevice:
    """One microphone as the sound server or PortAudio lists it; `index` is its place there.

    `source` is the server's own name for it, None for a device of PortAudio, whose `number`
    counts. A `monitor` is what a loudspeaker plays.
    """

    index: int
    name: str
    channels: int
    rate: int
    default: bool
    source: str | None = None
    number: int | None = None
    bluetooth: bool = False
    monitor: bool = False

    @property
    def key(self) -> str:
        """What the capture process opens it by."""
        if self.source is not None:
            return f"pulse:{self.source}"
        return f"portaudio:{self.index if self.number is None else self.number}"


def list_devices() -> list[InputDevice]:
    """Every device with an input, the sound server's first. Raises InputError without PortAudio."""
    output, printed = b"", b""
    try:
        done = subprocess.run(
            capture_command("--list"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=capture_environment(),
            timeout=OPEN_TIMEOUT,
        )
        output, printed = done.stdout, done.stderr
    except subprocess.TimeoutExpired:  # the libraries can hang while a sound server dies
        pass
    message = parse_message(output.partition(b"\n")[0])
    if "devices" not in message:
        raise capture_error(message, printed.decode(errors="replace"))
    return [InputDevice(index, **device) for index, device in enumerate(message["devices"])]


def find_device(requested: str | None, devices: list[InputDevice]) -> InputDevice:
    """The device with that number, that name or that part of one; the default for None.

    Where a part fits several, a microphone of the sound server counts more than a monitor, and
    that more than the devices underneath. Raises UsageError, which lists the devices, unless
    exactly one is left.
    """
    if not devices:
        raise InputError(
            "There is no microphone.",
            hint="Plug one in, or check that the sound server is running. "
            "`--from-file FILE` plays a recording instead.",
        )
    if requested is None:
        return next((device for device in devices if device.default), devices[0])
    matches = _matching(requested, devices)
    if len(matches) == 1:
        return matches[0]
    listed = ", ".join(f"{device.index} ({device.name})" for device in (matches or devices))
    if matches:
        raise UsageError(
            f"'{requested}' matches several microphones: {listed}.", hint="Give its number."
        )
    raise UsageError(
        f"There is no microphone '{requested}', only {listed}.",
        hint="`parakeet dictate --list-devices` lists them.",
    )


def _matching(requested: str, devices: list[InputDevice]) -> list[InputDevice]:
    if requested.isdecimal():
        return [device for device in devices if device.index == int(requested)]
    name = requested.casefold()
    exact = [device for device in devices if name in _names(device)]
    partly = [device for device in devices if any(name in one for one in _names(device))]
    for candidates in (exact, partly):
        if candidates:
            best = min(map(_rank, candidates))
            return [device for device in candidates if _rank(device) == best]
    return []


def _names(device: InputDevice) -> tuple[str, ...]:
    return tuple(name.casefold() for name in (device.name, device.source) if name)


def _rank(device: InputDevice) -> int:
    if device.source is None:
        return 2
    return 1 if device.monitor else 0
