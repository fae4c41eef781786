"""Loading what a table names as `package.module:Name`."""

from __future__ import annotations

import json

import pytest

from parakeet_cli.system.loading import load_named


def test_a_name_in_a_module_is_loaded() -> None:
    assert load_named("json.decoder:JSONDecoder") is json.JSONDecoder


def test_an_unknown_module_or_name_is_an_error() -> None:
    with pytest.raises(ImportError):
        load_named("no_such_module:Name")
    with pytest.raises(AttributeError):
        load_named("json:no_such_name")
