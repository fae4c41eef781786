"""Reads and writes the system's clipboard, with the programs in one table."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.errors import SinkError, SinkUnavailable

TEXT = "text/plain;charset=utf-8"
_SETTLE = 5.0  # seconds until what was written can be read


@dataclass(frozen=True, slots=True)
class Content:
    """Content of the clipboard; `kind` is its MIME type."""

    kind: str
    data: bytes

    @classmethod
    def of(cls, text: str) -> Content:
        return cls(TEXT, text.encode("utf-8", "replace"))


class SystemClipboard(Protocol):
    """Reads and writes the clipboard; raises SinkError."""

    @property
    def name(self) -> str: ...

    def read(self) -> Content | None:
        """Its content, None if it is empty or can't be restored later."""
        ...

    def write(self, content: Content | None) -> None:
        """Replace the content; None clears it."""
        ...

    def select(self, content: Content) -> None:
        """Put it on the primary selection too, if the system has one."""
        ...


@dataclass(frozen=True, slots=True)
class ClipboardPrograms:
    """A clipboard by command lines, in which `{kind}` is replaced by a MIME type.

    `kinds` lists the types on offer; without it there is only text. `unreachable` is part
    of their message when no server answers: exit code 1 can also mean an empty clipboard.
    """

    name: str
    copy: Sequence[str]
    paste: Sequence[str]
    clear: Sequence[str]
    kinds: Sequence[str] = ()
    primary: Sequence[str] = ()  # the copy to the primary selection
    unreachable: str = "\0"
    text: str = TEXT  # their name for text
    confirmed: bool = True  # whether what was written reads the same
    env: Mapping[str, str] = field(default_factory=dict)

    def read(self) -> Content | None:
        kind = self.text
        if self.kinds:
            offered = self._printed(self.kinds).decode("utf-8", "replace").split()
            picked = _picked(offered)
            if picked is None:
                return None
            kind = picked
        data = self._printed(_filled(self.paste, kind))
        return Content(TEXT if kind in _TEXTS else kind, data) if data else None

    def write(self, content: Content | None) -> None:
        if content is not None and content.kind != TEXT and not self.kinds:
            raise SinkError(f"{self.name} takes text only.")
        if content is None or not content.data:
            content = None
            programs.run(self.clear, env=self.env)
        else:
            kind = self.text if content.kind == TEXT else content.kind
            programs.run(_filled(self.copy, kind), given=content.data, env=self.env)
        # xclip returns before the process that it leaves running owns the clipboard.
        until = time.monotonic() + _SETTLE
        while self.confirmed and self.read() != content:
            if time.monotonic() > until:
                raise SinkError(f"The clipboard didn't accept the text from {self.name}.")
            time.sleep(0.01)

    def select(self, content: Content) -> None:
        if self.primary:
            programs.run(_filled(self.primary, self.text), given=content.data, env=self.env)

    def _printed(self, arguments: Sequence[str]) -> bytes:
        try:
            return programs.read(arguments, limit=3.0, env=self.env)
        except SinkError as error:
            if self.unreachable in str(error):
                raise
            return b""


_TEXTS = ("UTF8_STRING", TEXT, "text/plain;charset=UTF-8", "text/plain", "STRING")


def _picked(offered: Sequence[str]) -> str | None:
    """The form to save of those on offer: text, then an image, then any other type."""
    images = [kind for kind in ("image/png", "image/jpeg", "image/bmp") if kind in offered]
    texts = [kind for kind in _TEXTS if kind in offered]
    return next(iter([*texts, *images, *(kind for kind in offered if "/" in kind)]), None)


def _filled(arguments: Sequence[str], kind: str) -> list[str]:
    return [argument.replace("{kind}", kind) for argument in arguments]


_X11 = ("xclip", "-selection", "clipboard")


@dataclass(frozen=True, slots=True)
class ClipboardRow:
    """One clipboard, and the session that it is for."""

    clipboard: SystemClipboard
    needs: str  # an environment variable, or sys.platform's value

    @property
    def fits(self) -> bool:
        return sys.platform == self.needs or bool(os.environ.get(self.needs))


CLIPBOARDS: tuple[ClipboardRow, ...] = (
    ClipboardRow(
        ClipboardPrograms(
            "wl-copy",
            ("wl-copy", "--type", "{kind}"),
            ("wl-paste", "--no-newline", "--type", "{kind}"),
            ("wl-copy", "--clear"),
            ("wl-paste", "--list-types"),
            primary=("wl-copy", "--primary", "--type", "{kind}"),
            unreachable="connect to a Wayland server",
        ),
        "WAYLAND_DISPLAY",
    ),
    ClipboardRow(
        ClipboardPrograms(
            "xclip",
            (*_X11, "-in", "-target", "{kind}"),
            (*_X11, "-out", "-target", "{kind}"),
            (*_X11, "-in", "/dev/null"),
            (*_X11, "-out", "-target", "TARGETS"),
            primary=("xclip", "-selection", "primary", "-in", "-target", "{kind}"),
            unreachable="open display",
            text="UTF8_STRING",
        ),
        "DISPLAY",
    ),
    ClipboardRow(
        ClipboardPrograms(
            "xsel",
            ("xsel", "--clipboard", "--input"),
            ("xsel", "--clipboard", "--output"),
            ("xsel", "--clipboard", "--clear"),
            primary=("xsel", "--primary", "--input"),
            unreachable="open display",
        ),
        "DISPLAY",
    ),
    ClipboardRow(
        ClipboardPrograms(
            "pbcopy",
            ("pbcopy",),
            ("pbpaste",),
            ("pbcopy",),
            env={"LC_ALL": "en_US.UTF-8"},
            confirmed=False,
        ),
        "darwin",
    ),
    ClipboardRow(
        ClipboardPrograms(
            "powershell",
            (
                *("powershell", "-NoProfile", "-Command"),
                "[Console]::InputEncoding = [Text.Encoding]::UTF8; "
                "Set-Clipboard -Value ([Console]::In.ReadToEnd())",
            ),
            (
                *("powershell", "-NoProfile", "-Command"),
                "[Console]::OutputEncoding = [Text.Encoding]::UTF8; "
                "[Console]::Out.Write((Get-Clipboard -Raw))",
            ),
            ("powershell", "-NoProfile", "-Command", "Set-Clipboard -Value $null"),
            confirmed=False,  # it may end lines its own way
        ),
        "win32",
    ),
)


def find_clipboard() -> SystemClipboard:
    """The first that fits this session and works. Raises SinkUnavailable."""
    fitting = [row.clipboard for row in CLIPBOARDS if row.fits]
    if not fitting:
        raise SinkUnavailable(
            "There is no clipboard: neither WAYLAND_DISPLAY nor DISPLAY is set.",
            hint="Run it in your desktop session, or use `--sink stdout` or `--sink file:PATH`.",
        )
    reasons = []
    for clipboard in fitting:
        if not shutil.which(clipboard.name):
            reasons.append(f"{clipboard.name} is not installed")
            continue
        try:
            clipboard.read()
        except SinkError as error:
            reasons.append(str(error).rstrip("."))
        else:
            return clipboard
    raise SinkUnavailable(
        f"The clipboard can't be reached: {'; '.join(reasons)}.",
        hint="Install wl-clipboard (Wayland) or xclip (X11).",
    )


@contextmanager
def borrowed(
    clipboard: SystemClipboard, text: str, *, selection_too: bool = False
) -> Iterator[None]:
    """Put the text on the clipboard during the block, then restore what was there.

    If the clipboard holds something else by then, somebody copied it, and it stays.
    `selection_too` puts the text on the primary selection as well, and leaves it there.
    """
    before = clipboard.read()
    clipboard.write(Content.of(text))
    if selection_too:
        clipboard.select(Content.of(text))
    try:
        yield
    finally:
        if clipboard.read() == Content.of(text):
            clipboard.write(before)
