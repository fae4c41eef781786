from __future__ import annotations

import time
from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.errors import SinkError, SinkUnavailable


def test_a_program_gets_its_input_and_its_variables(tmp_path: Path) -> None:
    target = tmp_path / "got"
    command = ["sh", "-c", 'cat > "$TARGET"']
    programs.run(command, given="Zwölf €".encode(), env={"TARGET": str(target)})
    assert target.read_text("utf-8") == "Zwölf €"


def test_the_output_is_read() -> None:
    assert programs.read(["printf", "a\\nb"]) == b"a\nb"


def test_a_failure_names_the_program_its_exit_code_and_its_last_line() -> None:
    with pytest.raises(SinkError) as failed:
        programs.run(["sh", "-c", "echo first >&2; echo last >&2; exit 3"])
    assert str(failed.value).startswith("sh ")
    assert "3" in str(failed.value)
    assert str(failed.value).endswith(": last")
    with pytest.raises(SinkError, match=r"^false .*\.$"):
        programs.read(["false"])


def test_a_program_that_doesn_t_end_is_ended_with_its_children(tmp_path: Path) -> None:
    late = tmp_path / "late"
    with pytest.raises(SinkError, match=r"had not ended after 0\.2 seconds"):
        programs.run(f"(sleep 0.6; touch '{late}') & sleep 60", limit=0.2)
    time.sleep(0.7)
    assert not late.exists()


def test_what_a_program_that_has_ended_left_running_is_ended_with_its_output(
    tmp_path: Path,
) -> None:
    late = tmp_path / "late"
    with pytest.raises(SinkError, match=r"had not ended after 0\.2 seconds"):
        programs.pipe(f"(sleep 0.6; touch '{late}') & true", b"", limit=0.2)
    time.sleep(0.7)
    assert not late.exists()


@pytest.mark.parametrize("command", ["yes", "yes & yes"])
def test_a_program_that_prints_without_end_is_ended(command: str) -> None:
    with pytest.raises(SinkError, match=r"yes printed more than 1 MiB\."):
        programs.pipe(command, b"")


def test_of_many_messages_the_last_line_is_shown() -> None:
    with pytest.raises(SinkError, match=r": last$"):
        programs.run("yes | head -c 20000000 >&2; echo last >&2; exit 3")


def test_more_than_a_pipe_holds_goes_in_and_comes_out() -> None:
    text = b"word " * 200_000
    assert programs.pipe("cat", text) == text
    assert programs.pipe("head -c 5", text) == b"word "


def test_a_program_that_leaves_another_running_has_ended() -> None:
    """As xclip and wl-copy do: the one they leave holds our stderr."""
    began = time.monotonic()
    programs.run(["sh", "-c", "sleep 3 >/dev/null &"])
    assert time.monotonic() - began < 3


def test_a_program_that_is_not_installed_is_refused_by_name() -> None:
    with pytest.raises(SinkError, match="no-such-program can't be run: No such file"):
        programs.run(["no-such-program"])
    with pytest.raises(SinkError, match="can't be run: embedded null byte"):
        programs.pipe("cat\0", b"text")
    with pytest.raises(SinkUnavailable, match="no-such-program is not installed") as refused:
        programs.require("no-such-program")
    assert refused.value.hint == "Install no-such-program."
    programs.require("sh")


def test_a_program_whose_first_command_fails_is_unavailable() -> None:
    programs.probe("true")
    with pytest.raises(SinkUnavailable, match="no display"):
        programs.probe("sh", "-c", "echo no display >&2; exit 1")
