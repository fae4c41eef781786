"""Listens for keys by the desktop's GlobalShortcuts portal, as Wayland has it.

https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.GlobalShortcuts.html
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from parakeet_cli.dictate.desktop.bus import Bus, BusError, SignalThread
from parakeet_cli.dictate.desktop.keys import KeyBinding
from parakeet_cli.errors import ParakeetError

if TYPE_CHECKING:
    from jeepney import Message

_DESKTOP = "org.freedesktop.portal.Desktop"
_PATH = "/org/freedesktop/portal/desktop"
_SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
_REQUEST = "org.freedesktop.portal.Request"
_CONSENT = 60.0  # seconds that the user has to answer the desktop's question
_HINT = "Bind `parakeet dictate toggle` to a key in your desktop's settings."


class PortalKeys:
    """Bindings that work while the block runs; the desktop may ask the user for other keys."""

    def __init__(self, bindings: Sequence[KeyBinding]) -> None:
        """Raises ParakeetError where there is no such portal, or it refuses."""
        self._bindings = {binding.name: binding for binding in bindings}
        try:
            self._bus = Bus()
        except BusError as error:
            raise ParakeetError(f"Keys can't be seen here: {error}", hint=_HINT) from error

    def __enter__(self) -> PortalKeys:
        try:
            self._bind()
            self._signals = SignalThread(self._bus, _signals(), self._handle)
        except BusError as error:
            self._bus.close()
            raise ParakeetError(
                f"The desktop's portal listens for no keys: {error}", hint=_HINT
            ) from error
        except BaseException:
            self._bus.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._signals.close()  # and with the connection the session

    def _bind(self) -> None:
        options = {"session_handle_token": ("s", _token())}
        self._session = self._request("CreateSession", "", (), options)["session_handle"][1]
        shortcuts = [
            (
                name,
                {
                    "description": ("s", binding.description),
                    "preferred_trigger": ("s", binding.keys.trigger),
                },
            )
            for name, binding in self._bindings.items()
        ]
        self._request("BindShortcuts", "oa(sa{sv})s", (self._session, shortcuts, ""), {})

    def _request(
        self, method: str, signature: str, body: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """Make a request, and wait for the signal with the user's answer."""
        from jeepney import MatchRule

        connection = self._bus.connection
        token = _token()
        sender = str(connection.unique_name)[1:].replace(".", "_")
        path = f"{_PATH}/request/{sender}/{token}"
        rule = MatchRule(type="signal", interface=_REQUEST, member="Response", path=path)
        with connection.filter(rule) as answers:
            self._bus.subscribe(rule)
            options = {**options, "handle_token": ("s", token)}
            self._bus.call(
                (_DESKTOP, _PATH, _SHORTCUTS), method, f"{signature}a{{sv}}", *body, options
            )
            try:
                answer = connection.recv_until_filtered(answers, timeout=_CONSENT)
            except (TimeoutError, OSError) as error:
                raise BusError(f"{method} was not answered.") from error
        code, results = answer.body
        if code:
            raise BusError(f"{method} was not allowed.")
        return results

    def _handle(self, message: Message) -> None:
        from jeepney import HeaderFields

        session, name = message.body[:2]
        binding = self._bindings.get(name)
        if session != self._session or binding is None:
            return
        member = message.header.fields[HeaderFields.member]
        if member == "Activated":
            binding.pressed()
        elif member == "Deactivated":
            binding.released()


def _signals() -> Any:
    from jeepney import MatchRule

    return MatchRule(type="signal", interface=_SHORTCUTS, path=_PATH)


def _token() -> str:
    return f"parakeet{secrets.token_hex(8)}"
