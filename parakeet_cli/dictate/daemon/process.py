"""Runs the daemon in this process, until it is asked to end."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from parakeet_cli import console
from parakeet_cli.dictate.daemon.announcer import Announcer
from parakeet_cli.dictate.daemon.client import StartReport
from parakeet_cli.dictate.daemon.controllable import Controllable
from parakeet_cli.dictate.daemon.hotkey import hotkeys
from parakeet_cli.dictate.daemon.lock import DaemonLock
from parakeet_cli.dictate.daemon.paths import DaemonPaths
from parakeet_cli.dictate.daemon.server import Server
from parakeet_cli.dictate.heap import use_one_arena
from parakeet_cli.dictate.sinks import notifications
from parakeet_cli.errors import ParakeetError


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """The options of `parakeet dictate start` itself."""

    idle: bool = False  # don't listen yet
    foreground: bool = False
    profile: str | None = None  # of the first dictation
    idle_unload: float | None = None  # seconds without listening that free the model
    hotkey: str | None = None
    push_to_talk: str | None = None
    sounds: bool = False
    notices: bool = False


def run_daemon(
    make_dictation: Callable[[], Controllable], options: DaemonOptions, paths: DaemonPaths
) -> None:
    """Serve until it is asked to end, and report the start to the process that waits for it.

    Raises ParakeetError.
    """
    report = StartReport()
    lock = DaemonLock(paths.lock)

    def ready() -> None:
        if not options.idle:
            answer = server.handle("start", options.profile)
            if not answer.ok:
                raise ParakeetError(answer.error or "It can't listen.", hint=answer.hint)
        console.info(f"Ready at {paths.socket} (process {os.getpid()}).")
        report.ready()

    def run_key_verb(verb: str) -> None:
        answer = server.handle(verb)
        if not answer.ok:
            console.note(f"Error: {answer.error}")
            notifications.show("parakeet dictate", answer.error or "")

    try:
        lock.acquire()  # before anything is loaded
        use_one_arena()
        dictation = make_dictation()
        if options.sounds or options.notices:
            dictation = Announcer(dictation, sounds=options.sounds, notify=options.notices)
        server = Server(dictation, paths, lock, idle_unload=options.idle_unload)
        with hotkeys(run_key_verb, toggle=options.hotkey, hold=options.push_to_talk):
            server.serve(ready)
    except ParakeetError as error:
        report.failed(error)
        raise
    finally:
        lock.release()
