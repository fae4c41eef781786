from __future__ import annotations

import os
from pathlib import Path

from parakeet_cli.formats.html.sound import Envelope, Sound, sound_of


def test_linking_can_be_asked_for(tmp_path: Path) -> None:
    clip = tmp_path / os.fsdecode(b"caf\xe9.wav")
    clip.write_bytes(b"RIFF")
    sound = sound_of(clip, tmp_path / "clip.html", None, link_audio=True)
    assert sound.link == "caf%E9.wav"
    assert sound.embed is None


def test_a_recording_is_embedded_with_the_type_that_its_suffix_names(tmp_path: Path) -> None:
    clip = tmp_path / "clip.M4A"
    clip.write_bytes(b"....ftyp")
    assert sound_of(clip, tmp_path / "p.html", None) == Sound(embed=clip, mime="audio/mp4")


def test_bars_are_relative_to_the_loudest_and_silent_after_the_end() -> None:
    envelope = Envelope(0.5, (0.1, 0.4, 0.2, 0.2))
    assert envelope.bars(4, 2.0) == [0.25, 1.0, 0.5, 0.5]
    assert envelope.bars(2, 4.0)[1] == 0.0


def test_silence_and_an_unknown_duration_have_bars_without_height() -> None:
    assert Envelope(0.5, (0.0, 0.0)).bars(3, 1.0) == [0.0, 0.0, 0.0]
    assert Envelope(0.5, (0.1, 0.4)).bars(2, 0.0) == [0.0, 0.0]
