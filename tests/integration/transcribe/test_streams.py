"""stdout is for text alone; stderr for everything else, as much of it as was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli import __version__
from tests.integration.transcribe.command import (
    COMMAND,
    MOCK,
    SAID,
    TINY,
    clip,
    environment,
    run,
    transcribe,
)


def test_stdout_carries_the_text_and_not_one_byte_more(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    (tmp_path / "a.txt").write_text("“Größe” [bold]5[/] 中文 \N{PARROT}", encoding="utf-8")
    clip(tmp_path / "b.wav")
    for words in ([], ["--verbose", "--debug"], ["--quiet", "--no-progress"]):
        done = transcribe(tmp_path, "nothing.wav", "a.wav", "b.wav", *words)
        assert done.code == 1
        assert done.out == "“Größe” [bold]5[/] 中文 \N{PARROT}\n\n".encode() + SAID, words
    plain = transcribe(tmp_path, "a.wav", env={"PYTHONIOENCODING": "ascii"})
    assert plain.code == 0, plain.err
    assert plain.out.startswith(b"\\u201cGr\\xf6\\xdfe")


def test_any_one_format_can_go_to_stdout(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    done = transcribe(tmp_path, "a.wav", "-f", "json", "-o", "-")
    assert done.code == 0, done.err
    transcribe(tmp_path, "a.wav", "-f", "json")
    assert done.out == (tmp_path / "a.json").read_bytes()


def test_quiet_prints_only_what_went_wrong(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    assert transcribe(tmp_path, "a.wav", "-q").err == ""
    failed = transcribe(tmp_path, "a.wav", "b.wav", "--quiet")
    assert failed.err == "Failed: b.wav does not exist.\n"


def test_several_files_are_summed_up_and_failures_come_last(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    clip(tmp_path / "c.wav")
    lines = transcribe(tmp_path, "gone.wav", "a.wav", "lost.wav", "c.wav").err.splitlines()
    assert lines[0].startswith("Engine: mock")
    assert "4 files: 2 ok, 2 failed." in lines
    assert lines[-2:] == ["Failed: gone.wav does not exist.", "Failed: lost.wav does not exist."]


def test_verbose_names_each_file(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    message = transcribe(tmp_path, "a.wav", "--verbose").err
    assert message.count("a.wav") == 1
    assert "a.wav: ok, 3.0 s\n" in message


def test_a_traceback_is_shown_with_debug_only(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("[]", encoding="utf-8")
    asked = ("a.wav", "--config", "config.json")
    assert "Traceback" not in transcribe(tmp_path, *asked).err
    assert "Traceback" in transcribe(tmp_path, *asked, "--debug").err


def test_a_closed_pipe_causes_no_traceback(tmp_path: Path) -> None:
    for name in "abc":
        clip(tmp_path / f"{name}.wav")
    done = subprocess.run(
        ["sh", "-c", f"{COMMAND} transcribe a.wav b.wav c.wav --manifest-out m.jsonl | head -n1"],
        capture_output=True,
        cwd=tmp_path,
        env=environment(tmp_path, {**MOCK, "PARAKEET_MOCK_RTF": "0.1"}),
    )
    assert done.stdout == SAID
    assert b"Traceback" not in done.stderr
    assert b"Error" not in done.stderr
    assert b"Exception" not in done.stderr


def test_a_full_or_closed_stdout_is_an_error_in_plain_words(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    with open("/dev/full", "wb") as full:
        done = transcribe(tmp_path, "a.wav", stdout=full)
    assert done.code == 1
    assert "stdout can't be written: No space left on device" in done.err
    closed = transcribe(tmp_path, "a.wav", through=("sh", "-c", 'exec "$@" >&-', "sh"))
    assert closed.code == 1
    assert "stdout is closed" in closed.err
    written = transcribe(
        tmp_path, "a.wav", "-f", "txt", through=("sh", "-c", 'exec "$@" >&-', "sh")
    )
    assert written.code == 0, written.err


def test_a_full_stderr_costs_no_output(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    words = ("sh", "-c", 'exec "$@" 2> /dev/full', "sh")
    done = transcribe(
        tmp_path, "a.wav", "-f", "txt", "-o", "out", "--progress", "json", through=words
    )
    assert done.code == 0
    assert (tmp_path / "out/a.txt").is_file()


def test_closed_stderr_sends_its_words_nowhere_else(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    done = transcribe(
        tmp_path,
        *("a.wav", "gone.wav", "--verbose"),
        through=("sh", "-c", 'exec "$@" 2>&-', "sh"),
    )
    assert (done.code, done.out) == (1, SAID)


def test_the_module_is_the_command_and_tells_its_version(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    module = subprocess.run(
        [sys.executable, "-m", "parakeet_cli", "transcribe", "a.wav"],
        capture_output=True,
        cwd=tmp_path,
        env=environment(tmp_path, MOCK),
    )
    assert (module.returncode, module.stdout) == (0, SAID)
    assert run(tmp_path, "--version").out == f"parakeet {__version__}\n".encode()


def test_settings_come_from_option_then_environment_then_file_then_default(
    tmp_path: Path,
) -> None:
    clip(tmp_path / "a.wav")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"engine": "nemo", "language": "de"}), encoding="utf-8")
    asked = ("a.wav", "-f", "json", "-o", "-", "--config", "config.json")

    from_file = transcribe(tmp_path, *asked, engine={"HF_HUB_OFFLINE": "1"})
    assert from_file.code == 3
    assert "The engine nemo needs nemo-toolkit" in from_file.err

    by_variable = transcribe(tmp_path, *asked, engine={"PARAKEET_ENGINE": "mock"})
    assert json.loads(by_variable.out)["language"] == "de"

    by_option = transcribe(
        tmp_path,
        *(*asked, "--engine", "mock", "--language", "fr"),
        engine={"PARAKEET_ENGINE": "onnx", "PARAKEET_LANGUAGE": "es"},
    )
    assert json.loads(by_option.out)["language"] == "fr"

    switch = transcribe(tmp_path, *asked, engine={**MOCK, "PARAKEET_ENGINE": "onnx"})
    assert json.loads(switch.out)["engine"]["name"] == "mock"


def test_the_configuration_is_made_shown_and_found(tmp_path: Path) -> None:
    where = tmp_path / ".config/parakeet/config.json"
    assert run(tmp_path, "config", "path").out == os.fsencode(where) + b"\n"
    made = run(tmp_path, "config", "init")
    assert (made.code, made.out) == (0, os.fsencode(where) + b"\n")
    assert run(tmp_path, "config", "init").code == 2

    clip(tmp_path / "a.wav")
    content = json.loads(where.read_bytes())
    assert content["version"] == 1
    where.write_text(json.dumps(content | {"use_mock_stt": True}), encoding="utf-8")
    done = transcribe(tmp_path, "a.wav", engine=TINY)
    assert (done.code, done.out) == (0, SAID), done.err
    shown = run(tmp_path, "config", "show", engine={"PARAKEET_BEAM_SIZE": "7"}).out.decode()
    rows = {line.split()[0]: line for line in shown.splitlines()}
    assert "mock" in rows["engine"]
    assert "PARAKEET_BEAM_SIZE" in rows["beam_size"]
    assert str(where) in rows["offline"]
    assert "default" in rows["threads"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"colour": 1}', "'colour'"),
        ('{"use_mock_stt": "yes"}', "'use_mock_stt'"),
        ("{", "not JSON"),
    ],
)
def test_a_wrong_configuration_names_the_key_and_the_file(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "settings.json").write_text(content, encoding="utf-8")
    done = transcribe(tmp_path, "a.wav", engine={"PARAKEET_CONFIG": "settings.json"})
    assert done.code == 2
    assert message in done.err
    assert "settings.json" in done.err
