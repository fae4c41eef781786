"""Tells which names Windows can't give to a file, though an object on a storage may have them."""

from __future__ import annotations

import re

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.I)
_CHARACTERS = re.compile(r'[<>:"|?*\x00-\x1f]')


def windows_problem(name: str) -> str:
    """Why Windows can't have a file of this relative name, to follow it; "" where it can."""
    for part in re.split(r"[/\\]", name):
        if part in ("", ".", ".."):
            continue
        if _DEVICES.fullmatch(part):
            return f"is a device on Windows: {part}"
        if found := _CHARACTERS.search(part):
            return f"has a character that Windows allows in no name: {found[0]!a}"
        if part.endswith((".", " ")):
            return "ends in a dot or a space, which Windows leaves out"
    return ""
