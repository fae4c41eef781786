"""Pastes with keys from the desktop's RemoteDesktop portal (GNOME, KDE), which asks the user.

https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.RemoteDesktop.html

A session lasts as long as the connection to the bus, so the connection stays open. The
portal takes keys by position, or keysyms that the layout must have. Neither can type any
text on any layout, so it pastes, with keys that every layout has.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parakeet_cli.dictate.sinks.typed.pasted import KEY_CODES, Pasted
from parakeet_cli.errors import SinkError, SinkUnavailable
from parakeet_cli.system.regular_files import open_regular, read_regular
from parakeet_cli.system.safety.private_folders import private_folder

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

_DESKTOP = "org.freedesktop.portal.Desktop"
_PATH = "/org/freedesktop/portal/desktop"
_REMOTE = "org.freedesktop.portal.RemoteDesktop"
_KEYBOARD = 1  # one of the device types
_UNTIL_REVOKED = 2  # one of the modes to persist
_PERSISTS = 2  # the first version that can
_ANSWER = 10.0  # seconds
CONSENT = 60.0  # seconds that the user has to answer the desktop's question
_BETWEEN = 0.012  # seconds between two keys, as with ydotool

PortalOptions = Mapping[str, tuple[str, Any]]

_TOKEN_BYTES = 4096  # a UUID, and room


class PortalPresser:
    """A session that the user allowed. Its saved token spares the user the next question."""

    def __init__(self) -> None:
        self._bus: DBusConnection | None = None
        self._session = ""

    def probe(self) -> str:
        try:
            self._open()
        except SinkError as error:
            self.close()
            raise SinkUnavailable(str(error)) from None
        return "the desktop's portal lets it press keys"

    def press(self, chord: tuple[str, ...], times: int = 1) -> None:
        if self._bus is None:
            self._open()
        strokes = [(KEY_CODES[key], 1) for key in chord]
        strokes += [(code, 0) for code, _ in strokes[::-1]]
        try:
            for code, down in strokes * times:
                self._call("NotifyKeyboardKeycode", "oa{sv}iu", self._session, {}, code, down)
                time.sleep(_BETWEEN)
        except SinkError:
            self.close()  # the desktop ended it: the next text asks for a new one
            raise

    def close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()  # which also ends the session

    def _open(self) -> None:
        self._bus = _connect()
        devices = self._property("AvailableDeviceTypes")
        if not devices & _KEYBOARD:
            raise SinkError("The desktop's portal has no keyboard.")
        persists = self._property("version") >= _PERSISTS
        options: dict[str, tuple[str, Any]] = {"session_handle_token": ("s", _token())}
        self._session = self._request("CreateSession", "", (), options)["session_handle"][1]
        options = {"types": ("u", _KEYBOARD)}
        if persists:
            options["persist_mode"] = ("u", _UNTIL_REVOKED)
            if known := _saved_token():
                options["restore_token"] = ("s", known)
        self._request("SelectDevices", "o", (self._session,), options)
        started = self._request("Start", "os", (self._session, ""), {})
        if not started.get("devices", ("u", 0))[1] & _KEYBOARD:
            raise SinkError("The desktop's portal was not allowed to press keys.")
        if "restore_token" in started:
            _save_token(started["restore_token"][1])

    def _property(self, name: str) -> int:
        interface = "org.freedesktop.DBus.Properties"
        ((_, value),) = self._call("Get", "ss", _REMOTE, name, interface=interface)
        return int(value)

    def _request(
        self, method: str, signature: str, body: tuple[Any, ...], options: PortalOptions
    ) -> Any:
        """Make a request, and wait for the signal with the user's answer."""
        from jeepney import MatchRule, message_bus

        assert self._bus is not None
        token = _token()
        sender = str(self._bus.unique_name)[1:].replace(".", "_")
        rule = MatchRule(
            type="signal",
            interface="org.freedesktop.portal.Request",
            member="Response",
            path=f"{_PATH}/request/{sender}/{token}",
        )
        with self._bus.filter(rule) as answers, _as_sink_errors(method):
            self._bus.send_and_get_reply(message_bus.AddMatch(rule), timeout=_ANSWER)
            options = {**options, "handle_token": ("s", token)}
            self._call(method, f"{signature}a{{sv}}", *body, options)
            answer = self._bus.recv_until_filtered(answers, timeout=CONSENT)
        code, results = answer.body
        if code:
            raise SinkError(
                "The desktop was not allowed to let parakeet press keys."
                if code == 1
                else f"The desktop's portal ended {method}."
            )
        return results

    def _call(self, method: str, signature: str, *body: Any, interface: str = _REMOTE) -> Any:
        from jeepney import DBusAddress, new_method_call
        from jeepney.wrappers import unwrap_msg

        assert self._bus is not None
        address = DBusAddress(_PATH, _DESKTOP, interface)
        with _as_sink_errors(method):
            message = new_method_call(address, method, signature, body)
            return unwrap_msg(self._bus.send_and_get_reply(message, timeout=_ANSWER))


class Portal(Pasted):
    """Pastes with keys from the portal."""

    def __init__(self) -> None:
        super().__init__(PortalPresser())


def _connect() -> DBusConnection:
    from jeepney.io.blocking import open_dbus_connection

    runtime = os.environ.get("XDG_RUNTIME_DIR")
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={runtime}/bus"
    try:
        return open_dbus_connection(address)
    except (OSError, ValueError, RuntimeError) as error:  # the last two mean no address, no login
        raise SinkError(f"The session's D-Bus can't be reached: {error}.") from error


@contextmanager
def _as_sink_errors(method: str) -> Iterator[None]:
    from jeepney.wrappers import DBusErrorResponse

    try:
        yield
    except DBusErrorResponse as error:
        gone = error.name.endswith(("ServiceUnknown", "UnknownMethod", "UnknownInterface"))
        if gone or "No such interface" in str(error):
            raise SinkError("The desktop has no portal that presses keys.") from error
        raise SinkError(f"The desktop's portal refused {method}: {error}.") from error
    except TimeoutError as error:
        raise SinkError(f"The desktop's portal did not answer {method}.") from error
    except OSError as error:
        raise SinkError(
            f"The connection to the session's D-Bus was lost: {error.strerror}."
        ) from error


def _token() -> str:
    return f"parakeet{secrets.token_hex(8)}"


def _token_path() -> Path:
    from platformdirs import user_state_path

    return user_state_path("parakeet") / "portal-session"


def _saved_token() -> str:
    try:
        return read_regular(_token_path(), _TOKEN_BYTES).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _save_token(token: str) -> None:
    """Save it for one session, which gives the next. If that fails, the user is asked again."""
    with suppress(OSError):
        private_folder(_token_path().parent)
        file = open_regular(_token_path(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(token)
