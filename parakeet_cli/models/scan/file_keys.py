"""Lists the configuration keys by which NeMo opens or writes files, and checks their values.

Found by reading what runs while a model is restored, in NeMo 2.4.0 and 3.0.0. The lines are
those of 3.0.0, under nemo/collections/asr:

parts/mixins/mixins.py
    118 tokenizer.model_path, 138 and 174 tokenizer.vocab_path, 146 tokenizer.spe_tokenizer_vocab,
    117, 137 and 145 tokenizer.dir in the place of each of them; 276 to 335 the same for every
    language in tokenizer.langs; `register_artifact` takes any path that exists
    (core/connectors/save_restore_connector.py, 365) and joins what follows `nemo:` unchecked (371)
parts/context_biasing/boosting_graph_batched.py
    543 boosting_tree.model_path restores a `.nemo`, 613 writes one to that path,
    551 boosting_tree.key_phrases_file
parts/submodules/ctc_greedy_decoding.py, rnnt_greedy_decoding.py, rnnt_beam_decoding.py,
tdt_beam_decoding.py, multitask_beam_decoding.py
    ngram_lm_model, which ngram_lm/ngram_lm_batched.py restores (606) or reads (677)
parts/submodules/ctc_beam_decoding.py
    354 and 538 ngram_lm_model, 733 arpa_lm_path, 734 wfst_lm_path (written where it is missing),
    973 lexicon_path, 974 boost_path, 993 kenlm_path
modules/flashlight_decoder.py
    97 lm_path, 101 lexicon_path, 142 boost_path
models/configs/diarizer_config.py
    36 pretrained_language_model, 45 arpa_language_model, 80 and 103 model_path
modules/*.py, parts/submodules/classifier.py
    restore_path and save_path of parts that are models of their own

The data sections (train_ds, validation_ds, test_ds) and those of the trainer are read for
training alone: core/classes/modelPT.py, 149, sets no data up for a model that is restored.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# A member of the archive: only the tokenizer's keys may name one.
_MEMBERS = frozenset(["model_path", "vocab_path", "spe_tokenizer_vocab"])
_TOKENIZER = re.compile(r"(model\.)?tokenizer(\.langs\.[^.]+)?")
_TRAINING = re.compile(r"(model\.)?(train_ds|validation_ds|test_ds|exp_manager|trainer|hydra)\b.*")

# Read by NeMo's training scripts alone, which pass them to the data sections: at the top or in
# `model` (examples/asr/conf/asr_finetune/speech_to_text_hf_finetune.yaml, and *_tgt_spk_bpe.yaml).
_OF_SCRIPTS = frozenset([("model", "data_path"), ("", "data_path"), ("", "train_manifest_path")])

# These are read while a model is restored, or would be if they were given: no section may
# have them, because a reference can repeat a section anywhere.
_RESTORED = frozenset(
    [
        *("key_phrases_file", "ngram_lm_model", "ngram_lm_path", "ngram_path", "arpa_lm_path"),
        *("wfst_lm_path", "lexicon_path", "boost_path", "kenlm_path", "word_kenlm_path"),
        *("arpa_path", "lm_path", "token_lm", "pretrained_language_model", "arpa_language_model"),
        *("restore_path", "save_path", "vocab_file", "merges_file", "tokenizer_model"),
        *("nemo_file_path", "checkpoint_path", "hparams_file", "resume_from_checkpoint"),
    ]
)
# Whatever else is called like a file is one, outside of the sections for training.
_FILE_NAME = re.compile(
    r"(.*_)?(path|paths|file|files|filepath|filepaths|filename|filenames|dir|dirs|folder|folders"
    r"|directory|manifest|ckpt|checkpoint|url|uri)"
)
# Hydra's own section in NeMo's defaults. A reference could repeat it in a tokenizer's place: the
# worker's working folder is then the private one with the archive's members.
_WORKING_FOLDER = frozenset([("dir", "hydra.run", "."), ("dir", "hydra.sweep", ".")])
_NOTHING = frozenset(["", "null", "~", "false", "???"])  # OmegaConf writes ??? for "not given"


def is_tokenizer(path: str) -> bool:
    """Whether the mapping at that path is a tokenizer's."""
    return bool(_TOKENIZER.fullmatch(path))


def is_file_key(key: str, path: str) -> bool:
    """Whether NeMo takes the value of that key, in a mapping at `path`, for a file's name."""
    if key in _RESTORED or key in _MEMBERS:
        return True
    if key == "dir":  # the members take its place in a tokenizer, see `dir_problem`
        return not is_tokenizer(path)
    if (path, key) in _OF_SCRIPTS:
        return False
    return bool(_FILE_NAME.fullmatch(key)) and not _TRAINING.fullmatch(path)


def file_problem(key: str, path: str, text: str, members: Collection[str] | None) -> str | None:
    """Why a file key must not have that value; `members` are the archive's, if there is one."""
    if text.casefold() in _NOTHING or (key, path, text) in _WORKING_FOLDER:
        return None
    if key not in _MEMBERS or not is_tokenizer(path):
        return f"would open or write a file: {text[:80]!r}"
    name = text.removeprefix("nemo:").removeprefix("./")
    if "/" in name or "\\" in name or "${" in text or name in ("", ".", ".."):
        return f"would open a file outside of the model: {text[:80]!r}"
    if members is not None and name not in members:
        return f"names {text[:80]!r}, and the model has no such file"
    return None


def dir_problem(folder: str, given: Collection[str]) -> str | None:
    """Why a tokenizer must not name a folder: it is read where a member isn't named."""
    if folder.casefold() in _NOTHING or {"model_path", "vocab_path"} <= set(given):
        return None
    return f"would read the tokenizer from the folder {folder[:80]!r}"
