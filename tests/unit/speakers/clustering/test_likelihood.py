"""Clusters are joined where one speaker is likelier than two, however long they speak."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.speakers.clustering.likelihood import Labels, Values, evidence, joined

BETWEEN = np.linspace(12.0, 0.5, 192)


def clusters(speakers: list[int], sizes: Values, drift: float = 0.0) -> Values:
    """The sums of windows of these speakers, by the model itself."""
    random = np.random.default_rng(0)
    voices = random.standard_normal((max(speakers) + 1, 192)) * np.sqrt(BETWEEN)
    means = voices[speakers] + drift * random.standard_normal((len(speakers), 192))
    noise = random.standard_normal(means.shape) * np.sqrt(sizes)[:, None]
    return np.asarray(means * sizes[:, None] + noise)


def partition(labels: Labels) -> list[int]:
    """The labels by who comes first."""
    order = list(dict.fromkeys(labels.tolist()))
    return [order.index(label) for label in labels.tolist()]


@pytest.mark.parametrize("size", [4.0, 40.0, 4_000.0])
def test_clusters_of_one_speaker_are_joined_and_others_are_not(size: float) -> None:
    speakers = [0, 1, 2, 0, 1, 2, 2, 2, 0, 3]
    sizes = np.full(10, size)
    assert partition(joined(clusters(speakers, sizes), sizes, BETWEEN)) == speakers


def test_a_voice_that_changes_somewhat_in_an_hour_is_one() -> None:
    sizes = np.full(12, 300.0)
    found = joined(clusters([0] * 12, sizes, drift=0.7), sizes, BETWEEN)
    assert set(found.tolist()) == {0}


def test_who_speaks_little_is_a_speaker_beside_one_who_speaks_for_hours() -> None:
    sizes = np.array([20_000.0, 15_000.0, 10.0])
    assert partition(joined(clusters([0, 0, 1], sizes), sizes, BETWEEN)) == [0, 0, 1]


def test_one_cluster_is_one_speaker() -> None:
    sizes = np.array([3.0])
    assert joined(clusters([0], sizes), sizes, BETWEEN).tolist() == [0]


def test_the_right_way_to_divide_windows_is_the_likeliest() -> None:
    sizes = np.array([20.0, 30.0, 15.0, 40.0])
    sums = clusters([0, 0, 1, 1], sizes)

    def likelihood(*parts: list[int]) -> float:
        joint = np.array([sums[part].sum(axis=0) for part in parts])
        return evidence(joint, np.array([sizes[part].sum() for part in parts]), BETWEEN)

    right = likelihood([0, 1], [2, 3])
    assert right > likelihood([0, 2], [1, 3])
    assert right > likelihood([0], [1, 2, 3])


def test_a_speaker_who_says_nothing_changes_no_likelihood() -> None:
    sizes = np.array([20.0, 0.0])
    sums = np.concatenate((clusters([0], sizes[:1]), np.zeros((1, 192))))
    assert evidence(sums, sizes, BETWEEN) == evidence(sums[:1], sizes[:1], BETWEEN)
