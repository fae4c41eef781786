"""A desktop's RemoteDesktop portal on the session's bus: PORTAL LOG allow|deny|plain.

What is asked of it is a line of JSON in LOG. Keys are pressed on the display of DISPLAY, so
that a window of a test gets them as it would from a desktop. `plain` has no keyboard.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    MessageType,
    message_bus,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import open_dbus_connection

LOG, CONSENT = Path(sys.argv[1]), sys.argv[2]


def log(*content: Any) -> None:
    with LOG.open("a", encoding="utf-8") as file:
        file.write(json.dumps(content) + "\n")


def main() -> None:
    bus = open_dbus_connection(os.environ["DBUS_SESSION_BUS_ADDRESS"])
    bus.send_and_get_reply(message_bus.RequestName("org.freedesktop.portal.Desktop"))
    log("ready")
    given = 0
    while True:
        message = bus.receive()
        if message.header.message_type is not MessageType.method_call:
            continue
        fields = message.header.fields
        method, body = fields[HeaderFields.member], message.body
        results: dict[str, Any] = {}
        match method:
            case "Get":
                value = {"version": 2, "AvailableDeviceTypes": int(CONSENT != "plain")}[body[1]]
                bus.send(new_method_return(message, "v", (("u", value),)))
                continue
            case "NotifyKeyboardKeycode" if body[0] != "/session":
                bus.send(new_error(message, "org.freedesktop.DBus.Error.AccessDenied"))
                continue
            case "NotifyKeyboardKeycode":
                log("key", body[2], body[3])
                if os.environ.get("DISPLAY"):
                    verb = "keydown" if body[3] else "keyup"
                    subprocess.run(["xdotool", verb, str(body[2] + 8)], check=True)
                bus.send(new_method_return(message))
                continue
            case "CreateSession":
                results = {"session_handle": ("s", "/session")}
            case "SelectDevices":
                log("devices", {name: value for name, (_, value) in body[1].items()})
            case "Start":
                given += 1
                results = {"devices": ("u", 1), "restore_token": ("s", f"token{given}")}
            case _:
                bus.send(new_error(message, "org.freedesktop.DBus.Error.UnknownMethod"))
                continue
        sender = fields[HeaderFields.sender]
        token = body[-1]["handle_token"][1]
        name = sender[1:].replace(".", "_")
        path = f"/org/freedesktop/portal/desktop/request/{name}/{token}"
        bus.send(new_method_return(message, "o", (path,)))
        refused = method == "Start" and CONSENT == "deny"
        request = DBusAddress(path, interface="org.freedesktop.portal.Request")
        answer = (1, {}) if refused else (0, results)
        bus.send(new_signal(request, "Response", "ua{sv}", answer))


main()
