"""The schema of config.json accepts what is read from it, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from parakeet_cli.config import initial_config, load_settings
from parakeet_cli.config.dictate import SECTION
from parakeet_cli.config.schema import config_schema
from parakeet_cli.config.settings import SETTINGS
from parakeet_cli.errors import ConfigError

SCHEMA = json.loads(config_schema())
VALIDATOR = Draft202012Validator(SCHEMA)

# Values of every kind, good for some keys and wrong for others; not 2.0, which JSON Schema takes
# for a whole number.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 7, -1, 0.05, 0.5, 1.5, 61, "", " ", "en", "EN", "cuda:1", "cpu",
    "translate", "int8", "mock", [], ["word"], [" "], [""], [1], {}, {"said": "written"},
    {" ": "x"}, {"said": 1}, ["stdout", "type"],
)  # fmt: skip


def is_read(folder: Path, content: dict[str, Any]) -> bool:
    path = folder / "config.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        load_settings({}, config=str(path))
    except ConfigError:
        return False
    return True


def test_the_schema_is_one_and_takes_what_init_writes() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert VALIDATOR.is_valid(json.loads(initial_config()))
    assert VALIDATOR.is_valid({})


@pytest.mark.parametrize("key", [*SETTINGS, "use_mock_stt", "unknown"])
def test_a_setting_is_valid_exactly_where_it_is_read(key: str, tmp_path: Path) -> None:
    for value in VALUES:
        content = {key: value}
        assert VALIDATOR.is_valid(content) == is_read(tmp_path, content), content


@pytest.mark.parametrize("key", [*SECTION, "unknown"])
def test_an_option_of_dictation_is_valid_exactly_where_it_is_read(key: str, tmp_path: Path) -> None:
    for value in VALUES:
        for content in ({"dictate": {key: value}}, {"profiles": {"work": {key: value}}}):
            assert VALIDATOR.is_valid(content) == is_read(tmp_path, content), content


AROUND: list[dict[str, Any]] = [
    {"version": 1},
    {"dictate": None},
    {"dictate": []},
    {"profiles": {"a": None}},
    {"profiles": {"a": 1}},
]


@pytest.mark.parametrize("content", AROUND)
def test_what_is_around_them_is_valid_exactly_where_it_is_read(
    content: dict[str, Any], tmp_path: Path
) -> None:
    assert VALIDATOR.is_valid(content) == is_read(tmp_path, content)
