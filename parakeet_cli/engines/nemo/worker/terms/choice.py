"""Chooses a greedy decoder's tokens with the words to expect in mind.

A term is preferred, by what its letters earn, to what the model finds more probable. Its first
letters are tried even where they don't earn enough yet. Whether it was right to prefer it shows
at its end: if recognition doesn't come to the end of the term, or the term costs more than it
earns, decoding goes back to where it first chose otherwise, and goes on there as it would have
done without the term. So the beginning of a term is never written where the term isn't.
"""

from __future__ import annotations

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
        self._tree, self.blank = tree, blank
        self._node = node
        self._branch: _Branch[Place] | None = None
        self._as_without_terms = False  # for the next choice

    @property
    def node(self) -> int:
        return self._node

    @property
    def decides(self) -> bool:
        """Whether it also decides where blank is the most probable: within a term on trial."""
        return self._branch is not None

    def choose(self, scores: Floats, best: int, place: Place) -> tuple[int, Place | None]:
        """The token to take instead of `best`, and a place to go back to.

        `scores` are the logarithms of probabilities, all but for the same constant. Where there
        is a place, the token doesn't count. `best` is blank only if it `decides`.
        """
        tree, node = self._tree, self._node
        token = best if self._as_without_terms else self._preferred(scores, best)
        self._as_without_terms = False
        if token != self.blank:
            if not tree.continues(node, token) and (back := self._leave(token)) is not None:
                return token, back
            self._node = tree.after(node, token)
        if token != best and self._branch is None:
            self._branch = _Branch(place, node)
        if self._branch is not None:
            self._branch.cost += float(scores[best] - scores[token])
        return token, None

    def finish(self) -> Place | None:
        """A place to go back to at the end of the sound, or None."""
        return self._leave(None)

    def _preferred(self, scores: Floats, best: int) -> int:
        weights = self._tree.weights(self._node)
        boosted = scores[: len(weights)] + weights
        if self._branch is None:
            for node in {ROOT, self._node}:
                boosted[self._tree.arcs(node).ids] += TRIAL_WEIGHT
            if self.blank < len(boosted):
                boosted[self.blank] = -float("inf")
            return int(boosted.argmax())
        # Within a term the model may have heard a token more, or one less.
        if best == self.blank and self._tree.finished(self._node):
            return best
        if self.blank < len(boosted):
            boosted[self.blank] = scores[self.blank]
            return int(boosted.argmax())
        token = int(boosted.argmax())
        return token if boosted[token] > scores[self.blank] else self.blank

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
