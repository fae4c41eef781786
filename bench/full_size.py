"""Makes a Parakeet of the published size with random weights, in an ML stack's interpreter.

    PYTHON bench/full_size.py OUT.nemo CLIP.wav [--layers N]

The published sizes of parakeet-tdt-0.6b-v3: 128 mels, FastConformer of 24 layers of width 1024
with 8 heads and a convolution of 9, 8 x subsampling in 256 channels, two LSTM layers of 640,
a joint network of 640, 8192 pieces, TDT durations 0 to 4. Random weights give a meaningless
text, but it must be about as long as that of speech: the blank's bias is set by the number of
pieces a second that they give for CLIP. Prints the model's figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import sentencepiece
import torch
from nemo.collections.asr.models import EncDecRNNTBPEModel
from omegaconf import OmegaConf

from tools.small_parakeet import configuration, network

PIECES, WIDTH, HEADS, CHANNELS, MELS, PREDICTED = 8192, 1024, 8, 256, 128, 640
PIECES_OF_WORDS = 40
PIECES_PER_SECOND = 4.0  # English has at most three words a second, of one or two pieces
WORDS = ["one two three four five", "house garden river window", "people carry water"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--layers", type=int, default=24)
    options = parser.parse_args()
    network.silence_nemo()
    torch.manual_seed(6)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer(Path(folder))
        model = EncDecRNNTBPEModel(
            cfg=OmegaConf.create(configuration_of(options.layers, folder))
        ).eval()
        rate = set_speaking_rate(model, options.clip)
        model.save_to(str(options.out))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps({"layers": options.layers, "parameters": count, "pieces_a_second": rate}))


def tokenizer(folder: Path) -> None:
    """Write a tokenizer with the pieces of a few words, and unused pieces up to PIECES."""
    prefix = str(folder / "tokenizer")
    more = [f"▁w{number}" for number in range(PIECES - PIECES_OF_WORDS)]
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(WORDS), model_prefix=prefix, model_type="bpe", vocab_size=PIECES,
        user_defined_symbols=more, bos_id=-1, eos_id=-1, minloglevel=2,
    )  # fmt: skip
    processor = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    pieces = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))


def configuration_of(layers: int, folder: str) -> dict[str, Any]:
    config = configuration.model(configuration.ModelShape(head="tdt", mels=MELS), folder)
    config["encoder"] |= {
        "n_layers": layers, "d_model": WIDTH, "n_heads": HEADS, "use_bias": False,
        "subsampling_conv_channels": CHANNELS,
    }  # fmt: skip
    config["model_defaults"] |= {
        "enc_hidden": WIDTH, "pred_hidden": PREDICTED, "joint_hidden": PREDICTED,
    }  # fmt: skip
    config["decoder"]["prednet"] |= {"pred_hidden": PREDICTED, "pred_rnn_layers": 2}
    config["joint"]["jointnet"]["joint_hidden"] = PREDICTED
    return config


def set_speaking_rate(model: Any, clip: Path) -> float:
    """Make the model emit about as many pieces a second as speech has; returns how many."""
    with wave.open(str(clip)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / np.float32(32768)
    last = model.joint.joint_net[-1]
    blank = len(model.tokenizer.vocab)
    sound = torch.from_numpy(samples)[None]
    torch.set_num_threads(1)  # a decoder's steps are too small for more than one core
    low, high = -30.0, 30.0
    tried: list[tuple[float, float]] = []
    with torch.no_grad():
        encoded, lengths = model(
            input_signal=sound, input_signal_length=torch.tensor([len(samples)])
        )
        last.weight.mul_(6.0)  # otherwise one piece is always the likeliest
        for _ in range(10):
            bias = (low + high) / 2
            last.bias[blank] = bias
            (hypothesis,) = model.decoding.rnnt_decoder_predictions_tensor(
                encoded, lengths, return_hypotheses=True
            )
            per_second = len(hypothesis.y_sequence) * 16_000 / len(samples)
            tried.append((per_second, bias))
            low, high = (bias, high) if per_second > PIECES_PER_SECOND else (low, bias)
        nearest, bias = min(tried, key=lambda one: abs(one[0] - PIECES_PER_SECOND))
        last.bias[blank] = bias
    return round(nearest, 2)


if __name__ == "__main__":
    main()
