"""Aligns words of a text with frames: each in turn, at the best place, or left out.

A word's cost is how much less probable it is, step by step, than what the model finds best there;
what it may cost depends on the model's head. A word that costs more than
that at every place is left out. Any frames may lie between words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..terms.tree import Floats

# Natural logarithms: by how much each token of a word may on average be less probable than what a
# CTC head finds best; and by how much all of a word may with a transducer, which is sure of the
# rest of a word, whatever is said, once it has the beginning. Chosen with the small models of the
# tests, on their speech in noise and on words that nobody says.
CTC_EARNED = 6.0
TRANSDUCER_EARNED = 4.0
# What a frame between words may cost at most where a transducer finds a token probable.
_MOST_OF_A_SILENCE = 3.0
_CERTAINLY = 1e6  # what a word may cost that is known to be there

Form = Sequence[int]  # the ids of a word's tokens
# (id, first frame, frame after the last), and of a transducer the probability, too
Run = tuple[Any, ...]


class Chain(NamedTuple):
    """Words that are placed, the last first, and what they have gained."""

    gain: float
    word: int = -1
    runs: Any = None  # the word's, linked as (run, those before)
    before: Any = None  # the Chain of the words before


class Way(NamedTuple):
    """A way to place a part of a word behind the words of a chain."""

    gain: float
    chain: Chain
    runs: Any = None  # complete ones, linked as (run, those before)
    since: int = 0  # the first frame of the token that isn't complete


Ends = Iterable[tuple[int, Way]]  # the frame after a word, and the way there


class WordAligner(Protocol):
    """A decoder's scores in some frames, of which the first is 0."""

    @property
    def frames(self) -> int: ...

    def earned(self, form: Form) -> float:
        """What a word may cost."""
        ...

    def ends(self, form: Form, starts: Sequence[Chain], before: int) -> Ends:
        """The ways to place a word that begins in a frame behind the chain that ends there.

        Their gains are those of the chains, less what the word costs. `before` is the number of
        the word before, which some of the chains end with.
        """
        ...

    def silences(self) -> Sequence[float]:
        """What each frame costs before the next word, where it is none of a word's."""
        ...

    def advance(self, form: Form) -> None:
        """Go on to the next word."""
        ...

    def restart(self) -> None:
        """Go back to the first."""
        ...


@dataclass(frozen=True, slots=True)
class Placed:
    """A word of those that were to be aligned, by its number, and where its tokens are."""

    word: int
    runs: list[Run]


def place_words(aligner: WordAligner, words: Sequence[Sequence[Form]]) -> list[Placed]:
    """The words that are there, in order; each is given as the ways to write it."""
    found = _chained(_best_chain(aligner, words))
    if not found:
        return []
    # Once it is known which words are there, all that is said has to be one of them.
    forms = [[[run[0] for run in one.runs]] for one in found]
    again = _chained(_best_chain(aligner, forms, certain=True))
    return [Placed(found[one.word].word, one.runs) for one in again]


def _best_chain(
    aligner: WordAligner, words: Sequence[Sequence[Form]], *, certain: bool = False
) -> Chain:
    aligner.restart()
    best = [Chain(0.0), *[Chain(-math.inf)] * aligner.frames]
    _go_on(best, aligner, certain)
    for number, forms in enumerate(words):
        after = list(best)
        for form in forms:
            earned = _CERTAINLY if certain else aligner.earned(form)
            for frame, way in aligner.ends(form, best, number - 1):
                if way.gain + earned > after[frame].gain:
                    after[frame] = Chain(way.gain + earned, number, way.runs, way.chain)
        if forms:
            aligner.advance(forms[0])
        _go_on(after, aligner, certain)
        best = after
    return best[-1]


def _go_on(chains: list[Chain], aligner: WordAligner, certain: bool) -> None:
    """Let each chain end later, too."""
    costs = aligner.silences() if certain else [0.0] * aligner.frames
    for frame, cost in enumerate(costs, 1):
        before = chains[frame - 1]
        if before.gain - cost >= chains[frame].gain:
            chains[frame] = before._replace(gain=before.gain - cost)


def _chained(chain: Chain | None) -> list[Placed]:
    placed: list[Placed] = []
    while chain is not None and chain.word >= 0:
        placed.append(Placed(chain.word, _unlinked(chain.runs)))
        chain = chain.before
    return placed[::-1]


def _unlinked(linked: Any) -> list[Run]:
    runs: list[Run] = []
    while linked is not None:
        run, linked = linked
        runs.append(run)
    return runs[::-1]


class CtcAligner:
    """Aligns by the logarithms of a CTC head's probabilities, shape (frames, labels)."""

    def __init__(self, logprobs: Floats, blank: int) -> None:
        self._costs = logprobs.max(axis=1, keepdims=True) - logprobs
        self._blank = blank
        self.frames = len(logprobs)

    def earned(self, form: Form) -> float:
        return CTC_EARNED * len(form)

    def ends(self, form: Form, starts: Sequence[Chain], before: int) -> Ends:
        """A token may last; blanks may stand between two, and must where they are the same."""
        costs = self._costs[:, [*form, self._blank]].tolist()
        within: list[Way | None] = [None] * len(form)  # ways whose last label is that token
        behind: list[Way | None] = [None] * len(form)  # ... is the blank after it
        for frame, row in enumerate(costs):
            begin: Way | None = Way(starts[frame].gain, starts[frame])
            following, silent = list(within), list(behind)
            for at, token in enumerate(form):
                lasting = within[at]
                if begin is not None and (lasting is None or begin.gain > lasting.gain):
                    lasting = Way(begin.gain, begin.chain, begin.runs, frame)
                following[at] = _less(lasting, row[at])
                done = _complete(within[at], token, frame)
                silent[at] = _less(_better(behind[at], done), row[-1])
                same = at + 1 < len(form) and form[at + 1] == token
                begin = behind[at] if same else _better(behind[at], done)
            within, behind = following, silent
            end = _complete(within[-1], form[-1], frame + 1)
            if end is not None:
                yield frame + 1, end

    def silences(self) -> Sequence[float]:
        """Nothing: each label of a CTC head is where it is heard."""
        return [0.0] * self.frames

    def advance(self, form: Form) -> None:
        """Nothing: the labels of a CTC head don't depend on those before."""

    def restart(self) -> None:
        """Nothing."""


def _less(way: Way | None, cost: float) -> Way | None:
    return None if way is None else way._replace(gain=way.gain - cost)


def _better(one: Way | None, other: Way | None) -> Way | None:
    if one is None or (other is not None and other.gain > one.gain):
        return other
    return one


def _complete(way: Way | None, token: int, end: int) -> Way | None:
    if way is None:
        return None
    return Way(way.gain, way.chain, ((token, way.since, end), way.runs))


@dataclass(frozen=True, slots=True)
class StepScores:
    """What a transducer finds in each frame behind the same tokens.

    `logits` have shape (frames, labels); `durations` (frames, durations), or None for RNN-T.
    """

    logits: Floats
    durations: Floats | None


class Predictor(Protocol):
    """A transducer in some frames; a place is what it needs of the tokens before."""

    @property
    def frames(self) -> int: ...

    def scores(self, place: Any) -> tuple[StepScores, Any]:
        """The scores behind the tokens of a place, and its state after them."""
        ...

    def after(self, state: Any, token: int) -> Any:
        """The place behind a token more."""
        ...


class TransducerAligner:
    """Aligns by the steps of a TDT or RNN-T decoder, from a place on.

    `durations` are the frames that a step of TDT may take; 0, 1, 2 and so on if there are none.
    """

    def __init__(
        self, predictor: Predictor, place: Any, blank: int, durations: Sequence[int] = ()
    ) -> None:
        self._predictor, self._place, self._first = predictor, place, place
        self._blank, self._durations = blank, durations
        self._known: dict[tuple[Any, tuple[int, ...]], tuple[_Costs, Any]] = {}
        self.frames = predictor.frames

    def earned(self, form: Form) -> float:
        return TRANSDUCER_EARNED

    def ends(self, form: Form, starts: Sequence[Chain], before: int) -> Ends:
        """Blanks may stand between two tokens. A word's first step is its first token.

        Behind a word that was left out, what was recognised before all of them counts: a word
        often follows another so surely that the other alone would speak for it.
        """
        for follows, place in ((True, self._place), (False, self._first)):
            chains = {
                frame: chain
                for frame, chain in enumerate(starts[: self.frames])
                if (chain.word == before) == follows and chain.gain > -math.inf
            }
            if chains:
                yield from self._ends(form, chains, place)

    def _ends(self, form: Form, starts: Mapping[int, Chain], place: Any) -> Ends:
        costs = [self._costs(form[:count], place)[0] for count in range(len(form))]
        ways: list[dict[int, Way]] = [{} for _ in (*form, None)]  # by their tokens and frame
        for frame in range(self.frames):
            start = starts.get(frame)
            ways[0] = {frame: Way(start.gain, start)} if start is not None else {}
            for count, token in enumerate(form):
                way = ways[count].get(frame)
                if way is None:
                    continue
                row = costs[count]
                for step, cost in row.steps(frame, token):
                    at = min(frame + step, self.frames)
                    run = token, frame, max(at, frame + 1), row.probability(frame, token)
                    _keep(ways[count + 1], at, Way(way.gain - cost, way.chain, (run, way.runs)))
                for step, cost in row.steps(frame, self._blank):
                    _keep(ways[count], frame + max(step, 1), way._replace(gain=way.gain - cost))
        return ways[-1].items()

    def silences(self) -> Sequence[float]:
        """Blank's cost, up to a limit: a transducer also begins words later than they are heard."""
        return self._costs((), self._place)[0].limited(self._blank, _MOST_OF_A_SILENCE)

    def restart(self) -> None:
        self._place = self._first

    def advance(self, form: Form) -> None:
        self._place = self._after(form, self._place)
        self._known = {key: value for key, value in self._known.items() if key[0] is self._first}

    def _costs(self, before: Form, place: Any) -> tuple[_Costs, Any]:
        """The costs behind some tokens from a place on, and the state there."""
        key = place, tuple(before)
        if key not in self._known:
            scores, state = self._predictor.scores(self._after(before, place))
            self._known[key] = _Costs(scores, self._durations), state
        return self._known[key]

    def _after(self, tokens: Form, place: Any) -> Any:
        if not tokens:
            return place
        return self._predictor.after(self._costs(tokens[:-1], place)[1], tokens[-1])


def _keep(ways: dict[int, Way], frame: int, way: Way) -> None:
    known = ways.get(frame)
    if known is None or way.gain > known.gain:
        ways[frame] = way


class _Costs:
    """How much less probable a step is than the best of its frame."""

    def __init__(self, scores: StepScores, durations: Sequence[int]) -> None:
        self._labels = scores.logits.max(axis=1, keepdims=True) - scores.logits
        self._best = 1 / np.exp(-self._labels, dtype=np.float64).sum(axis=1)
        self._steps: list[list[float]] | None = None
        self._durations = durations
        if scores.durations is not None:
            found = scores.durations
            self._durations = durations or range(found.shape[1])
            self._steps = (found.max(axis=1, keepdims=True) - found).tolist()

    def steps(self, frame: int, label: int) -> list[tuple[int, float]]:
        """The frames that a label may take, and what that costs. RNN-T's tokens take none."""
        cost = float(self._labels[frame, label])
        if self._steps is None:
            return [(0, cost)]
        row = zip(self._durations, self._steps[frame], strict=True)
        return [(duration, cost + more) for duration, more in row]

    def limited(self, label: int, most: float) -> list[float]:
        """What a label costs in each frame, up to a limit."""
        limited: list[float] = np.minimum(self._labels[:, label], most).tolist()
        return limited

    def probability(self, frame: int, label: int) -> float:
        return float(self._best[frame] * np.exp(-self._labels[frame, label]))
