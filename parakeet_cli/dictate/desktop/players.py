"""Pauses what other programs play while dictation listens, by MPRIS, and lets it play on after.

https://specifications.freedesktop.org/mpris-spec/latest/

Which players were paused is in a file meanwhile, so that after a crash the next dictation lets them
play on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from parakeet_cli.dictate.desktop.bus import Bus, BusError
from parakeet_cli.system.files import atomic_writer
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.system.safety.private_folders import private_folder

_DBUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
_PREFIX = "org.mpris.MediaPlayer2."
_PATH = "/org/mpris/MediaPlayer2"
_PLAYER = "org.mpris.MediaPlayer2.Player"
_MAX_BYTES = 1 << 16

_log = logging.getLogger(__name__)

# The owners of players on the bus, like :1.42: one that was started again has another.
Owners = list[str]


def paused_players_path() -> Path:
    from platformdirs import user_state_path

    return user_state_path("parakeet") / "paused-players.json"


@contextmanager
def players_paused(*, wanted: bool) -> Iterator[None]:
    """Nothing plays while the block runs, if that is `wanted`; what was playing plays on after.

    Those that a killed dictation paused play on in any case. Neither is waited for: a key was
    pressed, and its user speaks already.
    """
    paused: Owners = []
    thread = Thread(target=_begin, args=(paused, wanted), name="players", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if paused:
            resume_players()


def _begin(paused: Owners, wanted: bool) -> None:
    resume_players()
    if not wanted:
        return
    try:
        bus = Bus()
    except BusError as error:
        _log.warning("--pause-players pauses nothing: %s", error)
        return
    try:
        for owner in _playing(bus):
            paused.append(owner)
            _remember(paused)  # before it is paused: a crash in between pauses nothing for ever
            with suppress(BusError):
                bus.call((owner, _PATH, _PLAYER), "Pause")
    except BusError as error:
        _log.warning("--pause-players pauses nothing more: %s", error)
    finally:
        bus.close()


def resume_players() -> None:
    """Let those that were paused play on, unless the user decided otherwise meanwhile."""
    owners = _remembered()
    if not owners:
        return
    with suppress(BusError):  # the session has ended, and its players have
        bus = Bus()
        try:
            for owner in owners:
                with suppress(BusError):  # the player has ended
                    if bus.get(owner, _PATH, _PLAYER, "PlaybackStatus") == "Paused":
                        bus.call((owner, _PATH, _PLAYER), "Play")
        finally:
            bus.close()
    paused_players_path().unlink(missing_ok=True)


def _playing(bus: Bus) -> Iterator[str]:
    (names,) = bus.call(_DBUS, "ListNames")
    for name in names:
        if name.startswith(_PREFIX):
            with suppress(BusError):  # it doesn't answer
                (owner,) = bus.call(_DBUS, "GetNameOwner", "s", name)
                if bus.get(owner, _PATH, _PLAYER, "PlaybackStatus") == "Playing":
                    yield owner


def _remember(owners: Owners) -> None:
    path = paused_players_path()
    try:
        private_folder(path.parent)
        with atomic_writer(path, mode=0o600) as stream:
            stream.write(json.dumps(owners).encode())
    except OSError as error:
        _log.info("%s can't be written: %s.", path, error.strerror)


def _remembered() -> Owners:
    try:
        content = json.loads(read_regular(paused_players_path(), _MAX_BYTES))
    except (OSError, ValueError):
        return []
    return [one for one in content if isinstance(one, str)] if isinstance(content, list) else []
