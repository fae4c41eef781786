"""Says when the computer is about to sleep, and when it is awake again.

systemd's logind announces both, and waits for those who hold an inhibitor of the kind "delay":
https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.login1.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parakeet_cli.dictate.desktop.bus import Bus, BusError, SignalThread

if TYPE_CHECKING:
    from jeepney import Message

_LOGIN = "org.freedesktop.login1"
_PATH = "/org/freedesktop/login1"
_MANAGER = "org.freedesktop.login1.Manager"

ASLEEP = "the computer sleeps"  # the reason for a gap

_log = logging.getLogger(__name__)


class SleepWatch:
    """Calls `sleeping` before the computer sleeps, which waits for it, and `awake` after that.

    Both are called in a thread. Where there is no logind, neither is.
    """

    def __init__(self, sleeping: Callable[[], None], awake: Callable[[], None]) -> None:
        self._sleeping, self._awake = sleeping, awake
        self._inhibitor: Any = None
        self._signals: SignalThread | None = None
        try:
            self._bus = Bus(system=True)
        except BusError as error:
            _log.info("Sleep is noticed by the clock alone: %s", error)
            return
        try:
            self._inhibit()
            self._signals = SignalThread(self._bus, _prepare_for_sleep(), self._handle)
        except BusError as error:
            _log.info("Sleep is noticed by the clock alone: %s", error)
            self._release()
            self._bus.close()

    def __enter__(self) -> SleepWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Call nothing any more, and let the computer sleep at once."""
        if self._signals is not None:
            self._signals.close()
        self._release()

    def _handle(self, message: Message) -> None:
        if message.body[0]:
            self._sleeping()
            self._release()
            return
        self._awake()
        with suppress(BusError):  # the next sleep isn't waited for then
            self._inhibit()

    def _inhibit(self) -> None:
        arguments = ("sleep", "parakeet", "The microphone is closed first.", "delay")
        (self._inhibitor,) = self._bus.call(
            (_LOGIN, _PATH, _MANAGER), "Inhibit", "ssss", *arguments
        )

    def _release(self) -> None:
        inhibitor, self._inhibitor = self._inhibitor, None
        if inhibitor is not None:
            inhibitor.close()


def _prepare_for_sleep() -> Any:
    from jeepney import MatchRule

    return MatchRule(type="signal", interface=_MANAGER, member="PrepareForSleep", path=_PATH)
