"""Tests keys that pynput listens for, pressed under Xvfb."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dictate.desktop import Desktop, end, session, until, x11

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pynput") is None, reason="the extra `hotkey` is not installed"
)

# Importing pynput connects to the display, so it is imported in a process that has one.
LISTENER = """
import sys
from parakeet_cli.dictate.daemon.hotkey import hotkeys
file = open(sys.argv[1], "w")
def run_verb(verb):
    print(verb, file=file, flush=True)
with hotkeys(run_verb, toggle="<ctrl>+<alt>+d", hold="<f9>"):
    run_verb("ready")
    sys.stdin.read()
"""


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    with x11(tmp_path) as made:
        yield made


def test_one_key_toggles_and_another_is_held_to_listen(desktop: Desktop, tmp_path: Path) -> None:
    file = tmp_path / "verbs"
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENER, str(file)],
        env={**session(), **desktop.env},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )

    def verbs() -> list[str]:
        return file.read_text().split() if file.exists() else []

    try:
        assert until(lambda: verbs() == ["ready"])
        desktop.run("xdotool", "key", "ctrl+alt+d")
        assert until(lambda: verbs() == ["ready", "toggle"])
        desktop.run("xdotool", "key", "d")
        for _ in range(3):  # a key that is held repeats itself
            desktop.run("xdotool", "keydown", "F9")
        desktop.run("xdotool", "keyup", "F9")
        assert until(lambda: verbs() == ["ready", "toggle", "start", "stop"])
        desktop.run("xdotool", "key", "ctrl+alt+d")
        assert until(lambda: verbs() == ["ready", "toggle", "start", "stop", "toggle"])
    finally:
        end(process)


@pytest.mark.parametrize(
    ("key", "env", "reason"),
    [("<nokey>", True, "There is no key '<nokey>'"), ("<f9>", False, "Keys can't be seen here")],
)
def test_a_key_that_can_t_be_used_is_an_error_in_plain_words(
    desktop: Desktop, key: str, env: bool, reason: str
) -> None:
    script = (
        "import sys; from parakeet_cli.dictate.daemon.hotkey import hotkeys\n"
        "from parakeet_cli.errors import ParakeetError\n"
        "try:\n with hotkeys(print, toggle=sys.argv[1], hold=None): pass\n"
        "except ParakeetError as error: print(error, error.hint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, key],
        env={**session(), **(desktop.env if env else {"PATH": os.environ["PATH"]})},
        capture_output=True,
        text=True,
    )
    assert reason in done.stdout, done.stderr
