"""Transcribes an utterance of the history again (`history --again`), whose sound was kept."""

from __future__ import annotations

from dataclasses import replace

from parakeet_cli import console
from parakeet_cli.dictate.recording.history import history_path, read_history
from parakeet_cli.dictate.recording.kept_audio import KeptAudio, kept_audio_folder
from parakeet_cli.dictate.session.request import DictationRequest
from parakeet_cli.dictate.session.resources import SessionResources
from parakeet_cli.errors import InputError


def transcribe_again(request: DictationRequest, number: int) -> None:
    """Print the new text of the `number`-th last utterance with sound. Raises ParakeetError.

    The engine and the user's words are those of now.
    """
    kept = KeptAudio(kept_audio_folder())
    entries = [entry for entry in read_history(history_path()) if kept.has(entry.audio)]
    if not entries:
        raise InputError(
            "No utterance's sound is kept.",
            hint='`--keep-audio`, or "keep_audio" in config.json, keeps it from now on.',
        )
    if len(entries) < number:
        raise InputError(
            f"--again {number}: there are fewer utterances whose sound is kept.",
            hint=f"The oldest of them is `history --again {len(entries)}`.",
        )
    entry = entries[-number]
    try:
        samples = kept.read(entry.audio)
    except OSError as error:
        raise InputError(f"The sound {entry.audio} can't be read: {error.strerror}.") from error
    with SessionResources(replace(request, sinks=(), json=True)) as resources:
        console.out(resources.transcribe(samples) + "\n")
