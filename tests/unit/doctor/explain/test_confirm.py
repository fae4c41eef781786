"""A guess is compared with an environment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.explain.confirm import confirm
from parakeet_cli.doctor.explain.match import match
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import RTX_5090, built, dist, having, healthy, lacking

HEALTHY = healthy()
STACK = load_stack("2.4")
OLD_NUMBA = "ImportError: Numba needs NumPy 2.2 or less\n"
ISOLATED = (
    '  File "/tmp/pip-build-env-a/overlay/lib/python3.11/site-packages/setuptools/x.py", line 1\n'
    "ModuleNotFoundError: No module named 'torch'\n"
)


@pytest.mark.parametrize(
    ("text", "facts", "words"),
    [
        (
            OLD_NUMBA,
            having(HEALTHY, dist("numpy", "2.4.6")),
            "This environment shows it (numpy-pin",
        ),
        (OLD_NUMBA, HEALTHY, "This environment doesn't show it (numpy-pin"),
        (ISOLATED, HEALTHY, "torch 2.13.0"),
        (ISOLATED, HEALTHY, "pip or uv made for the build"),
        (ISOLATED, lacking(HEALTHY, "torch", "numpy", "setuptools"), "Nothing of it is installed"),
        (
            "sm_120 is not compatible",
            replace(HEALTHY, gpus=RTX_5090, torch=built("2.6.0+cu126", "12.6", ("sm_90",))),
            "This environment shows it (torch-arch: RTX 5090 is sm_120",
        ),
        ("no kernel image is available", HEALTHY, "can't confirm it (torch-arch: no GPU"),
        ("CUDA out of memory", HEALTHY, ""),
    ],
)
def test_the_environment_says_whether_it_is_so_there(text: str, facts: Facts, words: str) -> None:
    said = confirm(match(text)[0], facts, STACK)
    assert words in said
    assert bool(said) == bool(words)
