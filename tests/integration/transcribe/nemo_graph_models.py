"""Models of four heads for the tests of CUDA graphs, whose tokens those tests rely on.

    python nemo_graph_models.py FOLDER CLIP.wav

Writes NAME.nemo for each name into the folder and prints NAME -> text of the clip, by
NeMo's own `transcribe`, as JSON. The weights are random: what they make of a clip means
nothing, but is the same for everyone who decodes it rightly.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import torch
from nemo.collections.asr import models
from omegaconf import DictConfig
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

MODULES = "nemo.collections.asr.modules."
WIDTH = 64
DURATIONS = [0, 1, 2, 3, 4]
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india")


def tokenizer(folder: Path) -> None:
    """Another vocabulary than the repository's models have."""
    chance = random.Random(5)
    text = folder / "text.txt"
    text.write_text("\n".join(" ".join(chance.choices(WORDS, k=5)) for _ in range(500)))
    SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "tokenizer"), vocab_size=40, model_type="bpe"
    )
    pieces = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    vocabulary = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))


def common(folder: Path, mels: int) -> dict[str, Any]:
    return {
        "sample_rate": 16000,
        "log_prediction": False,
        "tokenizer": {"dir": str(folder), "type": "bpe"},
        "validation_ds": {"manifest_filepath": None, "shuffle": False},
        "preprocessor": {
            "_target_": MODULES + "AudioToMelSpectrogramPreprocessor",
            "sample_rate": 16000, "normalize": "per_feature", "window_size": 0.025,
            "window_stride": 0.01, "window": "hann", "features": mels, "n_fft": 512,
            "frame_splicing": 1, "dither": 1e-5, "pad_to": 0,
        },
        "encoder": {
            "_target_": MODULES + "ConformerEncoder",
            "feat_in": mels, "feat_out": -1, "n_layers": 2, "d_model": WIDTH,
            "subsampling": "dw_striding", "subsampling_factor": 8,
            "subsampling_conv_channels": WIDTH, "causal_downsampling": False,
            "ff_expansion_factor": 2, "self_attention_model": "rel_pos", "n_heads": 4,
            "att_context_size": [-1, -1], "xscaling": False, "untie_biases": True,
            "pos_emb_max_len": 5000, "conv_kernel_size": 9, "conv_norm_type": "batch_norm",
            "dropout": 0.0, "dropout_pre_encoder": 0.0, "dropout_emb": 0.0, "dropout_att": 0.0,
        },
    }  # fmt: skip


def transducer(folder: Path, mels: int, durations: list[int]) -> dict[str, Any]:
    config = common(folder, mels)
    config["model_defaults"] = {"enc_hidden": WIDTH, "pred_hidden": WIDTH, "joint_hidden": WIDTH}
    config["decoder"] = {
        "_target_": MODULES + "RNNTDecoder",
        "normalization_mode": None, "random_state_sampling": False, "blank_as_pad": True,
        "prednet": {"pred_hidden": WIDTH, "pred_rnn_layers": 1, "t_max": None, "dropout": 0.0},
    }  # fmt: skip
    config["joint"] = {
        "_target_": MODULES + "RNNTJoint",
        "log_softmax": None, "preserve_memory": False, "fuse_loss_wer": False,
        "fused_batch_size": 4,
        "jointnet": {"joint_hidden": WIDTH, "activation": "relu", "dropout": 0.0},
    }  # fmt: skip
    config["decoding"] = {"strategy": "greedy_batch", "greedy": {"max_symbols": 5}}
    config["loss"] = {"loss_name": "default", "warprnnt_numba_kwargs": {"fastemit_lambda": 0.0}}
    if durations:
        config["model_defaults"] |= {"tdt_durations": durations, "num_tdt_durations": 5}
        config["joint"]["num_extra_outputs"] = len(durations)
        config["decoding"] |= {"model_type": "tdt", "durations": durations}
        config["loss"] = {
            "loss_name": "tdt",
            "tdt_kwargs": {"fastemit_lambda": 0.0, "durations": durations, "sigma": 0.02},
        }
    return config


def ctc_head() -> dict[str, Any]:
    return {
        "_target_": MODULES + "ConvASRDecoder",
        "feat_in": None, "num_classes": -1, "vocabulary": [],
    }  # fmt: skip


def make(name: str, folder: Path) -> Any:
    if name == "ctc":
        config = {**common(folder, 80), "decoder": ctc_head(), "decoding": {"strategy": "greedy"}}
        return models.EncDecCTCModelBPE(DictConfig(config))
    if name == "hybrid":
        config = transducer(folder, 80, [])
        config["aux_ctc"] = {
            "ctc_loss_weight": 0.3, "use_cer": False, "ctc_reduction": "mean_batch",
            "decoder": ctc_head(), "decoding": {"strategy": "greedy"},
        }  # fmt: skip
        return models.EncDecHybridRNNTCTCBPEModel(DictConfig(config))
    durations = DURATIONS if name.startswith("tdt") else []
    mels = 128 if name.endswith("128") else 80
    return models.EncDecRNNTBPEModel(DictConfig(transducer(folder, mels, durations)))


def enliven(model: Any) -> None:
    """Random weights repeat one token: change them until they give several, and blanks."""
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            if parameter.dim() > 1:
                parameter.mul_(1.7)
        head = (
            model.joint.joint_net[-1]
            if hasattr(model, "joint")
            else model.decoder.decoder_layers[0]
        )
        head.weight.mul_(6.0)
        blank = len(model.tokenizer.vocab)
        head.bias[blank] += 2.0


def main() -> None:
    folder, clip = Path(sys.argv[1]), sys.argv[2]
    tokenizer(folder)
    texts = {}
    for number, name in enumerate(("rnnt", "ctc", "hybrid", "tdt-128")):
        torch.manual_seed(number)
        model = make(name, folder)
        enliven(model)
        model.eval()
        model.save_to(str(folder / f"{name}.nemo"))
        (found,) = model.transcribe([clip], batch_size=1, verbose=False)
        texts[name] = found.text
    (folder / "texts.json").write_text(json.dumps(texts))


if __name__ == "__main__":
    main()
