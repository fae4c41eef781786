from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.models.scan.model import every_problem, scan_model
from tests.model_files import CONFIG, nemo, problems

HOSTILE = [
    "os.system",
    "nemo.utils.model_utils.import_class_by_path",
    "nemo.core.classes.common.safe_instantiate",
    "nemo.collections.asr.modules.ConformerEncoder.__init__.__globals__",
    "nemo.collections.asr.modules.ConformerEncoderX",
    "nemo.collections.asr.modules",
    "torch.utils.data.dataloader.multiprocessing.os.system",
    "torch.nn.modules.utils.os.system",
    "omegaconf.OmegaConf.load",
    "NEMO.collections.asr.modules.ConformerEncoder",
    " nemo.collections.asr.modules.ConformerEncoder",
    "${encoder.other}",
    "",
    "null",
]


PLACES = [
    "{key}: {value}\n",
    "a:\n  b:\n    {key}: {value}\n",
    "a:\n- 1\n- - {key}: {value}\n",
    "a: &x {{ {key}: {value} }}\nb: *x\n",
    "a: &x {{ {key}: {value} }}\nb:\n  <<: *x\n",
    "a: {{? {key} : {value} }}\n",
    "k: &k {key}\na: {{ *k : {value} }}\n",
    "v: &v {value}\na: {{ {key}: *v }}\n",
    'a: {{ "{key}": {value} }}\n',
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_target_is_refused_wherever_it_is(target: Path, place: str, value: str) -> None:
    text = place.format(key="_target_", value=f'"{value}"')
    report = problems(nemo(target, config=CONFIG + "extra:\n" + _indented(text)))
    assert "isn't part of a Parakeet" in report
    assert "_target_" in report


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("key", ["target", "cls", "class_path", "_target_"])
def test_other_keys_that_are_called_follow_the_same_rule(target: Path, key: str) -> None:
    report = problems(nemo(target, config=CONFIG + f"extra: {{params: {{}}, {key}: os.system}}\n"))
    assert "'os.system'" in report


def test_the_model_s_own_class_follows_the_same_rule(target: Path) -> None:
    config = CONFIG.replace("target: nemo.collections.asr.models", "target: antigravity", 1)
    assert "'antigravity.rnnt_bpe_models.EncDecRNNTBPEModel'" in problems(
        nemo(target, config=config)
    )


@pytest.mark.parametrize("key", ["_TARGET_", "_Target_", "Target", '" _target_"', "TARGET"])
def test_a_key_in_disguise_is_refused(target: Path, key: str) -> None:
    report = problems(nemo(target, config=CONFIG + f"extra: {{{key}: os.system}}\n"))
    assert "in disguise" in report


@pytest.mark.parametrize("value", ["[os.system]", "{a: b}", "&x [*y]"])
def test_a_target_that_is_not_a_name_is_refused(target: Path, value: str) -> None:
    assert scan_model(nemo(target, config=CONFIG + f"y: &y 1\nextra: {{_target_: {value}}}\n"))


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!<tag:yaml.org,2002:python/module:os> x",
        "!evil x",
        "!!binary YQ==",
        "!!set {a}",
    ],
)
def test_a_tag_that_creates_objects_is_refused(target: Path, value: str) -> None:
    assert "YAML tag" in problems(nemo(target, config=CONFIG + f"extra: {value}\n"))


@pytest.mark.parametrize(
    "value",
    [
        "${oc.decode:'{_target_: os.system}'}",
        "${oc.create:x}",
        "${oc.env:HOME}",
        "${multiply:1,2}",
        "${a.${b}}",
        "x${sum:1,2}y",
        "\\\\\\\\${oc.decode:x}",
    ],
)
def test_a_computed_value_is_refused(target: Path, value: str) -> None:
    report = problems(nemo(target, config=CONFIG + f'extra: "{value}"\n'))
    assert "computed" in report


@pytest.mark.parametrize(
    "key", ["trust_remote_code", "init_from_ptl_ckpt", "_partial_", "ngram_lm_model"]
)
def test_a_key_that_loads_something_else_is_refused(target: Path, key: str) -> None:
    for value in ("x", "/tmp/other.nemo", "[x]", "{a: b}", "&n [z]", "${sample_rate}", "true"):
        report = problems(nemo(target, config=CONFIG + f"extra: {{{key}: {value}}}\n"))
        assert "would load" in report or "would open" in report, value
    for value in ("null", "~", "", "false"):
        assert not problems(nemo(target, config=CONFIG + f"extra: {{{key}: {value}}}\n"))


def test_yaml_that_two_readers_could_read_differently_is_refused(target: Path) -> None:
    assert "twice" in problems(nemo(target, config=CONFIG + "sample_rate: 8000\n"))
    assert "more than one document" in problems(nemo(target, config=CONFIG + "---\na: b\n"))
    assert "isn't text" in problems(nemo(target, config=CONFIG + "? [a]\n: b\n"))
    assert "not readable YAML" in problems(nemo(target, config="a: [b\n"))
    assert "not readable YAML" in problems(nemo(target, config=b"a: \xff\xfe\n"))
    assert "zero byte" in problems(nemo(target, config="a: b\0c\n"))
    assert "no keys" in problems(nemo(target, config="- a\n"))
    assert "no keys" in problems(nemo(target, config=""))


def test_a_yaml_bomb_is_refused(target: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for at in range(1, 12):
        ten = ", ".join([f"*a{at - 1}"] * 10)
        lines.append(f"a{at}: &a{at} [{ten}]")
    assert "bomb" in problems(nemo(target, config=CONFIG + "\n".join(lines) + "\n"))
    assert "deep" in problems(nemo(target, config=CONFIG + "d: " + "[" * 5000 + "]" * 5000 + "\n"))
    assert "itself or to nothing" in problems(nemo(target, config=CONFIG + "d: &d {a: *d}\n"))
    assert "itself or to nothing" in problems(nemo(target, config=CONFIG + "d: {<<: *nothing}\n"))


OTHER = "nemo.collections.asr.modules.SpeakerDecoder"


def test_a_part_of_a_model_that_cant_be_run_is_named_once_and_harmless(target: Path) -> None:
    parts = "".join(f"other{number}: {{_target_: {OTHER}}}\n" for number in range(50))
    (problem,) = every_problem(nemo(target, config=CONFIG + parts))
    assert problem.harmless
    assert OTHER in problem.what
    assert "other0._target_" in problem.where
    assert scan_model(target) == ()


def test_a_hostile_part_behind_many_harmless_ones_is_found(target: Path) -> None:
    parts = "".join(f"other{number}: {{_target_: {OTHER}}}\n" for number in range(50))
    report = problems(nemo(target, config=CONFIG + parts + "extra: {_target_: os.system}\n"))
    assert "'os.system'" in report
    assert OTHER not in report


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("null", True),
        ("{_target_: nemo.collections.common.tokenizers.canary_tokenizer.CanaryTokenizer}", True),
        ("{_target_: some.Tokenizer}", False),
        ("{model_path: /etc/passwd}", False),
        ("some.Tokenizer", False),
        ("${other}", False),
    ],
)
def test_a_custom_tokenizer_is_one_of_nemo_s_own(target: Path, value: str, clean: bool) -> None:
    config = CONFIG + f"other: {{tokenizer: {{custom_tokenizer: {value}}}}}\n"
    assert (scan_model(nemo(target, config=config)) == ()) is clean
