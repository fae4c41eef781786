"""Makes a small Parakeet: speech, training, .nemo, ONNX, WER.

Run it with the python of an ML stack (`parakeet doctor --fix` makes one), from the
repository's root, where espeak-ng is installed:

    PYTHON -m tools.small_parakeet OUT --work WORK

WORK keeps the speech's features and the training's state: stopped at any time, the same
command goes on from the last epoch. OUT gets small-parakeet-HEAD.nemo,
small-parakeet-HEAD-onnx/, small-parakeet-HEAD.json with what was measured, and held_out/.
What the ONNX folders hear is measured where onnx-asr is installed beside NeMo.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tools.small_parakeet import configuration, speech
from tools.small_parakeet.configuration import ONNX_HEADS, Head, Shape


@dataclass(frozen=True)
class Order:
    """What was asked for."""

    out: Path
    work: Path
    heads: tuple[Head, ...]
    mels: int
    pieces: int
    clips: int
    ctc_epochs: int
    epochs: int
    begin: Path | None
    workers: int
    max_batches: int | None
    seed: int
    held_out: int
    kept: int
    steps: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        return Shape(mels=self.mels, pieces=self.pieces, with_durations="rnnt" not in self.heads)

    @property
    def tokenizer(self) -> Path:
        return self.work / f"tokenizer-{self.pieces}"

    @property
    def run(self) -> Path:
        kind = "tdt" if self.shape.with_durations else "rnnt"
        return self.work / f"{kind}-{self.mels}-{self.pieces}"


def learn(order: Order) -> None:
    """Makes the speech and trains on it, or goes on where an earlier run stopped."""
    from tools.small_parakeet import corpus, network, training

    spoken = corpus.build(
        speech.training(order.seed, order.clips), order.mels, order.work / f"training-{order.mels}"
    )
    network.make_tokenizer(spoken.texts, order.pieces, order.tokenizer)
    schedule = training.Schedule(
        ctc_epochs=order.ctc_epochs,
        transducer_epochs=order.epochs,
        workers=order.workers,
        seed=order.seed,
        max_batches=order.max_batches,
    )
    training.train(spoken, order.shape, order.tokenizer, order.run, schedule, begin=order.begin)


def write(order: Order) -> None:
    """The models of the heads that were asked for."""
    from tools.small_parakeet import export, network, training

    trained = training.trained(order.shape, order.tokenizer, order.run)
    for head in order.heads:
        model = network.with_head(trained, head, order.shape, order.tokenizer)
        export.save_nemo(model, order.out / f"small-parakeet-{head}.nemo")
        if head in ONNX_HEADS:
            export.save_onnx(model, head, order.out / f"small-parakeet-{head}-onnx")


def keep(order: Order) -> None:
    """Some of the held-out clips as FLAC, and what is said in them."""
    import soundfile

    folder = order.out / "held_out"
    folder.mkdir(exist_ok=True)
    clips = speech.held_out(order.seed, order.kept)
    lines = ["file\tvoice\ttext\n"]
    for number, (clip, samples) in enumerate(zip(clips, speech.render_all(clips), strict=True)):
        name = f"clip-{number:02}.flac"
        soundfile.write(folder / name, samples, speech.RATE, subtype="PCM_16")
        lines.append(f"{name}\t{clip.utterances[0].voice}\t{clip.text}\n")
    (folder / "transcripts.tsv").write_text("".join(lines))


def measure(order: Order) -> None:
    """The word error rates of what was written, on all of the held-out clips."""
    from tools.small_parakeet import measure as measuring

    clips = speech.held_out(order.seed, order.held_out)
    samples = list(speech.render_all(clips))
    texts = [clip.text for clip in clips]
    held_out = {
        "clips": len(clips),
        "words": sum(len(text.split()) for text in texts),
        "seconds": round(sum(map(len, samples)) / speech.RATE, 1),
        "voices": speech.voices(order.seed)[1],
    }
    learnt = what_was_learnt(order)
    for head in order.heads:
        nemo = order.out / f"small-parakeet-{head}.nemo"
        heard = {"nemo": measuring.through_nemo(nemo, samples)}
        files = [nemo]
        if head in ONNX_HEADS and find_spec("onnx_asr"):
            folder = order.out / f"small-parakeet-{head}-onnx"
            heard["onnx"] = measuring.through_onnx(folder, samples)
            files += sorted(folder.glob("*.onnx"))
        rates = {by: round(measuring.compare(texts, said).rate, 5) for by, said in heard.items()}
        report = learnt | {
            "held_out": held_out,
            "word_error_rate": rates,
            "bytes": {str(path.relative_to(order.out)): path.stat().st_size for path in files},
        }
        path = order.out / f"small-parakeet-{head}.json"
        path.write_text(json.dumps(report, indent=2) + "\n")
        print(head, *(f"{by} {rate:.2%}" for by, rate in rates.items()))


def what_was_learnt(order: Order) -> dict[str, Any]:
    from tools.small_parakeet import corpus, network

    spoken = corpus.build(
        speech.training(order.seed, order.clips), order.mels, order.work / f"training-{order.mels}"
    )
    progress = told(order.run)
    model = network.make(order.shape, order.tokenizer)
    return {
        "seed": order.seed,
        "pieces": order.pieces,
        "begun_with": order.begin.name if order.begin else None,
        "parameters": sum(value.numel() for value in model.parameters()),
        "training": {
            "clips": order.clips,
            "hours": round(spoken.hours, 2),
            "voices": len(speech.voices(order.seed)[0]),
            "ctc_epochs": min(order.ctc_epochs, len(progress)),
            "transducer_epochs": max(len(progress) - order.ctc_epochs, 0),
            "minutes": round(sum(line["seconds"] for line in progress) / 60, 1),
            "loss": round(progress[-1]["loss"], 4),
        },
    }


def told(run: Path) -> list[dict[str, Any]]:
    """A line an epoch: which, the loss, the seconds it took."""
    return [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]


STEPS = {"train": learn, "export": write, "held-out": keep, "measure": measure}


def parse(arguments: list[str] | None = None) -> Order:
    parser = argparse.ArgumentParser(
        prog="python -m tools.small_parakeet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="what a later run goes on from")
    parser.add_argument(
        "--head", dest="heads", action="append", choices=configuration.HEADS,
        help="repeatable; tdt where none is named; rnnt trains without durations",
    )  # fmt: skip
    parser.add_argument("--mels", type=int, choices=(80, 128), default=80)
    parser.add_argument("--pieces", type=int, default=64, help="of the BPE vocabulary")
    parser.add_argument("--clips", type=int, default=4000, help="to train on, 4 s each")
    parser.add_argument("--ctc-epochs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=13, help="of the transducer, after CTC's")
    parser.add_argument(
        "--begin", type=Path, metavar="RUN",
        help="a folder in WORK, whose weights to begin with; another head, mels, pieces are fine",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--max-batches", type=int, help="an epoch's, for a short try")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=300, help="clips to measure on")
    parser.add_argument("--kept", type=int, default=32, help="of them, written to OUT/held_out")
    parser.add_argument(
        "--step", dest="steps", action="append", choices=STEPS, help="repeatable; all by default"
    )
    named = vars(parser.parse_args(arguments))
    heads = tuple(named.pop("heads") or ("tdt",))
    if "rnnt" in heads and {"tdt", "hybrid"} & set(heads):
        parser.error("one run trains with durations (tdt, hybrid) or without (rnnt), not both")
    steps = tuple(named.pop("steps") or STEPS)
    return Order(**named, heads=heads, steps=steps)


def main() -> None:
    order = parse()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.filterwarnings("ignore")
    from tools.small_parakeet import network

    network.quiet()
    order.out.mkdir(parents=True, exist_ok=True)
    for step in order.steps:
        STEPS[step](order)


if __name__ == "__main__":
    main()
