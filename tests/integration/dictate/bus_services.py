"""Small services for tests: KIND ADDRESS LOG ARGUMENT..., told what to do on stdin.

What each is asked is a line of JSON in LOG, as is what it was told and did.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    message_bus,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import open_dbus_connection

LOG = Path(sys.argv[3])
ANSWERED: tuple[Any, ...] = ("answered",)  # already, by the service itself
UNKNOWN = "org.freedesktop.DBus.Error.UnknownMethod"


def log(*content: Any) -> None:
    with LOG.open("a", encoding="utf-8") as file:
        file.write(json.dumps(content) + "\n")


class Service:
    """Answers calls, and does what it is told."""

    name = ""

    def __init__(self, address: str) -> None:
        self.bus = open_dbus_connection(address, enable_fds=True)
        self.bus.send_and_get_reply(message_bus.RequestName(self.name))

    def serve(self) -> None:
        log("ready")
        while True:
            for at in select.select([self.bus.sock, 0, *self.watched()], [], [])[0]:
                if at == 0:
                    told = os.read(0, 1 << 16)
                    if not told:
                        return
                    for line in told.splitlines():
                        self.do(*json.loads(line))
                elif at is self.bus.sock:
                    self._receive()
                else:
                    self.readable(at)

    def _receive(self) -> None:
        try:
            while True:
                message = self.bus.receive(timeout=0)
                if message.header.message_type is MessageType.method_call:
                    member = message.header.fields[HeaderFields.member]
                    answer = self.answer(message, member, *message.body)
                    if answer is None:
                        self.bus.send(new_error(message, UNKNOWN))
                    elif answer is not ANSWERED:
                        self.bus.send(new_method_return(message, *answer))
        except (TimeoutError, ConnectionResetError):  # nothing more now, or for ever
            return

    def watched(self) -> list[int]:
        return []

    def readable(self, at: int) -> None:
        raise NotImplementedError

    def do(self, *what: Any) -> None:
        raise NotImplementedError

    def answer(self, message: Message, member: str, *body: Any) -> tuple[Any, ...] | None:
        """The signature and the values of the answer, None for an unknown method."""
        raise NotImplementedError


class Login(Service):
    """logind: `sleep` and `wake` announce those; `released` is logged as an inhibitor ends."""

    name = "org.freedesktop.login1"
    held: list[int]

    def __init__(self, address: str) -> None:
        self.held = []
        super().__init__(address)

    def answer(self, message: Message, member: str, *body: Any) -> tuple[Any, ...] | None:
        if member != "Inhibit":
            return None
        reading, writing = os.pipe()
        self.held.append(reading)
        self.bus.send(new_method_return(message, "h", (writing,)))
        os.close(writing)
        log("inhibit", *body)
        return ANSWERED

    def watched(self) -> list[int]:
        return self.held

    def readable(self, at: int) -> None:
        self.held.remove(at)
        os.close(at)
        log("released")

    def do(self, *what: Any) -> None:
        manager = DBusAddress("/org/freedesktop/login1", interface="org.freedesktop.login1.Manager")
        self.bus.send(new_signal(manager, "PrepareForSleep", "b", (what[0] == "sleep",)))


class Shortcuts(Service):
    """The GlobalShortcuts portal, told which signal to send for which shortcut; `deny` refuses."""

    name = "org.freedesktop.portal.Desktop"

    def __init__(self, address: str, consent: str = "allow") -> None:
        self._allows = consent == "allow"
        super().__init__(address)

    def answer(self, message: Message, member: str, *body: Any) -> tuple[Any, ...] | None:
        if member not in ("CreateSession", "BindShortcuts"):
            return None
        results = {"session_handle": ("s", "/session")} if member == "CreateSession" else {}
        for name, options in body[1] if member == "BindShortcuts" else ():
            log("bind", name, options["description"][1], options["preferred_trigger"][1])
        token = body[-1]["handle_token"][1]
        sender = message.header.fields[HeaderFields.sender][1:].replace(".", "_")
        path = f"/org/freedesktop/portal/desktop/request/{sender}/{token}"
        self.bus.send(new_method_return(message, "o", (path,)))
        request = DBusAddress(path, interface="org.freedesktop.portal.Request")
        refused = member == "BindShortcuts" and not self._allows
        self.bus.send(new_signal(request, "Response", "ua{sv}", (int(refused), results)))
        return ANSWERED

    def do(self, *what: Any) -> None:
        signal, shortcut = what
        shortcuts = DBusAddress(
            "/org/freedesktop/portal/desktop", interface="org.freedesktop.portal.GlobalShortcuts"
        )
        self.bus.send(new_signal(shortcuts, signal, "osta{sv}", ("/session", shortcut, 1, {})))


class Player(Service):
    """A media player, which logs what it is asked to do; told a status, it has that one."""

    def __init__(self, address: str, name: str, status: str) -> None:
        self.name = f"org.mpris.MediaPlayer2.{name}"
        self._status = status
        super().__init__(address)

    def answer(self, message: Message, member: str, *body: Any) -> tuple[Any, ...] | None:
        if member == "Get" and body[1] == "PlaybackStatus":
            return ("v", (("s", self._status),))
        if member not in ("Play", "Pause"):
            return None
        log(member)
        self._status = {"Play": "Playing", "Pause": "Paused"}[member]
        return ()

    def do(self, *what: Any) -> None:
        (self._status,) = what
        log("told")


class Notifications(Service):
    """A desktop's notifications, which have the numbers 1, 2 and so on."""

    name = "org.freedesktop.Notifications"

    def answer(self, message: Message, member: str, *body: Any) -> tuple[Any, ...] | None:
        log(member, *body[:2], *body[3:5])
        if member == "Notify":
            return ("u", (body[1] or 1,))
        return ()


KINDS = {"login": Login, "shortcuts": Shortcuts, "player": Player, "notifications": Notifications}

if __name__ == "__main__":
    KINDS[sys.argv[1]](sys.argv[2], *sys.argv[4:]).serve()
