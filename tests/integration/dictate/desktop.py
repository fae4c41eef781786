"""A desktop without a screen: X11 by Xvfb, Wayland by sway, with real windows on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

WAITING = 60.0  # seconds; what comes at all comes in one, on a machine with nothing else to do

_TK = Path(__file__).parent / "tk_window.py"


def until(true: Callable[[], bool], *, limit: float = WAITING) -> bool:
    """Wait for it; whether it came."""
    end = time.monotonic() + limit
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Window:
    """A window of another program, and the file in which what it was given can be read."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def text(self) -> str:
        return self.file.read_bytes().decode("utf-8", "replace") if self.file.exists() else ""

    def shows(self, text: str) -> str:
        """Its text as soon as that is `text`, or at last."""
        until(lambda: self.text == text)
        return self.text

    def close(self) -> None:
        end(self.process)


@dataclass
class Desktop:
    """A display server and what runs on it; `env` are the variables of its session."""

    env: dict[str, str]
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            arguments,
            env={**session(), **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: str) -> bytes:
        """What it prints."""
        return subprocess.run(
            arguments,
            env={**session(), **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
            timeout=WAITING,
        ).stdout

    def copy(self, data: bytes, kind: str = "UTF8_STRING") -> None:
        """Put it on X11's clipboard, as another program would."""
        subprocess.run(  # which leaves a process behind that would hold a pipe open
            ["xclip", "-selection", "clipboard", "-in", "-target", kind],
            env={**session(), **self.env},
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=WAITING,
        )
        # xclip is back before the process that it leaves behind has the clipboard.
        assert until(lambda: self._is_pasted(data, kind))

    def _is_pasted(self, data: bytes, kind: str) -> bool:
        try:
            return self.pasted(kind) == data
        except subprocess.CalledProcessError:
            return False

    def pasted(self, kind: str = "UTF8_STRING") -> bytes:
        """What is on X11's clipboard."""
        return self.run("xclip", "-selection", "clipboard", "-out", "-target", kind)

    def terminal(self, name: str, *, lines: bool = False) -> Window:
        """A terminal in which `cat > file` runs: key by key, or line by line."""
        program = ("foot",) if "WAYLAND_DISPLAY" in self.env else ("xterm", "-u8", "-T", name, "-e")
        file, ready = self.folder / f"{name}.txt", self.folder / f"{name}.ready"
        mode = "" if lines else "stty -icanon -echo min 1;"
        script = f"{mode} : > '{ready}'; exec cat > '{file}'"
        return self._shown(Window(self.start(*program, "sh", "-c", script), file), name, ready)

    def editor(self, name: str, widget: str) -> Window:
        """Tk's Entry or Text."""
        file, ready = self.folder / f"{name}.txt", self.folder / f"{name}.ready"
        process = self.start(sys.executable, _TK, widget, name, file, ready)
        return self._shown(Window(process, file), name, ready)

    def focus(self, name: str) -> None:
        """Give the window of that title the focus."""
        if "DISPLAY" in self.env:
            found = self.run("xdotool", "search", "--name", f"^{name}$").split()
            self.run("xdotool", "windowfocus", "--sync", found[0].decode())

    def close(self) -> None:
        for process in reversed(self.processes):
            end(process)

    def _shown(self, window: Window, name: str, ready: Path) -> Window:
        assert until(ready.exists), f"{name} did not come up"
        self.focus(name)
        return window


def end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def session() -> dict[str, str]:
    """This process's variables without those of a desktop."""
    gone = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_", "SWAYSOCK", "DBUS_", "PARAKEET_", "XAUTHORITY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(gone)}
    return {**kept, "LC_ALL": "C.UTF-8"}


def needs(*programs: str) -> None:
    """Skip where one is missing, with what brings it."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed: scripts/install-system-packages.sh --tests")


@contextmanager
def x11(folder: Path, *options: str) -> Iterator[Desktop]:
    """Xvfb on a display that was free."""
    needs("Xvfb", "xterm", "xdotool", "xclip", "setxkbmap")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [
            *("Xvfb", "-displayfd", str(writing), "-noreset", "-nolisten", "tcp"),
            *("-screen", "0", "800x600x24", *options),
        ],
        pass_fds=(writing,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(writing)
    with os.fdopen(reading) as said:
        number = said.readline().strip()
    assert number, "Xvfb did not come up"
    home = folder / "home"
    home.mkdir(exist_ok=True)
    desktop = Desktop({"DISPLAY": f":{number}", "HOME": str(home)}, folder, [server])
    try:
        yield desktop
    finally:
        desktop.close()


@contextmanager
def wayland(folder: Path, layout: str) -> Iterator[Desktop]:
    """sway without a screen, its keyboard of that layout."""
    needs("sway", "swaymsg", "foot", "wtype", "wl-copy")
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    configuration = folder / "sway"
    configuration.write_text(f"xwayland disable\ninput * xkb_layout {layout}\n")
    env = {
        "XDG_RUNTIME_DIR": str(runtime),
        "WLR_BACKENDS": "headless",
        "WLR_RENDERER": "pixman",
        "WLR_LIBINPUT_NO_DEVICES": "1",
        "HOME": str(folder),
    }
    as_somebody: tuple[str, ...] = ()
    if os.getuid() == 0:  # sway refuses to be root
        shutil.chown(runtime, "nobody", "nogroup")
        folder.chmod(0o755)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        as_somebody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    desktop = Desktop(env, folder)
    try:
        desktop.start(*as_somebody, "sway", "--config", configuration)

        def sockets(pattern: str) -> list[Path]:
            return [path for path in runtime.glob(pattern) if path.is_socket()]

        assert until(lambda: bool(sockets("wayland-?") and sockets("sway-ipc.*"))), "no sway"
        desktop.env |= {
            "WAYLAND_DISPLAY": sockets("wayland-?")[0].name,
            "SWAYSOCK": str(sockets("sway-ipc.*")[0]),
        }
        # A keyboard that stays, as there is one on every desk: a seat without any has no
        # windows that listen to keys yet when the first key comes.
        desktop.start("wtype", "-s", "3600000", "")
        yield desktop
    finally:
        desktop.close()


def enter(monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str]) -> None:
    """Make this process part of that session, and of no other."""
    for name in set(os.environ) - set(session()):
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
