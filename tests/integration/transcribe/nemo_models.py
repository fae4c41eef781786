"""Made by the ML stack's interpreter: models of every head, and NeMo's own transcripts.

    python nemo_models.py FOLDER CLIP.wav

Writes NAME.nemo for each name into the folder and prints NAME -> text of the clip, by
NeMo's own `transcribe`, as JSON. The weights are random: what they make of a clip means
nothing, but is the same for everyone who decodes it rightly.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nemo
import soundfile
import torch
from nemo.collections.asr import models
from omegaconf import DictConfig
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

MODULES = "nemo.collections.asr.modules."
WIDTH = 64
DURATIONS = [0, 1, 2, 3, 4]
_SEEDS = 50
_LEAST = 10  # characters
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india")


def tokenizer(folder: Path, tags: Sequence[str] = ()) -> None:
    """Another vocabulary than the repository's models have: 40 pieces, and tags of languages."""
    chance = random.Random(5)
    text = folder / "text.txt"
    text.write_text("\n".join(" ".join(chance.choices(WORDS, k=5)) for _ in range(500)))
    SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "tokenizer"), model_type="bpe",
        vocab_size=40 + len(tags), user_defined_symbols=list(tags),
    )  # fmt: skip
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


# The encoders of models for live speech, as NeMo's own configurations have them.
STREAMING: dict[str, dict[str, Any]] = {
    "nemotron": {
        "causal_downsampling": True, "conv_context_size": "causal", "conv_norm_type": "layer_norm",
        "att_context_size": [[70, 13], [70, 6], [70, 1], [70, 0]],
        "att_context_style": "chunked_limited",
    },
    "unified": {
        "att_context_style": "chunked_limited_with_rc", "conv_context_style": "dcc",
        "att_chunk_context_size": [[70], [1, 2, 7, 13], [0, 1, 3, 7, 13]],
    },
}  # fmt: skip
STREAMING["nemotron-3.5"] = {**STREAMING["nemotron"], "att_context_size": [[56, 13], [56, 3]]}
PROMPTED = {"nemotron-3.5"}
NEEDS_NEMO_3 = {"unified", *PROMPTED}


def make(name: str, folder: Path) -> Any:
    if name == "ctc":
        config = {**common(folder, 80), "decoder": ctc_head(), "decoding": {"strategy": "greedy"}}
        return models.EncDecCTCModelBPE(DictConfig(config))
    if name in ("hybrid", "tdt_ctc"):
        config = transducer(folder, 80, DURATIONS if name == "tdt_ctc" else [])
        config["aux_ctc"] = {
            "ctc_loss_weight": 0.3, "use_cer": False, "ctc_reduction": "mean_batch",
            "decoder": ctc_head(), "decoding": {"strategy": "greedy"},
        }  # fmt: skip
        return models.EncDecHybridRNNTCTCBPEModel(DictConfig(config))
    durations = DURATIONS if name.startswith("tdt") else []
    mels = 128 if name in ("tdt-128", *STREAMING) else 80
    config = transducer(folder, mels, durations)
    config["encoder"] |= STREAMING.get(name, {})
    if name in STREAMING:
        config["preprocessor"]["normalize"] = "NA"
    if name in PROMPTED:
        config["model_defaults"] |= {
            "initialize_prompt_feature": True, "num_prompts": 128,
            "prompt_dictionary": {"en-US": 0, "de-DE": 9, "auto": 101},
        }  # fmt: skip
        return models.EncDecRNNTBPEModelWithPrompt(DictConfig(config))
    return models.EncDecRNNTBPEModel(DictConfig(config))


def enliven(model: Any) -> None:
    """Random weights repeat one token: change them until they give several, and blanks."""
    with torch.no_grad():
        strengthen(model.encoder, 1.7)
        head = last_layer(model)
        head.weight.mul_(6.0)
        head.bias[len(model.tokenizer.vocab)] += 2.0  # the blank


def keep_to_words(model: Any, prompted: bool) -> None:
    """Make NeMo's text comparable: without control pieces, with tags if the model is prompted."""
    with torch.no_grad():
        head = last_layer(model)
        if prompted:  # the prompt makes all frames alike
            strengthen(model.prompt_kernel, 2.0)
            head.bias[len(model.tokenizer.vocab)] -= 3.0
            head.bias[3:5] += 0.5  # the language tags
        head.bias[:3] -= 30.0  # <unk>, <s>, </s>: NeMo writes the first as a sign of its own


def strengthen(part: Any, factor: float) -> None:
    for parameter in part.parameters():
        if parameter.dim() > 1:
            parameter.mul_(factor)


def last_layer(model: Any) -> Any:
    return model.joint.joint_net[-1] if hasattr(model, "joint") else model.decoder.decoder_layers[0]


def is_telling(name: str, text: str) -> bool:
    """Whether a text is long enough to compare, and has a language tag if its model has any."""
    return len(text) >= _LEAST and ("<" in text or name not in PROMPTED)


def talking_model(name: str, folder: Path, clip: str) -> tuple[Any, str]:
    """The first of some random models that gives a telling text of the clip, and the text."""
    # From a file, NeMo's own reader finds no prompt for it.
    sound: Any = soundfile.read(clip, dtype="float32")[0] if name in PROMPTED else clip
    for seed in range(_SEEDS):
        torch.manual_seed(seed)
        model = make(name, folder)
        enliven(model)
        keep_to_words(model, name in PROMPTED)
        model.eval()
        (found,) = model.transcribe([sound], batch_size=1, verbose=False)
        if is_telling(name, found.text):
            return model, found.text
    raise AssertionError(f"no seed below {_SEEDS} makes {name} talk")


def main() -> None:
    folder, clip = Path(sys.argv[1]), sys.argv[2]
    tokenizer(folder, ["<en-US>", "<de-DE>"])
    texts = {}
    for name in ("rnnt", "ctc", "hybrid", "tdt-128", "tdt_ctc", *STREAMING):
        if name in NEEDS_NEMO_3 and nemo.__version__ < "3":
            continue
        model, texts[name] = talking_model(name, folder, clip)
        model.save_to(str(folder / f"{name}.nemo"))
    (folder / "texts.json").write_text(json.dumps(texts))


if __name__ == "__main__":
    main()
