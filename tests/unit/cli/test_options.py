from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from parakeet_cli.cli import options
from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import ConfigError, UsageError


def settings_with(*arguments: str) -> Settings:
    """The settings of a command that has the engine's options, for these arguments."""
    found: list[Settings] = []
    app = typer.Typer()

    @app.command()
    def command(
        context: typer.Context,
        engine: options.Engine = None,
        model: options.Model = None,
        device: options.Device = None,
        language: options.Language = None,
        beam_size: options.BeamSize = None,
        threads: options.Threads = None,
        ml_python: options.MlPython = None,
        offline: options.Offline = None,
        config: options.Config = None,
    ) -> None:
        found.append(options.settings_of(context))

    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not found:
        raise result.exception
    return found[0]


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text('{"engine": "mock", "threads": 3}', encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "name", "value", "origin"),
    [
        (["--engine", "whisper"], "engine", "whisper", "--engine"),
        (["--beam-size", "2"], "beam_size", 2, "--beam-size"),
        (["--python", "/env/bin/python"], "ml_python", "/env/bin/python", "--python"),
        (["--offline"], "offline", True, "--offline"),
        ([], "threads", 3, None),
    ],
)
def test_an_option_counts_more_than_the_configuration_file(
    arguments: list[str], name: str, value: Any, origin: str | None, config: str
) -> None:
    settings = settings_with(*arguments, "--config", config)
    assert getattr(settings, name) == value
    if origin is not None:
        assert settings.origins[name] == origin


def test_a_configuration_that_can_t_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        settings_with("--config", str(tmp_path / "none.json"))


def test_each_value_of_an_option_has_its_line_of_help() -> None:
    text = options.with_rows("What it does.", {"a": "one", "long": "two"})
    assert text == "What it does.\n\n\b\na     one\nlong  two"


@pytest.mark.parametrize(
    ("text", "seconds"), [("25", 25.0), ("25s", 25.0), ("1.5", 1.5), ("2m", 120.0), ("0", 0.0)]
)
def test_seconds_are_a_number_with_or_without_its_unit(text: str, seconds: float) -> None:
    assert options.seconds("--grace", text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf", "1h", "s"])
def test_seconds_that_are_none_are_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="must be a number of seconds"):
        options.seconds("--grace", text)
