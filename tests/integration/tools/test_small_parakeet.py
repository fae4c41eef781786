"""Runs the tool that makes the small Parakeet on a real stack, with few clips and steps."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_asr
import onnxruntime
import pytest

from parakeet_cli.audio.decode.media import Samples, open_media
from tests.stacks import ROOT, Stacks

pytestmark = pytest.mark.slow

# Adds up every path through a lattice, one by one; the loss does it diagonal by diagonal.
PATHS = """
import math
import torch
from tools.small_parakeet.loss import transducer_loss

def paths(logits, target, frames, durations):
    blank = logits.shape[-1] - 1 - len(durations)
    tokens = logits[..., :blank + 1].log_softmax(-1)
    moves = logits[..., blank + 1:].log_softmax(-1)
    def after(t, u):
        if t >= frames:
            return 0.0
        total = 0.0
        for i, d in enumerate(durations or [0, 1]):
            by = float(moves[t, u, i]) if durations else 0.0
            if d > 0:
                at_end = t + d == frames and u == len(target)
                rest = 1.0 if at_end else after(t + d, u)
                total += math.exp(float(tokens[t, u, blank]) + by) * rest
            if u < len(target) and (durations or d == 0):
                total += math.exp(float(tokens[t, u, target[u]]) + by) * after(t + d, u + 1)
        return total
    return math.log(after(0, 0))

torch.manual_seed(5)
for durations in ([0, 1, 2, 3, 4], []):
    logits = torch.randn(3, 6, 4, 5 + 1 + len(durations), dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 5, (3, 3))
    frames, tokens = torch.tensor([6, 5, 4]), torch.tensor([3, 2, 0])
    loss = transducer_loss(logits, targets, frames, tokens, durations)
    with torch.no_grad():
        each = [
            paths(logits[i], targets[i, :tokens[i]].tolist(), int(frames[i]), durations)
            for i in range(3)
        ]
    assert abs(float(loss.detach()) + sum(each) / 5) < 1e-9, (durations, float(loss), each)
    loss.backward()
    for place in [(0, 0, 0, 0), (0, 3, 2, 5), (1, 2, 1, 3), (2, 3, 0, 5), (0, 5, 3, 5)]:
        sides = []
        for step in (1e-5, -1e-5):
            moved = logits.detach().clone()
            moved[place] += step
            sides.append(float(transducer_loss(moved, targets, frames, tokens, durations)))
        slope = (sides[0] - sides[1]) / 2e-5
        assert abs(slope - float(logits.grad[place])) < 1e-7, (durations, place)
print("equal")
"""


@dataclass(frozen=True)
class Made:
    """The results of one short run of the tool."""

    python: Path
    out: Path
    work: Path

    def run(self, *options: str) -> None:
        done = in_stack(
            self.python, "-m", "tools.small_parakeet", str(self.out), "--work", str(self.work),
            "--clips", "16", "--ctc-epochs", "1", "--max-batches", "1", "--workers", "1",
            "--held-out", "3", "--kept", "2", *options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]

    def report(self, head: str) -> dict[str, Any]:
        path = self.out / f"small-parakeet-{head}.json"
        read: dict[str, Any] = json.loads(path.read_text())
        return read


def in_stack(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(python), *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT, env=variables, timeout=600,
    )  # fmt: skip


def decode_all(path: Path) -> Samples:
    with open_media(path) as media:
        return np.concatenate([block.samples for block in media])


@pytest.fixture(scope="module")
def made(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("small-parakeet")
    short = Made(stacks("verified").python, folder / "out", folder / "work")
    short.run("--epochs", "1", "--head", "tdt", "--head", "ctc")
    return short


def test_the_loss_is_the_sum_over_every_path_and_so_are_its_gradients(stacks: Stacks) -> None:
    done = in_stack(stacks("verified").python, "-c", PATHS)
    assert done.stdout == "equal\n", done.stderr[-3000:]


@pytest.mark.parametrize("head", ["tdt", "ctc"])
def test_the_model_is_loaded_again_by_nemo_and_measured(made: Made, head: str) -> None:
    report = made.report(head)
    # One step teaches nothing: a low rate would be wrong.
    assert report["word_error_rate"]["nemo"] > 0.2
    assert report["held_out"]["clips"] == 3
    assert report["training"]["ctc_epochs"] == 1
    assert report["training"]["transducer_epochs"] == 1
    size = (made.out / f"small-parakeet-{head}.nemo").stat().st_size
    assert report["bytes"][f"small-parakeet-{head}.nemo"] == size > 1_000_000


@pytest.mark.parametrize("head", ["tdt", "ctc"])
def test_onnx_asr_reads_the_onnx_folder(made: Made, head: str) -> None:
    folder = made.out / f"small-parakeet-{head}-onnx"
    model = onnx_asr.load_model(f"nemo-conformer-{head}", folder)
    clips = [decode_all(made.out / "held_out" / f"clip-0{number}.flac") for number in (0, 1)]
    assert all(isinstance(model.recognize(clip), str) for clip in clips)


def test_the_encoder_in_onnx_takes_any_length_one_by_one_or_together(made: Made) -> None:
    encoder = made.out / "small-parakeet-tdt-onnx" / "encoder-model.onnx"
    session = onnxruntime.InferenceSession(str(encoder), providers=["CPUExecutionProvider"])
    features = np.random.default_rng(3).standard_normal((2, 80, 1604)).astype(np.float32)

    def encode(some: Any, lengths: list[int]) -> Any:
        return session.run(None, {"audio_signal": some, "length": np.array(lengths)})

    both, lengths = encode(features, [1604, 400])
    assert lengths.tolist() == [201, 50]
    assert both.shape[2] == 201
    for row, length in enumerate((1604, 400)):
        alone, steps = encode(features[row : row + 1, :, :length], [length])
        # At the end of the shorter one the convolutions include the padding, as NeMo's do.
        count = int(steps[0]) - 4
        np.testing.assert_allclose(alone[0, :, :count], both[row, :, :count], atol=0.02)


def test_our_decoder_reads_the_written_clips_and_their_words_are_recorded(made: Made) -> None:
    with open(made.out / "held_out" / "transcripts.tsv", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert [row["file"] for row in rows] == ["clip-00.flac", "clip-01.flac"]
    held_out = set(made.report("tdt")["held_out"]["voices"])
    for row in rows:
        assert row["voice"].partition("+")[2] in held_out
        seconds = len(decode_all(made.out / "held_out" / row["file"])) / 16_000
        assert seconds > 0.15 * len(row["text"].split())


def test_a_later_run_resumes_at_the_last_epoch(made: Made) -> None:
    made.run("--epochs", "2", "--step", "train")
    lines = (made.work / "tdt-80-64" / "progress.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
