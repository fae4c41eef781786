from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.samples import Block
from parakeet_cli.formats import FORMATS, FormatOptions
from parakeet_cli.formats.html.sound import Sound
from parakeet_cli.formats.html.waveform import BARS_AT_MOST, Waveform


def test_a_waveform_follows_the_loudness_and_leaves_gaps_silent() -> None:
    waveform = Waveform()
    waveform.add(np.full(16_000, 0.5, dtype=np.float32), 0.0)
    waveform.add(np.full(16_000, 0.25, dtype=np.float32), 2.0)
    envelope = waveform.envelope()
    assert envelope.seconds * len(envelope.loudness) == pytest.approx(3.0)
    assert envelope.bars(6, 3.0) == pytest.approx([1, 1, 0, 0, 0.5, 0.5])


def test_a_waveform_is_the_same_in_blocks_of_any_size() -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, 50_000).astype(np.float32)
    whole, pieces = Waveform(), Waveform()
    whole.add(samples, 0.0)
    for at in range(0, len(samples), 777):
        pieces.add(samples[at : at + 777], at / 16_000)
    assert pieces.envelope().loudness == pytest.approx(whole.envelope().loudness)


def test_a_waveform_of_thirty_hours_takes_no_more_memory_than_one_of_a_minute() -> None:
    waveform = Waveform()
    block = np.full(16_000, 0.5, dtype=np.float32)
    for hour in range(30):
        waveform.add(block, 3600.0 * hour)
    envelope = waveform.envelope()
    assert len(envelope.loudness) <= BARS_AT_MOST
    assert sum(bar > 0 for bar in envelope.loudness) == 30
    energy = sum(bar**2 for bar in envelope.loudness) * envelope.seconds
    assert energy == pytest.approx(30 * 0.25)


def test_the_page_s_collector_gathers_the_waveform_and_finds_the_recording(tmp_path: Path) -> None:
    blocks = [
        Block(np.full(1_600, loud, dtype=np.float32), 0.1 * i) for i, loud in enumerate((0.5, 1))
    ]
    (tmp_path / "a.wav").touch()
    options = FormatOptions(link_audio=True)
    collector = FORMATS["html"].collector(tmp_path / "a.wav", tmp_path / "a.html", options)
    assert collector is not None
    for block in blocks:
        collector.add(block)
    sound = collector.finish()
    assert isinstance(sound, Sound)
    assert sound.link == "a.wav"
    assert sound.envelope is not None
    assert sound.envelope.bars(2, 0.2) == pytest.approx([0.5, 1.0])


def test_nan_samples_do_not_spoil_a_waveform() -> None:
    waveform = Waveform()
    waveform.add(np.array([np.nan, np.inf, -np.inf, 0.0], dtype=np.float32), 0.0)
    waveform.add(np.zeros(0, dtype=np.float32), 9.0)
    (bar,) = waveform.envelope().loudness
    assert 0 < bar < 1
