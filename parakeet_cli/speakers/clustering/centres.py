"""Counts the speakers by their embeddings, and finds the centre of each one's.

Average linkage of cosine distances makes small clusters, likelihood says which of these are one
speaker, and spectral clustering with that number divides the windows among them, unless the nearest
centres do it better; `moves.py` improves that. Memory is bounded: of a long recording, parts become
small clusters first. SciPy does the clustering, and is imported for this alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.speakers.clustering.likelihood import evidence, joined
from parakeet_cli.speakers.clustering.moves import LEAST, improved
from parakeet_cli.speakers.clustering.space import voice_space
from parakeet_cli.speakers.clustering.spectral import spectral_labels
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.speakers.embeddings import Embeddings, unit

# Chosen with the voices of `bench/speakers.py --set dev`, each with a `VoiceSpace` without them.
_START = 64  # small clusters, of which likelihood joins those of one speaker
_ALIKE = 0.5  # cosine of two centres that are one speaker's, whatever is likelier
_LONG = 0.68  # seconds of a window that says enough to count by
_FULL = 1.5  # seconds of a window that counts as one

_AT_ONCE = 2_000  # windows: 32 MB of distances
_PART_CLUSTERS = 64  # that many windows are joined to, where there are more in all
_ROUNDS = 3  # of moving the centres to the windows that are nearest to them


def centres_of(
    vectors: Embeddings, seconds: NDArray[np.float64], count: SpeakerCount
) -> Embeddings:
    """The centre of each speaker's embeddings, of length 1, shape (speakers, 192).

    `vectors` are embeddings without what all voices have in common, of length 1, shape (n, 192);
    `seconds` is how long each one's window is, shape (n,).
    """
    long = seconds >= _LONG
    if long.sum() < max(2, count.least):
        long = np.ones(len(vectors), bool)
    chosen, weights = _joined(vectors[long], seconds[long] / _FULL)
    centres = _counted(chosen, weights, count)
    if 1 < len(centres) < len(chosen) // 2:
        labels = _divided(chosen, weights, centres)
        labels = improved(chosen, weights, labels, len(centres))
        centres = unit(_sums(chosen, weights, labels, centres))
    for _ in range(_ROUNDS):
        nearest = (vectors @ centres.T).argmax(axis=1)
        centres = unit(_sums(vectors, seconds, nearest, centres))
    return centres


def _divided(
    vectors: Embeddings, weights: NDArray[np.float64], centres: Embeddings
) -> NDArray[np.intp]:
    """The labels by spectral clustering, or by the nearest centres if these are likelier."""
    space = voice_space()
    nearest: NDArray[np.intp] = (vectors @ centres.T).argmax(axis=1)
    ways = (spectral_labels(vectors, nearest, len(centres)), nearest)

    def likelihood(labels: NDArray[np.intp]) -> float:
        sizes = np.bincount(labels, weights, len(centres)).astype(np.float64)
        sums = _sums(vectors, weights, labels, np.zeros_like(centres))
        return evidence(sums @ space.axes, sizes, space.between)

    return max(ways, key=likelihood)


def _sums(
    vectors: Embeddings, weights: NDArray[np.float64], labels: NDArray[np.intp], before: Embeddings
) -> Embeddings:
    """The weighted sum of each label's vectors; where there are none, what was `before`."""
    shares = (np.arange(len(before))[:, None] == labels) * weights.astype(np.float32)
    sums: Embeddings = shares.astype(np.float32) @ vectors
    empty = ~shares.any(axis=1)
    sums[empty] = before[empty]
    return sums


def _joined(
    vectors: Embeddings, weights: NDArray[np.float64]
) -> tuple[Embeddings, NDArray[np.float64]]:
    """The vectors, or the means of so few small clusters that all distances fit into memory.

    The means keep their length, less than 1. So the product of two is the mean of the cosines
    between their clusters, as average linkage has it.
    """
    while len(vectors) > _AT_ONCE:
        parts = [
            _small_clusters(vectors[first : first + _AT_ONCE], weights[first : first + _AT_ONCE])
            for first in range(0, len(vectors), _AT_ONCE)
        ]
        vectors = np.concatenate([part[0] for part in parts])
        weights = np.concatenate([part[1] for part in parts])
    return vectors, weights


def _small_clusters(
    vectors: Embeddings, weights: NDArray[np.float64]
) -> tuple[Embeddings, NDArray[np.float64]]:
    if len(vectors) <= _PART_CLUSTERS:
        return vectors, weights
    labels = _cut_number(_tree(vectors), _PART_CLUSTERS)
    sizes = np.bincount(labels, weights).astype(np.float64)
    zero = np.zeros((len(sizes), vectors.shape[1]), np.float32)
    means = _sums(vectors, weights, labels, zero) / sizes[:, None]
    return means.astype(np.float32), sizes


def _counted(vectors: Embeddings, weights: NDArray[np.float64], count: SpeakerCount) -> Embeddings:
    """The centres of as many clusters as there seem to be within the given number."""
    if len(vectors) < 2:
        return unit(vectors)
    tree = _tree(vectors)
    labels = _likeliest(vectors, weights, _cut_number(tree, _START))
    centres, sizes = _centres(vectors, weights, labels)
    found = max(1, int((sizes >= LEAST).sum()))
    centres, sizes = centres[:found], sizes[:found]
    centres, sizes = _merged(centres, sizes)
    wanted = max(count.least, min(len(centres), count.most or len(centres)))
    if wanted == len(centres):
        return centres
    return _of_number(vectors, weights, tree, wanted)


def _likeliest(
    vectors: Embeddings, weights: NDArray[np.float64], labels: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The labels of clusters, of which those that seem to have one speaker are joined."""
    space = voice_space()
    sizes = np.bincount(labels, weights).astype(np.float64)
    sums = _sums(vectors, weights, labels, np.zeros((len(sizes), vectors.shape[1]), np.float32))
    found: NDArray[np.intp] = joined(sums @ space.axes, sizes, space.between)[labels]
    return found


def _of_number(
    vectors: Embeddings, weights: NDArray[np.float64], tree: NDArray[np.float64], number: int
) -> Embeddings:
    """The centres of this many speakers: the largest clusters where as many are large enough."""
    best: Embeddings | None = None
    for clusters in range(number, min(len(vectors), 8 * number + 8) + 1):
        centres, sizes = _centres(vectors, weights, _cut_number(tree, clusters))
        if len(centres) < number:
            continue
        best = centres[:number] if best is None else best
        if sizes[number - 1] >= LEAST:
            return centres[:number]
    return unit(vectors[:number]) if best is None else best


def _centres(
    vectors: Embeddings, weights: NDArray[np.float64], labels: NDArray[np.intp]
) -> tuple[Embeddings, NDArray[np.float64]]:
    """The centre and the size of each cluster, the largest first."""
    sizes = np.bincount(labels, weights).astype(np.float64)
    zero = np.zeros((len(sizes), vectors.shape[1]), np.float32)
    order = np.argsort(-sizes, kind="stable")
    return unit(_sums(vectors, weights, labels, zero))[order], sizes[order]


def _merged(
    centres: Embeddings, sizes: NDArray[np.float64]
) -> tuple[Embeddings, NDArray[np.float64]]:
    """The clusters, of which those with nearly the same centre are one."""
    while len(centres) > 1:
        likeness = centres @ centres.T - 2 * np.eye(len(centres), dtype=np.float32)
        one, other = divmod(int(likeness.argmax()), len(centres))
        if likeness[one, other] <= _ALIKE:
            break
        both = unit(centres[one] * sizes[one] + centres[other] * sizes[other])
        centres, sizes = centres.copy(), sizes.copy()
        centres[one], sizes[one] = both, sizes[one] + sizes[other]
        centres, sizes = np.delete(centres, other, 0), np.delete(sizes, other)
    return centres, sizes


def _tree(vectors: Embeddings) -> NDArray[np.float64]:
    """Average linkage, by one less the product of two vectors: the cosine of those of length 1."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    distances = np.maximum(0, 1 - vectors.astype(np.float64) @ vectors.T)
    np.fill_diagonal(distances, 0)
    tree: NDArray[np.float64] = linkage(squareform(distances, checks=False), "average")
    return tree


def _cut_number(tree: NDArray[np.float64], number: int) -> NDArray[np.intp]:
    """The label of each vector, from 0, of at most so many clusters."""
    from scipy.cluster.hierarchy import fcluster

    labels: NDArray[np.intp] = fcluster(tree, number, "maxclust") - 1
    return labels
