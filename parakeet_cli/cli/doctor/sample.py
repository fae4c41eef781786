"""Finds what `parakeet doctor --deep` transcribes: a cached model, and a clip with its text.

The doctor doesn't import models and engines, so it is given their paths.
"""

from __future__ import annotations

import atexit
import wave
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from parakeet_cli.config.settings import Settings
from parakeet_cli.doctor.facts import Sample, Unavailable
from parakeet_cli.errors import EngineUnavailable, UsageError
from parakeet_cli.system.files import data_file
from parakeet_cli.system.regular_files import open_regular, read_regular

if TYPE_CHECKING:
    from parakeet_cli.doctor.probes.throughput import Subject

CLIP = "sense_0880.wav"  # of samples/, from a LibriVox recording: public domain
TEXT = "he was not an ill disposed young man"


def find_sample(settings: Settings, clip: str | None) -> Sample | Unavailable:
    """The sample, or why there is none.

    Raises UsageError if a named clip can't be used, and EngineUnavailable if a model named by
    an option can't be; one that only a setting names doesn't stop the diagnosis.
    """
    try:
        sound, text = _clip(clip)
    except FileNotFoundError:
        return Unavailable(f"{CLIP} is missing: reinstall parakeet-cli")
    origin = settings.origins.get("model")
    for_nemo = origin == "--model" or settings.engine in ("auto", "nemo")
    try:
        model, known = _model(settings.model if for_nemo else None)
        scanned = _scanned(model)
    except EngineUnavailable as error:
        if origin == "--model":
            raise
        return Unavailable(f"{error} {error.hint or ''}" + (f" ({origin})" if origin else ""))
    except ImportError as error:  # the tool is in the environment that is to be repaired
        return Unavailable(f"models can't be examined here: {error}")
    certain = known or clip is not None
    return Sample(str(model), str(sound), text, str(_worker()), certain, str(scanned))


def find_subject(settings: Settings) -> Subject:
    """What `--gpu-report` measures: the model that is named, or v3.

    Where it can't be used, one with random weights. Raises EngineUnavailable for one that an
    option names.
    """
    from parakeet_cli.doctor.probes.throughput import Subject

    sample = find_sample(settings, None)
    clip = str(data_file(CLIP, folder="samples"))
    if isinstance(sample, Unavailable):
        return Subject(str(_worker()), clip, reason=sample.reason)
    return Subject(sample.worker, clip, sample.scanned, Path(sample.model).name)


def _worker() -> Path:
    from parakeet_cli.engines.nemo import worker

    return Path(worker.__file__).with_name("__main__.py")


def _model(name: str | None) -> tuple[Path, bool]:
    """A cached model for NeMo, and whether it surely knows English.

    Raises EngineUnavailable, with what to type.
    """
    from parakeet_cli.models.cache import find_cached
    from parakeet_cli.models.registry import DEFAULT, look_up
    from parakeet_cli.models.resolve import resolve_name
    from parakeet_cli.models.types import NEMO

    asked = name or DEFAULT
    path = Path(asked).expanduser()
    if path.suffix == ".nemo" or path.exists():
        if not path.is_file():
            raise EngineUnavailable(f"{path} isn't a .nemo file.", hint="Name one, or v3.")
    else:
        found = find_cached(resolve_name(asked, NEMO))
        if found is None:
            raise EngineUnavailable(
                f"The model {asked} is not on this machine.", hint=f"parakeet models pull {asked}"
            )
        path = found.path
    return path.absolute(), look_up(asked, NEMO) is not None


def _scanned(model: Path) -> Path:
    """What is to be loaded of it, in a folder that stays until the program ends.

    Raises EngineUnavailable for a model that could run code.
    """
    from parakeet_cli.models.scan.model import private_copy

    kept = ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(private_copy(model))


def _clip(named: str | None) -> tuple[Path, str]:
    """A WAV and its text, from the file beside it; without a name the sample that ships.

    Raises UsageError for a named clip, FileNotFoundError if the one that ships is missing.
    """
    if named is None:
        return data_file(CLIP, folder="samples"), TEXT
    path = Path(named).expanduser().absolute()
    try:
        with open(open_regular(path), "rb") as raw, wave.open(raw) as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        text = read_regular(path.with_suffix(".txt")).decode("utf-8")
    except (OSError, EOFError, wave.Error, UnicodeDecodeError) as error:
        raise UsageError(
            f"--sample {named} can't be used: {error}.",
            hint="It must be a WAV file with its text in a .txt file of the same name beside it.",
        ) from error
    if form != (16_000, 1, 2):
        raise UsageError(
            f"--sample {named} must be 16 kHz, mono, 16 bit.",
            hint=f"ffmpeg -i {named} -ar 16000 -ac 1 -c:a pcm_s16le sample.wav",
        )
    return path, text
