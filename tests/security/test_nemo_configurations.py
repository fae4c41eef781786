"""NeMo's own configurations of models with a transducer or CTC head pass the scanner.

In short form those of its examples/asr/conf, which the package doesn't ship, and what the
package has: the defaults of its configuration classes, as both stacks write them.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from parakeet_cli.models.scan.model import scan_model
from tests.security.hostile_models import CONFIG, contents, packed
from tests.stacks import Stacks

MODULES = "nemo.collections.asr.modules"
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
    "speech_to_text_hf_finetune": {"data_path": "librispeech_asr", **BPE},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("form", ["as NeMo saves it", "as it is published"])
def test_a_configuration_of_nemo_s_examples_passes(tmp_path: Path, name: str, form: str) -> None:
    model = {**DATA, **FRONT, **CONFIGURATIONS[name]}
    text = yaml.safe_dump({**AROUND, "model": model} if form == "as it is published" else model)
    archive = tmp_path / "m.nemo"
    archive.write_bytes(packed({**contents(), CONFIG: text.encode()}))
    assert scan_model(archive) == ()


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
OF_CLASSIFIERS = {"CropOrPadSpectrogramAugmentationConfig", "ConvASRDecoderClassificationConfig"}


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
    refused = set()
    for name, values in found.items():
        archive = tmp_path / "m.nemo"
        archive.write_bytes(packed({**contents(), CONFIG: yaml.safe_dump(values).encode()}))
        if scan_model(archive):
            refused.add(name)
    assert refused <= OF_CLASSIFIERS
