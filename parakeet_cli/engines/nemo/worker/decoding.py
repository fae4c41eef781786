"""Decodes encoder frames to tokens, each with its frames and its probability.

Decoding is greedy, as published for these models, and set up once: NeMo's own
`timestamps=True` would build a new decoder for every call. Times and probabilities come from
the frames that the decoder visits. NeMo's word times are not used, because their counts don't
always agree (NVIDIA-NeMo/Speech#15143), and neither are its durations, which belong to another
item of the batch on the CPU (2.4.0, `GreedyBatchedTDTLabelLoopingComputer.torch_impl`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from .loading import UnusableError

_MAX_SYMBOLS = 10  # for each frame, as in the published configurations


@dataclass(frozen=True, slots=True)
class Tokens:
    """The transcript of one chunk: pieces of words, with `▁` before each word.

    `frames` are [start, end) of the encoder; a probability is None if it is unknown.
    """

    pieces: list[str]
    frames: list[tuple[int, int]]
    probabilities: list[float | None]


class Decoder(Protocol):
    """Encoder output, shape (batch, frames, width), to tokens."""

    def decode(self, encoded: Any, lengths: Any) -> list[Tokens]: ...

    def advance(self, encoded: Any, state: Any) -> tuple[list[int], Any]:
        """The ids in an utterance's next frames, and the state after them; it begins with None."""
        ...

    def text(self, ids: Sequence[int]) -> str: ...

    @property
    def graphs(self) -> str | None:
        """Why CUDA graphs are not used on a GPU; None if they are, and on a CPU."""
        ...


def make_decoder(model: Any) -> Decoder:
    """The decoder for the model's head. Raises UnusableError."""
    pieces = _pieces(model)
    if hasattr(model, "joint"):
        return Transducer(model, pieces)
    if hasattr(model, "decoder") and hasattr(model.decoder, "vocabulary"):
        return Ctc(model, pieces)
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
    if any(piece.startswith("##") for piece in pieces):
        return [_from_word_piece(piece) for piece in pieces]
    return pieces


def _from_word_piece(piece: str) -> str:
    """WordPiece marks the pieces that continue a word, SentencePiece those that begin one."""
    return piece[2:] if piece.startswith("##") else f"▁{piece}"


class Transducer:
    """TDT and RNN-T by NeMo's label looping, with CUDA graphs on a GPU."""

    def __init__(self, model: Any, pieces: list[str]) -> None:
        self._pieces = pieces
        self._computer = _computer(model)
        self._blank = int(model.decoding.blank_id)
        self._device = next(model.joint.parameters()).device

    @property
    def graphs(self) -> str | None:
        if self._device.type != "cuda":
            return None
        mode = getattr(self._computer, "cuda_graphs_mode", None)
        if mode is None:
            return "NeMo switched them off"
        if str(getattr(mode, "value", mode)) != "full_graph":
            return "this CUDA has no conditional nodes; the loops run in Python (cuda-python?)"
        return None

    def decode(self, encoded: Any, lengths: Any) -> list[Tokens]:
        result, *visits, _ = self._computer(x=encoded, out_len=lengths, prev_batched_state=None)
        if visits:  # 2.4: the tokens and all visits are apart
            frames = _rows(visits[0], "timestamps")
            probabilities = _rows(visits[0], "frame_confidence")
            ids, at = _rows(result, "transcript"), _rows(result, "timestamps")
        else:  # 3.0: one list of visits, with blanks
            frames = _rows(result, "timestamps")
            probabilities = _rows(result, "step_confidence")
            labels = _rows(result, "transcript")
            ids = [self._without_blanks(row) for row in labels]
            at = [
                [frame for frame, label in zip(*pair, strict=True) if label != self._blank]
                for pair in zip(frames, labels, strict=True)
            ]
        items = zip(ids, at, frames, probabilities, strict=True)
        # CUDA graphs fill every batch up to the largest size so far.
        return [self._tokens(*item) for item in islice(items, encoded.shape[0])]

    def _tokens(
        self, ids: list[int], at: list[int], visited: list[int], probabilities: list[float]
    ) -> Tokens:
        found = spans(at, visited)
        return Tokens(
            [self._pieces[one] for one in ids],
            [(start, end) for start, end, _ in found],
            [None if visit is None else _clamp(probabilities[visit]) for _, _, visit in found],
        )

    def _without_blanks(self, labels: list[int]) -> list[int]:
        return [label for label in labels if label != self._blank]

    def advance(self, encoded: Any, state: Any) -> tuple[list[int], Any]:
        import torch

        length = torch.tensor([encoded.shape[1]], device=encoded.device)
        result, *_, state = self._computer(x=encoded, out_len=length, prev_batched_state=state)
        return self._without_blanks(_rows(result, "transcript")[0]), state

    def text(self, ids: Sequence[int]) -> str:
        return join_pieces(self._pieces[one] for one in ids)


def _rows(result: Any, name: str) -> list[list[Any]]:
    """Each item's row of one of NeMo's padded tensors, without the padding."""
    lengths = result.current_lengths.tolist()
    return [row[:n] for row, n in zip(getattr(result, name).tolist(), lengths, strict=True)]


def spans(at: Sequence[int], visited: Sequence[int]) -> list[tuple[int, int, int | None]]:
    """Each token's first frame, the frame after its last, and the visit that emitted it.

    A frame is visited once for every token it emits and at most once more, for the blank
    after them. A token lasts until the next visit, and at least for its own frame.
    """
    found: list[tuple[int, int, int | None]] = []
    visit = 0
    for frame in at:
        while visit < len(visited) and visited[visit] < frame:
            visit += 1
        if visit == len(visited) or visited[visit] != frame:
            found.append((frame, frame + 1, None))
            continue
        after = visited[visit + 1] if visit + 1 < len(visited) else frame + 1
        found.append((frame, max(after, frame + 1), visit))
        visit += 1
    return found


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))


def _computer(model: Any) -> Any:
    """NeMo's label-looping computer, set to return the probability of every visit.

    It is not made by a decoding configuration, because that gives TDT's frame confidence only
    together with every frame's logits, 100 MB a chunk.
    """
    from omegaconf import OmegaConf, open_dict

    durations = list(model.cfg.decoding.get("durations", None) or [])
    if not durations and model.joint.num_extra_outputs:
        durations = list(model.cfg.get("model_defaults", {}).get("tdt_durations", None) or [])
        if len(durations) != model.joint.num_extra_outputs:
            raise UnusableError(f"{type(model).__name__} has a head that is neither TDT nor RNN-T.")
    with open_dict(model.cfg):
        strategy = OmegaConf.create(OmegaConf.to_container(model.cfg.decoding))
    strategy.strategy = "greedy_batch"
    strategy.fused_batch_size = -1
    with open_dict(strategy):
        strategy.greedy = {**strategy.get("greedy", {}), "loop_labels": True}
    model.change_decoding_strategy(strategy)
    theirs = getattr(model.decoding.decoding, "decoding_computer", None)
    if theirs is None:
        raise UnusableError(f"This NeMo can't decode {type(model).__name__} in batches.")
    options: dict[str, Any] = {
        "decoder": model.decoder,
        "joint": model.joint,
        "blank_index": model.decoding.blank_id,
        "max_symbols_per_step": theirs.max_symbols or _MAX_SYMBOLS,
        "confidence_method_cfg": OmegaConf.create({"name": "max_prob", "alpha": 1.0}),
        "allow_cuda_graphs": next(model.joint.parameters()).device.type == "cuda",
    }
    if durations:
        options["durations"] = durations
    if "preserve_step_confidence" in inspect.signature(type(theirs)).parameters:  # 3.0
        options |= {"preserve_step_confidence": True, "exclude_blank_from_confidence": False}
    else:
        options["preserve_frame_confidence"] = True
    return type(theirs)(**options)


class Ctc:
    """CTC: the best id of each frame, without repeats and blanks."""

    def __init__(self, model: Any, pieces: list[str]) -> None:
        self._pieces = pieces
        self._head = model.decoder
        self._blank = len(pieces)

    graphs = None

    def decode(self, encoded: Any, lengths: Any) -> list[Tokens]:
        best, probabilities = self._best(encoded)
        return [
            self._tokens(best[item][:length], probabilities[item][:length])
            for item, length in enumerate(lengths.tolist())
        ]

    def _best(self, encoded: Any) -> tuple[list[list[int]], list[list[float]]]:
        logits = self._head(encoder_output=encoded.transpose(1, 2))
        logarithms, best = logits.float().log_softmax(dim=-1).max(dim=-1)
        return best.tolist(), logarithms.exp().tolist()

    def _tokens(self, best: list[int], probabilities: list[float]) -> Tokens:
        found = runs(best, self._blank)
        return Tokens(
            [self._pieces[best[start]] for start, _ in found],
            found,
            [_clamp(max(probabilities[start:end])) for start, end in found],
        )

    def advance(self, encoded: Any, state: Any) -> tuple[list[int], Any]:
        """The state is the last frame's id, which may continue in the next frame."""
        best = self._best(encoded)[0][0]
        ids = [best[start] for start, _ in runs(best, self._blank)]
        if best and best[0] == state and state != self._blank:
            ids = ids[1:]
        return ids, best[-1] if best else state

    def text(self, ids: Sequence[int]) -> str:
        return join_pieces(self._pieces[one] for one in ids)


def runs(best: Sequence[int], blank: int) -> list[tuple[int, int]]:
    """[start, end) of each run of the same id, without those of blanks."""
    found = []
    start = 0
    for at in range(1, len(best) + 1):
        if at == len(best) or best[at] != best[start]:
            if best[start] != blank:
                found.append((start, at))
            start = at
    return found


def join_pieces(pieces: Iterable[str]) -> str:
    """The text that pieces of words make up."""
    return " ".join("".join(pieces).replace("▁", " ").split())
