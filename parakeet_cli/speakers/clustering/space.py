"""What is known about voices in general: what they have in common, and how they differ.

bench/voice_space.py made the file, of the voices that thresholds are chosen with, and of others
that are in no recording that is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.speakers.embeddings import VOICE_SPACE, Embeddings


@dataclass(frozen=True, slots=True)
class VoiceSpace:
    """Mean embeddings of many voices, and the axes along which voices differ.

    Of vectors times `axes`, the values are independent, within a voice each has variance 1, and
    between the means of voices that in `between`.
    """

    telephone: Embeddings  # shape (192,), of voices by telephone
    full: Embeddings  # shape (192,), of voices with full sound
    axes: NDArray[np.float64]  # shape (192, 192)
    between: NDArray[np.float64]  # shape (192,)

    def common_part(self, embeddings: Embeddings) -> Embeddings:
        """What all voices have in common on the channel of a recording, shape (192,).

        It lies between the mean of other voices by telephone and that of full sound, as near as it
        can to the mean of the recording's windows, shape (n, 192). Where only one speaks, that mean
        itself would be their voice.
        """
        way = self.full - self.telephone
        share = (embeddings.mean(axis=0) - self.telephone) @ way / (way @ way)
        common: Embeddings = (self.telephone + np.clip(share, 0, 1) * way).astype(np.float32)
        return common


@cache
def voice_space() -> VoiceSpace:
    """The space in our package, whose sum was compared before any embedding was made."""
    with np.load(VOICE_SPACE, allow_pickle=False) as arrays:
        telephone, full = arrays["means"].astype(np.float32)
        axes, between = arrays["axes"].astype(np.float64), arrays["between"].astype(np.float64)
    return VoiceSpace(telephone, full, axes, between)
