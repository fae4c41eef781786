"""Trains on CPUs: first with the CTC loss alone, then with the transducer's and some CTC.

Each worker is a process with one thread: if other programs use the cores too, threads that
wait for each other at every operation are many times slower. The workers' gradients are
averaged. The result is a running average of the weights.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from tools.small_parakeet import network
from tools.small_parakeet.configuration import ModelShape
from tools.small_parakeet.corpus import Corpus
from tools.small_parakeet.loss import transducer_loss

CTC_WEIGHT = 0.3
AVERAGE = 0.998  # the old share of the running average; the rest is the newest step's


@dataclass(frozen=True)
class Schedule:
    """`seconds` of speech in a batch, over all workers; one cycle of learning rates a stage."""

    ctc_epochs: int = 5
    transducer_epochs: int = 13
    seconds: float = 64.0
    rate: float = 2e-3
    workers: int = 2
    seed: int = 1
    max_batches: int | None = None  # in an epoch; None is all

    @property
    def epochs(self) -> int:
        return self.ctc_epochs + self.transducer_epochs

    def learning_rate(self, progress: float) -> float:
        """At `progress` epochs: it rises for a tenth of the stage, then falls along a cosine."""
        if progress < self.ctc_epochs:
            through, top = progress / self.ctc_epochs, self.rate
        else:
            through = (progress - self.ctc_epochs) / max(self.transducer_epochs, 1)
            top = self.rate * 0.75
        if through < 0.1:
            return top * max(through / 0.1, 0.02)
        return top * max(0.5 + 0.5 * math.cos(math.pi * (through - 0.1) / 0.9), 0.01)


def masked(features: Tensor, chance: random.Random) -> Tensor:
    """Light SpecAugment: the words are short, and a long mask would hide one."""
    features = features.clone()
    mels, frames = features.shape[1:]
    for row in features:
        for _ in range(2):
            width = chance.randint(0, mels // 8)
            start = chance.randint(0, mels - width)
            row[start : start + width] = 0.0
        for _ in range(1 + frames // 300):
            width = chance.randint(0, 6)
            start = chance.randint(0, max(frames - width, 0))
            row[:, start : start + width] = 0.0
    return features


def losses(
    model: Any, features: Tensor, lengths: Tensor, texts: list[str], with_transducer: bool
) -> Tensor:
    """The loss of one batch: CTC's, or the transducer's plus a share of CTC's."""
    pieces = [torch.tensor(model.tokenizer.text_to_ids(text), dtype=torch.int64) for text in texts]
    tokens = torch.tensor([len(row) for row in pieces])
    targets = nn.utils.rnn.pad_sequence(pieces, batch_first=True)
    encoded, frames = model.encoder(audio_signal=features, length=lengths)
    log_probabilities = model.ctc_decoder(encoder_output=encoded)
    ctc = nn.functional.ctc_loss(
        log_probabilities.transpose(0, 1), targets, frames, tokens,
        blank=log_probabilities.shape[-1] - 1, reduction="sum", zero_infinity=True,
    ) / tokens.sum().clamp(min=1)  # fmt: skip
    if not with_transducer:
        return ctc
    predicted, _, _ = model.decoder(targets=targets, target_length=tokens)
    logits = model.joint.joint(encoded.transpose(1, 2), predicted.transpose(1, 2))
    durations = list(model.cfg.model_defaults.get("tdt_durations", []))
    return transducer_loss(logits, targets, frames, tokens, durations) + CTC_WEIGHT * ctc


def train(
    corpus: Corpus,
    shape: ModelShape,
    tokenizer_folder: Path,
    folder: Path,
    schedule: Schedule,
    begin: Path | None = None,
) -> None:
    """Train to the end of the schedule, from folder/state.pt if an earlier run left it.

    A new run begins with the averaged weights of the run in the folder `begin`, which may
    have another shape, or with random weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arguments = (corpus, shape, tokenizer_folder, folder, schedule, begin)
    if schedule.workers == 1:
        _run_worker(0, *arguments)
    else:
        try:
            torch.multiprocessing.spawn(_run_worker, arguments, nprocs=schedule.workers)
        finally:
            (folder / f"meeting-{os.getpid()}").unlink(missing_ok=True)


def _run_worker(
    rank: int,
    corpus: Corpus,
    shape: ModelShape,
    tokenizer_folder: Path,
    folder: Path,
    schedule: Schedule,
    begin: Path | None,
) -> None:
    torch.set_num_threads(1)
    network.silence_nemo()
    if schedule.workers > 1:
        meeting = (
            folder / f"meeting-{os.getppid()}"
        )  # the file by which gloo's workers find each other
        distributed.init_process_group(
            "gloo", init_method=meeting.resolve().as_uri(), rank=rank, world_size=schedule.workers
        )
    torch.manual_seed(schedule.seed)
    model = network.make(shape, tokenizer_folder)
    if begin is not None:
        network.copy_weights(model, torch.load(begin / "state.pt", weights_only=True)["average"])
    model.joint.log_softmax = False
    average = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=schedule.rate, betas=(0.9, 0.98), weight_decay=1e-3
    )
    state = folder / "state.pt"
    first = 0
    if state.exists():
        saved = torch.load(state, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        average, first = saved["average"], saved["epochs"]
    for epoch in range(first, schedule.epochs):
        began = time.monotonic()
        mean = _epoch(rank, model, average, optimiser, corpus, epoch, schedule)
        if rank == 0:
            done = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save(done | {"average": average, "epochs": epoch + 1}, folder / "half-state.pt")
            (folder / "half-state.pt").rename(state)
            line = {"epoch": epoch + 1, "loss": mean, "seconds": time.monotonic() - began}
            with open(folder / "progress.jsonl", "a") as out:
                out.write(json.dumps(line) + "\n")
            print(f"epoch {epoch + 1}: loss {mean:.3f}, {line['seconds']:.0f} s", flush=True)
    if schedule.workers > 1:
        distributed.destroy_process_group()


def _epoch(
    rank: int,
    model: Any,
    average: dict[str, Tensor],
    optimiser: Any,
    corpus: Corpus,
    epoch: int,
    schedule: Schedule,
) -> float:
    """Train on the whole corpus once; returns the mean loss of this worker's batches."""
    model.train()
    share = schedule.seconds / schedule.workers
    batches = list(corpus.batches(random.Random(f"{schedule.seed} {epoch}"), share))
    steps = min(len(batches) // schedule.workers, schedule.max_batches or len(batches))
    chance = random.Random(f"{schedule.seed} {epoch} {rank}")
    parameters = [value for value in model.parameters() if value.requires_grad]
    total = 0.0
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = schedule.learning_rate(epoch + step / steps)
        indices = batches[step * schedule.workers + rank]
        features, lengths = corpus.batch(indices)
        loss = losses(
            model,
            masked(features, chance),
            lengths,
            [corpus.texts[index] for index in indices],
            epoch >= schedule.ctc_epochs,
        )
        _step(optimiser, loss, parameters, schedule.workers)
        total += float(loss.detach())
        if rank == 0:
            _update_average(average, model, epoch == 0)
    return total / max(steps, 1)


def _step(optimiser: Any, loss: Tensor, parameters: list[Any], workers: int) -> None:
    optimiser.zero_grad(set_to_none=False)
    loss.backward()
    for value in parameters:
        if value.grad is None:
            value.grad = torch.zeros_like(value)
    if workers > 1:
        _average_gradients(parameters, workers)
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimiser.step()


def _average_gradients(parameters: list[Any], workers: int) -> None:
    flat = torch.cat([value.grad.reshape(-1) for value in parameters])
    distributed.all_reduce(flat)
    flat /= workers
    start = 0
    for value in parameters:
        value.grad.copy_(flat[start : start + value.numel()].view_as(value))
        start += value.numel()


def _update_average(average: dict[str, Tensor], model: Any, copy: bool) -> None:
    """Move the running average towards the weights; in the first epoch, copy them."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if copy or not value.is_floating_point():
                average[name].copy_(value)
            else:
                average[name].lerp_(value, 1 - AVERAGE)


def load_trained(shape: ModelShape, tokenizer_folder: Path, folder: Path) -> Any:
    """The trained hybrid, with the averaged weights of folder/state.pt."""
    model = network.make(shape, tokenizer_folder)
    model.load_state_dict(torch.load(folder / "state.pt", weights_only=True)["average"])
    return model
