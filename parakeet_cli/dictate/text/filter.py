"""Has a command of the user's rewrite each text before it is inserted (`--filter`)."""

from __future__ import annotations

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.errors import ParakeetError, SinkError

LIMIT = 10.0  # seconds: a user waits for the text


class FilterFailed(ParakeetError):
    """The command failed; the text is inserted as it was."""


def filter_text(command: str, text: str) -> str:
    """What the shell command prints when it gets the text on its stdin. Raises FilterFailed."""
    try:
        output = programs.pipe(command, text.encode("utf-8", "replace"), limit=LIMIT)
        return output.decode("utf-8").strip()
    except SinkError as error:
        reason = str(error).rstrip(".")
        raise FilterFailed(f"--filter: {reason}. The text is inserted as it was.") from error
    except UnicodeDecodeError as error:
        raise FilterFailed(
            f"--filter: {command} printed something that isn't UTF-8. "
            "The text is inserted as it was."
        ) from error
