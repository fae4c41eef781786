"""Checks that all but the engines works if none of their packages can be imported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.integration.packaging.environments import CLIP, ROOT, run

# Not imported from the blocker: importing it would block them in this process, too.
BLOCKED = ("faster_whisper", "ctranslate2", "onnxruntime", "torch", "nemo")
BLOCKER = {"PYTHONPATH": str(ROOT / "tests" / "blocked_imports")}
MOCK = {"PERSONALPARAKEET_USE_MOCK_STT": "true"}
PARAKEET = (sys.executable, "-m", "parakeet_cli")
SAID = "This is a mock transcript of 2.99 seconds of audio.\n"


@pytest.mark.parametrize("package", BLOCKED)
def test_the_blocker_blocks(package: str) -> None:
    done = run(sys.executable, "-c", f"import {package}", env=BLOCKER)
    assert "ModuleNotFoundError" in done.stderr


def test_the_mock_switch_in_the_environment_is_enough() -> None:
    done = run(*PARAKEET, "transcribe", CLIP, env=BLOCKER | MOCK)
    assert (done.returncode, done.stdout) == (0, SAID)


def test_the_mock_switch_in_the_configuration_is_enough(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"use_mock_stt": True}), encoding="utf-8")
    done = run(*PARAKEET, "transcribe", CLIP, env=BLOCKER | {"PARAKEET_CONFIG": str(config)})
    assert (done.returncode, done.stdout) == (0, SAID)


def test_speakers_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    asked = ("transcribe", CLIP, "--speakers", "-o", str(tmp_path / "out"))
    done = run(*PARAKEET, *asked, env=BLOCKER | MOCK)
    assert done.returncode == 3
    assert "needs the package onnxruntime" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_unit_tests_pass() -> None:
    done = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/"),
        cwd=ROOT,
        env=BLOCKER | MOCK,
    )
    assert done.returncode == 0, done.stdout[-5000:]
