"""A container opens whatever its tags are written in, with each release of PyAV."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import pytest

from parakeet_cli.audio.decode.libav import language_tag, open_container
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.errors import InputError
from tests.media_files import RECIPES, tone, write_media

LATIN_1 = "Été".encode("latin-1")


def latin_1_title(path: Path) -> Path:
    """A WAV file with a title that isn't UTF-8."""
    data = write_media(path, tone(0.5, 44_100), RECIPES["wav"]).read_bytes()
    info = b"INFOINAM" + len(LATIN_1).to_bytes(4, "little") + LATIN_1 + b"\0"
    tags = b"LIST" + len(info).to_bytes(4, "little") + info
    path.write_bytes(b"RIFF" + (len(data) + len(tags) - 8).to_bytes(4, "little") + data[8:] + tags)
    return path


def latin_1_language(path: Path) -> Path:
    """A Matroska file whose stream has a language that isn't UTF-8."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.metadata["language"] = "eng"
        frame = av.AudioFrame("s16", "mono", 800)
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    assert data.count(b"eng") == 1
    path.write_bytes(data.replace(b"eng", LATIN_1))
    return path


def test_a_file_with_a_title_in_another_encoding_opens(tmp_path: Path) -> None:
    with open_container(str(latin_1_title(tmp_path / "song.wav"))) as container:
        title = container.metadata["title"].encode(errors="surrogateescape")
        assert title in {LATIN_1, "�t�".encode()}
    with open_media(tmp_path / "song.wav") as media:
        assert sum(len(block.samples) for block in media) == pytest.approx(8000, abs=400)


def test_a_language_in_another_encoding_can_be_printed(tmp_path: Path) -> None:
    path = latin_1_language(tmp_path / "talk.mka")
    with open_container(str(path)) as container:
        assert language_tag(container.streams.audio[0]) == "�t�"
    with pytest.raises(InputError, match="no audio stream 3") as caught:
        open_media(path, audio_stream=3)
    str(caught.value).encode()


def test_an_open_file_is_read_as_well_as_a_path(tmp_path: Path) -> None:
    path = write_media(tmp_path / "tone.wav", tone(0.5, 44_100), RECIPES["wav"])
    with open_container(io.BytesIO(path.read_bytes())) as container:
        assert container.streams.audio[0].codec_context.sample_rate == RECIPES["wav"].rate


def test_what_is_neither_a_file_nor_in_one_is_not_fetched() -> None:
    with pytest.raises(av.FFmpegError):
        open_container("tcp://127.0.0.1:9/sound.wav")


@pytest.mark.parametrize("lead", [0, 8192])
def test_ac3_that_is_written_as_samples_is_found_behind_a_moment_of_silence(
    tmp_path: Path, lead: int
) -> None:
    """libav looks for it in the first packets; all of them would take most of opening a WAV."""
    coded = tmp_path / "a.spdif"
    with av.open(str(coded), "w", format="spdif") as container:
        stream = container.add_stream("ac3", rate=48_000, layout="stereo")
        for number in range(60):
            frame = av.AudioFrame("fltp", "stereo", 1536)
            frame.sample_rate, frame.pts = 48_000, number * 1536
            container.mux(stream.encode(frame))
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 48_000, 0, "NONE", ""))
        file.writeframes(bytes(lead) + coded.read_bytes())
    with open_container(f"file:{path}") as container:
        assert container.streams.audio[0].codec_context.name == "ac3"
    with path.open("rb") as opened, open_container(opened) as container:
        assert container.streams.audio[0].codec_context.name == "ac3"
