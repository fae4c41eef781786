"""Training on CPUs: CTC alone first, then the transducer with some CTC beside it.

Each worker is a process with one thread: where other programs want the cores too, threads
that wait for each other at every operation are many times slower. Their gradients are
averaged. The weights that are kept are a running average of those that were trained.
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
from tools.small_parakeet.configuration import Shape
from tools.small_parakeet.corpus import Corpus
from tools.small_parakeet.loss import transducer_loss

CTC_WEIGHT = 0.3
AVERAGE = 0.998  # a step's share of the running average is the rest


@dataclass(frozen=True)
class Schedule:
    """`seconds` of speech in a batch, over all workers; one cycle of learning rates a stage."""

    ctc_epochs: int = 5
    transducer_epochs: int = 13
    seconds: float = 64.0
    rate: float = 2e-3
    workers: int = 2
    seed: int = 1
    max_batches: int | None = None  # an epoch's, where less than all will do

    @property
    def epochs(self) -> int:
        return self.ctc_epochs + self.transducer_epochs

    def learning_rate(self, progress: float) -> float:
        """At `progress` epochs: up in a tenth of the stage, then down along a cosine."""
        if progress < self.ctc_epochs:
            through, top = progress / self.ctc_epochs, self.rate
        else:
            through = (progress - self.ctc_epochs) / max(self.transducer_epochs, 1)
            top = self.rate * 0.75
        if through < 0.1:
            return top * max(through / 0.1, 0.02)
        return top * max(0.5 + 0.5 * math.cos(math.pi * (through - 0.1) / 0.9), 0.01)


def masked(features: Tensor, chance: random.Random) -> Tensor:
    """SpecAugment, light: the words are short, a long mask would take one out."""
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
    """The loss of one batch: CTC's, or the transducer's with CTC's beside it."""
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
    shape: Shape,
    tokenizer_folder: Path,
    folder: Path,
    schedule: Schedule,
    begin: Path | None = None,
) -> None:
    """Goes on from folder/state.pt where an earlier run left one, to the schedule's end.

    A new run begins with the averaged weights of the run in the folder `begin`, which may
    be of another shape, or with random ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    everything = (corpus, shape, tokenizer_folder, folder, schedule, begin)
    if schedule.workers == 1:
        _work(0, *everything)
    else:
        try:
            torch.multiprocessing.spawn(_work, everything, nprocs=schedule.workers)
        finally:
            (folder / f"meeting-{os.getpid()}").unlink(missing_ok=True)


def _work(
    rank: int,
    corpus: Corpus,
    shape: Shape,
    tokenizer_folder: Path,
    folder: Path,
    schedule: Schedule,
    begin: Path | None,
) -> None:
    torch.set_num_threads(1)
    network.quiet()
    if schedule.workers > 1:
        meeting = folder / f"meeting-{os.getppid()}"  # a file of gloo's, by which workers meet
        distributed.init_process_group(
            "gloo", init_method=meeting.resolve().as_uri(), rank=rank, world_size=schedule.workers
        )
    torch.manual_seed(schedule.seed)
    model = network.make(shape, tokenizer_folder)
    if begin is not None:
        network.take_over(model, torch.load(begin / "state.pt", weights_only=True)["average"])
    model.joint.log_softmax = False
    average = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=schedule.rate, betas=(0.9, 0.98), weight_decay=1e-3
    )
    state = folder / "state.pt"
    first = 0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        average, first = kept["average"], kept["epochs"]
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
    """One pass over the corpus; the mean loss of this worker's batches."""
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
        optimiser.zero_grad(set_to_none=False)
        loss.backward()
        for value in parameters:
            if value.grad is None:
                value.grad = torch.zeros_like(value)
        if schedule.workers > 1:
            _average_gradients(parameters, schedule.workers)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        total += float(loss.detach())
        if rank == 0:
            _follow(average, model, epoch == 0)
    return total / max(steps, 1)


def _average_gradients(parameters: list[Any], workers: int) -> None:
    flat = torch.cat([value.grad.reshape(-1) for value in parameters])
    distributed.all_reduce(flat)
    flat /= workers
    start = 0
    for value in parameters:
        value.grad.copy_(flat[start : start + value.numel()].view_as(value))
        start += value.numel()


def _follow(average: dict[str, Tensor], model: Any, at_once: bool) -> None:
    """The running average takes its share; in the first epoch it is the weights themselves."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if at_once or not value.is_floating_point():
                average[name].copy_(value)
            else:
                average[name].lerp_(value, 1 - AVERAGE)


def trained(shape: Shape, tokenizer_folder: Path, folder: Path) -> Any:
    """The hybrid with the averaged weights of folder/state.pt."""
    model = network.make(shape, tokenizer_folder)
    model.load_state_dict(torch.load(folder / "state.pt", weights_only=True)["average"])
    return model
