"""The fingerprint by which a run notices that its options have changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from parakeet_cli.audio.segment.pauses import SpeechLimits
from parakeet_cli.config.settings import Settings
from parakeet_cli.speakers.count import CAM
from parakeet_cli.transcribe.inputs.storage import canonical, to_place
from parakeet_cli.transcribe.inputs.streams import EVERY_STREAM
from parakeet_cli.transcribe.request import TranscribeRequest


def fingerprint(request: TranscribeRequest, settings: Settings, folder: str | None = None) -> str:
    """A hash, 16 hexadecimal digits, of everything that decides the outputs.

    `folder` is where the outputs were, if a run has moved since. Where it is computed, and with
    how many threads and workers, decides nothing of them. Raises UsageError.
    """
    options = request.options
    layout = asdict(options.format_options)
    link_audio = layout.pop("link_audio")
    stream = EVERY_STREAM if request.every_stream else options.audio_stream
    deciding: dict[str, Any] = {
        "formats": [form.name for form in request.file_formats],
        "folder": folder or canonical(to_place(request.folder or ".")),
        "template": request.template,
        "engine": [settings.engine, settings.model, settings.language, settings.beam_size],
        "sound": [stream, options.channel, options.vad],
        # These keys are those of older versions, whose runs must go on.
        "shape": {**layout, "sound": None},
        "html_link_audio": link_audio,
    }
    decoding = settings.decoding
    if decoding.asked:
        deciding["decoding"] = {name: getattr(decoding, name) for name in decoding.asked}
    if options.vocabulary:
        deciding["vocabulary"] = options.vocabulary
    if options.speech != SpeechLimits():
        deciding["speech"] = asdict(options.speech)
    if options.align is not None:
        deciding["align"] = hashlib.sha256(options.align.text.encode()).hexdigest()
    if options.split_channels:
        deciding["channels"] = "split"
    if options.speakers is not None:
        deciding["speakers"] = asdict(options.speakers)
        if options.speakers_model != CAM:
            deciding["speakers_model"] = options.speakers_model
    if options.speaker_names:
        deciding["speaker_names"] = options.speaker_names.as_json()
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]
