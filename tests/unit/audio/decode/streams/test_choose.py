"""The stream to transcribe is chosen as a person would: by language, default mark and sound."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from parakeet_cli.audio.decode.media import open_media, probe_streams
from tests.media_files import RECIPES, Floats, tone, write_media

RATE = 44_100
SOUND = tone(1.0, RATE)
SILENCE = np.zeros_like(SOUND)


def marked(
    path: Path, sounds: list[Floats], languages: list[str], default: tuple[int, ...]
) -> Path:
    """A file with these sounds as streams, of which some are marked as default."""
    recipe = RECIPES["mkv"]
    plain = path.with_stem("plain")
    write_media(plain, sounds[0], recipe, *((sound, recipe) for sound in sounds[1:]))
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        streams = []
        for number, one in enumerate(old.streams):
            stream = new.add_stream_from_template(one)
            stream.disposition = Disposition.default if number in default else Disposition(0)
            if languages[number]:
                stream.metadata["language"] = languages[number]
            streams.append(stream)
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return path


def taken(path: Path, **options: str) -> int:
    with open_media(path, isolated=False, **options) as media:  # type: ignore[arg-type]
        (number,) = (one.index for one in media.source.streams if one.taken)
    return number


@pytest.mark.parametrize(
    ("sounds", "default", "number"),
    [
        ([SOUND, SOUND], (0,), 0),
        ([SOUND, SOUND, SOUND], (1,), 1),
        ([SOUND, SOUND], (), 0),
        ([SILENCE, SOUND], (), 1),
        ([SILENCE, SOUND, SOUND], (0,), 1),
        ([SOUND, SILENCE, SOUND], (1, 2), 2),
        ([SILENCE, SILENCE], (1,), 1),
    ],
)
@pytest.mark.parametrize("suffix", ["mkv", "mov"])
def test_the_default_stream_is_taken_or_else_the_first_with_sound(
    suffix: str, sounds: list[Floats], default: tuple[int, ...], number: int, tmp_path: Path
) -> None:
    if suffix == "mov" and not default:
        pytest.skip("libav marks a stream of such a file by itself")
    path = marked(tmp_path / f"a.{suffix}", sounds, [""] * len(sounds), default)
    assert taken(path) == number


def test_the_stream_in_the_language_that_is_asked_for_is_preferred(tmp_path: Path) -> None:
    languages = ["eng", "ger", "fre", ""]
    path = marked(tmp_path / "a.mkv", [SOUND] * 4, languages, (0,))
    assert [taken(path, language=one) for one in ("de", "fr", "en", "pl")] == [1, 2, 0, 0]
    silent = marked(tmp_path / "b.mkv", [SOUND, SILENCE, SOUND, SOUND], languages, (0,))
    assert taken(silent, language="de") == 0


def test_what_a_file_says_of_its_streams_is_known_before_it_is_decoded(tmp_path: Path) -> None:
    path = marked(tmp_path / "a.mkv", [SOUND, SILENCE], ["eng", ""], (1,))
    first, second = probe_streams(path)
    assert (first.index, first.codec, first.language, first.default) == (0, "aac", "eng", False)
    assert (second.index, second.language, second.default, second.taken) == (1, None, True, False)
    assert probe_streams(tmp_path / "missing.mkv") == ()


def test_sound_that_begins_late_counts(tmp_path: Path) -> None:
    late = np.concatenate([np.zeros(20 * RATE, np.float32), SOUND])
    path = marked(tmp_path / "a.mkv", [late, tone(21.0, RATE)], ["", ""], (0,))
    assert taken(path) == 0


@pytest.mark.parametrize("kind", ["wav", "flac", "mov", "aiff", "vorbis"])
def test_the_sound_of_every_sample_format_is_noticed(kind: str, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    path = tmp_path / "a.mkv"
    write_media(path, SILENCE, recipe, (SOUND, recipe))
    assert taken(path) == 1
