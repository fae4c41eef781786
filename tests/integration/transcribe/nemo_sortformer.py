"""Made by the ML stack's interpreter: small Sortformers, and NeMo's own frames of a recording.

    python nemo_sortformer.py FOLDER SIZES.json SOUND.npy

Writes sortformer.nemo, and whole.nemo, which must see a recording as a whole, into the folder;
SIZES.json are the sizes of the streaming. frames.json gets the probabilities in the sound (mono
float32 at 16 kHz) by NeMo's own `diarize`. The weights are random: what they make of a voice means
nothing, but is the same for everyone who computes it rightly.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nemo.collections.asr.models import SortformerEncLabelModel
from omegaconf import DictConfig

MODULES = "nemo.collections.asr.modules."
WIDTH, NARROW = 32, 24  # of the two encoders
MELS = 32
SPEAKERS = 4


def config(*, streaming: bool) -> dict[str, Any]:
    """As streaming_sortformer_diarizer_4spk-v2.yaml of NeMo's examples, but small."""
    return {
        "sample_rate": 16000, "pil_weight": 0.5, "ats_weight": 0.5, "max_num_of_spks": SPEAKERS,
        "streaming_mode": streaming, "async_streaming": False,
        "target": "nemo.collections.asr.models.sortformer_diar_models.SortformerEncLabelModel",
        "model_defaults": {"fc_d_model": WIDTH, "tf_d_model": NARROW},
        "train_ds": None, "validation_ds": None, "test_ds": None,
        "preprocessor": {
            "_target_": MODULES + "AudioToMelSpectrogramPreprocessor",
            "normalize": "NA" if streaming else "per_feature", "window_size": 0.025,
            "sample_rate": 16000, "window_stride": 0.01, "window": "hann", "features": MELS,
            "n_fft": 512, "frame_splicing": 1, "dither": 1e-5,
        },
        "sortformer_modules": {
            "_target_": MODULES + "sortformer_modules.SortformerModules",
            "num_spks": SPEAKERS, "dropout_rate": 0.5, "fc_d_model": WIDTH, "tf_d_model": NARROW,
            "spkcache_len": 188, "fifo_len": 0, "chunk_len": 188, "spkcache_update_period": 188,
            "chunk_left_context": 1, "chunk_right_context": 1,
        },
        "encoder": {
            "_target_": MODULES + "ConformerEncoder",
            "feat_in": MELS, "feat_out": -1, "n_layers": 2, "d_model": WIDTH,
            "subsampling": "dw_striding", "subsampling_factor": 8,
            "subsampling_conv_channels": WIDTH, "causal_downsampling": False,
            "ff_expansion_factor": 2, "self_attention_model": "rel_pos", "n_heads": 4,
            "att_context_size": [-1, -1], "att_context_style": "regular", "xscaling": True,
            "untie_biases": True, "pos_emb_max_len": 5000, "conv_kernel_size": 9,
            "conv_norm_type": "batch_norm", "conv_context_size": None, "dropout": 0.1,
            "dropout_pre_encoder": 0.1, "dropout_emb": 0.0, "dropout_att": 0.1,
        },
        "transformer_encoder": {
            "_target_": MODULES + "transformer.transformer_encoders.TransformerEncoder",
            "num_layers": 2, "hidden_size": NARROW, "inner_size": 2 * NARROW,
            "num_attention_heads": 4, "attn_score_dropout": 0.5, "attn_layer_dropout": 0.5,
            "ffn_dropout": 0.5, "hidden_act": "relu", "pre_ln": False,
            "pre_ln_final_layer_norm": True,
        },
        "loss": {
            "_target_": "nemo.collections.asr.losses.bce_loss.BCELoss",
            "weight": None, "reduction": "mean",
        },
    }  # fmt: skip


def main(folder: Path, sizes: dict[str, int], sound: Path) -> None:
    """Write the models, and the frames of the sound."""
    torch.set_num_threads(1)  # of two, one would wait for the other on a busy machine
    torch.manual_seed(3)
    SortformerEncLabelModel(DictConfig(config(streaming=False))).save_to(folder / "whole.nemo")
    model = SortformerEncLabelModel(DictConfig(config(streaming=True)))
    model.eval()
    for name, value in sizes.items():
        setattr(model.sortformer_modules, name, value)
    # Probabilities on both sides of a half, which change with the sound, and as high for each.
    with torch.no_grad():
        last = model.sortformer_modules.single_hidden_to_spks
        last.weight *= 30
        for part in model.encoder.layers:
            part.norm_out.weight *= 3
        for _ in range(2):  # the cache depends on them
            frames = torch.tensor(by_nemo(model, sound)).clamp(1e-4, 1 - 1e-4)
            last.bias -= torch.logit(frames).median(dim=0).values
    model.save_to(str(folder / "sortformer.nemo"))
    (folder / "frames.json").write_text(json.dumps(by_nemo(model, sound)))


def by_nemo(model: SortformerEncLabelModel, sound: Path) -> list[list[float]]:
    """The probabilities of each speaker in each frame."""
    _, frames = model.diarize(
        np.load(sound), sample_rate=16000, include_tensor_outputs=True, verbose=False
    )
    made: list[list[float]] = frames[0].squeeze(0).tolist()
    return made


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3]))
