"""A disk that can't read all of a file costs what lies there, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.media_files import RECIPES, Floats, Recipe, speech, write_media

SECONDS = 40.0
PAGE = 4096  # bytes
SOURCE = Path(__file__).with_name("failing_disk.c")
DECODE = """
import json, sys
import numpy as np
from pathlib import Path
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.unreadable import find_unreadable
from parakeet_cli.errors import InputError

path, samples = Path(sys.argv[1]), np.zeros(16000 * 60, np.float32)
try:
    with open_media(path, isolated=False) as media:
        for block in media:
            at = round(block.start * 16000)
            samples[at : at + len(block.samples)] += block.samples
    lost = [[one.start, one.end] for one in media.accounting.lost]
    found = {"lost": lost, "expected": media.accounting.expected_seconds}
except InputError as error:
    found = {"refused": str(error)}
np.save(sys.argv[2], samples)
print(json.dumps({**found, "unreadable": find_unreadable(path)}))
"""


@dataclass(frozen=True)
class Disk:
    """Runs programs as if some bytes of a file couldn't be read."""

    library: Path
    folder: Path

    def decode(self, path: Path, first: int = 0, last: int = 0) -> tuple[dict[str, object], Floats]:
        environment = {
            **os.environ,
            "LD_PRELOAD": str(self.library),
            "FAILING_FILE": str(path.resolve()),
            "FAILING_FROM": str(first),
            "FAILING_TO": str(last),
        }
        target = self.folder / "samples.npy"
        result = subprocess.run(
            [sys.executable, "-c", DECODE, str(path), str(target)],
            env=environment,
            capture_output=True,
            check=True,
        )
        return json.loads(result.stdout), np.load(target)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the failing disk is a library for Linux, which a C compiler makes")
    folder = tmp_path_factory.mktemp("disk")
    library = folder / "failing_disk.so"
    command = [compiler, "-shared", "-fPIC", str(SOURCE), "-o", str(library), "-ldl"]
    subprocess.run(command, check=True)
    return Disk(library, folder)


def likeness(one: Floats, other: Floats) -> float:
    """Their correlation, if one is at most 1 ms later: containers keep time in milliseconds."""
    inner = slice(16, -16)
    shifted = [np.roll(other, shift)[inner] for shift in range(-16, 17)]
    return max(float(np.corrcoef(one[inner], part)[0, 1]) for part in shifted)


def recording(folder: Path, recipe: Recipe) -> Path:
    sound = soxr.resample(speech(SECONDS), 16_000, recipe.rate)
    return write_media(folder / f"a.{recipe.suffix}", sound, recipe)


@pytest.mark.parametrize(
    ("kind", "most"), [("wav", 0.5), ("flac", 1.0), ("mp3", 1.0), ("m4a", 1.0), ("webm", 2.0)]
)
def test_what_lies_behind_unreadable_bytes_is_decoded_at_its_place(
    kind: str, most: float, disk: Disk, tmp_path: Path
) -> None:
    path = recording(tmp_path, RECIPES[kind])
    middle = path.stat().st_size // 2 // PAGE * PAGE
    _, whole = disk.decode(path)
    found, samples = disk.decode(path, middle, middle + 2 * PAGE)
    assert found["unreadable"] == [[middle, middle + 2 * PAGE]]
    lost = found["lost"]
    assert isinstance(lost, list)
    assert 0 < sum(end - start for start, end in lost) < most
    assert found["expected"] == pytest.approx(SECONDS, abs=0.1)
    margin = 1_600  # samples: a decoder's memory of what was before
    first, last = round(lost[0][0] * 16_000), round(lost[-1][1] * 16_000)
    assert np.abs(whole[: first - margin] - samples[: first - margin]).max() < 1e-3
    assert likeness(whole[last + margin :], samples[last + margin :]) > 0.98
    assert not samples[first + 1 : last - 1].any()


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "webm"])
def test_of_a_file_that_is_unreadable_from_somewhere_on_the_rest_is_lost(
    kind: str, disk: Disk, tmp_path: Path
) -> None:
    path = recording(tmp_path, RECIPES[kind])
    size = path.stat().st_size
    middle = size // 2 // PAGE * PAGE
    found, samples = disk.decode(path, middle, size)
    assert found["unreadable"] == [[middle, size]]
    lost = found["lost"]
    assert isinstance(lost, list)
    assert lost[-1][1] == pytest.approx(SECONDS, abs=0.1)
    assert sum(end - start for start, end in lost) == pytest.approx(SECONDS / 2, abs=2.0)
    assert samples[: 16_000 * 17].any()


def test_a_file_of_which_nothing_can_be_read_is_refused_with_the_reason(
    disk: Disk, tmp_path: Path
) -> None:
    path = recording(tmp_path, RECIPES["wav"])
    found, _ = disk.decode(path, 0, path.stat().st_size)
    assert "refused" in found
