"""Finds expected terms in a model's tokens: a tree with the weights that shallow fusion adds.

The tree is made of letters, and a token leads over as many of them as its piece has. So every
way to divide a term into pieces leads to its end, whichever the model was trained with. A word
begins with `▁`, as in SentencePiece. Nodes have the failure links of Aho and Corasick, so that a
term is found behind the beginning of another.

A term earns something with each letter. Tokens that leave an unfinished term pay back what its
letters have earned: where recognition goes on is what counts.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]

ROOT = 0
MARK = "▁"
# What the letters of a word earn one after the other, and the last number each letter behind them:
# natural logarithms of probabilities, by which a term may be less probable than what the model
# finds best. Short words are too much like others to earn much. Chosen on two thirds of an hour of
# synthetic speech; bench/vocabulary.py measures it on other words and voices.
EARNINGS = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.2)


@dataclass(frozen=True, slots=True)
class Arcs:
    """The tokens that lead on within terms: their ids, the nodes behind them, and weights.

    `continues` says which lead on within the same term; the others begin another one.
    """

    ids: Integers
    nodes: Integers
    weights: Floats
    continues: NDArray[np.bool_]

    def find(self, token: int) -> int | None:
        """The place of a token; None if it leads out of the terms."""
        at = int(np.searchsorted(self.ids, token))
        return at if at < len(self.ids) and self.ids[at] == token else None


class TokenTree:
    """The terms as a tree over a model's tokens, of which `pieces` has the texts by their ids.

    Tokens whose piece is empty, and ids beyond `pieces`, such as blank, lead nowhere.
    """

    def __init__(
        self,
        pieces: Sequence[str],
        terms: Iterable[str],
        *,
        earnings: Sequence[float] = EARNINGS,
    ) -> None:
        self.pieces = pieces
        self._earnings = earnings
        self._children: list[dict[str, int]] = [{}]
        self._letters = [0]  # of the word, up to a node
        self._earned = [0.0]  # what the letters up to a node have earned
        self._ends: set[int] = set()
        self._fail = [ROOT]
        self._pieces = _piece_tree(pieces)
        # A piece that isn't the rest of a word ends the term before it.
        self.ends_words = np.array([_ends_a_word(piece) for piece in pieces], bool)
        letters = {letter for piece in pieces for letter in piece}
        self.terms = 0  # how many of them the pieces can write
        for term in dict.fromkeys(terms):
            ways = spellings(term, letters)
            self.terms += bool(ways)
            for spelling in ways:
                self._add(MARK + spelling.replace(" ", MARK))
        self._lasting = [0.0] * len(self._children)  # of finished terms on the way to a node
        self._finished = [0.0] * len(self._children)  # of the longest term that ends at a node
        self._link()
        self._arcs: dict[int, Arcs] = {}
        self._continuing: dict[int, dict[int, tuple[int, float]]] = {}
        self._root_weights = np.zeros(len(pieces), np.float32)
        roots = self.arcs(ROOT)
        self._root_weights[roots.ids] = roots.weights

    def __len__(self) -> int:
        """The number of nodes."""
        return len(self._children)

    def is_end(self, node: int) -> bool:
        """Whether a term that begins at the root ends at a node."""
        return node in self._ends

    def earned(self, node: int) -> float:
        """What the letters up to a node have earned."""
        return self._earned[node]

    def finished(self, node: int) -> float:
        """What the term has earned that is complete at a node; 0 if none is."""
        return self._finished[node]

    def leaving(self, node: int) -> tuple[float, float]:
        """What a token that leads out of the terms earns: one that ends the word, and any other.

        Both are zero or less: the letters of an unfinished term are paid back.
        """
        earned, lasting = self._earned[node], self._lasting[node]
        return max(lasting, self._finished[node]) - earned, lasting - earned

    def arcs(self, node: int) -> Arcs:
        """The tokens that lead on from a node without beginning at the root again."""
        found = self._arcs.get(node)
        if found is None:
            found = self._arcs[node] = self._find_arcs(node)
        return found

    def continuing(self, node: int) -> dict[int, tuple[int, float]]:
        """The nodes and weights of the tokens that lead on within the same term, by their ids."""
        found = self._continuing.get(node)
        if found is None:
            arcs = self.arcs(node)
            ids, *columns = (one[arcs.continues] for one in (arcs.ids, arcs.nodes, arcs.weights))
            places = zip(*(column.tolist() for column in columns), strict=True)
            found = self._continuing[node] = dict(zip(ids.tolist(), places, strict=True))
        return found

    def weights(self, node: int) -> Floats:
        """The weight of every token after a node, shape (pieces,)."""
        if node == ROOT:
            return self._root_weights
        at_word_end, within_word = self.leaving(node)
        weights = np.where(self.ends_words, at_word_end, within_word).astype(np.float32)
        weights += self._root_weights
        arcs = self.arcs(node)
        weights[arcs.ids] = arcs.weights
        return weights

    def after(self, node: int, token: int) -> int:
        """The node behind a token."""
        arcs = self.arcs(node)
        at = arcs.find(token)
        if at is not None:
            return int(arcs.nodes[at])
        return ROOT if node == ROOT else self.after(ROOT, token)

    def continues(self, node: int, token: int) -> bool:
        """Whether a token leads on within a term that has begun at a node."""
        if node == ROOT:
            return False
        arcs = self.arcs(node)
        at = arcs.find(token)
        return at is not None and bool(arcs.continues[at])

    def _add(self, text: str) -> None:
        node = ROOT
        for letter in text:
            after = self._children[node].get(letter)
            if after is None:
                after = len(self._children)
                self._children.append({})
                self._fail.append(ROOT)
                letters = 0 if letter == MARK else self._letters[node] + 1
                self._letters.append(letters)
                self._earned.append(self._earned[node] + self._earning(letters))
                self._children[node][letter] = after
            node = after
        self._ends.add(node)

    def _earning(self, letters: int) -> float:
        """What the last of so many letters of a word earns."""
        return self._earnings[min(letters, len(self._earnings)) - 1] if letters else 0.0

    def _link(self) -> None:
        """Set the failure links, and what finished terms have earned, from the root on."""
        queue = deque(self._children[ROOT].values())
        while queue:
            node = queue.popleft()
            ends = node in self._ends
            self._finished[node] = self._earned[node] if ends else self._finished[self._fail[node]]
            for letter, after in self._children[node].items():
                queue.append(after)
                fail = self._fail[node]
                while letter not in self._children[fail] and fail != ROOT:
                    fail = self._fail[fail]
                self._fail[after] = self._children[fail].get(letter, ROOT)
                self._lasting[after] = self._lasting[node]
                if letter == MARK:
                    self._lasting[after] = max(self._lasting[node], self._finished[node])

    def _find_arcs(self, node: int) -> Arcs:
        found: dict[int, tuple[int, float, bool]] = {}
        at_word_end, within_word = self.leaving(node)
        for token, after in self._walk(node):
            found[token] = after, self._earned[after] - self._earned[node], True
        start = self._fail[node]
        while start != ROOT:
            for token, after in self._walk(start):
                if token in found:
                    continue
                # The first term's letters are paid back, unless it is complete. A complete term
                # that is a part of it counts with the other one, of which it is the beginning.
                whole = node in self._ends and self.ends_words[token]
                back = at_word_end if whole else within_word
                found[token] = after, back + self._earned[after], False
            start = self._fail[start]
        ids = sorted(found)
        columns = [found[one] for one in ids]
        return Arcs(
            np.array(ids, np.int64),
            np.array([column[0] for column in columns], np.int64),
            np.array([column[1] for column in columns], np.float32),
            np.array([column[2] for column in columns], bool),
        )

    def _walk(self, node: int) -> Iterator[tuple[int, int]]:
        """Each token whose piece leads from the node along the tree, and the node behind it."""
        pending = [(self._pieces, node)]
        while pending:
            pieces, at = pending.pop()
            children = self._children[at]
            for letter in children.keys() & pieces.children.keys():
                below, after = pieces.children[letter], children[letter]
                for token in below.tokens:
                    yield token, after
                pending.append((below, after))


@dataclass(slots=True)
class _PieceNode:
    children: dict[str, _PieceNode]
    tokens: list[int]


def _piece_tree(pieces: Sequence[str]) -> _PieceNode:
    root = _PieceNode({}, [])
    for token, piece in enumerate(pieces):
        node = root
        for letter in piece:
            node = node.children.setdefault(letter, _PieceNode({}, []))
        if piece:
            node.tokens.append(token)
    return root


def _ends_a_word(piece: str) -> bool:
    return not piece or piece.startswith(MARK) or not any(one.isalnum() for one in piece)


def spellings(term: str, letters: set[str]) -> list[str]:
    """The ways in which a model may write a term: in any case, with or without hyphens.

    `letters` are those that the model knows. A way with others is left out, but an accent that
    the model doesn't know is left off.
    """
    words = term.split()
    plain = " ".join(words)
    ways = [plain, plain.replace("-", " "), plain.replace("-", "")]
    found: dict[str, None] = {}
    for way in ways:
        spaced = " ".join(way.split())
        for one in (spaced, spaced.lower(), _capitalised(spaced), spaced.title(), spaced.upper()):
            known = " ".join("".join(_known(letter, letters) for letter in one).split())
            if known and all(letter == " " or letter in letters for letter in known):
                found[known] = None
    return list(found)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:].lower()


def _known(letter: str, letters: set[str]) -> str:
    if letter in letters or letter == " ":
        return letter
    base = unicodedata.normalize("NFKD", letter)
    return "".join(one for one in base if not unicodedata.combining(one))


def make_tree(
    pieces: Sequence[str], terms: Iterable[str], earnings: Sequence[float] = EARNINGS
) -> TokenTree:
    """The tree of the terms over a model's pieces; `<unk>` and the like are no text."""
    texts = ["" if piece.startswith("<") and piece.endswith(">") else piece for piece in pieces]
    return TokenTree(texts, terms, earnings=earnings)
