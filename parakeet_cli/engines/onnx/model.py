"""A Parakeet that onnx-asr loads: sound to tokens with their frames and probabilities.

Features, graphs and the steps of a decoder are onnx-asr's. The loops over its steps are
ours, because onnx-asr tells where a token begins and not how long it lasts, and adds up
the probabilities of a token's frames.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime as rt
from numpy.typing import NDArray
from onnx_asr.models.nemo import NemoConformerCtc, NemoConformerRnnt, NemoConformerTdt
from onnx_asr.preprocessors.numpy_preprocessor import NemoPreprocessorNumpy

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.engines.onnx.folder import OnnxFolder
from parakeet_cli.engines.parakeet_tokens import MARK, Token
from parakeet_cli.errors import EngineUnavailable

Floats = NDArray[np.float32]

_CLASSES = {
    "nemo-conformer-tdt": NemoConformerTdt,
    "nemo-conformer-rnnt": NemoConformerRnnt,
    "nemo-conformer-ctc": NemoConformerCtc,
}
# What each graph must take and give, as onnx-asr asks for it.
_PORTS: dict[str, tuple[set[str], set[str]]] = {
    "encoder": ({"audio_signal", "length"}, {"outputs", "encoded_lengths"}),
    "decoder_joint": (
        {"encoder_outputs", "targets", "target_length", "input_states_1", "input_states_2"},
        {"outputs", "output_states_1", "output_states_2"},
    ),
    "model": ({"audio_signal", "length"}, {"logprobs"}),
}
_SHORTEST = 3200  # samples: features that are normalised over time need some frames
_ERRORS_ONLY = 3  # ONNX Runtime's severity: its warnings are about graphs, for their authors
_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


class OnnxModel:
    """A model in memory. Raises EngineUnavailable where it can't be loaded."""

    def __init__(self, folder: OnnxFolder, *, threads: int, gpu: int | None) -> None:
        options = rt.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _ERRORS_ONLY
        # It would keep a plan of the memory for every length of sound that it ever saw.
        options.enable_mem_pattern = False
        try:
            # Where the GPU fails, ONNX Runtime says so on stdout, which belongs to transcripts.
            with redirect_stdout(sys.stderr) if gpu is not None else nullcontext():
                self._asr: Any = _CLASSES[folder.kind](
                    {**folder.texts, **folder.graphs},
                    NemoPreprocessorNumpy,
                    {"sess_options": options, "providers": _providers(gpu)},
                )
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise EngineUnavailable(
                f"The model in {folder.path} can't be loaded: {_first_line(error)}",
                hint="Fetch it again, or make it anew; `parakeet doctor` looks at ONNX "
                "Runtime's own libraries.",
            ) from error
        self._sessions = {name: getattr(self._asr, f"_{name}") for name in folder.graphs}
        for session in self._sessions.values():
            session.disable_fallback()  # in mid-file, too: it is an error then
        self._check_ports(folder)
        self._frame = self._asr.window_step * self._asr._subsampling_factor  # seconds
        self._pieces = {
            number: piece.replace(" ", MARK) for number, piece in self._asr._vocab.items()
        }

    @property
    def on_gpu(self) -> bool:
        """Whether the GPU is really used: ONNX Runtime goes back to the CPU by itself."""
        return all(one.get_providers()[0] == _CUDA for one in self._sessions.values())

    def _check_ports(self, folder: OnnxFolder) -> None:
        for name, session in self._sessions.items():
            takes = {one.name: one for one in session.get_inputs()}
            gives = {one.name: one for one in session.get_outputs()}
            wanted, promised = _PORTS[name]
            problem = ""
            if missing := (wanted ^ takes.keys()) | (promised - gives.keys()):
                problem = f"its inputs and outputs differ in {', '.join(sorted(missing))}"
            elif any(gives[one].type == "tensor(float16)" for one in promised):
                problem = "it computes in float16, which onnx-asr can't read"
            elif name != "decoder_joint" and not _fits(takes["audio_signal"].shape, folder.mels):
                problem = f"it doesn't take the {folder.mels} mel bands of config.json"
            if problem:
                raise EngineUnavailable(
                    f"{folder.graphs[name]} is not the graph of a {folder.kind}: {problem}.",
                    hint="docs/models.md says which exports work.",
                )

    def hear(self, samples: Floats) -> list[Token]:
        """16 kHz mono float32 of shape (n,) to tokens timed in seconds from its start."""
        length = max(len(samples), _SHORTEST)
        sound = np.zeros((1, length), np.float32)
        sound[0, : len(samples)] = samples
        features = self._asr._preprocessor(sound, np.array([length], np.int64))
        encoded, lengths = self._asr._encode(*features)
        frames = encoded[0, : int(lengths[0])]
        found = self._ctc(frames) if "model" in self._sessions else self._transducer(frames)
        most = len(samples) / SAMPLE_RATE
        return [
            Token(
                self._pieces[number],
                min(start * self._frame, most),
                min(end * self._frame, most),
                probability,
            )
            for number, start, end, probability in found
        ]

    def _transducer(self, frames: Floats) -> list[tuple[int, int, int, float]]:
        """(id, first frame, frame after the last, probability) of each token, greedily.

        A token lasts until the decoder looks at the next frame, and at least its own.
        """
        asr = self._asr
        found: list[tuple[int, int, int, float]] = []
        before: list[int] = []
        state = asr._create_state()
        at = emitted = 0
        while at < len(frames):
            logits, step, after = asr._decode(before, state, frames[at])
            number = int(logits.argmax())
            following = at + max(step, 0)
            if number == asr._blank_idx:
                following = max(following, at + 1)
            else:
                state, before = after, [number]
                emitted += 1
                if following == at and emitted >= asr._max_tokens_per_step:
                    following = at + 1
                until = min(max(following, at + 1), len(frames))
                found.append((number, at, until, _probability(logits, number)))
            if following > at:
                emitted = 0
            at = following
        return found

    def _ctc(self, logprobs: Floats) -> list[tuple[int, int, int, float]]:
        """The same of a CTC head: each run of one id that is no blank is a token."""
        best = logprobs.argmax(axis=-1)
        edges = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
        return [
            (int(best[start]), start, end, min(1.0, float(np.exp(logprobs[start:end].max()))))
            for start, end in pairwise(edges)
            if end > start and best[start] != self._asr._blank_idx
        ]


def _probability(logits: Floats, number: int) -> float:
    shares = np.exp(logits - logits.max(), dtype=np.float64)
    return float(shares[number] / shares.sum())


def _providers(gpu: int | None) -> list[Any]:
    if gpu is None:
        return [_CPU]
    # A search for the best convolution would begin anew for every length of sound, and
    # memory that doubles whenever it is short is soon all of the GPU's.
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
