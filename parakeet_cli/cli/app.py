"""The `parakeet` command: its verbs, and the one place where errors are shown."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from parakeet_cli import __version__, console
from parakeet_cli.cli.config import config_app
from parakeet_cli.cli.ctrl_c import was_pressed
from parakeet_cli.cli.dictate.command import dictate_app
from parakeet_cli.cli.doctor.command import doctor_app
from parakeet_cli.cli.manifest import manifest_app
from parakeet_cli.cli.models import models_app
from parakeet_cli.cli.transcribe.command import transcribe
from parakeet_cli.errors import ExitCode, ParakeetError


def _with_hyphens(token: str) -> str:
    """`--output_dir` as `--output-dir`: the Whisper family's spelling is understood."""
    return token.replace("_", "-")


class _Parakeet(TyperGroup):
    """Ends with an exit code instead of an exception, whatever happens inside."""

    def main(self, *args: Any, **options: Any) -> int:
        try:
            return _code(super().main(*args, **options))
        except ParakeetError as error:
            console.show_error(error)
            return error.exit_code
        except (KeyboardInterrupt, typer.Abort):
            console.note("Interrupted.")
            return ExitCode.INTERRUPTED
        except typer.Exit as error:
            return error.exit_code
        except BrokenPipeError:
            raise
        except Exception as error:
            if was_pressed():
                console.note("Interrupted.")
                return ExitCode.INTERRUPTED
            if not hasattr(error, "exit_code"):
                return console.show_unexpected(error)
            error.show()  # type: ignore[attr-defined]  # a usage error of the parser's own
            return int(error.exit_code)


def _code(result: object) -> int:
    return result if isinstance(result, int) else ExitCode.OK


app = typer.Typer(
    name="parakeet",
    cls=_Parakeet,
    help="Speech to text from the command line, on an ML stack that can mend itself.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": _with_hyphens,
    },
)
app.command("transcribe")(transcribe)
app.add_typer(dictate_app, name="dictate")
app.add_typer(doctor_app, name="doctor")
app.add_typer(models_app, name="models")
app.add_typer(config_app, name="config")
app.add_typer(manifest_app, name="manifest")


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
