"""config.json after a setup: its three keys, and all others as they were."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from parakeet_cli.config import load_settings
from parakeet_cli.errors import ConfigError, OutputError
from parakeet_cli.setup.config_file import change_config, overriding, read_config


def test_a_new_file_has_its_version_and_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The mock engine takes no model from the configuration.
    monkeypatch.delenv("PERSONALPARAKEET_USE_MOCK_STT", raising=False)
    path = tmp_path / "a" / "config.json"
    change_config(path, {"engine": "onnx", "model": "v3-int8"})
    assert read_config(path) == {"version": 1, "engine": "onnx", "model": "v3-int8"}
    assert load_settings({}, config=str(path)).model == "v3-int8"


def test_other_keys_stay_in_their_order_also_those_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    before = {"version": 9, "language": "pl", "engine": "whisper", "future": {"ä": [1]}}
    path.write_text(json.dumps(before))
    change_config(path, {"engine": "nemo", "ml_python": "/env/bin/python"})
    assert read_config(path) == {**before, "engine": "nemo", "ml_python": "/env/bin/python"}
    change_config(path, {"engine": None, "ml_python": None, "model": None})
    assert list(read_config(path)) == ["version", "language", "future"]


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.json"
    target.write_text("{}")
    target.chmod(0o600)
    path = tmp_path / "config.json"
    path.symlink_to(target)
    change_config(path, {"engine": "onnx"})
    assert path.is_symlink()
    assert read_config(target)["engine"] == "onnx"
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["{", "[1]", "\xff"])
def test_a_file_that_is_no_configuration_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError):
        change_config(path, {"engine": "onnx"})
    assert path.read_bytes() == text.encode("latin-1")


def test_a_folder_that_can_not_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"config\.json can't be written"):
        change_config(tmp_path / "file" / "config.json", {"engine": "onnx"})


def test_what_comes_before_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("PARAKEET_", "PERSONALPARAKEET_")):
            monkeypatch.delenv(name)
    path = tmp_path / "config.json"
    assert overriding(path) == ()
    path.write_text('{"use_mock_stt": true}')
    monkeypatch.setenv("PARAKEET_ENGINE", "whisper")
    first, second = overriding(path)
    assert "unset PARAKEET_ENGINE" in first
    assert "use_mock_stt" in second
