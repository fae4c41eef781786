"""Whether there is a GPU, for those who have no torch to ask."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

_QUERY = ["--query-gpu=name,compute_cap,driver_version,memory.total", "--format=csv,noheader"]
_SECONDS = 15.0  # a driver that sleeps takes one or two to wake


def has_gpu() -> bool:
    """Whether nvidia-smi lists a GPU that this process may use; none on PATH means none."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    smi = shutil.which("nvidia-smi")
    return smi is not None and _lists_one(smi)


@cache
def _lists_one(smi: str) -> bool:
    try:
        done = subprocess.run(
            [smi, *_QUERY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and any(line.count(",") == 3 for line in done.stdout.splitlines())
