"""Holds JSON against the schema that `parakeet config schema` prints."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from parakeet_cli.formats.json import json_schema


def _closed(node: Any) -> Any:
    """The schema without room for keys that it doesn't name: readers allow them, we write none."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _closed(value) for key, value in node.items()}
    return made | ({"additionalProperties": False} if "required" in node else {})


def faults_of(value: Any) -> list[str]:
    """What in a transcript's JSON is not as the schema has it, keys that it lacks included."""
    schema = json.loads(json_schema())
    Draft202012Validator.check_schema(schema)
    errors = Draft202012Validator(_closed(schema)).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in errors]
