"""Tests that `--trust-model` always warns, and that nothing but the option turns it on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.transcribe.command import CLIP, transcribe


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_trusting_a_model_prints_a_warning_every_time(
    tmp_path: Path, quiet: tuple[str, ...]
) -> None:
    done = transcribe(tmp_path, CLIP, "--trust-model", *quiet)
    assert done.code == 0, done.err
    assert "Warning: --trust-model" in done.err
    assert "trust-model" not in transcribe(tmp_path, CLIP, *quiet).err


def test_no_setting_and_no_variable_trusts_a_model(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"version": 1, "trust_model": True}))
    refused = transcribe(tmp_path, CLIP, "--config", str(config))
    assert refused.code == 2
    assert "trust_model" in refused.err
    done = transcribe(tmp_path, CLIP, env={"PARAKEET_TRUST_MODEL": "1"})
    assert "trust-model" not in done.err
