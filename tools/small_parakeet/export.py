"""Writes a model as a .nemo file, and as the folder of ONNX files that onnx-asr reads."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tools.small_parakeet.configuration import Head

OPSET = 17
SUBSAMPLING = 8
MODEL_TYPES: dict[Head, str] = {
    "tdt": "nemo-conformer-tdt",
    "rnnt": "nemo-conformer-rnnt",
    "ctc": "nemo-conformer-ctc",
}


class Encoder(nn.Module):  # type: ignore[misc]
    """Features to frames; with a CTC head, to log-probabilities."""

    def __init__(self, model: Any, head: Any = None) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.head = head

    def forward(self, audio_signal: Tensor, length: Tensor) -> Any:
        frames, lengths = self.encoder.forward_for_export(audio_signal, length)
        if self.head is not None:
            return self.head.forward(encoder_output=frames)
        return frames, lengths.to(torch.int64)


class RelativePositions(nn.Module):  # type: ignore[misc]
    """NeMo's relative positions, computed in the graph.

    A table of them would be half of the file, and clips longer than the table would fail.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        steps = torch.arange(0, width, 2, dtype=torch.float32)
        self.register_buffer("rates", torch.exp(steps * -(math.log(10_000.0) / width)))

    def forward(self, x: Tensor, cache_len: int = 0) -> tuple[Tensor, Tensor]:
        length = x.size(1) + cache_len
        positions = torch.arange(length - 1, -length, -1, dtype=torch.float32, device=x.device)
        angles = positions[:, None] * self.rates
        return x, torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[None]


class DecoderJoint(nn.Module):  # type: ignore[misc]
    """One token and one frame to the logits of the next token."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.decoder = model.decoder
        self.joint = model.joint

    def forward(
        self,
        encoder_outputs: Tensor,
        targets: Tensor,
        target_length: Tensor,
        input_states_1: Tensor,
        input_states_2: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        states = (input_states_1, input_states_2)
        predicted, (first, second) = self.decoder.predict(
            targets.to(torch.int64), state=states, add_sos=False
        )
        outputs = self.joint.joint(encoder_outputs.transpose(1, 2), predicted)
        return outputs, target_length + 0, first, second


def save_nemo(model: Any, path: Path) -> None:
    """Write a .nemo file; it appears at `path` complete."""
    half = path.with_name(f"half-{path.name}")
    model.cfg.tokenizer.dir = "tokenizer"  # instead of its path on this machine
    model.eval().save_to(str(half))
    half.rename(path)


def save_onnx(model: Any, head: Head, folder: Path) -> None:
    """Write encoder-model.onnx and decoder_joint-model.onnx, or model.onnx for CTC, and texts."""
    half = folder.with_name(f"half-{folder.name}")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    model.eval()
    mels = model.cfg.preprocessor.features
    with torch.no_grad():
        if head == "ctc":
            _export_encoder(Encoder(model, model.decoder), mels, half / "model.onnx")
        else:
            _export_encoder(Encoder(model), mels, half / "encoder-model.onnx")
            _export_decoder(model, half / "decoder_joint-model.onnx")
    pieces = model.tokenizer.ids_to_tokens(list(range(model.tokenizer.vocab_size)))
    lines = [f"{piece} {number}\n" for number, piece in enumerate([*pieces, "<blk>"])]
    (half / "vocab.txt").write_text("".join(lines))
    config = {
        "model_type": MODEL_TYPES[head],
        "features_size": mels,
        "subsampling_factor": SUBSAMPLING,
    }
    (half / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)


def _export_encoder(encoder: Encoder, mels: int, path: Path) -> None:
    features = torch.randn(2, mels, 317)
    original = encoder.encoder.pos_enc
    encoder.encoder.pos_enc = RelativePositions(encoder.encoder.d_model)
    names = ["logprobs"] if encoder.head is not None else ["outputs", "encoded_lengths"]
    time_axis = 1 if encoder.head is not None else 2
    torch.onnx.export(
        encoder.eval(),
        (features, torch.tensor([317, 205])),
        str(path),
        input_names=["audio_signal", "length"],
        output_names=names,
        dynamic_axes={
            "audio_signal": {0: "batch", 2: "frames"},
            "length": {0: "batch"},
            names[0]: {0: "batch", time_axis: "steps"},
            **({"encoded_lengths": {0: "batch"}} if len(names) == 2 else {}),
        },
        opset_version=OPSET,
        dynamo=False,  # the newer exporter fails on NeMo 2.4's encoder
    )
    encoder.encoder.pos_enc = original


def _export_decoder(model: Any, path: Path) -> None:
    layers, width = model.cfg.decoder.prednet.pred_rnn_layers, model.cfg.decoder.prednet.pred_hidden
    original = model.joint.log_softmax
    model.joint.log_softmax = False  # decoders normalise the logits of tokens and durations apart
    states = torch.zeros(layers, 1, width)
    torch.onnx.export(
        DecoderJoint(model).eval(),
        (
            torch.randn(1, model.cfg.model_defaults.enc_hidden, 1),
            torch.tensor([[1]], dtype=torch.int32),
            torch.tensor([1], dtype=torch.int32),
            states,
            states.clone(),
        ),
        str(path),
        input_names=[
            "encoder_outputs", "targets", "target_length", "input_states_1", "input_states_2",
        ],
        output_names=["outputs", "prednet_lengths", "output_states_1", "output_states_2"],
        dynamic_axes={
            "encoder_outputs": {0: "batch", 2: "frames"},
            "targets": {0: "batch", 1: "tokens"},
            "target_length": {0: "batch"},
            "input_states_1": {1: "batch"},
            "input_states_2": {1: "batch"},
            "outputs": {0: "batch", 1: "frames", 2: "tokens"},
            "prednet_lengths": {0: "batch"},
            "output_states_1": {1: "batch"},
            "output_states_2": {1: "batch"},
        },
        opset_version=OPSET,
        dynamo=False,
    )  # fmt: skip
    model.joint.log_softmax = original
