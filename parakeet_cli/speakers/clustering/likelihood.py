"""Joins clusters of windows as long as it is likelier that two of them have the same speaker.

A voice's mean is a normal variable with variance `between`, and a window is that mean plus a
normal variable of variance 1, each on the axes of `VoiceSpace`: the two-covariance model.
(N. Brümmer, E. de Villiers: The speaker partitioning problem, 2010.) In truth windows aren't
independent: they overlap, and a voice isn't the same from one minute to the next. So a window
counts as part of an observation, and a cluster as no more than so many. Otherwise one voice in a
long recording would be as many speakers as it has moods.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Chosen like the thresholds of centres.py.
_SHARE = 0.25  # of an independent observation that a window of 1.5 s is
_MOST = 15.0  # windows: a cluster of infinitely many counts as that many

Values = NDArray[np.float64]
Labels = NDArray[np.intp]


def joined(sums: Values, sizes: Values, between: Values) -> Labels:
    """The number of each cluster's speaker, from 0, shape (n,).

    `sums` are the sums of the clusters' vectors on the axes, shape (n, 192), `sizes` their windows,
    shape (n,), and `between` the variance between voices, shape (192,).
    """
    sums, sizes = sums.copy(), sizes.copy()
    count = len(sizes)
    labels = np.arange(count)
    likelier = np.full((count, count), -np.inf)
    for one in range(count - 1):
        likelier[one, one + 1 :] = gains(sums, sizes, one, np.arange(one + 1, count), between)
    alive = np.ones(count, bool)
    while alive.sum() > 1:
        one, other = divmod(int(likelier.argmax()), count)
        if likelier[one, other] <= 0:
            break
        sums[one] += sums[other]
        sizes[one] += sizes[other]
        labels[labels == other] = one
        alive[other] = False
        likelier[other], likelier[:, other] = -np.inf, -np.inf
        others = np.flatnonzero(alive)
        others = others[others != one]
        found = gains(sums, sizes, one, others, between)
        likelier[np.minimum(one, others), np.maximum(one, others)] = found
    numbers: Labels = np.unique(labels, return_inverse=True)[1]
    return numbers


def evidence(sums: Values, sizes: Values, between: Values) -> float:
    """The logarithm of how likely it is that each cluster is a speaker, but for a constant.

    It compares the ways to divide the same windows: all of them count.
    """
    return float(_evidence(_SHARE * sums, _SHARE * sizes, between).sum())


def gains(sums: Values, sizes: Values, one: int, others: Labels, between: Values) -> Values:
    """The logarithm of how much likelier one speaker is than two, of one cluster with others.

    With an empty cluster it is 0.
    """
    counts = _SHARE * sizes / (1 + sizes / _MOST)
    scaled = sums * (counts / np.maximum(sizes, 1e-9))[:, None]
    alone = _evidence(scaled, counts, between)
    both = _evidence(scaled[one] + scaled[others], counts[one] + counts[others], between)
    found: Values = both - alone[one] - alone[others]
    return found


def _evidence(sums: Values, counts: Values, between: Values) -> Values:
    """The logarithm of the likelihood that each row is of one voice, but for a constant."""
    spread = 1 + counts[:, None] * between
    evidence: Values = 0.5 * (between * sums**2 / spread - np.log(spread)).sum(axis=1)
    return evidence
