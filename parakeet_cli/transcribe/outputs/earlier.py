"""Reads what an earlier run wrote."""

from __future__ import annotations

import json
from contextlib import suppress

from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.transcribe.inputs.storage import Place, Url, downloaded
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcript import Status

_MOST = 256 << 20  # bytes: the JSON of ten hours with every word has some 20 MB


def was_partial(item: PlannedFile) -> bool:
    """Whether an earlier run transcribed only a part of the recording, according to its JSON.

    The other formats don't record that, and a JSON file that isn't ours doesn't count.
    """
    for form, path in item.paths:
        if form.name == "json":
            with suppress(OSError, ValueError, RecursionError, ParakeetError):
                found = json.loads(_content(path))
                return isinstance(found, dict) and found.get("status") == Status.PARTIAL
    return False


def _content(where: Place) -> bytes:
    if isinstance(where, Url):
        with downloaded(where) as copy:
            return read_regular(copy, _MOST)
    return read_regular(where, _MOST)
