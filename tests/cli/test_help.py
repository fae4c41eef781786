from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path

import pytest

from parakeet_cli.cli.app import COMMANDS
from tests.cli.running import COMMAND, commands, parakeet, run_python

SNAPSHOTS = Path(__file__).parent / "snapshots"
HEAVY = {"numpy", "av", "soxr", "onnxruntime", "faster_whisper", "ctranslate2", "torch", "nemo"}
HEAVY |= {"huggingface_hub", "pydantic"}

every_command = pytest.mark.parametrize("words", commands(), ids=" ".join)


# One process for all of them: that is what makes `make snapshots` quick.
EACH_HELP = """
import contextlib, io, json, sys
from parakeet_cli.cli.app import app
shown = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        app([*words, "--help"], standalone_mode=False, prog_name="parakeet")
    shown.append([words, out.getvalue()])
print(json.dumps(shown))
"""


@pytest.fixture(scope="session")
def helps() -> dict[tuple[str, ...], str]:
    """The help of every command, by its words."""
    ran = run_python("-c", EACH_HELP, json.dumps(list(commands())))
    assert ran.returncode == 0, ran.stderr
    return {tuple(words): text for words, text in json.loads(ran.stdout)}


@every_command
def test_help_is_its_snapshot(words: tuple[str, ...], helps: dict[tuple[str, ...], str]) -> None:
    """Options are a contract: a changed help must be meant."""
    snapshot = SNAPSHOTS / f"{'-'.join(('parakeet', *words))}.txt"
    if os.environ.get("PARAKEET_UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(helps[words], encoding="utf-8")
    expected = snapshot.read_text(encoding="utf-8") if snapshot.exists() else ""
    assert helps[words] == expected, "If the change is meant: make snapshots"


def test_a_command_started_by_a_user_shows_the_same_help(
    helps: dict[tuple[str, ...], str],
) -> None:
    shown = parakeet("transcribe", "--help")
    assert (shown.returncode, shown.stdout) == (0, helps["transcribe",]), shown.stderr


@every_command
def test_help_fits_into_eighty_columns_and_cuts_no_name(
    words: tuple[str, ...], helps: dict[tuple[str, ...], str]
) -> None:
    shown = helps[words]
    assert max(map(len, shown.splitlines())) <= 80
    names = {option for param in commands()[words].params for option in param.opts}
    missing = {name for name in names if name.startswith("-") and name not in shown}
    hidden = {
        option
        for param in commands()[words].params
        if getattr(param, "hidden", False)
        for option in param.opts
    }
    assert not missing - hidden


@pytest.fixture(scope="session")
def narrow_helps() -> dict[tuple[str, ...], str]:
    """The help of every command on a screen of 40 columns."""
    ran = run_python("-c", EACH_HELP, json.dumps(list(commands())), env={"COLUMNS": "40"})
    assert ran.returncode == 0, ran.stderr
    return {tuple(words): text for words, text in json.loads(ran.stdout)}


@every_command
def test_help_on_forty_columns_cuts_no_name_and_no_sentence(
    words: tuple[str, ...], narrow_helps: dict[tuple[str, ...], str]
) -> None:
    shown = narrow_helps[words]
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    assert not [line for line in shown.partition("Commands:")[2].splitlines() if "..." in line]
    for param in commands()[words].params:
        for name in param.opts:
            if name.startswith("-") and not getattr(param, "hidden", False):
                assert re.search(rf"(?<![\w-]){name}(?![\w-])", shown), name
    sentences = [line for line in shown.splitlines() if line.startswith("        ")]
    as_written = re.compile(r"\s+\S+  .*|\s+\S{32,}")  # a table keeps its lines
    assert not [line for line in sentences if len(line) > 40 and not as_written.fullmatch(line)]


@every_command
def test_help_has_only_letters_that_every_terminal_shows(words: tuple[str, ...]) -> None:
    command = commands()[words]
    texts = [command.help, command.epilog, *(getattr(one, "help", "") for one in command.params)]
    assert not [text for text in texts if text and not text.isascii()]


@every_command
def test_no_line_of_a_docstring_is_wrapped_twice(words: tuple[str, ...]) -> None:
    """Rich keeps the line breaks of all paragraphs but the first."""
    rest = inspect.cleandoc(commands()[words].help).split("\n\n")[1:]
    assert all(len(line) <= 78 for text in rest for line in text.splitlines())


def test_every_snapshot_belongs_to_a_command() -> None:
    expected = {f"{'-'.join(('parakeet', *words))}.txt" for words in commands()}
    assert {path.name for path in SNAPSHOTS.iterdir()} == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_the_first_line_of_each(name: str) -> None:
    assert commands()[name,].help.startswith(COMMANDS[name][1])


@every_command
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    assert not _loaded(str(COMMAND), *words, "--help") & HEAVY


def test_the_check_for_heavy_modules_can_fail() -> None:
    assert "numpy" in _loaded("-c", "import numpy") & HEAVY


def test_completing_an_option_loads_nothing_heavy() -> None:
    asked = {
        "_PARAKEET_COMPLETE": "complete_bash",
        "COMP_WORDS": "parakeet transcribe -f ",
        "COMP_CWORD": "3",
    }
    assert not _loaded(str(COMMAND), env=asked) & HEAVY


def _loaded(*arguments: str, env: dict[str, str] | None = None) -> set[str]:
    """The top-level names of every module that a run imports."""
    timed = run_python("-X", "importtime", *arguments, env=env).stderr
    names = re.findall(r"^import time:.*\|\s*(\S+)$", timed, flags=re.MULTILINE)
    assert len(names) > 20, timed
    return {name.partition(".")[0] for name in names}
