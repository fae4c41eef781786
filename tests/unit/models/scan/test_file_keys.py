"""The keys by which NeMo opens files."""

from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.models.scan.configuration import scan_yaml
from tests.model_files import CONFIG, nemo, problems


@pytest.mark.parametrize(
    "line",
    [
        "decoding: {greedy: {boosting_tree: {model_path: /tmp/x}}}",
        "decoding: {greedy: {boosting_tree: {model_path: 'nemo:0a_tokenizer.model'}}}",
        "decoding: {greedy: {boosting_tree: {key_phrases_file: [a]}}}",
        "decoding: {beam: {ngram_lm_model: lm.arpa}}",
        "decoding: {beam: {flashlight_cfg: {lexicon_path: /etc/passwd}}}",
        "decoding: {beam: {wfst_lm_path: ./x}}",
        "extra: {Model_Path: /etc/passwd}",
        "extra: {log_dir: /tmp/x}",
        "extra: {some_new_file: x}",
        "extra: {dir: /etc}",
        "train_ds: {dir: /etc, type: bpe}",
        "train_ds: {key_phrases_file: /etc/passwd}",
        "tokenizer2: {model_path: 'nemo:0a_tokenizer.model'}",
    ],
)
def test_a_file_key_must_be_empty(tmp_path: Path, line: str) -> None:
    assert "would open" in problems(nemo(tmp_path / "m.nemo", config=f"{CONFIG}{line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        "train_ds: {manifest_filepath: /data/train.json, tarred_audio_filepaths: [a, b]}",
        "validation_ds: {manifest_filepath: [/data/dev.json]}",
        "exp_manager: {exp_dir: /results, name: x}",
        "decoding: {greedy: {boosting_tree: {model_path: null, key_phrases_file: null}}}",
        "decoding: {beam: {ngram_lm_model: null, kenlm_path: ''}}",
    ],
)
def test_what_published_models_say_passes(tmp_path: Path, line: str) -> None:
    assert problems(nemo(tmp_path / "m.nemo", config=f"{CONFIG}{line}\n")) == ""


def test_a_tokenizer_s_folder_passes_only_where_its_members_take_its_place(tmp_path: Path) -> None:
    config = CONFIG.replace("dir: null", "dir: /training/tokenizer")
    assert problems(nemo(tmp_path / "m.nemo", config=config)) == ""
    config = config.replace("  model_path: nemo:0a_tokenizer.model\n", "")
    assert "from the folder" in problems(nemo(tmp_path / "m.nemo", config=config))


def test_languages_have_tokenizers_of_their_own() -> None:
    text = "tokenizer: {type: agg, langs: {en: {dir: /x, type: bpe, model_path: 'nemo:%s', "
    text += "vocab_path: 'nemo:v.txt'}}}"
    assert list(scan_yaml((text % "m.model").encode(), "x", {"m.model", "v.txt"})) == []
    for name in ("../m.model", "other.model", "/etc/passwd", "..", ""):
        assert list(scan_yaml((text % name).encode(), "x", {"m.model", "v.txt"})), name


def test_a_configuration_of_nemo_s_examples_passes() -> None:
    """With the values that are to be given later, as NeMo's own files have them."""
    text = """\
name: FastConformer-TDT-BPE
model:
  sample_rate: 16000
  tokenizer: {dir: '???', type: bpe}
  train_ds: {manifest_filepath: '???', sample_rate: "${model.sample_rate}"}
  encoder: {_target_: nemo.collections.asr.modules.ConformerEncoder}
trainer:
  strategy: {_target_: lightning.pytorch.strategies.DDPStrategy, gradient_as_bucket_view: true}
  logger: false
exp_manager: {exp_dir: null, name: "${name}", resume_from_checkpoint: null}
"""
    assert list(scan_yaml(text.encode(), "x")) == []
    elsewhere = text.replace("  strategy:", "  plugin:")
    assert "isn't part of a Parakeet" in str(next(scan_yaml(elsewhere.encode(), "x")))


def test_hydra_s_own_folder_is_the_working_folder_and_no_other() -> None:
    assert problems_of("hydra: {run: {dir: .}, sweep: {dir: '.'}}") == []
    for line in ("hydra: {run: {dir: /etc}}", "hydra: {run: {dir: ..}}", "x: {run: {dir: .}}"):
        assert problems_of(line)


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in scan_yaml(text.encode(), "x")]
