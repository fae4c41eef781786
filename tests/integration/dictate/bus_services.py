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
                    line = sys.stdin.readline()
                    if not line:
                        return
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
                    else:
                        self.bus.send(new_method_return(message, *answer))
        except TimeoutError:
            pass

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
        self._given = writing
        self.bus.send(new_method_return(message, "h", (writing,)))
        os.close(writing)
        log("inhibit", *body)
        return ()

    def _receive(self) -> None:
        try:
            while True:
                message = self.bus.receive(timeout=0)
                if message.header.message_type is MessageType.method_call:
                    member = message.header.fields[HeaderFields.member]
                    if self.answer(message, member, *message.body) is None:
                        self.bus.send(new_error(message, UNKNOWN))
        except TimeoutError:
            pass

    def watched(self) -> list[int]:
        return self.held

    def readable(self, at: int) -> None:
        self.held.remove(at)
        os.close(at)
        log("released")

    def do(self, *what: Any) -> None:
        manager = DBusAddress("/org/freedesktop/login1", interface="org.freedesktop.login1.Manager")
        self.bus.send(new_signal(manager, "PrepareForSleep", "b", (what[0] == "sleep",)))


KINDS = {"login": Login}

if __name__ == "__main__":
    KINDS[sys.argv[1]](sys.argv[2], *sys.argv[4:]).serve()
