"""Defines the `parakeet` command: its subcommands, and the one place where errors are shown."""

from __future__ import annotations

import gc
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from parakeet_cli import __version__, console
from parakeet_cli.cli.ctrl_c import was_pressed
from parakeet_cli.cli.narrow_help import CONTEXT, MARKUP, fit_help
from parakeet_cli.errors import ExitCode, ParakeetError
from parakeet_cli.system.loading import load_named
from parakeet_cli.system.processes import received_termination

_CLI = "parakeet_cli.cli"

# Each subcommand: where its function or typer.Typer is, and its line in `parakeet --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "transcribe": (
        f"{_CLI}.transcribe.command:transcribe",
        "Turn recordings into text, subtitles or JSON.",
    ),
    "dictate": (
        f"{_CLI}.dictate.command:dictate_app",
        "Turn speech from a microphone into text, live; nothing is lost.",
    ),
    "doctor": (
        f"{_CLI}.doctor.command:doctor_app",
        "Find what is broken in the ML stack, without importing it.",
    ),
    "serve": (
        f"{_CLI}.serve.command:serve",
        "Serve one loaded engine to other programs: OpenAI's API, Home Assistant.",
    ),
    "setup": (f"{_CLI}.setup:setup", "Set up Parakeet for this machine, prove it, and use it."),
    "models": (f"{_CLI}.models:models_app", "List, download and check models."),
    "config": (f"{_CLI}.config:config_app", "Show or make the configuration file."),
    "manifest": (f"{_CLI}.manifest:manifest_app", "Work with NeMo manifests."),
}

# What changes a subcommand's arguments before they are parsed, and adds to the context's `meta`.
REWRITES = {"transcribe": f"{_CLI}.transcribe.family:rewrite"}


class LazyCommand(TyperCommand):
    """A subcommand whose module is imported when it is run, completed or asked for its help."""

    def __init__(self, name: str, location: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._location = location

    @property
    def params(self) -> list[Any]:
        """The command's own parameters, for code that walks the command tree."""
        return list(self.load().params)

    @params.setter
    def params(self, _: object) -> None:
        """Ignored: the parser's constructor sets none."""

    @property
    def commands(self) -> dict[str, Any]:
        """The command's own subcommands, for code that walks the command tree."""
        return dict(getattr(self.load(), "commands", {}))

    def load(self) -> Any:
        """The command itself."""
        target = load_named(self._location)
        parent = typer.Typer(add_completion=False, callback=_nothing, rich_markup_mode=MARKUP)
        if isinstance(target, typer.Typer):
            parent.add_typer(target, name=self.name, help=self.help)
        else:
            parent.command(self.name)(target)
        commands = typer.main.get_command(parent).commands  # type: ignore[attr-defined]
        return fit_help(commands[self.name])

    def get_short_help_str(self, limit: int = 45) -> str:
        """The whole line, which is wrapped instead of cut."""
        return self.help or ""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """A context of the command itself, which parses the arguments and is run by it."""
        command = self.load()
        rewrite, meta = REWRITES.get(self.name or ""), {}
        if rewrite is not None:
            args, meta = load_named(rewrite)(args, command.params)
        context = command.make_context(info_name, args, parent=parent, **extra)
        context.meta.update(meta)
        gc.enable()  # which parakeet_cli.__main__ had switched off
        return context


def _nothing() -> None:
    pass


def _with_hyphens(token: str) -> str:
    """`--output_dir` as `--output-dir`: the Whisper family's spelling is understood."""
    return token.replace("_", "-")


class _Parakeet(TyperGroup):
    """The top command: it always returns an exit code instead of raising."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        fit_help(self)
        for name, (location, summary) in COMMANDS.items():
            self.add_command(LazyCommand(name, location, summary))

    def main(self, *args: Any, **options: Any) -> int:
        try:
            return _code(super().main(*args, **options))
        except ParakeetError as error:
            console.show_error(error)
            return error.exit_code
        except (KeyboardInterrupt, typer.Abort):
            return _interrupted()
        except typer.Exit as error:
            return error.exit_code
        except BrokenPipeError:
            raise
        except Exception as error:
            if was_pressed() or received_termination():
                return _interrupted()
            if not hasattr(error, "exit_code"):
                return console.show_unexpected(error)
            return self._show_usage_error(error, options.get("args") or sys.argv[1:])

    def _show_usage_error(self, error: Any, words: list[str]) -> int:
        """Show an error of the parser, or a better one with what to type."""
        from parakeet_cli.cli.suggestions import suggest
        from parakeet_cli.system.safety.url_passwords import without_passwords

        better = suggest(error, words, self.commands)
        if better is None:
            shown = console.printable(without_passwords(error.format_message()))
            error.format_message = lambda: shown  # of which the parser makes what it shows
            error.show()
        else:
            console.show_error(better)
        return int(error.exit_code)


def _interrupted() -> int:
    """Show that a signal ended the command. The exit code is that of the signal."""
    console.note("Interrupted.")
    number = received_termination()
    return ExitCode.INTERRUPTED if number is None else 128 + number


def _code(result: object) -> int:
    if type(result) is int and result == ExitCode.INTERRUPTED:
        return _interrupted()  # Typer makes that of a KeyboardInterrupt
    return result if isinstance(result, int) else ExitCode.OK


app = typer.Typer(
    name="parakeet",
    cls=_Parakeet,
    help="Speech to text from the command line, on an ML stack that can repair itself.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": _with_hyphens,
        **CONTEXT,
    },
    rich_markup_mode=MARKUP,
)


def _show_version(asked: bool) -> None:
    if asked:
        console.out(f"parakeet {__version__}\n")
        raise typer.Exit


@app.callback()
def _parakeet(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass
