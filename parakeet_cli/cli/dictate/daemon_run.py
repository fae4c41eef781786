"""Runs `parakeet dictate start|stop|toggle|cancel|status`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import typer

from parakeet_cli import console
from parakeet_cli.cli.dictate.request import make_daemon_options, make_request, was_given
from parakeet_cli.cli.dictate.states import STARTED_BEFORE, changed_line, status_line
from parakeet_cli.dictate.daemon.client import NotRunning, send_verb, start_daemon
from parakeet_cli.dictate.daemon.paths import find_paths
from parakeet_cli.dictate.sinks import notifications
from parakeet_cli.errors import ExitCode, ParakeetError
from parakeet_cli.system.locks import wait_until_released
from parakeet_cli.system.processes import parakeet_command

if TYPE_CHECKING:
    from parakeet_cli.dictate.daemon.controllable import Controllable
    from parakeet_cli.dictate.daemon.process import DaemonOptions

_QUIT_TIMEOUT = 30.0  # seconds in which the model is freed and the microphone is released


def run_start(context: typer.Context) -> int:
    """Be the daemon (--foreground), or start one if need be and let it listen."""
    paths = find_paths()
    command = _start_command(context)
    options = make_daemon_options(context, context.obj.settings)
    if options.foreground:
        if context.args:  # options of `parakeet dictate`, which have to stand before the verb
            os.execv(sys.executable, parakeet_command(*command))
        return _run_daemon(context, options)
    done = "Ready" if options.idle else "Listening"
    try:
        with errors_on_desktop():
            send_verb(paths, "status" if options.idle else "start", options.profile)
    except NotRunning:
        with errors_on_desktop():
            pid = start_daemon([*command, "--foreground"], paths)
        console.info(f"{done} (process {pid}).")
    else:
        console.info(STARTED_BEFORE.format(done))
        _note_unused(context)
    return ExitCode.OK


def run_toggle(context: typer.Context, *, as_json: bool) -> int:
    """Start or stop listening; starts the daemon if there is none, with the options given."""
    paths = find_paths()
    with errors_on_desktop():
        try:
            state = send_verb(paths, "toggle", context.params["profile"])
        except NotRunning:
            start_daemon([*_start_command(context), "--foreground"], paths)
            state = send_verb(paths, "status")
        else:
            _note_unused(context)
    return _print_state(state, as_json)


def _note_unused(context: typer.Context) -> None:
    """Say that options for the process itself came too late, if there are any."""
    own = {"idle", "json", "profile"}
    given = {name for name in context.params if was_given(context, name)} - own
    if given or context.args or len(_before_verb(context)) > 1:
        console.note("It goes on with the options that it was started with.")


def run_verb(verb: str, *, as_json: bool) -> int:
    """Send a verb to the daemon. Raises NotRunning."""
    with errors_on_desktop():
        paths = find_paths()
        state = send_verb(paths, verb)
        if verb == "quit" and not wait_until_released(paths.lock, _QUIT_TIMEOUT):
            raise ParakeetError(
                f"The dictation (process {state.get('pid')}) has not ended yet.",
                hint="`parakeet dictate status` shows when it has.",
            )
        return _print_state(state, as_json)


def run_status(*, as_json: bool) -> int:
    """Print the daemon's state; exit code 1 if there is none."""
    try:
        state = send_verb(find_paths(), "status")
    except NotRunning:
        console.out('{"running": false}\n' if as_json else "Not running.\n")
        return ExitCode.FAILED
    if as_json:
        return _print_state(state, as_json)
    console.out(status_line(state) + "\n")
    return ExitCode.OK


@contextmanager
def errors_on_desktop() -> Iterator[None]:
    """Show an error on the desktop too: nobody reads the stderr of a key's command."""
    try:
        yield
    except ParakeetError as error:
        if not console.is_terminal() and not isinstance(error, NotRunning):
            notifications.show("parakeet dictate", str(error))
        raise


def _print_state(state: Mapping[str, object], as_json: bool) -> int:
    if as_json:
        console.out(json.dumps(state) + "\n")
    else:
        console.info(changed_line(state))
    return ExitCode.OK


def _run_daemon(context: typer.Context, options: DaemonOptions) -> int:
    from parakeet_cli.dictate.daemon.process import run_daemon

    def make_dictation() -> Controllable:
        # Imported only once the lock is held: a second daemon ends without loading anything.
        from parakeet_cli.cli.dictate.views import make_plain_view
        from parakeet_cli.dictate.daemon.warm_session import WarmSession

        assert context.parent is not None, "the verbs belong to `parakeet dictate`"
        make = partial(make_request, cast("typer.Context", context.parent))
        as_json = context.obj.json
        return WarmSession(make, lambda: make_plain_view(as_json=as_json), options.profile)

    run_daemon(make_dictation, options, find_paths())
    return ExitCode.OK


def _start_command(context: typer.Context) -> list[str]:
    """This command, with the options of `parakeet dictate` before the verb."""
    own = [word for word in _given_options(context) if word != "--json"]
    return [*_before_verb(context), *context.args, "start", *own]


def _before_verb(context: typer.Context) -> list[str]:
    assert context.parent is not None, "the verbs belong to `parakeet dictate`"
    return ["dictate", *_given_options(context.parent)]


def _given_options(context: Any) -> Iterator[str]:
    """The options that were given on the command line."""
    for param in context.command.params:
        if context.get_parameter_source(param.name).name != "COMMANDLINE":
            continue
        value = context.params[param.name]
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, bool):
                yield (param.opts if each else param.secondary_opts or param.opts)[0]
            else:
                yield from (param.opts[0], str(each))
