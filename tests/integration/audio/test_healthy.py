"""No healthy recording is partial or doubtful, in whatever container and codec it is.

Stereo in which each channel hears both of two people, alone, and beside a picture that is as
long, longer, or begins before it.
"""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from parakeet_cli.audio.decode.media import open_media
from tests.films import two_voices, write_film

SECONDS = 4.0
FRAMES = 0.12  # seconds that encoders fill up, or that their delay takes
ALONE = """
wav:pcm_s16le wav:pcm_u8 wav:pcm_s24le wav:pcm_s32le wav:pcm_f32le wav:pcm_f64le wav:pcm_alaw
wav:pcm_mulaw wav:adpcm_ms wav:adpcm_ima_wav wav:libmp3lame w64:pcm_s16le aiff:pcm_s16be
aiff:pcm_s24be caf:pcm_s16le caf:alac au:pcm_s16be flac:flac ogg:flac ogg:vorbis ogg:libopus
opus:libopus oga:flac mp3:libmp3lame mp2:mp2 adts:aac ac3:ac3 eac3:eac3 tta:tta wv:wavpack ipod:aac
ipod:alac voc:pcm_u8 voc:pcm_s16le sox:pcm_s32le
"""
IN_FILMS = """
mp4:aac mp4:libopus mp4:flac mp4:alac mp4:ac3 mp4:libmp3lame mov:aac mov:pcm_s16le mov:alac 3gp:aac
matroska:aac matroska:libopus matroska:vorbis matroska:flac matroska:pcm_s16le matroska:ac3
matroska:libmp3lame matroska:alac matroska:wavpack webm:libopus webm:vorbis avi:libmp3lame
avi:pcm_s16le avi:ac3 asf:libmp3lame flv:aac flv:libmp3lame mpegts:aac mpegts:mp2 mpegts:ac3
mpegts:libmp3lame mpegts:libopus mpeg:mp2 vob:ac3 vob:mp2 nut:vorbis nut:aac nut:libmp3lame
"""
# The picture's seconds, and by how many the sound begins later.
PICTURES = ((None, 0.0), (SECONDS, 0.0), (7.0, 0.0), (7.0, 1.5))


def complaint(path: Path) -> str | None:
    """What is said against a recording; None if nothing is."""
    with open_media(path, isolated=False) as media:
        list(media)
    found = media.accounting
    if found.lost or found.damaged_packets or media.doubts:
        return f"{found.lost}, {found.damaged_packets} damaged packets, {media.doubts}"
    if abs(found.decoded_seconds - SECONDS) > FRAMES:
        return f"{found.decoded_seconds} s of {SECONDS} s were decoded"
    return None


@pytest.mark.slow
@pytest.mark.parametrize("pair", (ALONE + IN_FILMS).split())
def test_a_healthy_recording_is_neither_partial_nor_doubtful(pair: str, tmp_path: Path) -> None:
    av.logging.set_level(None)
    form, codec = pair.split(":")
    rate = 48_000 if "opus" in codec else 44_100
    sound = two_voices(SECONDS, rate)
    complaints = []
    for picture, late in PICTURES if pair in IN_FILMS.split() else PICTURES[:1]:
        path = tmp_path / "film.bin"
        write_film(path, form, codec, sound, rate, picture=picture, late=late)
        if wrong := complaint(path):
            complaints.append(f"picture {picture} s, sound {late} s late: {wrong}")
    assert not complaints, "\n".join(complaints)
