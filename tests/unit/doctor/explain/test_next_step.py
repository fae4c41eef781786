"""Where no known failure is found, the next step is named."""

from __future__ import annotations

import pytest

from parakeet_cli.doctor.explain.next_step import next_step


def raised_in(path: str) -> str:
    return f'Traceback (most recent call last):\n  File "{path}", line 1, in f\nValueError: odd\n'


@pytest.mark.parametrize(
    ("text", "known", "action"),
    [
        ("", "no text", "whole traceback"),
        ("Successfully installed six-1.17", "reports success", "parakeet doctor"),
        ("odd", "no known failure", "Paste the whole traceback"),
        (raised_in("/x/site-packages/gradio/a.py"), "no part of the stack", "--upgrade gradio"),
        (raised_in("/x/site-packages/nemo/a.py"), "a part of the stack", "parakeet doctor report"),
        (raised_in("/home/ana/a.py"), "your own file /home/ana/a.py", "Look there first"),
        (raised_in("/tmp/pip-build-env-a/x.py"), "pip or uv built", "parakeet doctor --fix"),
        ("ModuleNotFoundError: No module named 'google.cloud'", "google.cloud is no", "Install"),
    ],
)
def test_the_next_step_follows_from_whose_file_raised_it(
    text: str, known: str, action: str
) -> None:
    step = next_step(text)
    assert known in step.known
    assert action in step.action


def test_the_command_names_the_python_that_was_asked_about() -> None:
    command = "parakeet doctor --python /env/bin/python"
    assert command in next_step("odd", command).action
