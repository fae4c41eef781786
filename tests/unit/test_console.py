from __future__ import annotations

import errno
import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli import console
from parakeet_cli.console import Verbosity, clock, printable, shown_name
from parakeet_cli.errors import ExitCode, InputError, OutputError
from parakeet_cli.system.child_errors import TRACEBACKS


@pytest.fixture(autouse=True)
def as_usual() -> Iterator[None]:
    before = console.verbosity()
    yield
    console.set_verbosity(before)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "?"),
        (0.0, "0.0 s"),
        (7.14, "7.1 s"),
        (59.94, "59.9 s"),
        (60.0, "1:00"),
        (245.0, "4:05"),
        (3599.9, "59:59"),
        (3600.0, "1:00:00"),
        (36_123.0, "10:02:03"),
    ],
)
def test_seconds_are_shown_for_people(seconds: float | None, shown: str) -> None:
    assert clock(seconds) == shown


def test_almost_a_minute_is_not_sixty_seconds() -> None:
    assert clock(59.96) == "1:00"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two words.wav", "two words.wav"),
        ("\N{PARROT}.wav", "\N{PARROT}.wav"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31m\x07", "\\x1b[31m\\x07"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}vaw", "\\u202evaw"),
        ("\udcff", "\\udcff"),
    ],
)
def test_a_name_is_shown_on_one_line_without_control_characters(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_lines_stay_lines() -> None:
    assert printable("one\ntwo\r") == "one\ntwo\\r"


def test_an_error_is_its_sentence_and_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_verbosity(Verbosity())
    console.show_error(InputError("It failed.", hint="Try again."))
    assert capsys.readouterr() == ("", "Error: It failed.\n  Try again.\n")


def test_quiet_leaves_out_all_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_verbosity(Verbosity(quiet=True))
    console.info("Engine: mock.")
    console.note("Failed: a.wav")
    assert capsys.readouterr() == ("", "Failed: a.wav\n")


@pytest.mark.parametrize(("verbose", "shown"), [(False, "not sure\n"), (True, "100%\nnot sure\n")])
def test_a_logged_line_of_level_info_shows_with_verbose(
    capsys: pytest.CaptureFixture[str], verbose: bool, shown: str
) -> None:
    logger = logging.getLogger("parakeet_cli.engines.registry")
    console.set_verbosity(Verbosity(verbose=verbose))
    console.set_verbosity(Verbosity(verbose=verbose))  # shown once, however often it is set
    logger.info("100%")
    logger.warning("not sure")
    assert capsys.readouterr().err == shown


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_has_its_traceback_with_debug(
    capsys: pytest.CaptureFixture[str], debug: bool
) -> None:
    console.set_verbosity(Verbosity(debug=debug))
    try:
        raise KeyError("x")
    except KeyError as error:
        code = console.show_unexpected(error)
    said = capsys.readouterr().err
    assert code is ExitCode.FAILED
    assert ("Traceback" in said) is debug
    assert "unexpected KeyError" in said


def test_characters_that_the_encoding_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding="ascii"))
    console.prepare_streams()
    console.out("Größe \udcff\n")
    assert held.getvalue() == b"Gr\\xf6\\xdfe \\udcff\n"


def test_a_file_is_not_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        monkeypatch.setattr(sys, "stderr", log)
        assert not console.is_terminal()


def test_results_reach_a_terminal_without_what_it_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    console.out("\x1b]0;owned\x07 \N{RIGHT-TO-LEFT OVERRIDE}vaw.x\n")
    console.note("\x1b[2J\r")
    console.print_json({"name": "\x9b\x7f\N{RIGHT-TO-LEFT OVERRIDE}"})
    captured = capsys.readouterr()
    assert captured.out.startswith("\\x1b]0;owned\\x07 \\u202evaw.x\n")
    assert captured.err == "\\x1b[2J\\r\n"
    assert '"name": "\\u009b\\u007f\\u202e"' in captured.out


def test_a_traceback_has_no_escapes_of_the_file_names_in_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.set_verbosity(Verbosity(debug=True))
    try:
        raise InputError("\x1b]0;x\x07.wav is no recording.")
    except InputError as error:
        console.show_error(error)
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "\\x1b]0;x\\x07.wav" in said
    assert "\x1b" not in said


def test_what_is_clean_already_is_written_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    console.raw_out("\x1b[1mReport\x1b[0m\n")
    assert capsys.readouterr().out == "\x1b[1mReport\x1b[0m\n"


def test_a_password_in_a_url_is_shown_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    url = "https://user:S3CRET@host/simple?token=S3CRET"
    console.set_verbosity(Verbosity(verbose=True, debug=True))
    console.out(f"{url}\n")
    console.note(url)
    console.print_json({"commands": [url], url: None})
    logging.getLogger("parakeet_cli.x").info("%s", url)
    try:
        raise InputError(f"{url} doesn't answer.", hint=f"Try {url}")
    except InputError as error:
        console.show_error(error)
        console.show_unexpected(ValueError(url))
    captured = capsys.readouterr()
    assert "S3CRET" not in captured.out + captured.err
    assert captured.out.count("https://****@host/simple?token=****") == 3


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_a_limit_of_the_system_s_is_no_bug(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert console.show_unexpected(error) == ExitCode.FAILED
    said = capsys.readouterr().err
    assert words in said
    assert "bug" not in said


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OSError(errno.EFBIG, "File too large"), "ulimit -f"),
        (OSError(errno.EMFILE, "Too many open files", "a.wav"), "ulimit -n"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "TMP"),
    ],
    ids=["size", "open files", "quota", "temporary"],
)
def test_a_limit_of_the_system_is_no_bug(
    error: OSError, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert console.show_unexpected(error) == ExitCode.FAILED
    err = capsys.readouterr().err
    assert str(error.strerror) in err
    assert shown in err
    assert "bug" not in err


@pytest.mark.parametrize(("debug", "verbose"), [(True, False), (False, True), (True, True)])
def test_a_childs_traceback_needs_debug_and_its_other_lines_verbose(
    debug: bool, verbose: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    console.set_verbosity(Verbosity(debug=debug, verbose=verbose))
    logging.getLogger(TRACEBACKS).info("ValueError: x")
    logging.getLogger("parakeet_cli.engines.nemo.process").info("a note")
    err = capsys.readouterr().err
    assert ("ValueError" in err, "a note" in err) == (debug, verbose)


def test_the_log_has_every_message_with_its_time_also_with_quiet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_log", None)
    console.set_verbosity(Verbosity(quiet=True))
    console.open_log(str(tmp_path / "log"))
    console.info("two\nlines")
    console.note("a note")
    logging.getLogger("parakeet_cli.x").info("a file")
    assert capsys.readouterr().err == "a note\n"
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["two", "lines", "a note", "a file"]
    assert all(line[:2] == "20" and line[10] == "T" for line in lines)


def test_a_log_that_can_t_be_written_is_an_error_at_once_and_given_up_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_log", None)
    with pytest.raises(OutputError, match=r"The log .* can't be written"):
        console.open_log(str(tmp_path / "none/log"))
    console.open_log("/dev/full")
    console.note("a note")
    console.note("another")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "/dev/full can't be written any more: No space left" in lines[0]
