"""What was pulled: revision and SHA-256 of each file, in the repository's cache folder.

For a model whose sums are not in `known.py` this is what `parakeet models verify` compares
with: what the hub said when it was pulled, checked then against the bytes that came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli.models.cache import repository_folder

NAME = "parakeet.lock.json"
_SCHEMA = "parakeet.model-lock/1"


def path_of(repository: str) -> Path:
    """Where a repository's lock file is: it goes when the repository is removed."""
    return repository_folder(repository) / NAME


def read(repository: str) -> dict[str, dict[str, str]]:
    """Revision to file to SHA-256; empty where nothing was recorded or it can't be read."""
    try:
        content = json.loads(path_of(repository).read_text("utf-8"))
        if content["schema"] != _SCHEMA:
            return {}
        return {
            str(revision): {str(name): str(digest) for name, digest in files.items()}
            for revision, files in content["revisions"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write(repository: str, revision: str, files: Mapping[str, str]) -> None:
    """Add what was just checked; other revisions and files stay."""
    revisions = read(repository)
    revisions[revision] = {**revisions.get(revision, {}), **files}
    target = path_of(repository)
    temporary = target.with_suffix(".part")
    content = {"schema": _SCHEMA, "repository": repository, "revisions": revisions}
    temporary.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    temporary.replace(target)
