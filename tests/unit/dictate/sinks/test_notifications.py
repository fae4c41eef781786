from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks import notifications


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a program in the place of notify-send writes its arguments to."""
    arguments = tmp_path / "arguments"
    program = tmp_path / "notify-send"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, os, sys\n"
        f"open('{arguments}.new', 'w').write(json.dumps(sys.argv[1:]))\n"
        f"os.rename('{arguments}.new', '{arguments}')\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return arguments


def arguments_in(path: Path) -> list[str]:
    while not path.exists():  # the program isn't waited for
        time.sleep(0.01)
    arguments: list[str] = json.loads(path.read_text())
    return arguments


def test_a_message_is_text_and_neither_markup_nor_an_option(shown: Path) -> None:
    title, body = "--icon=/x", "--urgency=critical <b>&amp;</b> \\033[31m \x1b]0;x\x07\0\u202ey"
    assert notifications.show(title, body)
    assert arguments_in(shown) == [
        "--app-name=parakeet",
        "--",
        "--icon=/x",
        "--urgency=critical &lt;b&gt;&amp;amp;&lt;/b&gt; \\\\033[31m ]0;xy",
    ]


def test_without_a_program_nothing_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not notifications.show("Title", "Body")
