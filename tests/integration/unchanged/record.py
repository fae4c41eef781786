"""Records the outputs of every case again, or of the cases that are named:

    python -m tests.integration.unchanged.record [CASE...]

For a change of an output that is meant, and for a new case. `git diff` then shows what has
changed. What an earlier version left on the disk (`left_behind`) is not written here.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.integration.unchanged import cases
from tests.integration.unchanged.running import AS_DATA, RECORDED


def main(names: list[str]) -> None:
    """Runs the cases and writes what they give."""
    for name in names or list(cases.CASES):
        with tempfile.TemporaryDirectory(prefix="unchanged-") as temporary:
            found = cases.CASES[name](Path(temporary).resolve())
        folder = RECORDED / "outputs" / name
        shutil.rmtree(folder, ignore_errors=True)
        for file, data in found.items():
            path = folder / f"{file}{AS_DATA if file.endswith('.html') else ''}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        print(f"{name}: {len(found)} files")


if __name__ == "__main__":
    main(sys.argv[1:])
