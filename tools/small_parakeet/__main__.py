"""Makes a small Parakeet: speech, training, .nemo, ONNX, word error rate.

Run it with the Python of an ML stack (`parakeet doctor --fix` makes one), from the
repository's root, on a machine with espeak-ng:

    PYTHON -m tools.small_parakeet OUT --work WORK

WORK stores the speech's features and the training's state: after an interruption the same
command resumes at the last epoch. OUT gets small-parakeet-HEAD.nemo,
small-parakeet-HEAD-onnx/, small-parakeet-HEAD.json with the measurements, and held_out/.
The ONNX folders are measured if onnx-asr is installed beside NeMo.
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
from tools.small_parakeet.configuration import ONNX_HEADS, Head, ModelShape


@dataclass(frozen=True)
class Options:
    """The command's options."""

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
    batch_seconds: float
    max_batches: int | None
    seed: int
    held_out: int
    kept: int
    steps: tuple[str, ...]
    words: Path | None

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words and phrases that the speech consists of."""
        return tuple(self.words.read_text().split()) if self.words else speech.PHRASES

    @property
    def shape(self) -> ModelShape:
        return ModelShape(
            mels=self.mels, pieces=self.pieces, with_durations="rnnt" not in self.heads
        )

    @property
    def features(self) -> Path:
        return self.work / f"training-{self.mels}"

    @property
    def tokenizer(self) -> Path:
        return self.work / f"tokenizer-{self.pieces}"

    @property
    def run(self) -> Path:
        kind = "tdt" if self.shape.with_durations else "rnnt"
        return self.work / f"{kind}-{self.mels}-{self.pieces}"


def train(options: Options) -> None:
    """Make the speech and train on it, or resume where an earlier run stopped."""
    from tools.small_parakeet import corpus, network, training

    spoken = corpus.build(
        speech.training(options.seed, options.clips, options.vocabulary),
        options.mels,
        options.features,
    )
    network.make_tokenizer(spoken.texts, options.pieces, options.tokenizer)
    schedule = training.Schedule(
        ctc_epochs=options.ctc_epochs,
        transducer_epochs=options.epochs,
        seconds=options.batch_seconds,
        workers=options.workers,
        seed=options.seed,
        max_batches=options.max_batches,
    )
    training.train(
        spoken, options.shape, options.tokenizer, options.run, schedule, begin=options.begin
    )


def export_models(options: Options) -> None:
    """Write the models with the heads that were asked for."""
    from tools.small_parakeet import export, network, training

    trained = training.load_trained(options.shape, options.tokenizer, options.run)
    for head in options.heads:
        model = network.with_head(trained, head, options.shape, options.tokenizer)
        export.save_nemo(model, options.out / f"small-parakeet-{head}.nemo")
        if head in ONNX_HEADS:
            export.save_onnx(model, head, options.out / f"small-parakeet-{head}-onnx")


def write_held_out(options: Options) -> None:
    """Write some of the held-out clips as FLAC, and their words."""
    import soundfile

    folder = options.out / "held_out"
    folder.mkdir(exist_ok=True)
    clips = speech.held_out(options.seed, options.kept, options.vocabulary)
    lines = ["file\tvoice\ttext\n"]
    for number, (clip, samples) in enumerate(zip(clips, speech.render_all(clips), strict=True)):
        name = f"clip-{number:02}.flac"
        soundfile.write(folder / name, samples, speech.RATE, subtype="PCM_16")
        lines.append(f"{name}\t{clip.utterances[0].voice}\t{clip.text}\n")
    (folder / "transcripts.tsv").write_text("".join(lines))


def measure(options: Options) -> None:
    """Write the word error rates of the exported models, on all of the held-out clips."""
    from tools.small_parakeet import measure as wer

    clips = speech.held_out(options.seed, options.held_out, options.vocabulary)
    samples = list(speech.render_all(clips))
    texts = [clip.text for clip in clips]
    held_out = {
        "clips": len(clips),
        "words": sum(len(text.split()) for text in texts),
        "seconds": round(sum(map(len, samples)) / speech.RATE, 1),
        "voices": speech.voices(options.seed)[1],
    }
    trained = training_report(options)
    for head in options.heads:
        nemo = options.out / f"small-parakeet-{head}.nemo"
        transcripts = {"nemo": wer.through_nemo(nemo, samples)}
        files = [nemo]
        if head in ONNX_HEADS and find_spec("onnx_asr"):
            folder = options.out / f"small-parakeet-{head}-onnx"
            transcripts["onnx"] = wer.through_onnx(folder, samples)
            files += sorted(folder.glob("*.onnx"))
        rates = {by: round(wer.compare(texts, found).rate, 5) for by, found in transcripts.items()}
        report = trained | {
            "held_out": held_out,
            "word_error_rate": rates,
            "bytes": {str(path.relative_to(options.out)): path.stat().st_size for path in files},
        }
        path = options.out / f"small-parakeet-{head}.json"
        path.write_text(json.dumps(report, indent=2) + "\n")
        print(head, *(f"{by} {rate:.2%}" for by, rate in rates.items()))


def training_report(options: Options) -> dict[str, Any]:
    from tools.small_parakeet import corpus, network

    spoken = corpus.build(
        speech.training(options.seed, options.clips, options.vocabulary),
        options.mels,
        options.features,
    )
    progress = progress_lines(options.run)
    model = network.make(options.shape, options.tokenizer)
    return {
        "seed": options.seed,
        "pieces": options.pieces,
        "begun_with": options.begin.name if options.begin else None,
        "parameters": sum(value.numel() for value in model.parameters()),
        "training": {
            "clips": options.clips,
            "hours": round(spoken.hours, 2),
            "voices": len(speech.voices(options.seed)[0]),
            "ctc_epochs": min(options.ctc_epochs, len(progress)),
            "transducer_epochs": max(len(progress) - options.ctc_epochs, 0),
            "minutes": round(sum(line["seconds"] for line in progress) / 60, 1),
            "loss": round(progress[-1]["loss"], 4),
        },
    }


def progress_lines(run: Path) -> list[dict[str, Any]]:
    """A row for each epoch: its number, the loss, the seconds it took."""
    return [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]


STEPS = {
    "train": train,
    "export": export_models,
    "held-out": write_held_out,
    "measure": measure,
}


def parse(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m tools.small_parakeet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--work", type=Path, required=True, help="the folder for what a later run resumes from"
    )
    parser.add_argument(
        "--head", dest="heads", action="append", choices=configuration.HEADS,
        help="repeatable; default tdt; rnnt trains without durations",
    )  # fmt: skip
    parser.add_argument("--mels", type=int, choices=(80, 128), default=80)
    parser.add_argument(
        "--words", type=Path, help="a file with the words to train on, in the place of the 30"
    )
    parser.add_argument("--pieces", type=int, default=64, help="of the BPE vocabulary")
    parser.add_argument("--clips", type=int, default=4000, help="to train on, 4 s each")
    parser.add_argument("--ctc-epochs", type=int, default=5)
    parser.add_argument(
        "--epochs", type=int, default=13, help="of the transducer, after those of CTC"
    )
    parser.add_argument(
        "--begin", type=Path, metavar="RUN",
        help="a folder in WORK with the initial weights; head, mels and pieces may differ",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument(
        "--batch-seconds", type=float, default=64, help="of speech in a batch, over all workers"
    )
    parser.add_argument("--max-batches", type=int, help="in an epoch, for a short trial")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=300, help="clips to measure on")
    parser.add_argument(
        "--kept", type=int, default=32, help="of those clips, how many are written to OUT/held_out"
    )
    parser.add_argument(
        "--step", dest="steps", action="append", choices=STEPS, help="repeatable; all by default"
    )
    named = vars(parser.parse_args(arguments))
    heads = tuple(named.pop("heads") or ("tdt",))
    if "rnnt" in heads and {"tdt", "hybrid"} & set(heads):
        parser.error("one run trains with durations (tdt, hybrid) or without (rnnt), not both")
    steps = tuple(named.pop("steps") or STEPS)
    return Options(**named, heads=heads, steps=steps)


def main() -> None:
    options = parse()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.filterwarnings("ignore")
    from tools.small_parakeet import network

    network.silence_nemo()
    options.out.mkdir(parents=True, exist_ok=True)
    for step in options.steps:
        STEPS[step](options)


if __name__ == "__main__":
    main()
