"""Run by the ML stack's interpreter: the decoding of a GPU, on a CPU.

    python nemo_graphs.py WORKER FOLDER QUESTIONS CLIP.wav...

WORKER is the worker's folder; QUESTIONS is a JSON object of key -> [part, arguments]. Prints as
JSON what `PARTS[part]` found for each key; the tests say what it must be. Importing NeMo takes
longer than any part, so one process answers them all. NeMo's decoder for CUDA graphs runs here
in its mode `no_graphs`: the same operations, on the same state, without capture.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import random
import runpy
import sys
import tarfile
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nemo.collections.asr.models import ASRModel
from omegaconf import OmegaConf

nemo_models = importlib.import_module("nemo_models")  # beside this script

SETTING = "PARAKEET_NEMO_GRAPHS"
runpy.run_path(str(Path(sys.argv[1]) / "__main__.py"), run_name="worker")["load_package"]()
loading, decoding, encoding, live, cuda, faults = (
    importlib.import_module(f"parakeet_nemo_worker.{name}")
    for name in ("loading", "decoding", "encoding", "live", "cuda", "faults")
)


def sound_of(path: str) -> Any:
    with wave.open(path) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.astype(np.float32) / 32768


def load(path: Path, precision: str = "float32") -> Any:
    # Unpacked, as the engine gives it: NeMo 3.0's own reader needs Python 3.11.4.
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as archive:
        archive.extractall(folder)
        model = loading.restore(loading.LoadRequest(folder, "cpu"), cuda.NoCuda())
    for part in ("encoder", "decoder", "joint"):
        if hasattr(model, part):
            getattr(model, part).to(dtype=getattr(torch, precision))
    return model


def made(name: str, folder: Path) -> Path:
    """A model of that head with random weights, or the file that is named."""
    if name.endswith(".nemo"):
        return Path(name)
    path = folder / f"{name}.nemo"
    if not path.exists():
        nemo_models.tokenizer(folder)
        torch.manual_seed(1)
        model = nemo_models.make(name, folder)
        nemo_models.enliven(model)
        model.eval()
        model.save_to(str(path))
    return path


def decoder_of(model: Any, mode: str, **more: Any) -> Any:
    os.environ[SETTING] = mode
    return decoding.make_decoder(model, **more)


def shown(tokens: Any) -> dict[str, Any]:
    return {
        "pieces": tokens.pieces,
        "frames": tokens.frames,
        "probabilities": tokens.probabilities,
    }


def paths(folder: Path, clips: list[str], model_name: str, precision: str) -> dict[str, Any]:
    """The tokens of batches of several sizes, in windows and live, by the plain and a GPU's path.

    All batches are decoded before the first result is asked for, as with two in flight.
    """
    sounds = [sound_of(clip) for clip in clips]
    model = load(made(model_name, folder), precision)
    encoder = encoding.Encoder(model, print, cuda.NoCuda())
    long = np.concatenate(sounds)
    batches: list[tuple[Any, str]] = [
        *((some, "whole") for some in (sounds[:1], sounds[:3], sounds, sounds[1:2])),
        *(([long], way) for way in ("whole", "local", "windows")),
    ]
    encoded = [encoder.encode(*batch, boundaries=(60, 101)) for batch in batches]
    result: dict[str, Any] = {"ways": [way for *_, way in encoded]}
    for mode in ("off", "no_graphs"):
        decoder = decoder_of(model, mode)
        pending = [decoder.decode(frames, lengths) for frames, lengths, _ in encoded]
        tokens = [shown(one) for batch in pending for one in batch.result()]
        result[mode] = {
            "mode": decoder.graph_mode,
            "tokens": tokens,
            "live": spoken(encoder, decoder, long),
        }
    return result


def spoken(encoder: Any, decoder: Any, sound: Any) -> list[str]:
    """What is shown of two utterances at once, and of a batch between their parts."""
    shown = []
    utterances = [live.LiveUtterance(encoder, decoder) for _ in range(2)]
    parts = np.array_split(sound, len(sound) // 48_000)
    for number, part in enumerate(parts):
        shown.append(utterances[0].accept(part))
        shown.append(utterances[1].accept(parts[-1 - number]))
        encoded, lengths, _ = encoder.encode([part, part[:16_000]])
        decoder.decode(encoded, lengths).result()
    return shown


def odd_length(folder: Path, clips: list[str], model_name: str) -> dict[str, Any]:
    """A part of live speech with a number of frames that bfloat16 rounds up, and it as a batch."""
    model = load(made(model_name, folder), "bfloat16")
    encoder = encoding.Encoder(model, print, cuda.NoCuda())
    encoded = encoder.encode([np.concatenate([sound_of(clip) for clip in clips * 3])])[0][:, :287]
    assert encoded.new_tensor([encoded.shape[1]]) == 288
    found = {}
    for mode in ("off", "no_graphs"):
        decoder = decoder_of(model, mode)
        ids, _ = decoder.advance(encoded, None)
        (tokens,) = decoder.decode(encoded, torch.tensor([encoded.shape[1]])).result()
        found[mode] = [decoder.text(ids), decoding.join_pieces(tokens.pieces)]
    return found


def nemo_itself(folder: Path, clips: list[str], model_name: str) -> list[Any]:
    """NeMo's own text, words [text, start, end] and confidences, with all clips in one batch.

    Random weights decide by a hair, and how long the padding is changes the last digits of the
    encoder's output, in NeMo as here.
    """
    model = ASRModel.restore_from(str(made(model_name, folder)), map_location="cpu").eval()
    model.preprocessor.featurizer.dither = 0.0
    model.preprocessor.featurizer.pad_to = 0
    # Random weights write word marks in a row, which NeMo fails to count as words.
    set_confidence(model, of_words=model_name.endswith(".nemo"))
    found = []
    done = model.transcribe(
        clips, batch_size=len(clips), timestamps=True, return_hypotheses=True, verbose=False
    )
    pieces = model.tokenizer.ids_to_tokens(list(range(model.tokenizer.vocab_size)))
    for one in done:
        words = [[word["word"], word["start"], word["end"]] for word in one.timestamp["word"]]
        found.append(
            {
                "text": one.text,
                "words": words,
                "confidences": [float(value) for value in one.token_confidence],
                "word_confidences": [float(value) for value in one.word_confidence or []],
                "classes": len(pieces) + 1,  # with the blank
                "frames": [] if hasattr(model, "joint") else best_of_frames(one, pieces),
            }
        )
    return found


def set_confidence(model: Any, *, of_words: bool) -> None:
    """Let NeMo keep the confidence of each token: the probability of its id, rescaled.

    One setting of `aggregation` serves two purposes: of a token's frames, which only CTC has
    several of, the best counts here, and of a word's tokens the least.
    """
    transducer = hasattr(model, "joint")
    options = OmegaConf.to_container(model.cfg.decoding, resolve=True)
    options["preserve_alignments"] = True  # NeMo 2.4 keeps a transducer's confidences with them
    options["confidence_cfg"] = {
        "preserve_token_confidence": True,
        "preserve_word_confidence": transducer and of_words,
        "exclude_blank": True,
        "aggregation": "min" if transducer else "max",
        "method_cfg": {"name": "max_prob", "alpha": 1.0},
    }
    model.change_decoding_strategy(OmegaConf.create(options), verbose=False)


def best_of_frames(hypothesis: Any, pieces: list[str]) -> list[Any]:
    """The best piece of each frame, None for the blank, and its probability, by NeMo's CTC."""
    probabilities = hypothesis.alignments[0].float().exp()  # the logarithms, and their best ids
    named = [*pieces, None]
    best = [max(range(len(named)), key=row.__getitem__) for row in probabilities.tolist()]
    return [[named[one], float(row[one])] for one, row in zip(best, probabilities, strict=True)]


class Capture:
    """A double of the capture of CUDA graphs: counts it, and runs NeMo's code when replayed."""

    def __init__(self, computer: Any, fails: Callable[[str, Any], bool]) -> None:
        self.computer, self.fails = computer, fails
        self.made: list[tuple[str, int, int]] = []
        self.instant = False  # replays do nothing, where only the sizes of batches matter
        computer._warmup_for_cuda_graphs = lambda: None
        computer._full_graph_compile = functools.partial(self.capture, "full_graph")
        computer._partial_graphs_compile = functools.partial(self.capture, "no_while_loops")

    def capture(self, kind: str) -> None:
        state = self.computer.state
        self.made.append((kind, state.batch_size, state.max_time))
        if self.fails(kind, state):
            raise RuntimeError("CUDA error: operation failed due to a previous error")
        self.computer.full_graph = Replayed(self)
        self.computer.separate_graphs = Parts(self.computer)


class Replayed:
    def __init__(self, capture: Capture) -> None:
        self.capture, self.state = capture, capture.computer.state

    def replay(self) -> None:
        computer = self.capture.computer
        assert computer.state is self.state, "a graph of another state is replayed"
        if self.capture.instant:
            return
        computer._before_outer_loop()
        while computer.state.active_mask_any.item():
            computer._before_inner_loop_get_joint_output()
            while computer.state.advance_mask_any.item():
                computer._inner_loop_step_find_next_non_blank()
            computer._after_inner_loop_step()


class Parts:
    def __init__(self, computer: Any) -> None:
        for name, step in (
            ("before_outer_loop", computer._before_outer_loop),
            ("before_inner_loop", computer._before_inner_loop_get_joint_output),
            ("inner_loop_code", computer._inner_loop_step_find_next_non_blank),
            ("after_inner_loop", computer._after_inner_loop_step),
        ):
            setattr(self, name, type("Part", (), {"replay": staticmethod(step)}))


def recording(
    model: Any,
    notes: list[str],
    fails: Callable[[str, Any], bool] = lambda kind, state: False,
    mode: str = "full_graph",
    device: Any = None,
) -> tuple[Any, Capture]:
    """A decoder on the CPU that takes its captures for real ones."""
    decoder = decoder_of(model, "no_graphs", log=notes.append, cuda=device)
    capture = Capture(decoder._computer, fails)
    decoder._runner._set_mode(None if mode == "off" else mode)
    return decoder, capture


SCALE = 16  # frames are counted in sixteens here, so that a CPU simulates in seconds


def mixtures() -> dict[str, list[tuple[int, int]]]:
    """Batches (items, frames) as they come from short, long and mixed recordings."""
    chance = random.Random(7)

    def some(items: tuple[int, int], frames: tuple[int, int]) -> tuple[int, int]:
        return chance.randint(*items), chance.randint(*frames) // SCALE

    return {
        "short": [some((20, 128), (25, 75)) for _ in range(80)],
        "long": [some((1, 32), (900, 1501)) for _ in range(80)],
        "mixed": [
            some((1, 8), (1000, 1501)) if chance.random() < 0.3 else some((1, 128), (20, 200))
            for _ in range(80)
        ],
        "growing": [(2 * number, 19 * number // SCALE) for number in range(1, 65)],
    }


def captures(folder: Path, clips: list[str], model_name: str) -> dict[str, Any]:
    """How often graphs are made for mixtures of batches, by NeMo alone, by us, and primed."""
    model = load(made(model_name, folder))
    width = model.joint.encoder_hidden
    counts: dict[str, Any] = {}
    for name, batches in mixtures().items():
        row = counts[name] = {"batches": len(batches)}
        for way in ("nemo", "ours", "primed"):
            decoder, capture = recording(model, [])
            decoder._computer.INITIAL_MAX_TIME //= SCALE
            capture.instant = True
            if way == "primed":
                decoder.prime(128, 1526 // SCALE)
            run = decoder._computer.cuda_graphs_impl if way == "nemo" else decoder._runner.run
            for items, frames in batches:
                encoded = torch.zeros(1, 1, width).expand(items, max(1, frames), width)
                run(encoded, torch.ones(items).long(), None)
            row[way] = len(capture.made)
    return counts


FAILURES: dict[str, Callable[[str, Any], bool]] = {
    "none": lambda kind, state: False,
    "full": lambda kind, state: kind == "full_graph",
    "all": lambda kind, state: True,
    "large": lambda kind, state: state.batch_size > 8,
    "large full": lambda kind, state: kind == "full_graph" and state.batch_size > 8,
}


def failures(folder: Path, clips: list[str], model_name: str) -> dict[str, Any]:
    """What is decoded when graphs can't be made, primed and not."""
    model = load(made(model_name, folder))
    encoder = encoding.Encoder(model, print, cuda.NoCuda())
    sounds = [sound_of(clip) for clip in clips]
    batches = [encoder.encode(one)[:2] for one in (sounds[:2], sounds * 3, sounds[:2], sounds * 3)]
    plain = decoder_of(model, "off")
    expected = [shown(one) for batch in batches for one in plain.decode(*batch).result()]
    found: dict[str, Any] = {}
    for name, fails in FAILURES.items():
        for primed in (False, True):
            notes: list[str] = []
            decoder, capture = recording(model, notes, fails)
            if primed:
                decoder.prime(64, 400)
            tokens = [shown(one) for batch in batches for one in decoder.decode(*batch).result()]
            found[f"{name}, primed" if primed else name] = {
                "equal": words(tokens) == words(expected),
                "mode": decoder.graph_mode,
                "notes": notes,
                "captures": capture.made,
            }
    return found


class Fragile(cuda.NoCuda):  # type: ignore[misc, name-defined]
    """A device that an unfinished capture leaves broken, as torch's memory is until 2.12."""

    broken = False

    def works(self) -> bool:
        return not self.broken


def broken(folder: Path, clips: list[str], model_name: str) -> list[Any]:
    """What each process does in turn if no graphs can be made and each failure breaks it.

    The best graphs that it tried, what the next one may try or None, and whether what it decoded
    is right.
    """
    model = load(made(model_name, folder))
    encoded, lengths, _ = encoding.Encoder(model, print, cuda.NoCuda()).encode([sound_of(clips[0])])
    plain = shown(decoder_of(model, "off").decode(encoded, lengths).result()[0])
    found: list[Any] = []
    mode: str | None = "full_graph"
    while mode is not None and len(found) < 5:
        device = Fragile()

        def fails(kind: str, state: Any, device: Fragile = device) -> bool:
            device.broken = True
            return True

        decoder, _ = recording(model, [], fails, mode, device)
        try:
            decoder.prime(16, 400)
        except faults.LostInCaptureError as error:
            found.append([mode, error.less, None])
            mode = error.less
        else:
            right = shown(decoder.decode(encoded, lengths).result()[0]) == plain
            found.append([mode, None, right])
            mode = None
    return found


def words(tokens: list[dict[str, Any]]) -> list[str]:
    return [decoding.join_pieces(one["pieces"]) for one in tokens]


def without_cuda(folder: Path, clips: list[str], model_name: str) -> dict[str, Any]:
    """Full graphs asked for on a machine that has no GPU: NeMo's own capture, which fails."""
    model = load(made(model_name, folder))
    encoder = encoding.Encoder(model, print, cuda.NoCuda())
    encoded, lengths, _ = encoder.encode([sound_of(clips[0])])
    notes: list[str] = []
    decoder = decoder_of(model, "full_graph", log=notes.append)
    plain = decoder_of(model, "off")
    return {
        "found": shown(decoder.decode(encoded, lengths).result()[0]),
        "expected": shown(plain.decode(encoded, lengths).result()[0]),
        "mode": decoder.graph_mode,
        "notes": notes,
    }


PARTS: dict[str, Callable[..., Any]] = {
    "paths": paths,
    "nemo": nemo_itself,
    "captures": captures,
    "failures": failures,
    "without-cuda": without_cuda,
    "broken": broken,
    "odd-length": odd_length,
}


def main() -> None:
    _, _, folder, questions, *clips = sys.argv
    out = os.dup(1)
    os.dup2(2, 1)  # NeMo prints
    found = {}
    for key, (part, *arguments) in json.loads(questions).items():
        with torch.inference_mode(part != "nemo"):
            found[key] = PARTS[part](Path(folder), clips, *arguments)
    with os.fdopen(out, "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
