"""Decodes with a transducer's head, TDT or RNN-T, by NeMo's label looping."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..cuda import Cuda
from ..forced.text import TextToAlign
from ..loading import UnusableError
from .forced import GivenTextFinder
from .graphs import FULL, GraphRunner, asked_mode
from .tokens import (
    PaddedRows,
    PendingTokens,
    Tokens,
    TokenTable,
    join_pieces,
    tokens_and_visits,
    tokens_of_steps,
)

_MAX_SYMBOLS = 10  # for each frame, as in the published configurations
# Values of a row that are copied from the device at first: a decoder visits each frame once, and
# once more for each token, of which speech has a third as many as it has frames.
_VISITS_PER_FRAME, _MORE_VISITS = 2, 32


class Transducer:
    """TDT and RNN-T by NeMo's label looping, with CUDA graphs on a GPU."""

    def __init__(
        self,
        model: Any,
        pieces: list[str],
        cuda: Cuda,
        log: Callable[[str], None],
        graphs: str | None = None,
        terms: Sequence[str] = (),
        text: Sequence[str] = (),
    ) -> None:
        self._pieces, self._cuda = pieces, cuda
        self._blank = int(model.decoding.blank_id)
        durations = _durations(model)
        self._computer = _computer(model, durations, pieces, terms)
        self._given = None
        if text:
            given = TextToAlign(pieces, text)
            self._given = GivenTextFinder(model, given, self._blank, tuple(durations))
        self._expects_terms = bool(terms)
        width = int(model.joint.encoder_hidden)
        self._runner = GraphRunner(self._computer, width, cuda, log, asked_mode() or graphs)

    @property
    def graphs(self) -> str | None:
        if self._cuda.device.type != "cuda" or self.graph_mode == FULL:
            return None
        reason = self._runner.reason or "NeMo switched them off"
        return reason if self.graph_mode is None else f"only for parts of the decoding: {reason}"

    @property
    def graph_mode(self) -> str | None:
        return self._runner.mode

    def prime(self, batch: int, frames: int) -> None:
        self._runner.prime(batch, frames)

    def decode(self, encoded: Any, lengths: Any) -> PendingTokens:
        if self._given is None:
            return self._launch(encoded, lengths, self._split)
        # One recording is aligned: it is waited for, and nothing else is in flight beside it.
        given = self._given
        pending = self._launch(
            encoded, lengths, lambda table: given.put_into(table, encoded, lengths)
        )
        found = pending.result()
        return PendingTokens(self._cuda, [], 0, lambda _: found)

    def _split(self, table: TokenTable) -> list[Tokens]:
        return table.split(self._pieces)

    def _launch(
        self, encoded: Any, lengths: Any, finish: Callable[[TokenTable], list[Tokens]]
    ) -> PendingTokens:
        rows, frames = encoded.shape[:2]
        result, *visits, _ = self._runner.run(encoded, lengths, None)
        width = _VISITS_PER_FRAME * frames + _MORE_VISITS
        if not visits:  # 3.0: one table of steps, with blanks
            steps = _padded(result, rows, "transcript", "timestamps", "step_confidence")
            return PendingTokens(
                self._cuda, [steps], width, lambda tables: finish(self._from_steps(tables))
            )
        tokens = _padded(result, rows, "transcript", "timestamps")
        # 2.4: the tokens and all visits are apart. With graphs it returns no visits unless they
        # are asked for with their logits. They are in its state, which the next batch overwrites.
        own = visits[0] if visits[0] is not None else self._computer.state.alignments
        visited = _padded(own, rows, "timestamps", "frame_confidence", copied=own is not visits[0])
        return PendingTokens(
            self._cuda,
            [tokens, visited],
            width,
            lambda tables: finish(self._from_visits(tables)),
        )

    def _from_steps(self, tables: list[list[Any]]) -> TokenTable:
        ((labels, frames, logarithms, lengths),) = tables
        return tokens_of_steps(labels, frames, logarithms, lengths, self._blank)

    def _from_visits(self, tables: list[list[Any]]) -> TokenTable:
        (ids, at, counts), (visited, logarithms, lengths) = tables
        return tokens_and_visits((ids, at, counts), (visited, logarithms, lengths))

    def advance(self, encoded: Any, state: Any) -> tuple[list[int], Any]:
        import torch

        # Not in the type of `encoded`: bfloat16 has no odd numbers beyond 256.
        lengths = torch.tensor([encoded.shape[1]], device=encoded.device)
        if self._expects_terms:
            from ..terms.fusion import own_state

            state = own_state(state)
        result, *_, after = self._runner.run(encoded, lengths, state)
        if len(after.labels) > 1:  # with graphs it has as many rows as they have
            items = self._computer.split_batched_state(after)
            after = self._computer.merge_to_batched_state(items[:1])
        labels = result.transcript[0, : int(result.current_lengths[0])].tolist()
        return [label for label in labels if label != self._blank], after

    def text(self, ids: Sequence[int]) -> str:
        return join_pieces(self._pieces[one] for one in ids)


def _padded(result: Any, rows: int, *names: str, copied: bool = False) -> PaddedRows:
    """Some of NeMo's padded tensors, without the rows that CUDA graphs add."""
    tensors = [getattr(result, name)[:rows] for name in ("current_lengths", *names)]
    if copied:
        tensors = [tensor.clone() for tensor in tensors]
    lengths, *columns = tensors
    return PaddedRows(lengths, tuple(columns))


def _durations(model: Any) -> list[int]:
    """The frames that a step of TDT may take; none for RNN-T. Raises UnusableError."""
    durations = list(model.cfg.decoding.get("durations", None) or [])
    if not durations and model.joint.num_extra_outputs:
        durations = list(model.cfg.get("model_defaults", {}).get("tdt_durations", None) or [])
        if len(durations) != model.joint.num_extra_outputs:
            raise UnusableError(f"{type(model).__name__} has a head that is neither TDT nor RNN-T.")
    return durations


def _computer(model: Any, durations: list[int], pieces: list[str], terms: Sequence[str]) -> Any:
    """NeMo's label-looping computer, set to return the probability of every visit.

    It is not made by a decoding configuration, because that gives TDT's frame confidence only
    together with every frame's logits, 100 MB a chunk.
    """
    from omegaconf import OmegaConf, open_dict

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
    if terms:
        from ..terms.fusion import fusion_options

        options |= fusion_options(type(theirs), pieces, terms)
    computer = type(theirs)(**options)
    # A probability in bfloat16 is a multiple of 1/256 where it matters, next to 1. Its logarithm
    # has three digits there. NeMo's measure also maps a guess among all tokens to 0.
    computer._confidence_measure = _best_logarithm
    return computer


def _best_logarithm(logarithms: Any) -> Any:
    return logarithms.amax(dim=-1)
