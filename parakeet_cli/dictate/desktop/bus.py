"""Calls services on D-Bus, through jeepney, and waits for their signals."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, Any

from parakeet_cli.errors import ParakeetError

if TYPE_CHECKING:
    from jeepney import MatchRule, Message
    from jeepney.io.blocking import DBusConnection

_ANSWER = 5.0  # seconds
_SYSTEM_BUS = "unix:path=/var/run/dbus/system_bus_socket"  # the D-Bus specification's
PROPERTIES = "org.freedesktop.DBus.Properties"


class BusError(ParakeetError):
    """A bus or a service that isn't there, or that refuses; in words for people."""


class Bus:
    """A connection to a bus. For one thread at a time, but for `close`."""

    def __init__(self, *, system: bool = False) -> None:
        """Connect to the session's bus, or to the system's. Raises BusError."""
        if sys.platform != "linux":
            raise BusError("There is no D-Bus on this system.")
        from jeepney.io.blocking import open_dbus_connection

        try:
            self.connection: DBusConnection = open_dbus_connection(
                _address(system), enable_fds=system
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BusError(f"The D-Bus can't be reached: {reason}.") from error

    def call(
        self,
        where: tuple[str, str, str],
        method: str,
        signature: str = "",
        *body: Any,
        seconds: float = _ANSWER,
    ) -> tuple[Any, ...]:
        """Call a method of (service, path, interface); the answer's values. Raises BusError."""
        from jeepney import DBusAddress, new_method_call
        from jeepney.wrappers import DBusErrorResponse, unwrap_msg

        service, path, interface = where
        message = new_method_call(
            DBusAddress(path, service, interface), method, signature or None, body
        )
        try:
            return tuple(
                unwrap_msg(self.connection.send_and_get_reply(message, timeout=seconds)) or ()
            )
        except (DBusErrorResponse, TimeoutError, OSError) as error:
            raise BusError(f"{service} did not carry out {method}: {error}.") from error

    def get(self, service: str, path: str, interface: str, name: str) -> Any:
        """The value of a property. Raises BusError."""
        ((_, value),) = self.call((service, path, PROPERTIES), "Get", "ss", interface, name)
        return value

    def subscribe(self, rule: MatchRule) -> None:
        """Have the bus send the signals that fit. Raises BusError."""
        from jeepney import message_bus
        from jeepney.wrappers import DBusErrorResponse

        try:
            self.connection.send_and_get_reply(message_bus.AddMatch(rule), timeout=_ANSWER)
        except (DBusErrorResponse, TimeoutError, OSError) as error:
            raise BusError(f"The D-Bus sends no signals: {error}.") from error

    def close(self) -> None:
        self.connection.close()


class SignalThread:
    """Calls `handle` with each signal of a bus that fits a rule, in a thread, until `close`.

    It then is the only thread that may use the bus, and closes it.
    """

    def __init__(self, bus: Bus, rule: MatchRule, handle: Callable[[Message], None]) -> None:
        """Raises BusError."""
        self._bus, self._rule, self._handle = bus, rule, handle
        self._closed = Flag()
        self._waking, self._wake = os.pipe()
        bus.subscribe(rule)
        self._thread = Thread(target=self._run, name="d-bus", daemon=True)
        self._thread.start()

    def close(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            os.close(self._wake)
            self._thread.join()

    def _run(self) -> None:
        from contextlib import suppress

        connection = self._bus.connection
        try:
            with suppress(OSError, ConnectionError):  # the bus has ended, and so have its signals
                while not self._closed.is_set():
                    with suppress(TimeoutError):
                        while True:
                            message = connection.receive(timeout=0)
                            if self._rule.matches(message):
                                self._handle(message)
                    select.select([connection.sock, self._waking], [], [])
        finally:
            self._bus.close()
            os.close(self._waking)


def _address(system: bool) -> str:
    """Raises KeyError where the session names none."""
    if system:
        return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or _SYSTEM_BUS
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={runtime}/bus"
