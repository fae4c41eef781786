from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.config import load_settings
from parakeet_cli.config.dictate import SECTION
from parakeet_cli.errors import ConfigError, ExitCode


def written(folder: Path, content: object) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def no_engine_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PARAKEET_ENGINE", "PARAKEET_MODEL", "PERSONALPARAKEET_USE_MOCK_STT"):
        monkeypatch.delenv(name, raising=False)


def test_the_profile_counts_more_than_dictate_and_dictate_more_than_the_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = written(
        tmp_path,
        {
            "engine": "onnx",
            "beam_size": 2,
            "dictate": {"engine": "whisper", "max_silence": 1, "sink": ["type"], "beam_size": 3},
            "profiles": {"mail": {"sink": ["clipboard"], "engine": "mock"}},
        },
    )
    top = load_settings({}, config=config)
    assert (top.engine, dict(top.dictate)) == ("onnx", {})
    plain = load_settings({}, config=config, dictation=True)
    assert (plain.engine, plain.beam_size) == ("whisper", 3)
    assert dict(plain.dictate) == {"max_silence": 1.0, "sink": ("type",)}
    mail = load_settings({"beam_size": 4}, config=config, dictation=True, profile="mail")
    assert (mail.engine, mail.beam_size) == ("mock", 4)
    assert dict(mail.dictate) == {"max_silence": 1.0, "sink": ("clipboard",)}
    assert mail.origins["dictate.sink"] == f"profile mail in {config}"
    monkeypatch.setenv("PARAKEET_ENGINE", "auto")
    by_variable = load_settings({}, config=config, dictation=True, profile="mail")
    assert by_variable.engine == "auto"


def test_a_profile_that_dictate_names_is_used_unless_another_is_asked_for(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        {
            "dictate": {"profile": "a"},
            "profiles": {"a": {"max_silence": 1}, "b": {"max_silence": 2}},
        },
    )
    found = load_settings({}, config=config, dictation=True)
    other = load_settings({}, config=config, dictation=True, profile="b")
    assert (found.dictate["max_silence"], other.dictate["max_silence"]) == (1.0, 2.0)


def test_words_of_each_level_are_added_and_the_upper_level_decides(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        {
            "vocabulary": ["PyTorch"],
            "replacements": {"by the way": "BTW", "bye": "Bye"},
            "dictate": {"vocabulary": ["Kubernetes", "PyTorch"]},
            "profiles": {"mail": {"replacements": {"bye": "Best regards"}}},
        },
    )
    settings = load_settings({}, config=config, dictation=True, profile="mail")
    assert settings.vocabulary == ("PyTorch", "Kubernetes")
    assert settings.replacements == {"by the way": "BTW", "bye": "Best regards"}


def test_the_model_of_a_section_belongs_to_the_engine_beside_it(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        {
            "engine": "onnx",
            "model": "v3-int8",
            "dictate": {"engine": "whisper"},
            "profiles": {"small": {"model": "small"}},
        },
    )
    assert load_settings({}, config=config, dictation=True).model is None
    small = load_settings({}, config=config, dictation=True, profile="small")
    assert (small.engine, small.model) == ("whisper", "small")


def test_an_unknown_profile_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    config = written(tmp_path, {"profiles": {"mail": {}}})
    with pytest.raises(ConfigError, match="has no profile 'post'") as refused:
        load_settings({}, config=config, dictation=True, profile="post")
    assert refused.value.hint == "Its profiles are mail."
    assert refused.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ({"dictate": {"colour": "red"}}, "dictate.colour"),
        ({"dictate": {"sink": "type"}}, "dictate.sink"),
        ({"dictate": {"sink": [""]}}, "dictate.sink"),
        ({"dictate": {"max_silence": "1"}}, "dictate.max_silence"),
        ({"dictate": {"max_silence": 0}}, "dictate.max_silence"),
        ({"dictate": {"sounds": 1}}, "dictate.sounds"),
        ({"dictate": {"threads": "2"}}, "dictate.threads"),
        ({"dictate": {"vocabulary": "PyTorch"}}, "dictate.vocabulary"),
        ({"dictate": {"replacements": ["a"]}}, "dictate.replacements"),
        ({"dictate": {"recover": True}}, "dictate.recover"),
        ({"dictate": []}, "dictate"),
        ({"profiles": []}, "profiles"),
        ({"profiles": {"mail": 1}}, "profiles.mail"),
        ({"profiles": {"mail": {"idle_unload": True}}}, "profiles.mail.idle_unload"),
        ({"profiles": {"mail": {"profile": "other"}}}, "profiles.mail.profile"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_file(
    tmp_path: Path, content: object, key: str
) -> None:
    config = written(tmp_path, content)
    with pytest.raises(ConfigError) as refused:
        load_settings({}, config=config)
    assert f"'{key}'" in str(refused.value)
    assert config in str(refused.value)


def test_an_unknown_key_of_a_newer_version_is_a_warning(tmp_path: Path) -> None:
    config = written(
        tmp_path, {"version": 2, "dictate": {"colour": "red", "digits": True}, "profiles": {}}
    )
    settings = load_settings({}, config=config, dictation=True)
    assert settings.dictate == {"digits": True}
    (warning,) = settings.warnings
    assert "'dictate.colour'" in warning


def test_a_microphone_may_be_given_by_its_number(tmp_path: Path) -> None:
    config = written(tmp_path, {"dictate": {"input_device": 3}})
    assert load_settings({}, config=config, dictation=True).dictate["input_device"] == "3"


def test_null_leaves_a_key_at_its_default(tmp_path: Path) -> None:
    config = written(tmp_path, {"dictate": dict.fromkeys(SECTION)})
    assert load_settings({}, config=config, dictation=True).dictate == {}
