"""Probe script: makes a Parakeet of the published size with random weights.

    - OUT.nemo CLIP.wav LAYERS

The published sizes of parakeet-tdt-0.6b-v3: 128 mels, FastConformer of 24 layers of width 1024
with 8 heads and a convolution of 9, 8 x subsampling in 256 channels, two LSTM layers of 640,
a joint network of 640, 8192 pieces, TDT durations 0 to 4. Random weights give a meaningless
text, but it must be about as long as that of speech: the blank's bias is set by the number of
pieces a second that they give for CLIP. It reports as import_modules.py does; the event has the
model's figures as `values`.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import logging
import os
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any, TextIO

RATE = 16_000
PIECES, WIDTH, HEADS, CHANNELS, MELS, HIDDEN = 8192, 1024, 8, 256, 128, 640
DURATIONS = [0, 1, 2, 3, 4]
PIECES_OF_WORDS = 40
PIECES_PER_SECOND = 4.0  # English has at most three words a second, of one or two pieces
WORDS = ["one two three four five", "house garden river window", "people carry water"]
MODULES = "nemo.collections.asr.modules"


def main() -> None:
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()
    out, clip, layers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    name = "random model"
    began = time.monotonic()
    _write(events, event="begin", name=name)
    try:
        values = _make(out, clip, layers)
    except BaseException as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
        _write(events, event="failed", name=name, seconds=time.monotonic() - began, cause=cause)
    else:
        _write(events, event="ok", name=name, seconds=time.monotonic() - began, values=values)
    os._exit(0)


def _make(out: str, clip: str, layers: int) -> dict[str, Any]:
    torch = importlib.import_module("torch")
    models = importlib.import_module("nemo.collections.asr.models")
    omegaconf = importlib.import_module("omegaconf")
    importlib.import_module("nemo.utils").logging.setLevel(logging.ERROR)
    torch.manual_seed(6)
    with tempfile.TemporaryDirectory() as folder:
        _make_tokenizer(Path(folder))
        config = omegaconf.OmegaConf.create(_configuration(layers, folder))
        model = models.EncDecRNNTBPEModel(cfg=config).eval()
        rate = _set_speaking_rate(model, clip)
        model.save_to(out)
    count = sum(parameter.numel() for parameter in model.parameters())
    return {"layers": layers, "parameters": count, "pieces_a_second": rate}


def _make_tokenizer(folder: Path) -> None:
    """Write a tokenizer with the pieces of a few words, and unused pieces up to PIECES."""
    sentencepiece = importlib.import_module("sentencepiece")
    prefix = str(folder / "tokenizer")
    more = [f"▁w{number}" for number in range(PIECES - PIECES_OF_WORDS)]
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(WORDS), model_prefix=prefix, model_type="bpe", vocab_size=PIECES,
        user_defined_symbols=more, bos_id=-1, eos_id=-1, minloglevel=2,
    )  # fmt: skip
    processor = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    pieces = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), "utf-8")


def _configuration(layers: int, tokenizer: str) -> dict[str, Any]:
    return {
        "target": "nemo.collections.asr.models.EncDecRNNTBPEModel",
        "sample_rate": RATE, "compute_eval_loss": False, "log_prediction": False,
        "skip_nan_grad": False, "rnnt_reduction": "mean_volume",
        "tokenizer": {"dir": tokenizer, "type": "bpe"},
        # transcribe() calls .get of this, so it is a mapping although there is no validation set.
        "validation_ds": {"sample_rate": RATE, "manifest_filepath": None, "shuffle": False},
        "model_defaults": {
            "enc_hidden": WIDTH, "pred_hidden": HIDDEN, "joint_hidden": HIDDEN,
            "tdt_durations": DURATIONS, "num_tdt_durations": len(DURATIONS),
        },
        "preprocessor": {
            "_target_": f"{MODULES}.AudioToMelSpectrogramPreprocessor",
            "sample_rate": RATE, "normalize": "per_feature", "window_size": 0.025,
            "window_stride": 0.01, "window": "hann", "features": MELS, "n_fft": 512, "log": True,
            "frame_splicing": 1, "dither": 1e-5, "pad_to": 0, "pad_value": 0.0,
        },
        "encoder": {
            "_target_": f"{MODULES}.ConformerEncoder",
            "feat_in": MELS, "feat_out": -1, "n_layers": layers, "d_model": WIDTH,
            "use_bias": False, "subsampling": "dw_striding", "subsampling_factor": 8,
            "subsampling_conv_channels": CHANNELS, "causal_downsampling": False,
            "reduction": None, "reduction_position": None, "reduction_factor": 1,
            "ff_expansion_factor": 4, "self_attention_model": "rel_pos", "n_heads": HEADS,
            "att_context_size": [-1, -1], "att_context_style": "regular", "xscaling": False,
            "untie_biases": True, "pos_emb_max_len": 5000, "conv_kernel_size": 9,
            "conv_norm_type": "batch_norm", "conv_context_size": None, "dropout": 0.1,
            "dropout_pre_encoder": 0.0, "dropout_emb": 0.0, "dropout_att": 0.0,
            "stochastic_depth_drop_prob": 0.0,
        },
        "decoder": {
            "_target_": f"{MODULES}.RNNTDecoder",
            "normalization_mode": None, "random_state_sampling": False, "blank_as_pad": True,
            "prednet": {"pred_hidden": HIDDEN, "pred_rnn_layers": 2, "t_max": None, "dropout": 0.1},
        },
        "joint": {
            "_target_": f"{MODULES}.RNNTJoint",
            "log_softmax": None, "preserve_memory": False, "fuse_loss_wer": False,
            "num_extra_outputs": len(DURATIONS),
            "jointnet": {"joint_hidden": HIDDEN, "activation": "relu", "dropout": 0.1},
        },
        "decoding": {
            "strategy": "greedy_batch", "greedy": {"max_symbols": 10},
            "model_type": "tdt", "durations": DURATIONS,
        },
        "loss": {
            "loss_name": "tdt",
            "tdt_kwargs": {
                "fastemit_lambda": 0.0, "durations": DURATIONS, "sigma": 0.02, "omega": 0.1,
            },
        },
        "spec_augment": {
            "_target_": f"{MODULES}.SpectrogramAugmentation",
            "freq_masks": 2, "time_masks": 2, "freq_width": 12, "time_width": 0.03,
        },
        "optim": {"name": "adamw", "lr": 2e-3, "weight_decay": 1e-3},
    }  # fmt: skip


def _set_speaking_rate(model: Any, clip: str) -> float:
    """Make the model emit about as many pieces a second as speech has; returns how many."""
    np, torch = importlib.import_module("numpy"), importlib.import_module("torch")
    with wave.open(clip) as file:
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
            per_second = len(hypothesis.y_sequence) * RATE / len(samples)
            tried.append((per_second, bias))
            low, high = (bias, high) if per_second > PIECES_PER_SECOND else (low, bias)
        nearest, bias = min(tried, key=lambda one: abs(one[0] - PIECES_PER_SECOND))
        last.bias[blank] = bias
    return round(nearest, 2)


def _write(events: TextIO, **fields: object) -> None:
    events.write(json.dumps(fields) + "\n")
    events.flush()


main()
