"""Tests what a person at a terminal sees of dictation."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.integration.dictate.desktop import needs, until
from tests.integration.dictate.speech import make_talk
from tests.integration.transcribe.command import COMMAND, MOCK, environment


def watched(
    folder: Path,
    *arguments: str,
    keys: Callable[[bytes], bytes],
    engine: Mapping[str, str] = MOCK,
) -> tuple[int, str]:
    """The exit code, and all that was drawn; `keys` gives the keys to press at what was drawn."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(COMMAND, [COMMAND, *arguments], environment(folder, engine))
    drawn = b""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1.0)
        if not ready:
            continue
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # it has ended
            break
        drawn += data
        if pressed := keys(drawn):
            os.write(terminal, pressed)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), drawn.decode("utf-8", "replace")


def test_partial_text_is_grey_and_final_text_is_plain(
    tmp_path: Path,
) -> None:
    talk = make_talk(tmp_path, 1)
    code, drawn = watched(
        tmp_path, "dictate", "--from-file", str(talk.path), keys=lambda drawn: b""
    )
    assert code == 0, drawn
    text = " ".join(word for _, _, word in talk.words)
    assert f"\x1b[J\x1b[?25h{text.capitalize()}\r\n" in drawn
    assert "\x1b[3;90m" in drawn
    assert "speaking" in drawn
    assert "▁" in drawn or "█" in drawn


def test_the_space_bar_pauses_and_q_ends_normally(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 8)
    plan = [(b"speaking", b" "), (b"paused", b" "), (b"Nothing was recorded", b"q")]

    def keys(drawn: bytes) -> bytes:
        if plan and plan[0][0] in drawn:
            if plan[0][0] == b"paused":
                time.sleep(0.5)  # of sound that is not recorded
            return plan.pop(0)[1]
        return b""

    code, drawn = watched(tmp_path, "dictate", "--from-file", str(talk.path), keys=keys)
    assert code == 0, drawn
    assert not plan, drawn
    assert "(paused)" in drawn


def test_a_pause_is_shown_in_silence_too(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 1, lead=20.0)  # there is no speech before the test is over
    plan = [(b"listening", b" "), (b"space resumes", b"q")]

    def keys(drawn: bytes) -> bytes:
        return plan.pop(0)[1] if plan and plan[0][0] in drawn else b""

    code, drawn = watched(tmp_path, "dictate", "--from-file", str(talk.path), keys=keys)
    assert code == 0, drawn
    assert not plan, drawn
    assert "speaking" not in drawn


def test_it_says_that_it_is_writing_while_text_is_decoded(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 1)
    code, drawn = watched(
        tmp_path,
        *("dictate", "--from-file", str(talk.path), "--no-partials"),
        keys=lambda drawn: b"",
        engine=MOCK | {"PARAKEET_MOCK_RTF": "0.5"},
    )
    assert code == 0, drawn
    text = " ".join(word for _, _, word in talk.words).capitalize()
    assert "speaking" in drawn.partition("writing")[0]
    assert text in drawn.partition("writing")[2]


def test_ctrl_z_leaves_the_terminal_to_the_shell(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 1, lead=600.0)
    with in_tmux(tmp_path, "bash --norc -i") as tmux:
        tmux("send-keys", f"{COMMAND} dictate --from-file {talk.path}", "Enter")

        def screen() -> str:
            return tmux("capture-pane", "-p")

        assert until(lambda: "space pauses" in screen())
        tmux("send-keys", "C-z")
        assert until(lambda: "Stopped" in screen())
        assert "space pauses" not in screen()
        assert tmux("display", "-p", "#{cursor_flag}").strip() == "1"  # it is shown
        tmux("send-keys", "fg", "Enter")
        assert until(lambda: "space pauses" in screen())
        tmux("send-keys", "Space")
        assert until(lambda: "space resumes" in screen())


def test_a_resize_leaves_nothing_behind(tmp_path: Path) -> None:
    """In tmux, which breaks a line in two when the window becomes narrower, as terminals do."""
    talk = make_talk(tmp_path, 2, lead=600.0)
    command = f"echo before; {COMMAND} dictate --from-file {talk.path}; echo after; sleep 600"
    with in_tmux(tmp_path, command) as run:
        left = resized(run)
    assert left[0] == "before", left
    assert left[-1] == "after"
    assert not any("listening" in line or "Ctrl-C" in line for line in left), left


def resized(run: Callable[..., str]) -> list[str]:
    """What is left when the window was resized and the dictation ended."""

    def screen() -> list[str]:
        return run("capture-pane", "-p", "-S", "-").splitlines()

    def drawn_for(end: str) -> bool:
        """Whether it was drawn again, which has that end, and nothing is left of the last one."""
        return [line[-1] for line in screen() if "listening" in line] == [end]

    assert until(lambda: any("listening" in line for line in screen()))
    for width, end in (("38", "…"), ("90", "s"), ("25", "…"), ("60", "s")):
        run("resize-window", "-x", width)
        assert until(lambda: drawn_for(end), limit=10), screen()  # noqa: B023
    run("send-keys", "q")
    assert until(lambda: "after" in screen())
    return [line for line in screen() if line.strip()]


@contextmanager
def in_tmux(folder: Path, command: str) -> Iterator[Callable[..., str]]:
    """Runs tmux's commands on a terminal of 100 columns in which a command runs."""
    needs("tmux")
    (folder / "home").mkdir()
    env = environment(folder / "home", MOCK)

    def run(*arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-f", "/dev/null", "-S", str(folder / "tmux.sock"), *arguments],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    run("new-session", "-d", "-x", "100", "-y", "24", command)
    try:
        run("set-option", "window-size", "manual")
        yield run
    finally:
        run("kill-server")
