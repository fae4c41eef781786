from __future__ import annotations

import pytest

from parakeet_cli.doctor.uv_command import uv_command


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("install", "a>=1"), "uv pip install --python /env/bin/python 'a>=1'"),
        (("uninstall", "--yes", "a"), "uv pip uninstall --python /env/bin/python a"),
        (
            ("install", "--upgrade-strategy", "only-if-needed", "a"),
            "uv pip install --python /env/bin/python a",
        ),
        (("cache", "purge"), "uv cache clean"),
        ((), "UV_PYTHON=/env/bin/python uv pip"),
    ],
)
def test_a_command_of_pip_is_written_as_uv_has_it(arguments: tuple[str, ...], command: str) -> None:
    assert uv_command("/env/bin/python", arguments) == command
