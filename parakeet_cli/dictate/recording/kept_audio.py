"""Keeps the sound of utterances, if the user asks for it, so that they can be transcribed again."""

from __future__ import annotations

import logging
import os
import shutil
import time
import wave
from contextlib import suppress
from pathlib import Path

import numpy as np

from parakeet_cli.audio.samples import SAMPLE_RATE, Samples, to_float, to_pcm
from parakeet_cli.system.regular_files import open_regular
from parakeet_cli.system.safety.private_folders import private_folder

_log = logging.getLogger(__name__)

_DAY = 86_400.0  # seconds


class KeptAudio:
    """WAV files that only their owner can read, in a folder beside the history."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, wall: float, samples: Samples) -> str:
        """Keep 16 kHz mono float32 that was spoken then; the file's name, "" if that failed."""
        if not len(samples):
            return ""
        name = f"{wall:.3f}.wav"
        try:
            private_folder(self._folder, own=3)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with (
                os.fdopen(open_regular(self._folder / name, flags, 0o600), "wb") as file,
                wave.open(file, "wb") as written,
            ):
                written.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
                written.writeframes(to_pcm(samples).astype("<i2").tobytes())
        except OSError as error:
            _log.info("The sound can't be kept: %s.", error.strerror)
            return ""
        return name

    def read(self, name: str) -> Samples:
        """The samples of a file, mono float32, shape (n,). Raises OSError."""
        path = self._folder / Path(name).name
        with os.fdopen(open_regular(path, private=True), "rb") as file:
            try:
                with wave.open(file, "rb") as opened:
                    data = opened.readframes(opened.getnframes())
            except (wave.Error, EOFError) as error:
                raise OSError(0, f"It is no WAV file: {error}", str(path)) from error
        return to_float(np.frombuffer(data, "<i2").astype(np.int16))

    def has(self, name: str) -> bool:
        return bool(name) and (self._folder / Path(name).name).is_file()

    def drop_old(self, days: float) -> None:
        """Delete what is older than that."""
        oldest = time.time() - days * _DAY
        for path in self._folder.glob("*.wav"):
            with suppress(OSError, ValueError):  # another program's file, or it is gone
                if float(path.stem) < oldest:
                    path.unlink()

    def clear(self) -> None:
        """Delete all of it."""
        shutil.rmtree(self._folder, ignore_errors=True)


def kept_audio_folder() -> Path:
    from parakeet_cli.dictate.recording.recording import recordings_folder

    return recordings_folder() / "audio"
