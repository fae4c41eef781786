"""What voices have in common, and the axes on which they differ."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.speakers.clustering.space import voice_space


@pytest.mark.parametrize(
    ("share", "expected"), [(-1.0, 0.0), (0.0, 0.0), (0.3, 0.3), (1.0, 1.0), (2.0, 1.0)]
)
def test_what_voices_have_in_common_lies_between_a_telephone_and_full_sound(
    share: float, expected: float
) -> None:
    space = voice_space()
    way = space.full - space.telephone
    mean = space.telephone + share * way
    found = space.common_part(np.stack([mean + 0.1, mean - 0.1]).astype(np.float32))
    assert np.allclose(found, space.telephone + expected * way, atol=1e-4)


def test_voices_differ_on_independent_axes_and_most_on_the_first() -> None:
    space = voice_space()
    assert space.axes.shape == (192, 192)
    assert np.linalg.matrix_rank(space.axes) == 192
    assert (np.diff(space.between) <= 0).all()
    assert space.between[0] > 5
    assert space.between[-1] > 0
