"""The options of `--watch`, as values, and what can't be combined with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.inputs.storage import is_url
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.then.commands import LIMIT_SECONDS

SETTLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What is watched. A file is whole once it hasn't changed for `settle` seconds.

    `then` is a command that runs for each transcript, for `then_limit` seconds at the most.
    """

    folder: str
    settle: float = SETTLE_SECONDS
    then: str | None = None
    then_limit: float = LIMIT_SECONDS


def check_watch(options: WatchOptions, request: TranscribeRequest) -> None:
    """Raise UsageError for what can't be watched, and for options that a watch can't honour."""
    if not options.folder:
        raise UsageError("--watch has no folder.", hint="`--watch .` is the working folder.")
    if is_url(options.folder):
        raise UsageError(
            f"--watch {options.folder}: a storage can't be watched, only a folder.",
            hint="Mount it, or run the same command without --watch from time to time.",
        )
    if request.run is None:
        raise UsageError(
            "--watch needs --run DIR: its journal says what is done already.",
            hint="Add --run with a folder for it.",
        )
    if request.stdout_format is not None:
        raise UsageError("--watch writes files: add -f FORMAT, or -o with a folder.")
    if options.then is not None and not options.then.strip():
        raise UsageError("--then has no command.", hint="Leave it out, or name one.")
    if not options.then_limit:
        raise UsageError(
            "--then-timeout 0 would kill each command as it starts: it must be more than 0."
        )
    for option, given, reason in (
        ("--ray", request.ray, "the nodes of a cluster start for a batch and end with it"),
        ("--shard", request.shard, "it divides a batch that is known from the start"),
        ("--align", request.options.align, "its text is that of one recording"),
        ("--manifest-out", request.manifest_out, "it is written at the end of a batch"),
        ("--dry-run", request.dry_run, "nothing is known of what will arrive"),
    ):
        if given:
            raise UsageError(f"{option} can't be combined with --watch: {reason}.")
    for name in ("{index", "{date"):
        if name in request.template:
            raise UsageError(
                f"--output-template with {name}}} can't be combined with --watch: a file that is "
                "done is known by the names of its outputs.",
                hint="{filename} and {parent} stay the same.",
            )
    run = os.path.realpath(Path(request.run).expanduser())  # it may not exist yet
    if run == os.path.realpath(options.folder):
        raise UsageError("--watch and --run name the same folder: give the run one of its own.")


def check_folder(folder: str, watched_before: str | None) -> None:
    """Raise UsageError if there is no such folder, unless the run has watched it before.

    Then it is on a disk that isn't mounted now, and is waited for.
    """
    if Path(folder).is_dir():
        return
    if Path(folder).exists():
        raise UsageError(f"--watch {folder}: it isn't a folder.")
    if watched_before != os.path.abspath(folder):
        raise UsageError(f"--watch {folder}: there is no such folder.")
