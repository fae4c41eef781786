"""A run over many recordings that is done but for a few, as a long one leaves it.

Made for tests and for bench/batches.py: the recordings are links to a few short ones, and
the journal is written by the run folder itself.
"""

from __future__ import annotations

import os
import wave
from pathlib import Path

from parakeet_cli.config import load_settings
from parakeet_cli.formats import expand_formats
from parakeet_cli.formats.manifest import manifest_line
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.outputs.plan import plan_outputs
from parakeet_cli.transcribe.outputs.write import write_output
from parakeet_cli.transcribe.pipeline.jobs import PipelineOptions
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.run_folder import run_folder
from parakeet_cli.transcript import FileResult, Status

FORMAT = "txt"
_A_FOLDER = 1000  # recordings
_SECONDS = 0.1


def make(top: Path, count: int, left: int) -> tuple[str, ...]:
    """Below `top`: in/, out/ and run/. What `parakeet transcribe` is to be given to go on.

    The engine's settings are those of the environment, and must be the command's.
    """
    asked = (str(top / "in"), "-f", FORMAT, "-o", str(top / "out"), "--run", str(top / "run"))
    for number in range(count):
        folder = top / "in" / f"{number // _A_FOLDER:04}"
        if number % _A_FOLDER == 0:
            folder.mkdir(parents=True)
            _silence(folder.with_suffix(".wav"))
        os.link(folder.with_suffix(".wav"), folder / f"clip{number:07}.wav")
    for original in (top / "in").glob("*.wav"):
        original.unlink()
    request = TranscribeRequest(
        (asked[0],), (FORMAT,), asked[4], "{filename}", None, False, PipelineOptions()
    )
    planned = plan_outputs(
        find_jobs(request.inputs), expand_formats([FORMAT]), str(top / "out"), "{filename}"
    )
    with run_folder(top / "run", request.fingerprint(load_settings({}))) as run:
        run.plan(count, count * _SECONDS)
        for item in planned[: count - left]:
            run.begun(item)
            ((_, path),) = item.paths
            first = Path(str(path)).parent / "first"
            if not first.exists():
                sha256 = write_output(str(first), ["It was heard before.\n"])
            os.link(first, str(path))
            result = FileResult(item.job.name, Status.OK, outputs=(str(path),), sums=(sha256,))
            run.ended(item, result, run.spool.add(manifest_line(result)))
    return asked


def _silence(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(int(2 * 16_000 * _SECONDS)))
