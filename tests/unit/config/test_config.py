from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.config import config_path, initial_config, load_settings
from parakeet_cli.config.settings import SETTINGS, Settings
from parakeet_cli.errors import ConfigError, ExitCode


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for setting in SETTINGS.values():
        if setting.variable:
            monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.delenv("PERSONALPARAKEET_USE_MOCK_STT", raising=False)
    monkeypatch.delenv("PARAKEET_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


def written(folder: Path, content: object) -> str:
    path = folder / "config.json"
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_nothing_set_anywhere_gives_the_defaults() -> None:
    settings = load_settings(dict.fromkeys(SETTINGS))
    assert settings == Settings()
    assert settings.beam_size == 5


def test_the_file_is_in_the_user_s_folder_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert config_path() == tmp_path / "home/parakeet/config.json"
    monkeypatch.setenv("PARAKEET_CONFIG", "/elsewhere/c.json")
    assert config_path() == Path("/elsewhere/c.json")
    assert config_path("~/mine.json") == Path.home() / "mine.json"


def test_an_option_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = written(tmp_path, {"beam_size": 2, "threads": 2, "model": "small"})
    monkeypatch.setenv("PARAKEET_BEAM_SIZE", "3")
    monkeypatch.setenv("PARAKEET_THREADS", "3")
    settings = load_settings({"beam_size": 4}, config=config)
    assert (settings.beam_size, settings.threads, settings.model) == (4, 3, "small")
    assert settings.origins == {
        "beam_size": "--beam-size",
        "threads": "PARAKEET_THREADS",
        "model": config,
    }


@pytest.mark.parametrize(
    ("file", "asked", "model"),
    [
        ({"engine": "onnx", "model": "v3-int8"}, None, "v3-int8"),
        ({"engine": "onnx", "model": "v3-int8"}, "onnx", "v3-int8"),
        ({"engine": "onnx", "model": "v3-int8"}, "whisper", None),
        ({"engine": "onnx", "model": "v3-int8"}, "auto", None),
        ({"engine": "auto", "model": "small"}, "whisper", "small"),
        ({"model": "small"}, "whisper", "small"),
    ],
)
def test_the_file_s_model_belongs_to_the_engine_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: object, asked: str | None, model: str
) -> None:
    path = written(tmp_path, file)
    assert load_settings({"engine": asked}, config=path).model == model
    other = load_settings({"engine": asked, "model": "mine"}, config=path)
    assert (other.model, other.origins["model"]) == ("mine", "--model")
    if asked:
        monkeypatch.setenv("PARAKEET_ENGINE", asked)
        assert load_settings({}, config=path).model == model


@pytest.mark.parametrize(
    ("option", "switch", "variable", "file", "engine"),
    [
        (None, None, None, {}, "auto"),
        (None, None, None, {"engine": "nemo"}, "nemo"),
        (None, None, None, {"use_mock_stt": True}, "mock"),
        (None, None, None, {"use_mock_stt": False, "engine": "nemo"}, "nemo"),
        # `config init` writes an engine: the switch must work beside it.
        (None, None, None, {"use_mock_stt": True, "engine": "auto"}, "mock"),
        (None, None, "onnx", {"use_mock_stt": True}, "onnx"),
        (None, "true", "onnx", {"engine": "nemo"}, "mock"),
        (None, "1", None, {}, "mock"),
        (None, "TRUE", None, {}, "mock"),
        (None, "false", None, {"use_mock_stt": True}, "auto"),
        (None, "0", "onnx", {"use_mock_stt": True}, "onnx"),
        (None, "", None, {"use_mock_stt": True}, "mock"),
        ("whisper", "true", "onnx", {"use_mock_stt": True}, "whisper"),
    ],
)
def test_the_engine_has_its_own_order(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    option: str | None,
    switch: str | None,
    variable: str | None,
    file: dict[str, object],
    engine: str,
) -> None:
    if switch is not None:
        monkeypatch.setenv("PERSONALPARAKEET_USE_MOCK_STT", switch)
    if variable is not None:
        monkeypatch.setenv("PARAKEET_ENGINE", variable)
    config = written(tmp_path, file)
    assert load_settings({"engine": option}, config=config).engine == engine


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"beam_size": "5"}, "beam_size"),
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": True}, "beam_size"),
        ({"beam_size": 2.0}, "beam_size"),
        ({"offline": "true"}, "offline"),
        ({"use_mock_stt": 1}, "use_mock_stt"),
        ({"device": "gpu"}, "device"),
        ({"task": "summarise"}, "task"),
        ({"temperature": "0.2"}, "temperature"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"compute_type": "int4"}, "compute_type"),
        ({"vad_threshold": 0}, "vad_threshold"),
        ({"vad_min_silence": -1}, "vad_min_silence"),
        ({"engine": ""}, "engine"),
        ({"engine": ["mock"]}, "engine"),
        ({"version": "1"}, "version"),
        ({"version": 0}, "version"),
        ({"version": True}, "version"),
        ({"version": 2, "threads": "all"}, "threads"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_file(
    tmp_path: Path, content: dict[str, object], key: str
) -> None:
    config = written(tmp_path, content)
    with pytest.raises(ConfigError) as refused:
        load_settings({}, config=config)
    assert f"'{key}'" in str(refused.value)
    assert config in str(refused.value)
    assert refused.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"speakers": 3}, 'must be a string in quotes, "3", not 3'),
        ({"hotwords": True}, "must be a string, not True"),
        ({"hotwords": ""}, "must be a string that isn't empty, not ''"),
        ({"speakers": "many"}, "must be a number from 1 to 99, a range like 2-5, or auto"),
        ({"vocabulary": "Zoe"}, "must be a list, [...], not 'Zoe'"),
    ],
)
def test_a_wrong_value_is_told_what_it_must_be(
    tmp_path: Path, content: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings({}, config=written(tmp_path, content))
    assert said in str(refused.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"', "\N{PARROT}"])
def test_a_file_without_an_object_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    config = written(tmp_path, content)
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_settings({}, config=config)


def test_a_file_that_is_named_must_exist_and_be_readable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="doesn't exist") as missing:
        load_settings({}, config=str(tmp_path / "none.json"))
    assert "config init" in (missing.value.hint or "")
    with pytest.raises(ConfigError, match=r"can't be read: Is a directory\."):
        load_settings({}, config=str(tmp_path))
    (tmp_path / "latin.json").write_bytes(b'{"model": "gr\xf6\xdfer"}')
    with pytest.raises(ConfigError, match="it isn't UTF-8"):
        load_settings({}, config=str(tmp_path / "latin.json"))


def test_a_byte_order_mark_and_nulls_are_ignored(tmp_path: Path) -> None:
    config = written(tmp_path, '\N{ZERO WIDTH NO-BREAK SPACE}{"threads": null, "beam_size": 3}')
    settings = load_settings({}, config=config)
    assert (settings.threads, settings.beam_size) == (None, 3)


def test_an_unknown_key_of_a_newer_version_is_a_warning(tmp_path: Path) -> None:
    config = written(tmp_path, {"version": 2, "colour": "red", "beam_size": 3})
    settings = load_settings({}, config=config)
    assert settings.beam_size == 3
    (warning,) = settings.warnings
    assert "'colour'" in warning
    assert config in warning


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("PARAKEET_THREADS", "many", "threads"),
        ("PARAKEET_BEAM_SIZE", "-1", "beam_size"),
        ("PARAKEET_OFFLINE", "perhaps", "offline"),
        ("PARAKEET_DEVICE", "cuda:x", "device"),
        ("PERSONALPARAKEET_USE_MOCK_STT", "perhaps", "PERSONALPARAKEET_USE_MOCK_STT"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as refused:
        load_settings({})
    assert variable in str(refused.value)
    assert name in str(refused.value)
    assert value in str(refused.value)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_THREADS", "")
    assert load_settings({}).threads is None


def test_a_number_may_be_written_without_a_point(tmp_path: Path) -> None:
    config = written(tmp_path, {"vad_min_silence": 3, "temperature": 0, "initial_prompt": ""})
    settings = load_settings({"vad_threshold": 0.6}, config=config)
    assert (settings.vad_min_silence, settings.temperature) == (3.0, 0.0)
    assert (settings.vad_threshold, settings.decoding.asked) == (0.6, ())


def test_the_language_s_case_is_ignored() -> None:
    assert load_settings({"language": "EN"}).language == "en"


def test_the_file_from_init_gives_the_defaults(tmp_path: Path) -> None:
    config = written(tmp_path, initial_config())
    settings = load_settings({}, config=config)
    for name in SETTINGS:
        assert getattr(settings, name) == getattr(Settings(), name)
    assert json.loads(initial_config())["version"] == 1
