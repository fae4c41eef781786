"""Makes NeMo's configuration of a small Parakeet.

As in the published models: the features, FastConformer with 8 x dw_striding, relative
positions over the whole clip, a convolution of 9, TDT durations 0 to 4, greedy_batch
decoding. Smaller: layers, widths and the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tools.small_parakeet.speech import RATE

Head = Literal["tdt", "rnnt", "ctc", "hybrid"]
HEADS: tuple[Head, ...] = ("tdt", "rnnt", "ctc", "hybrid")
ONNX_HEADS: tuple[Head, ...] = ("tdt", "rnnt", "ctc")  # that onnx-asr supports
DURATIONS = [0, 1, 2, 3, 4]

MODEL_CLASSES: dict[Head, str] = {
    "tdt": "EncDecRNNTBPEModel",
    "rnnt": "EncDecRNNTBPEModel",
    "ctc": "EncDecCTCModelBPE",
    "hybrid": "EncDecHybridRNNTCTCBPEModel",
}


@dataclass(frozen=True)
class ModelShape:
    """The head, and the sizes of the network."""

    head: Head = "hybrid"
    with_durations: bool = True  # TDT, or without them RNNT
    mels: int = 80
    pieces: int = 64
    width: int = 96
    layers: int = 4
    channels: int = 64

    @property
    def durations(self) -> list[int]:
        return DURATIONS if self.with_durations else []


def preprocessor(mels: int) -> dict[str, Any]:
    return {
        "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
        "sample_rate": RATE,
        "normalize": "per_feature",
        "window_size": 0.025,
        "window_stride": 0.01,
        "window": "hann",
        "features": mels,
        "n_fft": 512,
        "log": True,
        "frame_splicing": 1,
        "dither": 1e-5,
        "pad_to": 0,
        "pad_value": 0.0,
    }


def encoder(shape: ModelShape) -> dict[str, Any]:
    return {
        "_target_": "nemo.collections.asr.modules.ConformerEncoder",
        "feat_in": shape.mels,
        "feat_out": -1,
        "n_layers": shape.layers,
        "d_model": shape.width,
        "use_bias": True,
        "subsampling": "dw_striding",
        "subsampling_factor": 8,
        "subsampling_conv_channels": shape.channels,
        "causal_downsampling": False,
        "reduction": None,
        "reduction_position": None,
        "reduction_factor": 1,
        "ff_expansion_factor": 4,
        "self_attention_model": "rel_pos",
        "n_heads": 4,
        "att_context_size": [-1, -1],
        "att_context_style": "regular",
        "xscaling": False,
        "untie_biases": True,
        "pos_emb_max_len": 5000,
        "conv_kernel_size": 9,
        "conv_norm_type": "batch_norm",
        "conv_context_size": None,
        "dropout": 0.1,
        "dropout_pre_encoder": 0.0,
        "dropout_emb": 0.0,
        "dropout_att": 0.0,
        "stochastic_depth_drop_prob": 0.0,
    }


def ctc_decoder(shape: ModelShape) -> dict[str, Any]:
    return {
        "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
        "feat_in": shape.width,
        "num_classes": -1,
        "vocabulary": [],
    }


def transducer(shape: ModelShape) -> dict[str, Any]:
    """The prediction and joint networks, their decoding and their loss."""
    greedy = {"max_symbols": 10}
    decoding: dict[str, Any] = {"strategy": "greedy_batch", "greedy": greedy}
    loss: dict[str, Any] = {"loss_name": "default"}
    joint: dict[str, Any] = {
        "_target_": "nemo.collections.asr.modules.RNNTJoint",
        "log_softmax": None,
        "preserve_memory": False,
        "fuse_loss_wer": False,
        "jointnet": {"joint_hidden": 128, "activation": "relu", "dropout": 0.1},
    }
    defaults: dict[str, Any] = {"enc_hidden": shape.width, "pred_hidden": 96, "joint_hidden": 128}
    if shape.durations:
        decoding |= {"model_type": "tdt", "durations": shape.durations}
        loss = {
            "loss_name": "tdt",
            "tdt_kwargs": {
                "fastemit_lambda": 0.0,
                "durations": shape.durations,
                "sigma": 0.02,
                "omega": 0.1,
            },
        }
        joint["num_extra_outputs"] = len(shape.durations)
        defaults |= {"tdt_durations": shape.durations, "num_tdt_durations": len(shape.durations)}
    return {
        "model_defaults": defaults,
        "decoder": {
            "_target_": "nemo.collections.asr.modules.RNNTDecoder",
            "normalization_mode": None,
            "random_state_sampling": False,
            "blank_as_pad": True,
            "prednet": {"pred_hidden": 96, "pred_rnn_layers": 1, "t_max": None, "dropout": 0.1},
        },
        "joint": joint,
        "decoding": decoding,
        "loss": loss,
        "rnnt_reduction": "mean_volume",
    }


def model(shape: ModelShape, tokenizer_folder: str) -> dict[str, Any]:
    """NeMo's configuration of a model of this shape."""
    made: dict[str, Any] = {
        "target": f"nemo.collections.asr.models.{MODEL_CLASSES[shape.head]}",
        "sample_rate": RATE,
        "compute_eval_loss": False,
        "log_prediction": False,
        "skip_nan_grad": False,
        "tokenizer": {"dir": tokenizer_folder, "type": "bpe"},
        # transcribe() calls .get of this, so it is a mapping although there is no validation set.
        "validation_ds": {"sample_rate": RATE, "manifest_filepath": None, "shuffle": False},
        "preprocessor": preprocessor(shape.mels),
        "spec_augment": {
            "_target_": "nemo.collections.asr.modules.SpectrogramAugmentation",
            "freq_masks": 2,
            "time_masks": 2,
            "freq_width": 12,
            "time_width": 0.03,
        },
        "encoder": encoder(shape),
        "optim": {"name": "adamw", "lr": 2e-3, "weight_decay": 1e-3},
    }
    if shape.head == "ctc":
        ctc_only = {"decoder": ctc_decoder(shape), "decoding": {"strategy": "greedy_batch"}}
        return made | ctc_only | {"ctc_reduction": "mean_volume"}
    made |= transducer(shape)
    if shape.head == "hybrid":
        made["aux_ctc"] = {
            "ctc_loss_weight": 0.3,
            "ctc_reduction": "mean_volume",
            "decoder": ctc_decoder(shape),
            "decoding": {"strategy": "greedy_batch"},
        }
    return made
