"""Asks the kernel which user is at the other end of a socket."""

from __future__ import annotations

import socket
import struct
import sys

_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7)
_XUCRED = struct.Struct("2IH")  # version, uid, number of groups: sys/ucred.h of macOS
_LOCAL_PEERCRED = 1


def peer_user(connection: socket.socket) -> int | None:
    """The uid of the process that connected; None where the system can't say."""
    system: str = sys.platform  # annotated, or mypy takes the other systems for unreachable
    if system == "linux":
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(data)[1])
    if system == "darwin":
        data = connection.getsockopt(0, _LOCAL_PEERCRED, 76)
        return int(_XUCRED.unpack_from(data)[1])
    return None
