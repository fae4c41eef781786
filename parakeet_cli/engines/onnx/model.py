"""Runs a Parakeet that onnx-asr loads: audio to tokens with their times and probabilities.

Features, graphs and the steps of a decoder are onnx-asr's. The loops over those steps are
ours, because onnx-asr reports where a token begins but not how long it lasts, and it adds up
the probabilities of a token's frames.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as rt
from numpy.typing import NDArray
from onnx_asr.models.nemo import NemoConformerCtc, NemoConformerRnnt, NemoConformerTdt
from onnx_asr.preprocessors.numpy_preprocessor import NemoPreprocessorNumpy

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.engines.memory import NotEnoughMemory, is_out_of_memory, memory_hint
from parakeet_cli.engines.nemo.worker.forced.lattice import CtcAligner
from parakeet_cli.engines.nemo.worker.forced.replacing import with_given_words
from parakeet_cli.engines.nemo.worker.forced.text import TextToAlign
from parakeet_cli.engines.nemo.worker.terms.choice import TermChooser
from parakeet_cli.engines.nemo.worker.terms.spotting import (
    greedy_runs,
    make_spotting_tree,
    runs_with_terms,
)
from parakeet_cli.engines.nemo.worker.terms.tree import TokenTree, make_tree
from parakeet_cli.engines.onnx.folder import OnnxFolder
from parakeet_cli.engines.onnx.joint import make_transducer_aligner
from parakeet_cli.engines.parakeet_tokens import MARK, Token
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.types import ONNX

Floats = NDArray[np.float32]

_CLASSES = {
    "nemo-conformer-tdt": NemoConformerTdt,
    "nemo-conformer-rnnt": NemoConformerRnnt,
    "nemo-conformer-ctc": NemoConformerCtc,
}
# The inputs and outputs that onnx-asr expects of each graph.
_PORTS: dict[str, tuple[set[str], set[str]]] = {
    "encoder": ({"audio_signal", "length"}, {"outputs", "encoded_lengths"}),
    "decoder_joint": (
        {"encoder_outputs", "targets", "target_length", "input_states_1", "input_states_2"},
        {"outputs", "output_states_1", "output_states_2"},
    ),
    "model": ({"audio_signal", "length"}, {"logprobs"}),
}
_SHORTEST = 3200  # samples: normalising features over time needs some frames
_ERRORS_ONLY = 3  # ONNX Runtime's severity: its warnings are for the authors of graphs
_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


# (id, first frame, frame after the last, probability)
FoundToken = tuple[int, int, int, float]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a transducer's decoder is: all that it needs to go on, or to go on there again."""

    at: int  # the frame
    emitted: int  # tokens of that frame
    state: Any  # of the network that predicts
    before: tuple[int, ...]  # the token before, if there is one
    found: int  # tokens until there

    def moved(self, at: int) -> _Place:
        return self if at == self.at else _Place(at, 0, self.state, self.before, self.found)


class OnnxModel:
    """A model in memory. Making one raises EngineUnavailable if it can't be loaded.

    `place` has the files of the folder that were checked; `terms` are words to expect, and `text`
    the words of a given text.
    """

    def __init__(
        self,
        folder: OnnxFolder,
        place: Path,
        *,
        threads: int,
        gpu: int | None,
        terms: Sequence[str] = (),
        text: Sequence[str] = (),
    ) -> None:
        options = rt.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _ERRORS_ONLY
        # Otherwise it caches a memory plan for every length of audio that it has seen.
        options.enable_mem_pattern = False
        try:
            # If the GPU fails, ONNX Runtime prints to stdout, which is for transcripts.
            with redirect_stdout(sys.stderr) if gpu is not None else nullcontext():
                self._asr: Any = _CLASSES[folder.kind](
                    folder.files(place),
                    NemoPreprocessorNumpy,
                    {"sess_options": options, "providers": _providers(gpu)},
                )
        except Exception as error:  # ONNX Runtime's errors have no class in common
            if is_out_of_memory(error):
                raise NotEnoughMemory(
                    f"There is not enough memory for the model {folder.name}: {_first_line(error)}",
                    hint=memory_hint(folder.name, ONNX),
                ) from error
            raise EngineUnavailable(
                f"The model in {folder.path} can't be loaded: "
                f"{_first_line(error).replace(str(place), str(folder.path))}",
                hint="Download it again, or export it again; `parakeet doctor` checks ONNX "
                "Runtime's own libraries.",
            ) from error
        self._sessions = {name: getattr(self._asr, f"_{name}") for name in folder.graphs}
        for session in self._sessions.values():
            session.disable_fallback()  # a GPU that fails in mid-file is an error
        self._check_ports(folder)
        self._frame_seconds = self._asr.window_step * self._asr._subsampling_factor
        self._pieces = {
            number: piece.replace(" ", MARK) for number, piece in self._asr._vocab.items()
        }
        self._tree = self._tree_of(terms)
        pieces = [self._pieces[number] for number in range(len(self._pieces))]
        self._text = TextToAlign(pieces, text) if text else None

    def _tree_of(self, terms: Sequence[str]) -> TokenTree | None:
        pieces = [self._pieces[number] for number in range(len(self._pieces))]
        make = make_spotting_tree if "model" in self._sessions else make_tree
        return make(pieces, terms) if terms else None

    def expecting(self, terms: Sequence[str]) -> OnnxModel:
        """The same loaded model, with other words to expect."""
        other = copy(self)
        other._tree = other._tree_of(terms)
        return other

    @property
    def on_gpu(self) -> bool:
        """Whether the GPU is used: ONNX Runtime silently falls back to the CPU."""
        return all(one.get_providers()[0] == _CUDA for one in self._sessions.values())

    def _check_ports(self, folder: OnnxFolder) -> None:
        for name, session in self._sessions.items():
            if problem := _port_problem(name, session, folder.mels):
                raise EngineUnavailable(
                    f"{folder.graphs[name]} is not the graph of a {folder.kind}: {problem}.",
                    hint="docs/models.md says which exports work.",
                )

    def transcribe(self, samples: Floats) -> list[Token]:
        """16 kHz mono float32 of shape (n,) to tokens timed in seconds from its start."""
        length = max(len(samples), _SHORTEST)
        padded = np.zeros((1, length), np.float32)
        padded[0, : len(samples)] = samples
        features = self._asr._preprocessor(padded, np.array([length], np.int64))
        encoded, lengths = self._asr._encode(*features)
        frames = encoded[0, : int(lengths[0])]
        if "model" in self._sessions:
            tokens = self._ctc(frames)
        else:
            tokens = self._transducer(frames)
            if self._text is not None:
                tokens = self._with_given_words(self._text, tokens, frames)
        most = len(samples) / SAMPLE_RATE
        return [
            Token(
                self._pieces[number],
                min(start * self._frame_seconds, most),
                min(end * self._frame_seconds, most),
                probability,
            )
            for number, start, end, probability in tokens
        ]

    def _transducer(self, frames: Floats) -> list[FoundToken]:
        """The tokens of a transducer, greedily.

        A token lasts until the next frame that the decoder visits, and at least for its own.
        """
        asr = self._asr
        chooser = self._chooser()
        found: list[FoundToken] = []
        place = _Place(0, 0, asr._create_state(), (), 0)
        while True:
            if place.at >= len(frames):
                back = chooser.finish() if chooser is not None else None
                if back is None:
                    return found
                place = back
                del found[place.found :]
            logits, step, after = asr._decode(list(place.before), place.state, frames[place.at])
            number = int(logits.argmax())
            following = place.at + max(step, 0)
            if chooser is not None and (number != asr._blank_idx or chooser.decides):
                number, back = chooser.choose(logits, number, place)
                if back is not None:
                    place = back
                    del found[place.found :]
                    continue
            if number == asr._blank_idx:
                place = place.moved(max(following, place.at + 1))
                continue
            emitted = place.emitted + 1
            if following == place.at and emitted >= asr._max_tokens_per_step:
                following = place.at + 1
            until = min(max(following, place.at + 1), len(frames))
            found.append((number, place.at, until, _probability(logits, number)))
            place = _Place(place.at, emitted, after, (number,), len(found)).moved(following)

    def _with_given_words(
        self, text: TextToAlign, tokens: list[FoundToken], frames: Floats
    ) -> list[FoundToken]:
        """The text's words in the place of others."""
        asr = self._asr
        return with_given_words(
            text,
            tokens,
            len(frames),
            lambda start, end, history: make_transducer_aligner(asr, frames[start:end], history),
        )

    def _ctc(self, logprobs: Floats) -> list[FoundToken]:
        """The same for a CTC head: each run of the same id, blanks excepted, is a token."""
        blank = self._asr._blank_idx
        if self._tree is None:
            runs = greedy_runs(logprobs, blank)
        else:
            runs = runs_with_terms(self._tree, logprobs, blank)
        if self._text is not None:
            runs = with_given_words(
                self._text,
                runs,
                len(logprobs),
                lambda start, end, _: CtcAligner(logprobs[start:end], blank),
            )
        return [
            (number, start, end, min(1.0, float(np.exp(logprobs[start:end, number].max()))))
            for number, start, end in runs
        ]

    def _chooser(self) -> TermChooser[Any] | None:
        return None if self._tree is None else TermChooser(self._tree, self._asr._blank_idx)


def _port_problem(name: str, session: Any, mels: int) -> str:
    """Why onnx-asr can't use the graph; empty if it can."""
    inputs = {one.name: one for one in session.get_inputs()}
    outputs = {one.name: one for one in session.get_outputs()}
    expected_inputs, expected_outputs = _PORTS[name]
    if different := (expected_inputs ^ inputs.keys()) | (expected_outputs - outputs.keys()):
        return f"its inputs and outputs differ in {', '.join(sorted(different))}"
    if any(outputs[one].type == "tensor(float16)" for one in expected_outputs):
        return "it computes in float16, which onnx-asr can't read"
    if name != "decoder_joint" and not _fits(inputs["audio_signal"].shape, mels):
        return f"it doesn't take the {mels} mel bands of config.json"
    return ""


def _probability(logits: Floats, number: int) -> float:
    exponentials = np.exp(logits - logits.max(), dtype=np.float64)
    return float(exponentials[number] / exponentials.sum())


def _providers(gpu: int | None) -> list[Any]:
    if gpu is None:
        return [_CPU]
    # By default cuDNN searches for the best convolution again for every length of audio, and an
    # arena that doubles whenever it is too small soon takes all of the GPU's memory.
    options = {
        "device_id": gpu,
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
    }
    return [(_CUDA, options), _CPU]


def _fits(shape: list[Any], mels: int) -> bool:
    return len(shape) == 3 and (not isinstance(shape[1], int) or shape[1] == mels)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0][:300]
