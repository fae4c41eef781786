"""Makes embeddings of invented voices: near to their own centre, far from the others'."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from parakeet_cli.speakers.clustering.space import voice_space
from parakeet_cli.speakers.collector import CollectedVoices, Voices
from parakeet_cli.speakers.embeddings import Embeddings, unit

STEP = 1.0  # seconds between two windows
LENGTH = 1.5


def invented(turns: Sequence[int], *, spread: float = 0.6, seed: int = 0) -> CollectedVoices:
    """A window a second; its voice is that number's. Cosines within a voice are about 0.7."""
    random = np.random.default_rng(seed)
    several = random.standard_normal((192, max(turns, default=0) + 1))
    centres = np.linalg.qr(several)[0].T.astype(np.float32)
    scatter = unit(random.standard_normal((len(turns), 192)).astype(np.float32))
    own: Embeddings = centres[list(turns)] + np.float32(spread) * scatter
    starts = np.arange(len(turns)) * STEP
    # Where the mean of all voices is taken off, what is left is this.
    voices = Voices(np.stack((starts, starts + LENGTH), 1), own + voice_space().telephone)
    return CollectedVoices(voices, voices)
