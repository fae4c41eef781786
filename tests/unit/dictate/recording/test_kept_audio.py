from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.dictate.recording.kept_audio import KeptAudio


def test_what_is_kept_can_be_read_and_is_dropped_by_its_age(tmp_path: Path) -> None:
    kept = KeptAudio(tmp_path / "audio")
    sound = np.linspace(-0.5, 0.5, 1600, dtype=np.float32)
    now = time.time()
    new, old = kept.save(now, sound), kept.save(now - 8 * 86_400, sound)
    assert np.allclose(kept.read(new), sound, atol=1e-4)
    (tmp_path / "audio" / "other.wav").touch()
    kept.drop_old(7.0)
    assert (kept.has(new), kept.has(old), kept.has("other.wav")) == (True, False, True)


def test_a_name_out_of_the_history_reads_nothing_elsewhere_and_no_other_kind_of_file(
    tmp_path: Path,
) -> None:
    kept = KeptAudio(tmp_path / "audio")
    kept.save(1.0, np.zeros(16, np.float32))
    (tmp_path / "outside.wav").write_bytes(b"")
    assert not kept.has("../outside.wav")
    (tmp_path / "audio" / "2.wav").write_bytes(b"no sound")
    with pytest.raises(OSError, match="no WAV"):
        kept.read("2.wav")
