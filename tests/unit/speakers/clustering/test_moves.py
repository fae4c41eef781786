"""A division of windows in which two speakers are one, and one is two, is put right."""

from __future__ import annotations

import numpy as np

from parakeet_cli.speakers.clustering.likelihood import Labels
from parakeet_cli.speakers.clustering.moves import improved
from parakeet_cli.speakers.clustering.space import voice_space
from parakeet_cli.speakers.embeddings import Embeddings, unit
from tests.unit.speakers.voices import invented


def vectors(speakers: Labels) -> Embeddings:
    return unit(invented(speakers.tolist()).narrow.embeddings - voice_space().telephone)


def labels(speakers: Labels, first: Labels, number: int) -> Labels:
    weights = np.ones(len(speakers))
    found = improved(vectors(speakers), weights, first, number)
    order = list(dict.fromkeys(found.tolist()))
    return np.array([order.index(label) for label in found.tolist()])


def turns(*lengths: int) -> Labels:
    """So many windows of each speaker, one after the other."""
    return np.repeat(np.arange(len(lengths)), lengths)


def test_two_speakers_who_were_one_are_told_apart_and_one_who_was_two_is_joined() -> None:
    true = turns(30, 30, 40, 20)
    first = np.where(true == 1, 0, true)  # the first two are one
    first[60:80] = 1  # the third is two
    assert (labels(true, first, 4) == true).all()


def test_who_speaks_little_is_found_beside_one_who_speaks_much_and_is_two() -> None:
    true = turns(90, 40, 6)
    first = true.copy()
    first[true == 2] = 1
    first[45:90] = 2
    assert (labels(true, first, 3) == true).all()


def test_a_right_division_stays() -> None:
    true = turns(25, 25, 5)
    assert (labels(true, true, 3) == true).all()


def test_an_empty_group_is_used_where_two_speakers_are_one() -> None:
    true = turns(30, 30)
    assert (labels(true, np.zeros_like(true), 2) == true).all()


def test_vectors_that_are_all_the_same_are_no_error() -> None:
    same = np.repeat(vectors(turns(1)), 12, axis=0)
    first = np.arange(12) % 3
    assert len(improved(same, np.ones(12), first, 3)) == 12
