"""Groups are found from a guess that is wrong in places."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.speakers.clustering.spectral import spectral_labels
from tests.unit.speakers.voices import invented


@pytest.mark.parametrize("number", [2, 3, 6])
def test_a_wrong_guess_is_put_right(number: int) -> None:
    true = np.arange(30 * number) % number
    guess = true.copy()
    guess[: 4 * number] = 0
    found = spectral_labels(invented(true.tolist()).narrow.embeddings, guess, number)
    assert (found == true).all()


def test_a_group_that_nobody_is_in_stays_empty() -> None:
    true = np.zeros(20, np.intp)
    found = spectral_labels(invented(true.tolist()).narrow.embeddings, true, 2)
    assert set(found.tolist()) == {0}


def test_vectors_that_are_unlike_all_others_are_no_error() -> None:
    vectors = np.eye(12, 192, dtype=np.float32)
    labels = spectral_labels(vectors, np.arange(12) % 3, 3)
    assert len(labels) == 12
    assert set(labels.tolist()) <= {0, 1, 2}
