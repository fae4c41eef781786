"""The record of what was pulled: revision and SHA-256 of each file, in the repository's folder.

For a model whose checksums are not in `registry.py`, `parakeet models verify` compares with
this: what the hub declared when the model was pulled, compared then with the bytes that came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli.models.cache import repository_folder
from parakeet_cli.system.files import atomic_writer
from parakeet_cli.system.regular_files import read_regular

NAME = "parakeet.lock.json"
_SCHEMA = "parakeet.model-lock/1"


def path_of(repository: str) -> Path:
    """A repository's lock file: it is deleted with the repository."""
    return repository_folder(repository) / NAME


def read(repository: str) -> dict[str, dict[str, str]]:
    """SHA-256 by revision and file; empty where nothing was recorded or it can't be read."""
    try:
        content = json.loads(read_regular(path_of(repository)))
        if content["schema"] != _SCHEMA:
            return {}
        return {
            str(revision): {str(name): str(digest) for name, digest in files.items()}
            for revision, files in content["revisions"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def write(repository: str, revision: str, files: Mapping[str, str]) -> None:
    """Add the files that were just checked; other revisions and files stay. Raises OSError."""
    revisions = read(repository)
    revisions[revision] = {**revisions.get(revision, {}), **files}
    content = {"schema": _SCHEMA, "repository": repository, "revisions": revisions}
    with atomic_writer(path_of(repository)) as stream:
        stream.write((json.dumps(content, indent=2) + "\n").encode())
