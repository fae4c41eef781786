"""Writes the manual page and the shells' completions, from the tables that the help is made of.

    python scripts/shell_files.py           write them below share/
    python scripts/shell_files.py --check   exit 1 if one is not current

They are where a prefix has them, so that the wheel and the Debian package install them as they
are: `pip install --user` and the package need no further step.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.text import Text
from typer.completion import get_completion_script

from parakeet_cli import __version__
from parakeet_cli.cli.app import app
from parakeet_cli.config import CONFIG_VARIABLE, MOCK_VARIABLE
from parakeet_cli.config.settings import SETTINGS
from parakeet_cli.errors import ExitCode

ROOT = Path(__file__).parent.parent
NAME = "parakeet"
SHARE = ROOT / "share"
COMPLETIONS = {
    "bash": SHARE / "bash-completion" / "completions" / NAME,
    "zsh": SHARE / "zsh" / "site-functions" / f"_{NAME}",
    "fish": SHARE / "fish" / "vendor_completions.d" / f"{NAME}.fish",
}
MANUAL = SHARE / "man" / "man1" / f"{NAME}.1"
TYPES = {"str": "TEXT", "text": "TEXT", "int": "N", "integer": "N", "float": "N"}
EXITS: Mapping[int, str] = {
    ExitCode.OK: "Success; of doctor: healthy.",
    ExitCode.FAILED: "At least one file failed or is partial, and the others are written; of "
    "doctor: not healthy; of setup: declined, or not proved.",
    ExitCode.USAGE: "Options that don't exist or don't go together.",
    ExitCode.ENGINE: "The engine or the model can't be used.",
    ExitCode.SURROUNDINGS: "A disk, a storage or a network failed, nothing counts as failed, and "
    "the same command goes on; of doctor and setup: it failed, and everything was put back.",
    ExitCode.NOT_PUT_BACK: "Something could not be put back; the message says what.",
    ExitCode.REFUSED: "Nothing was touched.",
    ExitCode.HUNG_UP: "Ended by SIGHUP; finished files are kept.",
    ExitCode.INTERRUPTED: "Ended by Ctrl-C; finished files are kept.",
    ExitCode.TERMINATED: "Ended by SIGTERM; finished files are kept.",
}
VARIABLES: Mapping[str, str] = {
    CONFIG_VARIABLE: "the configuration file, instead of the user's",
    MOCK_VARIABLE: "true: an invented transcript replaces the engine's",
    "NO_COLOR": "anything: no colours",
}


def files() -> Mapping[Path, str]:
    """The files and what is in them."""
    variable = f"_{NAME.upper()}_COMPLETE"
    scripts = {
        path: get_completion_script(prog_name=NAME, complete_var=variable, shell=shell) + "\n"
        for shell, path in COMPLETIONS.items()
    }
    # zsh reads the file when it is first asked: what it then defines has to answer, too.
    zsh = COMPLETIONS["zsh"]
    registered, called = f"compdef _{NAME}_completion {NAME}\n", f'_{NAME}_completion "$@"\n'
    scripts[zsh] = scripts[zsh].replace(registered, called)
    return {MANUAL: "\n".join(manual()) + "\n", **scripts}


def manual() -> Iterator[str]:
    """The page in the macros of man(7), line by line."""
    top = typer.main.get_command(app)
    yield '.\\" Written by scripts/shell_files.py.'
    yield f'.TH {NAME.upper()} 1 "" "{NAME} {__version__}" "User Commands"'
    summary = plain(top.help).rstrip(".")
    yield from (".SH NAME", f"{NAME} \\- {roff(summary[0].lower() + summary[1:])}")
    yield from (".SH SYNOPSIS", f".B {NAME}", ".I COMMAND", "[OPTIONS]...")
    yield from (".SH DESCRIPTION", roff(plain(top.help)))
    for path, command in commands(top, (NAME,)):
        yield from section(path, command)
    yield ".SH EXIT STATUS"
    for code, words in EXITS.items():
        yield from (".TP", f".B {int(code)}", roff(words))
    yield ".SH ENVIRONMENT"
    settings = {row.variable: row.help for row in SETTINGS.values() if row.variable}
    for variable, words in (settings | VARIABLES).items():
        yield from (".TP", f".B {roff(variable)}", roff(f"{words[0].upper()}{words[1:]}."))
    yield from (".SH FILES", ".TP", ".I ~/.config/parakeet/config.json")
    yield roff("Settings; parakeet config path prints where it is on this system.")
    yield from (".SH SEE ALSO", ".BR ffmpeg (1)")


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command below this one with its words, those with options or an end of their own."""
    for name, below in getattr(command, "commands", {}).items():
        if getattr(below, "hidden", False):
            continue
        loaded = below.load() if hasattr(below, "load") else below
        here = (*path, name)
        if visible(loaded) or not getattr(loaded, "commands", {}):
            yield here, loaded
        yield from commands(loaded, here)


def section(path: tuple[str, ...], command: Any) -> Iterator[str]:
    """One command: how it is called, what it does, its options."""
    arguments = [one.metavar or one.name.upper() for one in command.params if is_argument(one)]
    group = "[COMMAND]" if getattr(command, "commands", {}) else ""
    options = "[OPTIONS]..." if visible(command) else ""
    words = " ".join(filter(None, [*path, *arguments, options, group]))
    yield f".SH {roff(words)}" if len(path) == 2 else f".SS {roff(words)}"
    yield from paragraphs(command.help, between=".PP")
    for one in command.params:
        if is_argument(one) and one.help:
            yield from (".TP", f".I {roff(one.metavar or one.name.upper())}")
            yield from paragraphs(one.help)
    for one in visible(command):
        yield from (".TP", f".B {roff(names(one))}")
        yield from paragraphs(one.help)
        if default := shown_default(one):
            yield roff(f"Default: {default}.")


def is_argument(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def visible(command: Any) -> list[Any]:
    """The options that its help shows."""
    return [one for one in command.params if not is_argument(one) and not one.hidden]


def names(option: Any) -> str:
    """`-f, --output-format FORMAT`."""
    spelled = sorted((*option.opts, *option.secondary_opts), key=lambda one: (one[:2] == "--", one))
    value = (
        ""
        if option.is_flag
        else f" {option.metavar or TYPES.get(option.type.name, option.type.name.upper())}"
    )
    return ", ".join(spelled) + value


def shown_default(option: Any) -> str:
    if isinstance(option.show_default, str):
        return str(option.show_default)
    if option.show_default and not option.is_flag and isinstance(option.default, (int, float, str)):
        return str(option.default)
    return ""


def paragraphs(text: str | None, between: str = ".IP") -> Iterator[str]:
    """Running text, and what is laid out in lines as it is."""
    for number, part in enumerate(re.split(r"\n{2,}", plain(text))):
        lines = part.strip("\n").replace("\b", "").splitlines()
        if number:
            yield between
        laid_out = any("  " in line.strip() for line in lines)
        if laid_out:
            yield from (".nf", *map(roff, lines), ".fi")
        elif lines:
            yield roff(" ".join(line.strip() for line in lines))


def plain(text: str | None) -> str:
    """Help without Rich's markup."""
    return Text.from_markup(text or "").plain.strip()


def roff(text: str) -> str:
    r"""Text in which nothing is a request or an escape: https://man7.org/linux/man-pages/man7/roff.7.html"""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main(arguments: list[str]) -> int:
    """Write the files, or with --check compare them."""
    status = 0
    for path, text in files().items():
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is not current: run python scripts/shell_files.py")
            status = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
