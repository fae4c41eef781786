"""Writes conda's environment files, one for each CUDA that a build of torch is for.

    python scripts/conda_environments.py           write environment*.yml
    python scripts/conda_environments.py --check   exit 1 if one is not current

The CUDA versions are those of `parakeet_cli/doctor/stack/torch_builds.toml`. The environments
have names of their own, so that several can be kept side by side.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILDS = ROOT / "parakeet_cli" / "doctor" / "stack" / "torch_builds.toml"
DEFAULT = "cu128"  # the build that requirements-torch.txt names
OFFERED = ("cu126", DEFAULT, "cu130")
NAME = "personalparakeet"
TEMPLATE = """\
# Written by scripts/conda_environments.py.
# Conda: Python and system binaries only. The ML stack is pip's, stage by stage: conda gives pip
# one list in one call, where order can't live. It is installed by
#
#     {repair}
name: {name}
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - cuda-toolkit={cuda}
  - portaudio
  - libsndfile
  - ffmpeg
"""


def environments() -> Mapping[Path, str]:
    """The files and what is in them."""
    builds = tomllib.loads(BUILDS.read_text())["build"]
    cuda = {build["index"]: build["cuda"] for build in builds}
    return {
        ROOT / f"environment{_suffix(index)}.yml": TEMPLATE.format(
            name=f"{NAME}{_suffix(index)}",
            cuda=cuda[index],
            repair="parakeet doctor --fix"
            + ("" if index == DEFAULT else f" --torch-index {index}"),
        )
        for index in OFFERED
    }


def _suffix(index: str) -> str:
    return "" if index == DEFAULT else f"-{index}"


def main(arguments: list[str]) -> int:
    """Write the files, or with --check compare them."""
    status = 0
    for path, text in environments().items():
        current = path.read_text() if path.exists() else None
        if current == text:
            continue
        if "--check" in arguments:
            print(f"{path.name} is not current: run python scripts/conda_environments.py")
            status = 1
        else:
            path.write_text(text)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
