"""NeMo's own configurations pass the scanner, and the engine gets those that it can run.

In short form those of its examples (asr, slu, speaker_tasks), which the package doesn't ship, and
what the package has: the defaults of its configuration classes, as both stacks write them.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.model import private_copy, scan_model
from tests.security.hostile_models import CONFIG, contents, packed
from tests.stacks import Stacks

ASR, COMMON = "nemo.collections.asr", "nemo.collections.common"
MODULES, MODELS = f"{ASR}.modules", f"{ASR}.models"
DATA = {
    "train_ds": {
        "manifest_filepath": "???",
        "tarred_audio_filepaths": "/data/audio__OP_0..127_CL_.tar",
        "augmentor": {"noise": {"prob": 0.6, "manifest_path": "/data/noise.json"}},
        "hf_data_cfg": [{"path": "${model.data_path}", "split": "train.clean.360"}],
    },
    "validation_ds": {"manifest_filepath": ["/data/dev.json", "/data/other.json"]},
    "test_ds": {"manifest_filepath": None},
}
FRONT = {
    "preprocessor": {"_target_": f"{MODULES}.AudioToMelSpectrogramPreprocessor", "features": 80},
    "spec_augment": {"_target_": f"{MODULES}.SpectrogramAugmentation", "freq_masks": 2},
}
CONFORMER = {"_target_": f"{MODULES}.ConformerEncoder", "feat_in": "${model.preprocessor.features}"}
DECODING = {
    "strategy": "greedy_batch",
    "greedy": {"max_symbols": 10, "boosting_tree": {"model_path": None, "key_phrases_file": None}},
    "beam": {"beam_size": 2, "kenlm_path": None, "ngram_lm_model": None},
}
RNNT = {
    "decoder": {"_target_": f"{MODULES}.RNNTDecoder", "prednet": {"pred_hidden": 640}},
    "joint": {"_target_": f"{MODULES}.RNNTJoint", "jointnet": {"activation": "relu"}},
    "decoding": DECODING,
    "loss": {"loss_name": "tdt", "tdt_kwargs": {"durations": "${model.model_defaults.durations}"}},
}
CTC = {"decoder": {"_target_": f"{MODULES}.ConvASRDecoder", "vocabulary": []}}
BPE: dict[str, Any] = {"tokenizer": {"dir": "???", "type": "bpe"}}
AGGREGATE: dict[str, Any] = {
    "tokenizer": {
        "type": "agg",
        "langs": {"en": {"dir": "???", "type": "bpe"}, "es": {"dir": "???", "type": "wpe"}},
    }
}
JASPER = [{"filters": 1024, "repeat": 5, "kernel": [5], "se": True, "residual_mode": "stride_add"}]
AROUND = {
    "name": "FastConformer",
    "init_from_nemo_model": None,
    "init_from_pretrained_model": None,
    "train_manifest_path": "<manifest_filepath>",
    "trainer": {
        "strategy": {"_target_": "lightning.pytorch.strategies.DDPStrategy"},
        "resume_from_checkpoint": None,
        "logger": False,
    },
    "exp_manager": {
        "exp_dir": "/results",
        "checkpoint_callback_params": {"dirpath": "/results/checkpoints", "filename": "best"},
        "wandb_logger_kwargs": {"save_dir": "/results/wandb"},
        "dllogger_logger_kwargs": {"json_file": "./dllogger.json"},
    },
    "hydra": {"run": {"dir": "."}, "job_logging": {"root": {"handlers": None}}},
}


def module(name: str, **more: Any) -> dict[str, Any]:
    return {"_target_": f"{MODULES}.{name}", **more}


ATTENTION = f"{ASR}.parts.submodules.adapters.multi_head_attention_adapter_module"
TRANSFORMER = module("transformer.transformer_encoders.TransformerEncoder", num_layers=18)
PERCEPTRON = {"_target_": f"{COMMON}.parts.MultiLayerPerceptron", "num_layers": 1}

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "conformer_ctc_char": {"labels": [" ", "a"], "encoder": CONFORMER, **CTC},
    "fast-conformer_transducer_bpe": {**BPE, "encoder": CONFORMER, **RNNT},
    "fastconformer_hybrid_transducer_ctc_bpe_prompt": {
        **BPE,
        "encoder": CONFORMER,
        **RNNT,
        "aux_ctc": {**CTC, "decoding": {"strategy": "greedy"}},
        "model_defaults": {"num_langs": 128, "prompt_dictionary": {"en-US": 0}},
        "target": "nemo.collections.asr.models.hybrid_rnnt_ctc_bpe_models_prompt."
        "EncDecHybridRNNTCTCBPEModelWithPrompt",
    },
    "conformer_tdt_bpe_stateless": {
        **BPE,
        "encoder": CONFORMER,
        **RNNT,
        "decoder": module("StatelessTransducerDecoder", context_size=2),
    },
    "conformer_hat_bpe": {**BPE, "encoder": CONFORMER, **RNNT, "joint": module("HATJoint")},
    "contextnet_rnnt_multilang": {
        **AGGREGATE,
        "encoder": module("ConvASREncoder", jasper=JASPER),
        **RNNT,
    },
    "citrinet_1024": {**BPE, "encoder": module("ConvASREncoder", jasper=JASPER), **CTC},
    "squeezeformer_ctc_bpe": {**BPE, "encoder": module("SqueezeformerEncoder"), **CTC},
    "lstm_transducer_bpe": {**BPE, "encoder": module("RNNEncoder"), **RNNT},
    "lstm_ctc_bpe": {**BPE, "encoder": module("RNNEncoder"), "decoder": module("LSTMDecoder")},
    "asr_adaptation": {
        "pretrained_model": None,
        "nemo_model": None,
        "adapter": {
            "adapter_state_dict_name": "adapters.pt",
            "_target_": "nemo.collections.common.parts.adapter_modules.LinearAdapter",
            "adapter_strategy": {
                "_target_": "nemo.core.classes.mixins.adapter_mixin_strategies."
                "ResidualAddAdapterStrategy",
            },
        },
        "encoder": module("ConformerEncoderAdapter", adapters={"_global_": {"enabled": True}}),
        **CTC,
    },
    "asr_adaptation_hp": {
        "adapter": {
            "tinyattn": {
                "_target_": f"{ATTENTION}.RelPositionMultiHeadAttentionAdapter",
                "adapter_strategy": {"_target_": f"{ATTENTION}.MHAResidualAddAdapterStrategy"},
            }
        },
        "encoder": CONFORMER,
        **CTC,
    },
    "carnelinet_384": {**BPE, "encoder": module("ParallelConvASREncoder", jasper=JASPER), **CTC},
    "wav2vecCTC": {
        **BPE,
        "preprocessor": module("wav2vec_modules.ConvFeatureEncoder", conv_layers=[]),
        "encoder": module("wav2vec_modules.Wav2VecTransformerEncoder", layer_drop=0.05),
        **CTC,
    },
    "transformer_stacking_rnnt_bpe_streaming": {
        **BPE,
        "encoder": module("transformer_encoder.StreamingTransformerEncoder", n_layers=48),
        **RNNT,
    },
    "speech_to_text_hf_finetune": {"data_path": "librispeech_asr", **BPE},
}


# Of models that parakeet doesn't run: the scan finds nothing, and the engine refuses them.
OTHERS: dict[str, dict[str, Any]] = {
    "fast-conformer_aed": {  # Canary
        "prompt_format": "canary",
        "tokenizer": {
            "dir": None,
            "type": "agg",
            "langs": {"spl_tokens": {"dir": "???", "type": "bpe"}},
            "custom_tokenizer": {
                "_target_": f"{COMMON}.tokenizers.canary_tokenizer.CanaryTokenizer",
                "tokenizer": None,
            },
        },
        "encoder": CONFORMER,
        "transf_encoder": TRANSFORMER,
        "transf_decoder": module("transformer.get_nemo_transformer", model_name=None),
        "head": {"_target_": f"{ASR}.parts.submodules.token_classifier.TokenClassifier"},
        "decoding": {"strategy": "beam", "beam": {"beam_size": 1, "ngram_lm_model": None}},
        "loss": {"_target_": f"{COMMON}.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss"},
        "target": f"{MODELS}.aed_multitask_models.EncDecMultiTaskModel",
    },
    "fast-conformer_transformer": {  # speech translation
        **BPE,
        "encoder": CONFORMER,
        "transf_decoder": {"library": "nemo", "model_name": None, "pretrained": False},
        "target": f"{MODELS}.transformer_bpe_models.EncDecTransfModelBPE",
    },
    "fastconformer_transformer_large_bpe": {  # speech understanding
        **BPE,
        "encoder": CONFORMER,
        "embedding": module("transformer.TransformerEmbedding", vocab_size=-1),
        "decoder": module("transformer.TransformerDecoder", num_layers=3),
        "classifier": PERCEPTRON,
        "target": f"{MODELS}.slu_models.SLUIntentSlotBPEModel",
    },
    "streaming_sortformer_diarizer_4spk-v2": {
        "encoder": CONFORMER,
        "sortformer_modules": module("sortformer_modules.SortformerModules", num_spks=4),
        "transformer_encoder": TRANSFORMER,
        "loss": {"_target_": f"{ASR}.losses.bce_loss.BCELoss", "weight": None},
        "target": f"{MODELS}.sortformer_diar_models.SortformerEncLabelModel",
    },
    "msdd_5scl_15_05_50Povl_256x3x32x2": {  # its class restores a speaker model: refused below
        "diarizer": {"out_dir": None, "speaker_embeddings": {"model_path": "???"}},
        "msdd_module": module("msdd_diarizer.MSDD_module", scale_n=5),
        "loss": {"_target_": f"{ASR}.losses.bce_loss.BCELoss", "weight": None},
    },
    "titanet-large": {
        "encoder": module("ConvASREncoder", jasper=JASPER),
        "decoder": module("SpeakerDecoder", pool_mode="attention"),
        "loss": {"_target_": f"{ASR}.losses.angularloss.AngularSoftmaxLoss", "scale": 30},
        "target": f"{MODELS}.label_models.EncDecSpeakerLabelModel",
    },
    "lang_id/titanet_large": {
        "encoder": module("ConvASREncoder", jasper=JASPER),
        "decoder": module("SpeakerDecoder", pool_mode="xvector"),
        "loss": {"_target_": f"{COMMON}.losses.cross_entropy.CrossEntropyLoss", "weight": "auto"},
    },
    "ecapa_tdnn": {"encoder": module("ECAPAEncoder"), "decoder": module("SpeakerDecoder")},
    "matchboxnet_3x1x64_v1": {
        "preprocessor": module("AudioToMFCCPreprocessor"),
        "crop_or_pad_augment": module("CropOrPadSpectrogramAugmentation", audio_length=128),
        "encoder": module("ConvASREncoder", jasper=JASPER),
        "decoder": module("ConvASRDecoderClassification", pooling_type="avg"),
        "target": f"{MODELS}.classification_models.EncDecClassificationModel",
    },
    "marblenet_3x2x64_20ms": {
        "encoder": module("ConvASREncoder", jasper=JASPER),
        "decoder": PERCEPTRON,
        "target": f"{MODELS}.classification_models.EncDecFrameClassificationModel",
    },
    "ssl/fast-conformer": {
        "encoder": CONFORMER,
        "loss_list": {
            "contrastive": {
                "decoder": module("ConvASRDecoderReconstruction"),
                "loss": {"_target_": f"{ASR}.losses.ContrastiveLoss", "codebook_size": 300},
            },
            "mlm": {**CTC, "loss": {"_target_": f"{ASR}.losses.MLMLoss"}},
        },
        "target": f"{MODELS}.ssl_models.SpeechEncDecSelfSupervisedModel",
    },
    "nest_fast-conformer": {
        "train_ds": {
            "noise_manifest": "/data/noise.json",
            "batch_augmentor": module("ssl_modules.MultiSpeakerNoiseAugmentation", prob=0.5),
        },
        "masking": module("RandomBlockMasking", block_size=40),
        "quantizer": module("RandomProjectionVectorQuantizer", dist_fn="l2"),
        "encoder": CONFORMER,
        "decoder": module("MultiSoftmaxDecoder"),
        "loss": {"_target_": f"{ASR}.losses.MultiMLMLoss", "mask_threshold": 0.8},
        "target": f"{MODELS}.ssl_models.EncDecDenoiseMaskedTokenPredModel",
    },
    "nest_ecapa_tdnn_small": {
        "preprocessor": module(
            "ssl_modules.multi_layer_feat.ConformerMultiLayerFeaturePreprocessor",
            aggregator=module("ssl_modules.multi_layer_feat.Aggregator", mode="weighted_sum"),
            preprocessor=FRONT["preprocessor"],
            encoder=CONFORMER,
        ),
        "encoder": module("ECAPAEncoder"),
        "decoder": module("SpeakerDecoder"),
    },
}


def written(folder: Path, name: str, model: dict[str, Any], form: str = "") -> Path:
    """An archive with a configuration of NeMo's, and the small model's other members."""
    model = {**DATA, **FRONT, **model}
    text = yaml.safe_dump({**AROUND, "model": model} if form == "as it is published" else model)
    archive = folder / f"{name.replace('/', '-')}.nemo"
    archive.write_bytes(packed({**contents(), CONFIG: text.encode()}))
    return archive


@pytest.mark.parametrize("name", [*CONFIGURATIONS, *OTHERS])
@pytest.mark.parametrize("form", ["as NeMo saves it", "as it is published"])
def test_a_configuration_of_nemo_s_examples_passes(tmp_path: Path, name: str, form: str) -> None:
    assert scan_model(written(tmp_path, name, {**CONFIGURATIONS, **OTHERS}[name], form)) == ()


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_engine_gets_a_model_that_it_can_run(tmp_path: Path, name: str) -> None:
    with private_copy(written(tmp_path, name, CONFIGURATIONS[name])) as folder:
        assert (folder / CONFIG).is_file()


@pytest.mark.parametrize("name", OTHERS)
def test_the_engine_gets_no_other_model_of_nemo_s(tmp_path: Path, name: str) -> None:
    archive = written(tmp_path, name, OTHERS[name])
    with (
        pytest.raises(EngineUnavailable, match="doesn't run models of its kind") as refused,
        private_copy(archive),
    ):
        pass
    assert "could run code" not in str(refused.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"loss": {"_target_": "os.system", "command": "true"}},
        {"target": f"{MODELS}.msdd_models.EncDecDiarLabelModel"},
        {"target": f"{MODELS}.hybrid_asr_tts_models.ASRWithTTSModel"},
        {"diarizer": {"speaker_embeddings": {"model_path": "titanet_large"}}},
        {"graph_module_cfg": {"backend_cfg": {"token_lm": "/tmp/lm.pt"}}},
        {"transf_decoder": module("transformer.get_nemo_transformer", checkpoint_file="/etc/x")},
        {"tokenizer": {"dir": "/tmp", "type": "bpe"}},
        {"tokenizer": {"custom_tokenizer": "os.system"}},
        {"tokenizer": {"custom_tokenizer": {"_target_": "os.system"}}},
        # Many harmless parts don't hide what comes after them.
        {f"part{number}": module("SpeakerDecoder") for number in range(40)}
        | {"zz": {"_target_": "os.system"}},
    ],
)
def test_parts_of_other_models_hide_nothing(tmp_path: Path, changed: dict[str, Any]) -> None:
    archive = written(tmp_path, "m", {**OTHERS["fast-conformer_aed"], **changed})
    assert scan_model(archive)
    with pytest.raises(EngineUnavailable, match="could run code"), private_copy(archive):
        pass


# Prints every configuration class of these modules with its defaults, as JSON.
DEFAULTS = """
import dataclasses, enum, importlib, json, sys
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
found = {}
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for kind, value in vars(module).items():
        if isinstance(value, type) and dataclasses.is_dataclass(value) and kind.endswith("Config"):
            try:
                found[kind] = OmegaConf.to_container(OmegaConf.structured(value))
            except OmegaConfBaseException:
                continue  # of parts that OmegaConf can't hold: of classifiers
print(json.dumps(found, default=lambda one: getattr(one, "name", str(one))))
"""
WITH_DEFAULTS = (
    "nemo.collections.asr.parts.submodules.rnnt_decoding",
    "nemo.collections.asr.parts.submodules.ctc_decoding",
    "nemo.collections.asr.models.configs.asr_models_config",
    "nemo.collections.asr.modules.audio_preprocessing",
    "nemo.collections.asr.modules.conv_asr",
)


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["verified", "verified-3"])
def test_the_defaults_of_the_installed_nemo_pass(
    stacks: Stacks, tmp_path: Path, stack: str
) -> None:
    python = str(stacks(stack).python)
    done = subprocess.run(
        [python, "-B", "-W", "ignore", "-c", DEFAULTS, *WITH_DEFAULTS],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    assert {"RNNTBPEDecodingConfig", "EncDecCTCModelConfig"} <= set(found)
    for name, values in found.items():
        archive = tmp_path / "m.nemo"
        archive.write_bytes(packed({**contents(), CONFIG: yaml.safe_dump(values).encode()}))
        assert scan_model(archive) == (), name
