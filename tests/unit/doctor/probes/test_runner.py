from __future__ import annotations

import signal

import pytest

from parakeet_cli.doctor.probes import runner
from parakeet_cli.doctor.stack.stack import load_stack


def test_the_last_module_is_the_one_that_transcribes() -> None:
    modules = runner.modules_of(load_stack("2.4"))
    assert modules[0] == "numpy"
    assert modules[-1] == "nemo.collections.asr"
    assert "pytorch_lightning" in modules


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (7, "ended with exit code 7"),
        (-signal.SIGSEGV, "was ended by SIGSEGV (a segmentation fault)"),
        (-signal.SIGTERM, "was ended by SIGTERM"),
        (-40, "was ended by signal 40"),
    ],
)
def test_the_cause_names_the_exit_code_or_the_signal(code: int, words: str) -> None:
    assert runner._exit_cause(code) == words
