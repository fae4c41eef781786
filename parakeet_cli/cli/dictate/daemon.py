"""What `parakeet dictate start|stop|toggle|cancel|status` do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer

from parakeet_cli import console
from parakeet_cli.dictate.daemon.client import NotRunning, Starter, ask, spawn
from parakeet_cli.dictate.daemon.controllable import Controllable
from parakeet_cli.dictate.daemon.lock import await_release
from parakeet_cli.dictate.daemon.paths import Paths, find_paths
from parakeet_cli.dictate.sinks import notifications
from parakeet_cli.errors import ExitCode, ParakeetError

_ENDS_WITHIN = 30.0  # seconds: a model is freed and the microphone is let go


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The options of `start` itself, by the names of their options."""

    idle: bool = False
    foreground: bool = False
    idle_unload: float | None = None
    hotkey: str | None = None
    push_to_talk: str | None = None
    sounds: bool = False
    notices: bool = False


def run_start(
    context: typer.Context, options: StartOptions, make: Callable[[typer.Context], Controllable]
) -> int:
    """Be the warm process, or have one and let it listen."""
    paths = find_paths()
    if options.foreground:
        if context.args:  # options of `parakeet dictate`: they have to stand before the verb
            os.execv(sys.executable, [sys.executable, "-m", "parakeet_cli", *_again(context)])
        return _be(context, options, make, paths)
    try:
        with _seen():
            ask(paths, "status" if options.idle else "start")
    except NotRunning:
        with _seen():
            pid = spawn([*_again(context), "--foreground"], paths)
        console.info(f"{'Ready' if options.idle else 'Listening'} (process {pid}).")
    else:
        console.info(f"{'Ready' if options.idle else 'Listening'}; it was already running.")
        if len(_again(context)) > len(["dictate", "start"]) + options.idle:
            console.note("It goes on with the options that it was started with.")
    return ExitCode.OK


def run_toggle(context: typer.Context, *, as_json: bool) -> int:
    """Start or stop listening; a first time starts the process, with the options before it."""
    paths = find_paths()
    with _seen():
        try:
            state = ask(paths, "toggle")
        except NotRunning:
            spawn([*_before_verb(context), "start", "--foreground"], paths)
            state = ask(paths, "status")
    return _show(state, as_json)


def run_verb(verb: str, *, as_json: bool) -> int:
    """Ask it; raises NotRunning."""
    with _seen():
        paths = find_paths()
        state = ask(paths, verb)
        if verb == "quit" and not await_release(paths.lock, _ENDS_WITHIN):
            raise ParakeetError(
                f"The dictation (process {state.get('pid')}) has not ended yet.",
                hint="`parakeet dictate status` says when it has.",
            )
        return _show(state, as_json)


def run_status(*, as_json: bool) -> int:
    """Print it; exit code 1 where there is no process."""
    try:
        state = ask(find_paths(), "status")
    except NotRunning:
        console.out('{"running": false}\n' if as_json else "Not running.\n")
        return ExitCode.FAILED
    if as_json:
        return _show(state, as_json)
    doing = "listening" if state.get("listening") else "ready"
    model = "loaded" if state.get("loaded") else "not loaded"
    console.out(f"Running (process {state.get('pid')}): {doing}, the model is {model}.\n")
    return ExitCode.OK


@contextmanager
def _seen() -> Iterator[None]:
    """An error on the desktop as well, where a key called us and nobody reads stderr."""
    try:
        yield
    except ParakeetError as error:
        if not console.is_terminal() and not isinstance(error, NotRunning):
            notifications.show("parakeet dictate", str(error))
        raise


def _show(state: Mapping[str, object], as_json: bool) -> int:
    if as_json:
        console.out(json.dumps(state) + "\n")
    else:
        console.info("Listening." if state.get("listening") else "Not listening.")
    return ExitCode.OK


def _be(
    context: typer.Context,
    options: StartOptions,
    make: Callable[[typer.Context], Controllable],
    paths: Paths,
) -> int:
    """The warm process, until it is told to end. Whoever started it is told how it went."""
    from parakeet_cli.dictate.daemon.announcer import Announcer
    from parakeet_cli.dictate.daemon.hotkey import keys
    from parakeet_cli.dictate.daemon.lock import Lock
    from parakeet_cli.dictate.daemon.server import Server

    starter = Starter()
    lock = Lock(paths.lock)

    def listening() -> None:
        if not options.idle:
            answer = server.handle("start")
            if not answer.ok:
                raise ParakeetError(answer.error or "It does not listen.", hint=answer.hint)
        console.info(f"Ready at {paths.socket} (process {os.getpid()}).")
        starter.ready()

    def pressed(verb: str) -> None:
        answer = server.handle(verb)
        if not answer.ok:
            console.note(f"Error: {answer.error}")
            notifications.show("parakeet dictate", answer.error or "")

    try:
        lock.take()  # before anything is loaded
        controllable = make(context)
        if options.sounds or options.notices:
            controllable = Announcer(controllable, sounds=options.sounds, notify=options.notices)
        server = Server(controllable, paths, lock, idle_unload=options.idle_unload)
        with keys(pressed, toggle=options.hotkey, hold=options.push_to_talk):
            server.serve(listening)
    except ParakeetError as error:
        starter.failed(error)
        raise
    finally:
        lock.release()
    return ExitCode.OK


def _again(context: typer.Context) -> list[str]:
    """This command once more, the options of `parakeet dictate` before the verb."""
    return [*_before_verb(context), *context.args, "start", *_given(context)]


def _before_verb(context: typer.Context) -> list[str]:
    assert context.parent is not None, "the verbs hang on `parakeet dictate`"
    return ["dictate", *_given(context.parent)]


def _given(context: Any) -> Iterator[str]:
    """The options as they were given on the command line, spelled anew."""
    for param in context.command.params:
        if context.get_parameter_source(param.name).name != "COMMANDLINE":
            continue
        value = context.params[param.name]
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, bool):
                yield (param.opts if each else param.secondary_opts or param.opts)[0]
            else:
                yield from (param.opts[0], str(each))
