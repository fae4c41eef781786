"""Divides vectors into a known number of groups, by the eigenvectors of how alike they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.speakers.embeddings import Embeddings

_NEIGHBOURS = 0.6  # of a vector's likenesses count in full; chosen like the thresholds
_LEAST_NEIGHBOURS = 10
_OTHERS = 0.01  # how much the rest of them counts
_ROUNDS = 30  # of k-means, which ends long before

Labels = NDArray[np.intp]


def spectral_labels(vectors: Embeddings, first: Labels, number: int) -> Labels:
    """The group of each vector, from 0; `first` is a guess of it, from which k-means starts.

    The product of two vectors is how alike they are, and below 0 it counts as 0. (A. Ng, M. Jordan,
    Y. Weiss: On spectral clustering, 2001.) Memory and time are those of n² and n³ for n vectors.
    """
    from scipy.linalg import eigh

    alike = np.maximum(vectors.astype(np.float64) @ vectors.T, 0)
    count = len(vectors)
    kept = min(count, max(_LEAST_NEIGHBOURS, round(_NEIGHBOURS * count)))
    limits = np.partition(alike, count - kept, axis=1)[:, count - kept, None]
    alike[alike < limits] *= _OTHERS
    alike = (alike + alike.T) / 2
    np.fill_diagonal(alike, 0)
    scale = 1 / np.sqrt(np.maximum(alike.sum(axis=1), 1e-9))
    alike *= scale[:, None] * scale
    _, places = eigh(alike, subset_by_index=(count - number, count - 1), overwrite_a=True)
    places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-9)
    return _k_means(places, first, number)


def _k_means(places: NDArray[np.float64], labels: Labels, number: int) -> Labels:
    for _ in range(_ROUNDS):
        means = np.full((number, places.shape[1]), np.inf)  # of an empty group: near to nobody
        for label in set(labels.tolist()):
            means[label] = places[labels == label].mean(axis=0)
        distances = np.square(places[:, None] - means).sum(axis=2)
        nearest: Labels = distances.argmin(axis=1)
        if (nearest == labels).all():
            break
        labels = nearest
    return labels
