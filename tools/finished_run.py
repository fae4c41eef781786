"""Makes a run over many recordings of which all but a few are done.

For tests and for bench/batches.py: the recordings are links to a few short ones, and the
journal is written by the run folder itself.
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
from parakeet_cli.transcribe.outputs.write import write_atomically
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.fingerprint import fingerprint
from parakeet_cli.transcribe.run.run_folder import open_run_folder
from parakeet_cli.transcript import FileResult, Status

FORMAT = "txt"
_PER_FOLDER = 1000  # recordings
_SECONDS = 0.1


def make(top: Path, count: int, left: int) -> tuple[str, ...]:
    """Make in/, out/ and run/ below `top`; the arguments with which `transcribe` resumes.

    The engine's settings come from the environment, and must be those of that command.
    """
    asked = (str(top / "in"), "-f", FORMAT, "-o", str(top / "out"), "--run", str(top / "run"))
    for number in range(count):
        folder = top / "in" / f"{number // _PER_FOLDER:04}"
        if number % _PER_FOLDER == 0:
            folder.mkdir(parents=True)
            _silence(folder.with_suffix(".wav"))
        os.link(folder.with_suffix(".wav"), folder / f"clip{number:07}.wav")
    for original in (top / "in").glob("*.wav"):
        original.unlink()
    inputs, formats, out, template = asked[0], expand_formats([FORMAT]), asked[4], "{filename}"
    planned = plan_outputs(find_jobs([inputs]), formats, out, template)
    request = TranscribeRequest((inputs,), (FORMAT,), out, template)
    options = fingerprint(request, load_settings({}))
    with open_run_folder(top / "run", options) as run:
        run.record_session(count, count * _SECONDS)
        for item in planned[: count - left]:
            run.record_start(item)
            ((_, path),) = item.paths
            first = Path(str(path)).parent / "first"
            if not first.exists():
                sha256 = write_atomically(first, ["It was transcribed before.\n"])
            os.link(first, str(path))
            result = FileResult(item.job.name, Status.OK, outputs=(str(path),), sums=(sha256,))
            run.record_end(item, result, run.results.add(manifest_line(result)))
    return asked


def _silence(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(int(2 * 16_000 * _SECONDS)))
