from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from parakeet_cli.cli.dictate.command import dictate_app
from parakeet_cli.cli.dictate.request import make_daemon_options, make_request
from parakeet_cli.config.dictate import SECTION

# What asks for something to be done once, or where the configuration itself is.
NOT_CONFIGURED = {
    *("recover", "list_devices", "config", "idle", "foreground"),
    *("help", "install_completion", "show_completion"),
}


def command(*path: str) -> Any:
    found = typer.main.get_command(dictate_app)
    for name in path:
        found = found.commands[name]  # type: ignore[attr-defined]
    return found


def context(arguments: list[str], *path: str) -> Any:
    return command(*path).make_context("dictate", arguments, resilient_parsing=False)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.json"
    monkeypatch.setenv("PARAKEET_CONFIG", str(path))
    return path


@pytest.mark.parametrize("path", [(), ("start",), ("toggle",)])
def test_every_option_can_be_configured_with_the_default_that_it_has(path: tuple[str, ...]) -> None:
    for param in command(*path).params:
        long = [name for name in param.opts if name.startswith("--")]
        name = long[0].removeprefix("--").replace("-", "_") if long else param.name
        if param.name in NOT_CONFIGURED or (path and name == "json"):
            continue
        assert name in SECTION, f"{name} has no row"
        default = param.default or None
        assert default == (SECTION[name].default or None), name


def test_an_option_counts_more_than_the_profile_and_that_more_than_dictate(config: Path) -> None:
    content = {
        "dictate": {
            "max_silence": 2,
            "sink": ["clipboard"],
            "no_partials": True,
            "commands": False,
        },
        "profiles": {"mail": {"max_silence": 3, "commands": True}},
    }
    config.write_text(json.dumps(content), encoding="utf-8")
    plain = make_request(context(["status"]))
    assert (plain.max_silence, plain.sinks) == (2.0, ("clipboard",))
    assert (plain.partials, plain.commands) == (False, False)
    mail = make_request(context(["--profile", "mail", "--sink", "stdout", "status"]))
    assert (mail.max_silence, mail.sinks, mail.commands) == (3.0, ("stdout",), True)
    given = make_request(context(["--max-silence", "0.6", "status"]), "mail")
    assert given.max_silence == 0.6


def test_start_and_toggle_take_their_options_from_the_file(config: Path) -> None:
    config.write_text('{"dictate": {"idle_unload": 900, "sounds": true}}', encoding="utf-8")
    settings = make_request(context(["status"])).settings
    for verb in ("start", "toggle"):
        options = make_daemon_options(context([], verb), settings)
        assert (options.idle_unload, options.sounds, options.notices) == (900.0, True, False)
    given = make_daemon_options(context(["--idle-unload", "5"], "start"), settings)
    assert given.idle_unload == 5.0
