"""Computes the transducer's loss, with or without durations, in plain torch on any device.

NeMo's own loss needs CUDA (numba), and so does its version in torch. All paths through the
lattice of frames t and tokens u are summed along its diagonals, each diagonal for the whole
batch at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

IMPOSSIBLE = -1e30  # a log-probability; -inf would make NaN gradients


def transducer_loss(
    logits: Tensor,
    targets: Tensor,
    frames: Tensor,
    tokens: Tensor,
    durations: list[int],
) -> Tensor:
    """The mean negative log-likelihood of a token.

    `logits` (batch, T, U + 1, V + 1 + len(durations)), blank at V; `targets` (batch, U);
    `frames` and `tokens` (batch,) are the lengths. Without durations a blank advances by one
    frame and a token by none (RNNT). With them both advance by the duration that is predicted
    beside them, a blank by at least one (TDT).
    """
    batch, max_frames, positions, _ = logits.shape
    blank_id = logits.shape[3] - 1 - len(durations)
    emitted = logits[..., : blank_id + 1].log_softmax(-1)
    blank = emitted[..., blank_id]
    following = torch.cat([targets, targets.new_zeros(batch, 1)], 1)[:, :positions]
    index = following[:, None, :, None].expand(batch, max_frames, positions, 1)
    token = emitted.gather(3, index)[..., 0]
    last = torch.arange(positions, device=logits.device)[None] >= tokens[:, None]
    token = token.masked_fill(last[:, None], IMPOSSIBLE)
    if durations:
        advanced = logits[..., blank_id + 1 :].log_softmax(-1)
        blanks = {d: blank + advanced[..., i] for i, d in enumerate(durations) if d > 0}
        labels = {d: token + advanced[..., i] for i, d in enumerate(durations)}
    else:
        blanks, labels = {1: blank}, {0: token}
    alphas = _alphas(_sheared(blanks), _sheared(labels))
    # A path ends with a blank at the last token that advances exactly past the last frame.
    row = torch.arange(batch, device=logits.device)
    ends = []
    for duration, log_probability in blanks.items():
        left = frames - duration
        start = left.clamp(min=0)
        end = alphas[start + tokens, row, tokens] + log_probability[row, start, tokens]
        ends.append(torch.where(left >= 0, end, torch.full_like(end, IMPOSSIBLE)))
    likelihood = torch.logsumexp(torch.stack(ends), 0)
    # A clip with too many tokens for its frames has no path at all.
    possible = likelihood > IMPOSSIBLE / 2
    return -(likelihood * possible).sum() / tokens.sum().clamp(min=1)


def _sheared(moves: dict[int, Tensor]) -> dict[int, Tensor]:
    """Each (batch, t, u) as (diagonal t + u, batch, u), impossible outside the lattice."""
    some = next(iter(moves.values()))
    _, max_frames, positions = some.shape
    u = torch.arange(positions, device=some.device)
    t = torch.arange(max_frames + positions - 1, device=some.device)[:, None] - u
    outside = (t < 0) | (t >= max_frames)
    at = t.clamp(0, max_frames - 1)
    return {
        duration: move[:, at, u].transpose(0, 1).masked_fill(outside[:, None], IMPOSSIBLE)
        for duration, move in moves.items()
    }


def _alphas(blanks: dict[int, Tensor], labels: dict[int, Tensor]) -> Tensor:
    """The log-probability of reaching (t, u), as (diagonal t + u, batch, u)."""
    diagonals, batch, positions = next(iter(blanks.values())).shape
    moves = []
    for duration, move in blanks.items():  # keeps u
        before = move.new_full((duration, batch, positions), IMPOSSIBLE)
        moves.append(torch.cat([before, move])[:diagonals])
    for duration, move in labels.items():  # comes from u - 1
        before = move.new_full((duration + 1, batch, positions), IMPOSSIBLE)
        late = torch.cat([before, move])[:diagonals]
        moves.append(torch.nn.functional.pad(late[..., :-1], (1, 0), value=IMPOSSIBLE))
    steps_back = (*blanks, *(duration + 1 for duration in labels))
    alphas: Tensor = _Diagonals.apply(torch.stack(moves, 1), steps_back, len(blanks))
    return alphas


class _Diagonals(torch.autograd.Function):  # type: ignore[misc]
    """Sums one diagonal after another in numpy: torch is slow at hundreds of small steps.

    Move k arrives at diagonal n from n - steps_back[k], the first `straight` moves at the
    same u and the others from u - 1.
    """

    @staticmethod
    def forward(ctx: Any, moves: Tensor, steps_back: tuple[int, ...], straight: int) -> Tensor:
        weights = moves.detach().numpy()
        diagonals, count, batch, positions = weights.shape
        furthest = max(steps_back)
        # Padded in front with `furthest` diagonals and one u, which can't be reached.
        reached = np.full((furthest + diagonals, batch, positions + 1), IMPOSSIBLE, weights.dtype)
        reached[furthest, :, 1] = 0.0
        shares = np.zeros_like(weights)
        origins = np.array(steps_back)
        arriving = np.empty((count, batch, positions), weights.dtype)
        for n in range(1, diagonals):
            sources = reached[furthest + n - origins]
            arriving[:straight] = sources[:straight, :, 1:]
            arriving[straight:] = sources[straight:, :, :-1]
            arriving += weights[n]
            most = arriving.max(0)
            np.exp(arriving - most, out=shares[n])
            total = shares[n].sum(0)
            shares[n] /= total
            np.maximum(most + np.log(total), IMPOSSIBLE, out=reached[furthest + n, :, 1:])
        ctx.shares, ctx.steps_back, ctx.straight = shares, steps_back, straight
        return torch.from_numpy(reached[furthest:, :, 1:].copy())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        shares, steps_back, straight = ctx.shares, ctx.steps_back, ctx.straight
        occupied = gradients[0].numpy().copy()
        for n in range(len(occupied) - 1, 0, -1):
            shares[n] *= occupied[n]
            for move, steps in enumerate(steps_back):
                if steps > n:
                    continue
                if move < straight:
                    occupied[n - steps] += shares[n, move]
                else:
                    occupied[n - steps, :, :-1] += shares[n, move, :, 1:]
        return torch.from_numpy(shares), None, None
