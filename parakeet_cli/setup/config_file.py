"""Changes some keys of config.json, whole or not at all, and leaves the others as they are."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parakeet_cli.config import CONFIG_VERSION, MOCK_VARIABLE
from parakeet_cli.config.settings import SETTINGS
from parakeet_cli.errors import ConfigError, OutputError
from parakeet_cli.system.files import atomic_writer
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.system.safety.private_folders import make_folders

KEYS = ("engine", "ml_python", "model")


def read_config(path: Path) -> dict[str, Any]:
    """What is in the file; empty where there is none. Raises ConfigError."""
    try:
        content = json.loads(read_regular(path).decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} can't be read: {error}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold one JSON object, {{...}}.")
    return content


def change_config(path: Path, changes: Mapping[str, str | None]) -> None:
    """Set these keys, or remove those that are None. Raises ConfigError, OutputError.

    A link to the file, as in a folder of dotfiles, stays one, and so do its permissions.
    """
    content = read_config(path) or {"version": CONFIG_VERSION}
    for key, value in changes.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value
    target = Path(os.path.realpath(path))
    try:
        make_folders(target.parent)  # nobody else may choose where a dictation goes
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666
        with atomic_writer(target, mode=mode) as stream:
            stream.write((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from error


def overriding(path: Path) -> tuple[str, ...]:
    """What comes before the keys of the file, so that they would not be used, in sentences."""
    variables = [MOCK_VARIABLE, *(SETTINGS[key].variable or "" for key in KEYS)]
    found = [f"{name} is set, and comes before config.json: unset {name}"
             for name in variables if os.environ.get(name)]  # fmt: skip
    if read_config(path).get("use_mock_stt"):
        found.append(f'"use_mock_stt" is true in {path}, and comes before "engine".')
    return tuple(found)
