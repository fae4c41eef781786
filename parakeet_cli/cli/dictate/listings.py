"""Prints the microphones (`--list-devices`) and the history (`history`)."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.formats.json import dumps


def print_devices(*, as_json: bool) -> int:
    """Print the microphones as a table, or as JSON. Raises InputError if there are none."""
    from parakeet_cli.audio.microphone.devices import find_device, list_devices

    devices = list_devices()
    if as_json:
        console.print_json([asdict(device) for device in devices])
        return ExitCode.OK
    find_device(None, devices)  # raises InputError with what to do if there are none
    width = max(len(device.name) for device in devices)
    for device in devices:
        mark = "*" if device.default else " "
        kind = "  monitor" if device.monitor else "  Bluetooth" if device.bluetooth else ""
        source = f"  {console.printable(device.source)}" if device.source else ""
        console.out(
            f"{mark} {device.index:3}  {console.printable(device.name):{width}}  "
            f"{device.channels:3} channel{'s' if device.channels != 1 else ' '}  "
            f"{device.rate} Hz{kind}{source}\n"
        )
    console.info("* is the default. --input-device takes a number or a part of a name.")
    return ExitCode.OK


def print_history(count: int, *, as_json: bool) -> None:
    """Print the last utterances, and those that wait to be recovered."""
    from parakeet_cli.dictate.recording.history import HistoryEntry, history_path, read_history
    from parakeet_cli.dictate.recording.recording import recordings_folder
    from parakeet_cli.dictate.session.recovery import find_undelivered

    entries = deque(read_history(history_path()), maxlen=count)
    undelivered = list(find_undelivered(recordings_folder()))
    known = {entry.text for entry in entries}
    for recording in undelivered:
        entries.extend(
            HistoryEntry(recording.began, text, delivered=delivered)
            for text, delivered in recording.texts
            if text not in known
        )
    for entry in entries:
        if as_json:
            console.raw_out(dumps(entry.row) + "\n")
            continue
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.wall))
        mark = {True: "", False: "  (not inserted)", None: "  (perhaps inserted)"}[entry.delivered]
        console.out(f"{when}  {console.shown_name(entry.text)}{mark}\n")
    if undelivered:
        console.info("`parakeet dictate --recover` delivers what was recorded and not delivered.")


def clear_history() -> None:
    """Delete the history, and the sound that was kept for it."""
    from parakeet_cli.dictate.recording.history import history_path
    from parakeet_cli.dictate.recording.kept_audio import KeptAudio, kept_audio_folder

    history_path().unlink(missing_ok=True)
    KeptAudio(kept_audio_folder()).clear()
