"""Makes the request of a dictation from its options, its profile and config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from parakeet_cli import console
from parakeet_cli.cli import options
from parakeet_cli.config.settings import Settings
from parakeet_cli.dictate.daemon.process import DaemonOptions
from parakeet_cli.dictate.session.request import DictationRequest

PRE_ROLL = 0.5  # seconds


def make_request(context: typer.Context, profile: str | None = None) -> DictationRequest:
    """The request of `parakeet dictate`, whose context this is; `profile` instead of --profile.

    An option that was given counts more than the profile, that more than "dictate" in
    config.json, and that more than the default. Raises ConfigError.
    """
    settings = options.settings_of(
        context, dictation=True, profile=profile or context.params["profile"]
    )
    value = _values(context, settings)
    console.set_verbosity(
        console.Verbosity(quiet=value["quiet"], verbose=value["verbose"], debug=value["debug"])
    )
    return DictationRequest(
        settings=settings,
        input_device=value["input_device"],
        from_file=value["from_file"],
        pause_players=value["pause_players"],
        overlay=value["overlay"],
        keep_audio_days=value["keep_audio_days"],
        keep_audio=value["keep_audio"],
        pre_roll=PRE_ROLL if value["pre_roll"] else 0.0,
        fast=value["fast"],
        max_silence=value["max_silence"],
        duration=value["duration"],
        sinks=tuple(value["sink"] or ()),
        json=value["json"],
        partials=not value["no_partials"],
        commands=value["commands"],
        digits=value["digits"],
        fillers=value["fillers"] == "keep",
        filter=value["filter"],
        enter=value["enter"],
        stop_after_silence=value["stop_after_silence"],
        recover=value["recover"],
        history=not value["no_history"],
        trust_model=value["trust_model"],
    )


def make_daemon_options(context: typer.Context, settings: Settings) -> DaemonOptions:
    """The options of `parakeet dictate start`, or of `toggle`, whose context this is."""
    value = _values(context, settings)
    return DaemonOptions(
        idle=value.get("idle", False),
        foreground=value.get("foreground", False),
        profile=context.params["profile"],
        idle_unload=value["idle_unload"],
        hotkey=value["hotkey"],
        push_to_talk=value["push_to_talk"],
        sounds=value["sounds"],
        notices=value["notices"],
    )


def was_given(context: typer.Context, name: str) -> bool:
    """Whether an option is on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _values(context: typer.Context, settings: Settings) -> Mapping[str, Any]:
    """Each option's value, by the name of its parameter."""
    return {
        name: value if was_given(context, name) else settings.dictate.get(name, value)
        for name, value in context.params.items()
    }
