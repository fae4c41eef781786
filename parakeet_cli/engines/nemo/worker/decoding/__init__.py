"""Decodes encoder frames to tokens, each with its frames and its probability.

Decoding is greedy, as published for these models, and set up once: NeMo's own
`timestamps=True` would build a new decoder for every call. Times and probabilities come from
the frames that the decoder visits. NeMo's word times are not used, because their counts don't
always agree (NVIDIA-NeMo/Speech#15143), and neither are its durations, which belong to another
item of the batch on the CPU (2.4.0, `GreedyBatchedTDTLabelLoopingComputer.torch_impl`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..cuda import Cuda, NoCuda
from ..loading import UnusableError
from .ctc import Ctc
from .tokens import PendingTokens, Tokens, join_pieces
from .transducer import Transducer

__all__ = ["Decoder", "PendingTokens", "Tokens", "join_pieces", "make_decoder"]


class Decoder(Protocol):
    """Encoder output, shape (batch, frames, width), to tokens."""

    def decode(self, encoded: Any, lengths: Any) -> PendingTokens:
        """Begin to decode a batch; on a GPU that returns before it is done."""
        ...

    def advance(self, encoded: Any, state: Any) -> tuple[list[int], Any]:
        """The ids in an utterance's next frames, and the state after them; it begins with None."""
        ...

    def text(self, ids: Sequence[int]) -> str: ...

    def prime(self, batch: int, frames: int) -> None:
        """Prepare for batches of up to that many items and frames: on a GPU, make the graphs."""
        ...

    @property
    def graphs(self) -> str | None:
        """Why full CUDA graphs are not used on a GPU; None if they are, and on a CPU."""
        ...

    @property
    def graph_mode(self) -> str | None:
        """NeMo's name for the CUDA graphs that are used; None for none."""
        ...


def _ignore(_: str) -> None:
    pass


def make_decoder(
    model: Any,
    cuda: Cuda | None = None,
    log: Callable[[str], None] = _ignore,
    graphs: str | None = None,
    terms: Sequence[str] = (),
    text: Sequence[str] = (),
) -> Decoder:
    """The decoder for the model's head. Raises UnusableError.

    `log` gets a line for --verbose when CUDA graphs can't be made; `graphs` is NeMo's name of the
    best of them to try, or "off". `terms` are words to expect, and `text`
    the words of a given text.
    """
    cuda = cuda or NoCuda()
    pieces = _pieces(model)
    if hasattr(model, "joint"):
        return Transducer(model, pieces, cuda, log, graphs, terms, text)
    if hasattr(model, "decoder") and hasattr(model.decoder, "vocabulary"):
        return Ctc(model, pieces, cuda, terms, text)
    raise UnusableError(
        f"{type(model).__name__} has neither a transducer nor a CTC head.",
        "Parakeet's TDT, RNNT, CTC and hybrid models work.",
    )


def _pieces(model: Any) -> list[str]:
    """Each id's piece, as SentencePiece writes it: `▁` begins a word."""
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None:  # a model whose tokens are letters
        return ["▁" if letter == " " else str(letter) for letter in model.cfg.labels]
    count = int(tokenizer.vocab_size)
    pieces = [str(piece) for piece in tokenizer.ids_to_tokens(list(range(count)))]
    # SentencePiece's `<s>` and the like are no text, for NeMo neither.
    is_control = getattr(getattr(tokenizer, "tokenizer", None), "is_control", lambda _: False)
    pieces = ["" if is_control(one) else piece for one, piece in enumerate(pieces)]
    if any(piece.startswith("##") for piece in pieces):
        return [_from_word_piece(piece) for piece in pieces]
    return pieces


def _from_word_piece(piece: str) -> str:
    """WordPiece marks the pieces that continue a word, SentencePiece those that begin one."""
    return piece[2:] if piece.startswith("##") else f"▁{piece}"
