"""Makes a Parakeet by hand: ONNX graphs that recognise three tones.

Its "words" are tones: a low one is `do`, a middle one `re-mi` (two pieces), a high one `fa`.
The encoder sums mel bands of eight frames, as a Parakeet's subsampling does. The decoder
emits the piece of a frame's tone, and a blank if it has just emitted that piece. Everything
except for the weights is real: features, graphs, onnx-asr, ONNX Runtime.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.media_files import Floats, tone

Head = Literal["tdt", "rnnt", "ctc"]

PIECES = ("▁do", "▁re", "mi", "▁fa", "<blk>")
BLANK = PIECES.index("<blk>")
HERTZ = {"do": 300.0, "remi": 1500.0, "fa": 5000.0}
FRAME = 0.08  # seconds
_MELS = 80
_WIDTH = 4  # of an encoder frame: do, remi, fa, loudness
_DURATIONS = 5
_OPSET = [helper.make_opsetid("", 17)]


def tune(*words: tuple[str, float], pause: float = 0.5) -> Floats:
    """Tones of those lengths with a pause before, between and after them: 16 kHz mono."""
    rng = np.random.default_rng(7)
    parts: list[Floats] = []
    for word, seconds in words:
        parts += [np.zeros(int(pause * 16_000), np.float32), tone(seconds, 16_000, HERTZ[word])]
    parts.append(np.zeros(int(pause * 16_000), np.float32))
    sound = np.concatenate(parts)
    return (sound + rng.normal(0, 1e-4, len(sound))).astype(np.float32)


def write_toy(folder: Path, head: Head = "tdt", *, precision: str = "") -> Path:
    """Write a complete folder, as onnx-asr expects it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": f"nemo-conformer-{head}", "features_size": 80, "subsampling_factor": 8}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    lines = "".join(f"{piece} {number}\n" for number, piece in enumerate(PIECES))
    (folder / "vocab.txt").write_text(lines, encoding="utf-8")
    if head == "ctc":
        (folder / f"model{precision}.onnx").write_bytes(_ctc().SerializeToString())
    else:
        decoder = _decoder(_DURATIONS if head == "tdt" else 0)
        (folder / f"encoder-model{precision}.onnx").write_bytes(_encoder().SerializeToString())
        (folder / f"decoder_joint-model{precision}.onnx").write_bytes(decoder.SerializeToString())
    return folder


def external(path: Path, location: str) -> None:
    """Rewrite a graph so that its first weights are in the file `location`, wherever that is."""
    model = onnx.load(str(path))
    weights = next(one for one in model.graph.initializer if len(one.raw_data) > 64)
    content = weights.raw_data
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(len(content)))):
        weights.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    (path.parent / "weights.bin").write_bytes(content)


def _bands() -> NDArray[np.float32]:
    """What sums the bands of each tone over eight frames, shape (4, 80, 8)."""
    weights = np.zeros((_WIDTH, _MELS, 8), np.float32)
    for row, band in enumerate((7, 36, 68)):
        weights[row, band - 1 : band + 2] = 1 / 24
    weights[3] = 1 / (_MELS * 8)
    return weights


def _graph(
    name: str,
    nodes: Sequence[Any],
    takes: dict[str, tuple[int, list[Any]]],
    gives: dict[str, tuple[int, list[Any]]],
    constants: dict[str, NDArray[Any]],
) -> Any:
    def ports(named: dict[str, tuple[int, list[Any]]]) -> list[Any]:
        return [helper.make_tensor_value_info(one, *of) for one, of in named.items()]

    weights = [numpy_helper.from_array(value, one) for one, value in constants.items()]
    graph = helper.make_graph(nodes, name, ports(takes), ports(gives), weights)
    return helper.make_model(graph, opset_imports=_OPSET, ir_version=8)


_SOUND: dict[str, tuple[int, list[Any]]] = {
    "audio_signal": (TensorProto.FLOAT, ["batch", _MELS, "time"]),
    "length": (TensorProto.INT64, ["batch"]),
}


def _encoder() -> Any:
    nodes = [
        helper.make_node("Conv", ["audio_signal", "bands"], ["outputs"], strides=[8], pads=[0, 7]),
        helper.make_node("Sub", ["length", "one"], ["less"]),
        helper.make_node("Div", ["less", "eight"], ["whole"]),
        helper.make_node("Add", ["whole", "one"], ["encoded_lengths"]),
    ]
    gives: dict[str, tuple[int, list[Any]]] = {
        "outputs": (TensorProto.FLOAT, ["batch", _WIDTH, "frames"]),
        "encoded_lengths": (TensorProto.INT64, ["batch"]),
    }
    constants = {"bands": _bands(), "one": np.array([1]), "eight": np.array([8])}
    return _graph("encoder", nodes, _SOUND, gives, constants)


def _decoder(durations: int) -> Any:
    """Shape (batch, 1, 1, pieces + durations) from one frame and the piece before it."""
    takes: dict[str, tuple[int, list[Any]]] = {
        "encoder_outputs": (TensorProto.FLOAT, ["batch", _WIDTH, "frames"]),
        "targets": (TensorProto.INT32, ["batch", "targets_length"]),
        "target_length": (TensorProto.INT32, ["batch"]),
        "input_states_1": (TensorProto.FLOAT, [1, "batch", 1]),
        "input_states_2": (TensorProto.FLOAT, [1, "batch", 1]),
    }
    gives: dict[str, tuple[int, list[Any]]] = {
        "outputs": (TensorProto.FLOAT, ["batch", 1, 1, len(PIECES) + durations]),
        "prednet_lengths": (TensorProto.INT32, ["batch"]),
        "output_states_1": (TensorProto.FLOAT, [1, "batch", 1]),
        "output_states_2": (TensorProto.FLOAT, [1, "batch", 1]),
    }
    # From (do, remi, fa, loudness) to the pieces, and to the durations 0 to 4: a frame with a
    # tone lasts two frames, any other lasts one.
    weights = np.zeros((_WIDTH, len(PIECES) + durations), np.float32)
    weights[[0, 1, 1, 2], [0, 1, 2, 3]] = 10
    bias = np.array([-6, -6, -6, -6, 0, *[-9, 0, -9, -9, -9][:durations]], np.float32)
    if durations:
        weights[:3, len(PIECES) + 2] = 20
    # A piece does not follow itself, and `mi` follows `re` only.
    before = np.zeros((len(PIECES), len(PIECES) + durations), np.float32)
    before[[0, 1, 2, 3], [0, 1, 2, 3]] = -50
    before[[0, 2, 3, 4], 2] = -50
    before[2, 1] = -50
    nodes = [
        helper.make_node("Transpose", ["encoder_outputs"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["frames", "weights"], ["scores"]),
        helper.make_node("Gather", ["before", "targets"], ["allowed"]),
        helper.make_node("Add", ["scores", "allowed"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["joint"]),
        helper.make_node("Unsqueeze", ["joint", "axis"], ["outputs"]),
        helper.make_node("Identity", ["target_length"], ["prednet_lengths"]),
        helper.make_node("Identity", ["input_states_1"], ["output_states_1"]),
        helper.make_node("Identity", ["input_states_2"], ["output_states_2"]),
    ]
    constants = {"weights": weights, "bias": bias, "before": before, "axis": np.array([2])}
    return _graph("decoder_joint", nodes, takes, gives, constants)


def _ctc() -> Any:
    weights = np.zeros((_WIDTH, len(PIECES)), np.float32)
    weights[[0, 1, 2], [0, 1, 3]] = 10
    bias = np.array([-6, -6, -50, -6, 0], np.float32)
    nodes = [
        helper.make_node("Conv", ["audio_signal", "bands"], ["encoded"], strides=[8], pads=[0, 7]),
        helper.make_node("Transpose", ["encoded"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["frames", "weights"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logits"]),
        helper.make_node("LogSoftmax", ["logits"], ["logprobs"], axis=-1),
    ]
    gives: dict[str, tuple[int, list[Any]]] = {
        "logprobs": (TensorProto.FLOAT, ["batch", "frames", len(PIECES)])
    }
    constants = {"bands": _bands(), "weights": weights, "bias": bias}
    return _graph("ctc", nodes, _SOUND, gives, constants)
