"""Chooses a greedy decoder's tokens with the words to expect in mind.

A term is preferred, by what its letters earn, to what the model finds more probable. Its first
letters are tried even where they don't earn enough yet. Whether it was right to prefer it shows
at its end: if recognition doesn't come to the end of the term, or the term costs more than it
earns, decoding goes back to where it first chose otherwise, and goes on there as it would have
done without the term. So the beginning of a term is never written where the term isn't.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from .tree import ROOT, Floats, TokenTree

Place = TypeVar("Place")

# How much less probable, as a natural logarithm, the beginning of a term may be beyond what its
# letters earn. Each trial takes a step or two of the decoder. Measured by bench/vocabulary.py.
TRIAL_WEIGHT = 3.0


@dataclass(slots=True)
class _Branch(Generic[Place]):
    """Where the choice first differed from the model's, and what it has cost since."""

    place: Place
    node: int
    cost: float = 0.0


class TermChooser(Generic[Place]):
    """Chooses the tokens of one chunk. A place is whatever the decoder needs to go back there.

    `node` is where in the tree the sound before has ended.
    """

    def __init__(self, tree: TokenTree, blank: int, node: int = ROOT) -> None:
        self._tree, self._blank = tree, blank
        self._node = node
        self._branch: _Branch[Place] | None = None
        self._as_without_terms = False  # for the next choice

    @property
    def node(self) -> int:
        return self._node

    def choose(self, scores: Floats, best: int, place: Place) -> tuple[int, Place | None]:
        """The token to take instead of `best`, which isn't blank, and a place to go back to.

        `scores` are the logarithms of probabilities, all but for the same constant. Where there
        is a place, the token doesn't count.
        """
        tree, node = self._tree, self._node
        token = best
        if not self._as_without_terms:
            token = self._preferred(scores)
        self._as_without_terms = False
        if not tree.continues(node, token) and (back := self._leave(token)) is not None:
            return token, back
        if token != best and self._branch is None:
            self._branch = _Branch(place, node)
        if self._branch is not None:
            self._branch.cost += float(scores[best] - scores[token])
        self._node = tree.after(node, token)
        return token, None

    def finish(self) -> Place | None:
        """A place to go back to at the end of the sound, or None."""
        return self._leave(None)

    def _preferred(self, scores: Floats) -> int:
        weights = self._tree.weights(self._node)
        boosted = scores[: len(weights)] + weights
        if self._branch is None:
            for node in {ROOT, self._node}:
                boosted[self._tree.arcs(node).ids] += TRIAL_WEIGHT
        if self._blank < len(boosted):
            boosted[self._blank] = -float("inf")
        return int(boosted.argmax())

    def _leave(self, token: int | None) -> Place | None:
        """Leave the term, if one has begun; the place to go back to unless it was right."""
        branch, self._branch = self._branch, None
        if branch is None:
            return None
        ends = token is None or bool(self._tree.ends_words[token])
        earned = self._tree.finished(self._node) if ends else 0.0
        if 0.0 < earned >= branch.cost:
            return None
        self._node, self._as_without_terms = branch.node, True
        return branch.place


# A run of frames of the same id, in a CTC head's best ids: (id, first frame, frame after the last).
Run = tuple[int, int, int]


def choose_runs(
    chooser: TermChooser[int], scores_of: Callable[[Run], Floats], runs: Sequence[Run]
) -> list[Run]:
    """CTC's runs, without blanks, with the ids that are chosen when terms are expected.

    `scores_of` gives the logarithms of the probabilities of all ids in a run.
    """
    chosen: list[Run] = []
    while True:
        at = len(chosen)
        if at == len(runs):
            back = chooser.finish()
            if back is None:
                return chosen
            del chosen[back:]
            continue
        number, start, end = runs[at]
        number, back = chooser.choose(scores_of(runs[at]), number, at)
        if back is None:
            chosen.append((number, start, end))
        else:
            del chosen[back:]
