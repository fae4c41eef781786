"""A media file is decoded to 16 kHz mono blocks, each sample at its place."""

from __future__ import annotations

import itertools
import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr

from parakeet_cli.audio.decode.media import SAMPLE_RATE, Block, Samples, open_media, probe_duration
from parakeet_cli.errors import InputError
from tests.media_files import (
    RECIPES,
    Floats,
    Recipe,
    clicks,
    speech,
    tone,
    write_media,
    write_silent_video,
)

CLICKS = (0.5, 1.5, 2.75)


def write_wav(path: Path, frames: bytes, *, rate: int, channels: int, width: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(frames)
    return path


def write_float_wav(path: Path, samples: np.ndarray, rate: int) -> Path:
    data = samples.tobytes()
    bits = samples.dtype.itemsize * 8
    header = struct.pack("<HHIIHH", 3, 1, rate, rate * bits // 8, bits // 8, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + header
    body += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def decode(path: Path, **options: object) -> tuple[Samples, list[Block]]:
    with open_media(path, **options) as media:  # type: ignore[arg-type]
        blocks = list(media)
    return np.concatenate([block.samples for block in blocks]), blocks


def click_times(samples: Samples) -> list[float]:
    """The centre of each click, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.2)
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > SAMPLE_RATE // 10) + 1)
    weights = [np.abs(samples[group]) for group in groups]
    return [
        float((group * weight).sum() / weight.sum() / SAMPLE_RATE)
        for group, weight in zip(groups, weights, strict=True)
    ]


@pytest.mark.parametrize("kind", RECIPES)
def test_every_format_is_decoded_completely_and_on_time(kind: str, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    path = write_media(tmp_path / f"clip.{recipe.suffix}", clicks(3.2, recipe.rate, CLICKS), recipe)
    samples, blocks = decode(path)
    # WMA's decoder returns nothing for its first two packets of 46 ms.
    assert blocks[0].start == pytest.approx(0.092 if kind == "wma" else 0, abs=0.001)
    # A format without a field for the encoder's delay is late by it.
    times = [time + blocks[0].start - recipe.delay for time in click_times(samples)]
    assert times == pytest.approx(CLICKS, abs=0.004)
    assert len(samples) / SAMPLE_RATE == pytest.approx(3.2, abs=0.15)


@pytest.mark.parametrize(
    "rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]
)
def test_a_click_stays_within_a_sample_of_its_place_at_every_rate(
    rate: int, tmp_path: Path
) -> None:
    signal = (clicks(3.2, rate, CLICKS) * 2**15).astype(np.int16)
    path = write_wav(tmp_path / "a.wav", signal.tobytes(), rate=rate, channels=1, width=2)
    samples, _ = decode(path)
    assert len(samples) == round(3.2 * SAMPLE_RATE)
    assert click_times(samples) == pytest.approx(CLICKS, abs=1 / SAMPLE_RATE)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_integer_samples_of_every_width_keep_their_level(width: int, tmp_path: Path) -> None:
    signal = tone(1, SAMPLE_RATE)
    whole = (signal * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    if width == 1:
        whole += 128  # WAV's eight bits are unsigned
    raw = whole.astype("<i8").tobytes()
    frames = b"".join(raw[i : i + width] for i in range(0, len(raw), 8))
    path = write_wav(tmp_path / "a.wav", frames, rate=SAMPLE_RATE, channels=1, width=width)
    samples, _ = decode(path)
    np.testing.assert_allclose(samples, signal, atol=2.0 ** (2 - 8 * min(width, 3)))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_float_samples_keep_their_level_and_are_clipped_at_full_scale(
    kind: type[np.floating], tmp_path: Path
) -> None:
    signal = tone(1, SAMPLE_RATE, level=2.0)
    samples, _ = decode(write_float_wav(tmp_path / "a.wav", signal.astype(kind), SAMPLE_RATE))
    np.testing.assert_allclose(samples, np.clip(signal, -1, 1), atol=1e-6)


def test_not_a_number_in_a_float_file_does_not_spread(tmp_path: Path) -> None:
    signal = tone(2, 44_100)
    signal[44_100:44_110] = np.nan
    samples, _ = decode(write_float_wav(tmp_path / "a.wav", signal, 44_100))
    assert np.isfinite(samples).all()
    assert np.abs(samples[: SAMPLE_RATE - 100]).max() > 0.4
    assert np.abs(samples[SAMPLE_RATE + 100 :]).max() > 0.4


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_all_channels_count_the_same(kind: str, channels: int, tmp_path: Path) -> None:
    levels = np.linspace(0.1, 0.8, channels, dtype=np.float32)
    signal: Floats = tone(1, SAMPLE_RATE, level=1.0)[:, None] * levels
    recipe = RECIPES[kind]
    recipe = Recipe(recipe.suffix, recipe.codec, SAMPLE_RATE, channels, None, recipe.sample_format)
    path = write_media(tmp_path / f"a.{recipe.suffix}", signal, recipe)
    samples, _ = decode(path)
    np.testing.assert_allclose(samples, tone(1, SAMPLE_RATE, level=levels.mean()), atol=1e-3)
    for number, level in enumerate(levels):
        one, _ = decode(path, channel=number)
        np.testing.assert_allclose(one, tone(1, SAMPLE_RATE, level=level), atol=1e-3)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "m4a"])
def test_channels_in_opposite_phase_are_heard_and_named(kind: str, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    voice = soxr.resample(speech(6), 16_000, recipe.rate).astype(np.float32)
    path = write_media(tmp_path / f"a.{recipe.suffix}", np.stack([voice, -voice], axis=1), recipe)
    with open_media(path) as media:
        samples = np.concatenate([block.samples for block in media])
    assert samples.std() == pytest.approx(voice.std(), rel=0.1)
    (doubt,) = media.doubts
    assert (doubt.kind, doubt.start) == ("channels", 0.0)
    assert doubt.end == pytest.approx(6.0, abs=0.1)
    assert "channel 1 was inverted" in doubt.reason
    with open_media(path, channel=0) as one:
        list(one)
    assert one.doubts == ()


def test_a_silent_channel_is_named_and_healthy_ones_are_not_doubted(tmp_path: Path) -> None:
    voice = soxr.resample(speech(6), 16_000, 44_100).astype(np.float32)
    for other, count in ((np.zeros_like(voice), 1), (voice[::-1], 0), (voice, 0)):
        path = tmp_path / "a.wav"
        write_media(path, np.stack([voice, other], axis=1), RECIPES["wav"])
        with open_media(path) as media:
            list(media)
        assert len(media.doubts) == count


def test_planar_channels_are_mixed_like_packed_ones(tmp_path: Path) -> None:
    signal = np.stack([tone(2, 44_100, level=0.6), tone(2, 44_100, level=0.2)], axis=1)
    path = write_media(tmp_path / "a.mov", signal, RECIPES["mov"])
    left, _ = decode(path, channel=0)
    both, _ = decode(path)
    middle = slice(SAMPLE_RATE // 2, SAMPLE_RATE)
    assert np.abs(left[middle]).max() == pytest.approx(0.6, abs=0.03)
    assert np.abs(both[middle]).max() == pytest.approx(0.4, abs=0.03)


def test_blocks_follow_one_another_without_a_gap(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp3", tone(45, 44_100), RECIPES["mp3"])
    with open_media(path) as media:
        blocks = list(media)
    assert len(blocks) > 3
    assert max(len(block.samples) for block in blocks) < 12 * SAMPLE_RATE
    for before, after in itertools.pairwise(blocks):
        assert after.start == pytest.approx(before.end, abs=1e-9)
    assert media.accounting.decoded_seconds == pytest.approx(45, abs=0.001)
    assert media.source.duration == pytest.approx(45, abs=0.001)
    assert (media.source.sample_rate, media.source.channels) == (44_100, 2)
    assert media.accounting.damaged_packets == 0


def test_a_part_keeps_the_clock_of_the_whole(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.flac", clicks(30, 44_100, (5, 14.5, 25)), RECIPES["flac"])
    samples, blocks = decode(path, offset=14.0, duration=2.0)
    assert len(samples) == 2 * SAMPLE_RATE
    assert blocks[0].start == pytest.approx(14.0, abs=1e-4)
    assert click_times(samples) == pytest.approx([0.5], abs=0.001)


def test_the_part_of_a_request_after_the_end_of_the_file_is_lost(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.flac", tone(30, 44_100), RECIPES["flac"])
    for duration, missing in ((9.0, True), (4.05, False)):  # manifests round
        with open_media(path, offset=26.0, duration=duration, isolated=False) as media:
            assert sum(len(block.samples) for block in media) == 4 * SAMPLE_RATE
        accounting = media.accounting
        assert accounting.decoded_seconds == pytest.approx(4.0)
        assert media.source.duration == pytest.approx(30.0)  # of the file, as it is
        assert len(accounting.lost) == missing
        for one in accounting.lost:
            assert (one.start, one.end) == pytest.approx((30.0, 35.0))
            assert "before the part of it that was asked for" in one.reason
            assert accounting.expected_seconds == pytest.approx(duration)


def test_the_audio_of_a_video_is_decoded(tmp_path: Path) -> None:
    path = write_media(tmp_path / "film.mp4", clicks(2, 44_100, (0.5,)), RECIPES["mp4"], video=True)
    samples, _ = decode(path)
    assert click_times(samples) == pytest.approx([0.5], abs=0.004)


def test_an_audio_stream_is_chosen_by_number(tmp_path: Path) -> None:
    loud_one = (tone(1, 48_000, level=0.7), RECIPES["webm"])
    quiet_one = tone(1, 44_100, level=0.1)
    path = write_media(tmp_path / "two.mkv", quiet_one, RECIPES["mkv"], loud_one)
    quiet, _ = decode(path)
    loud, _ = decode(path, audio_stream=1)
    assert np.abs(quiet).max() < 0.2
    assert np.abs(loud).max() > 0.5
    with pytest.raises(InputError, match=r"no audio stream 2\. It has 0: aac 44100 Hz.*; 1: opus"):
        open_media(path, audio_stream=2)


def test_a_missing_channel_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", tone(1, 44_100), RECIPES["wav"])
    with pytest.raises(InputError, match=r"a\.wav has no channel 2\. It has 2 channels, 0 to 1\."):
        open_media(path, channel=2)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_cut_m4a(path: Path) -> None:
    whole = write_media(path.with_suffix(".m4a"), tone(4, 44_100), RECIPES["m4a"])
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "does not exist."),
        (lambda path: path.mkdir(), "is a directory, not a media file."),
        (lambda path: path.write_bytes(b""), "is empty: it has no bytes at all."),
        (lambda path: path.write_text("Dear diary,\n" * 500), "is not a media file"),
        (lambda path: path.write_bytes(bytes(50_000)), "is not a media file"),
        (make_fifo, "is not a regular file."),
        (write_silent_video, "is a video without sound"),
        (make_cut_m4a, "was cut off before its index was written"),
    ],
    ids=["missing", "directory", "empty", "text", "zeros", "fifo", "silent video", "cut m4a"],
)
def test_a_file_that_cannot_be_opened_is_refused_in_one_plain_sentence(
    make: object, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "-odd näme 🎙\n.mp3"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError) as caught:
        open_media(path, name="as the user wrote it")
    message = str(caught.value)
    assert message.startswith("as the user wrote it ")
    assert sentence in message
    assert message.endswith(".")
    assert "Errno" not in message


def test_a_file_without_permission_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_media(tmp_path / "a.wav", tone(1, 44_100), RECIPES["wav"])

    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")  # root may read everything

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match=r"a\.wav can't be read: permission denied\."):
        open_media(path, isolated=False)


@pytest.mark.parametrize(
    "name", ["with space.wav", "émoji 🎙.wav", "new\nline.wav", "-dash.wav", "http:x.wav"]
)
def test_odd_names_are_read_like_any_other(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_media(tmp_path / "plain.wav", tone(1, 44_100), RECIPES["wav"]).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    samples, _ = decode(Path(name))
    assert len(samples) == SAMPLE_RATE


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    write_media(tmp_path / "a.aac", tone(1, 44_100), RECIPES["adts"])
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.aac\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="playlist"):
        open_media(path)


def test_a_rate_that_changes_midway_is_resampled_correctly(tmp_path: Path) -> None:
    slow = Recipe("mp3", "libmp3lame", 22_050, 1, 64_000)
    first = write_media(tmp_path / "a.mp3", tone(2, 44_100), RECIPES["mp3"])
    second = write_media(tmp_path / "b.mp3", tone(2, 22_050), slow)
    both = tmp_path / "both.mp3"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    samples, _ = decode(both)
    late = samples[3 * SAMPLE_RATE : 3 * SAMPLE_RATE + SAMPLE_RATE // 2]
    crossings = np.count_nonzero(np.diff(np.signbit(late)))
    assert crossings == pytest.approx(440, abs=4)  # half a second of 440 Hz


@pytest.mark.parametrize("kind", ["wav", "flac", "m4a", "mp3", "webm", "opus"])
def test_the_length_is_known_from_the_header(kind: str, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    path = write_media(tmp_path / f"a.{recipe.suffix}", tone(3, recipe.rate), recipe)
    assert probe_duration(path) == pytest.approx(3, abs=0.1)


def test_the_length_of_a_file_that_is_not_media_is_unknown(tmp_path: Path) -> None:
    assert probe_duration(tmp_path / "nothing.wav") is None
