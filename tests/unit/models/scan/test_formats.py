"""Formats are recognised by content."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from tests.model_files import checkpoint, nemo, problems, running, state_dict


def safetensors(header: object, numbers: bytes = bytes(16)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


WEIGHT = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@pytest.mark.parametrize("name", ["a.safetensors", "a.nemo", "a"])
def test_safetensors_pass_if_they_are_nothing_else(tmp_path: Path, name: str) -> None:
    model = tmp_path / name
    model.write_bytes(safetensors({"__metadata__": {"a": "b"}, "weight": WEIGHT}))
    assert problems(model) == ""
    for damaged in (
        safetensors({"weight": WEIGHT}, bytes(17)),
        safetensors({"weight": {**WEIGHT, "data_offsets": [4, 16]}}),
        safetensors({"weight": {**WEIGHT, "shape": [-4]}}),
        safetensors({"weight": {**WEIGHT, "dtype": "X"}}),
        safetensors({"weight": [1]}),
        safetensors(b'{"a": 1, "a": 1}'),
        safetensors(b"{" * 5000),
    ):
        model.write_bytes(damaged)
        assert problems(model), damaged[:60]


def test_each_format_is_found_under_another_s_name(tmp_path: Path) -> None:
    model = tmp_path / "a.safetensors"
    nemo(model)
    assert problems(model) == ""
    nemo(model, weights=checkpoint(running("pass")))
    assert "could call" in problems(model)
    model.write_bytes(checkpoint())
    assert problems(model) == ""
    model.write_bytes(checkpoint(running("pass")))
    assert "could call" in problems(model)
    model.write_bytes(state_dict())
    assert problems(model) == ""
    model.write_bytes(running("pass"))
    assert "could call" in problems(model)
    model.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert "os system" in problems(model)
    model.write_bytes(b"GGUF" + bytes(40))
    assert "whatever its name says" in problems(model)
