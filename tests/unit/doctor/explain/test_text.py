"""What a person sees: 80 columns, a pipe, no colour, no Unicode."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.diagnose import make_diagnosis
from parakeet_cli.doctor.explain.report import markdown, redact
from parakeet_cli.doctor.explain.text import Style, next_command, render, style_of
from parakeet_cli.doctor.explain.why import explain, lines
from parakeet_cli.doctor.facts import Binaries, Facts
from parakeet_cli.doctor.findings import CheckStatus, Diagnosis, Finding
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import RTX_5090, dist, gpu, having, healthy, lacking

WELL = healthy()
STACK = load_stack("2.4")
ILL = having(lacking(WELL, "lightning", "wrapt", "einops"), dist("numpy", "2.4.6"))


def diagnosis_of(facts: Facts) -> Diagnosis:
    return make_diagnosis(facts, STACK, run_checks(facts, STACK))


def shown(facts: Facts, style: Style | None = None, **options: bool) -> str:
    return render(diagnosis_of(facts), style or Style(), title=STACK.title, **options)


def test_each_stage_is_shown_with_wanted_there_and_mark() -> None:
    text = shown(ILL)
    row = next(line for line in text.splitlines() if " numpy " in line)
    assert row.split() == ["✗", "numpy", ">=1.26,<2.0", "2.4.6"]
    row = next(line for line in text.splitlines() if " lightning " in line)
    assert row.split() == ["✗", "lightning", ">2.2.1,<2.3", "missing"]
    order = [text.index(f"\n{stage.number}  {stage.title}") for stage in STACK.stages]
    assert order == sorted(order)


def test_the_last_line_is_the_one_command_to_type_next() -> None:
    assert shown(ILL).splitlines()[-1] == "Next: parakeet doctor --fix"
    assert shown(WELL).splitlines()[-1] == "Next: parakeet doctor --deep"


def test_what_no_step_can_mend_has_its_own_command() -> None:
    old = replace(WELL, gpus=gpu("12.0", "GeForce RTX 5090", "565.57.01", "12.7"))
    diagnosis = make_diagnosis(old, STACK, run_checks(old, STACK, ["cuda-driver"]))
    assert "570" in next_command(diagnosis)


def test_findings_say_what_why_and_what_to_type() -> None:
    text = shown(ILL)
    at = text.index("numpy-pin:")
    part = text[at:]
    assert part.index("Why   ") < part.index("Type  parakeet doctor --fix")


@pytest.mark.parametrize("width", [48, 60, 80])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_keep_within_the_width(width: int, unicode: bool) -> None:
    style = Style(width=width, unicode=unicode)
    for line in shown(ILL, style).splitlines():
        whole = ("by hand:", "Type ", "Next:", "/")  # commands and paths are never broken
        if not any(mark in line for mark in whole):
            assert len(line) <= width, line


def test_commands_are_never_broken() -> None:
    command = next(line for line in shown(ILL, Style(width=40)).splitlines() if "by hand" in line)
    assert command.endswith("'numpy>=1.26,<2.0'")


def test_without_unicode_everything_is_ascii() -> None:
    text = shown(ILL, Style(unicode=False))
    assert text.isascii()
    assert "FAIL numpy" in text
    assert "ok   scipy" in text


def test_colour_is_used_only_when_asked_for() -> None:
    assert "\x1b" not in shown(ILL)
    coloured = shown(ILL, Style(colour=True))
    assert "\x1b[31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(ILL)


class Terminal(io.StringIO):
    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True


def test_a_stream_gets_the_style_it_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert style_of(Terminal("utf-8"), {}).colour
    assert not style_of(Terminal("utf-8"), {"NO_COLOR": ""}).colour
    assert not style_of(Terminal("utf-8"), {"TERM": "dumb"}).colour
    assert not style_of(io.StringIO(), {}).colour
    assert not style_of(Terminal("latin-1"), {}).unicode
    assert not style_of(Terminal("no-such-encoding"), {}).unicode
    monkeypatch.setenv("COLUMNS", "0")
    assert style_of(Terminal("utf-8"), {}).width == 80
    monkeypatch.setenv("COLUMNS", "300")
    assert style_of(Terminal("utf-8"), {}).width == 100


def test_much_evidence_is_cut_and_verbose_shows_it() -> None:
    bare = replace(WELL, distributions=())
    short, long = shown(bare), shown(bare, verbose=True)
    assert "more lines: --verbose" in short
    assert "more lines" not in long
    assert "missing: ipython" in long


def test_names_in_other_peoples_files_cant_steer_the_terminal() -> None:
    evil = having(WELL, dist("numpy", "2.0\x1b[2J\x07"))
    text = shown(evil)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "2.0\\x1b[2J" in text


def test_no_finding_at_all_is_not_healthy() -> None:
    assert not Diagnosis("/p", "2.4", ()).healthy
    assert not Diagnosis("/p", "2.4", (Finding("x", CheckStatus.UNKNOWN, "?"),)).healthy
    assert Diagnosis("/p", "2.4", (Finding("x", CheckStatus.WARN, "!"),)).healthy


def test_a_cache_that_failed_is_a_note() -> None:
    facts = replace(WELL, binaries=Binaries(cache_problem="no room"))
    assert "Note: no room" in shown(facts)


# why


def test_why_shows_edges_pin_reason_and_conflict() -> None:
    facts = having(WELL, dist("datasets", "9.0", "fsspec>=2025.1"), dist("torch", "2.13", "fsspec"))
    text = "\n".join(lines(explain("FSSpec", facts, STACK)))
    assert "fsspec: 2024.12.0 in " in text
    assert re.search(r"datasets 9.0 +>=2025.1: NOT met", text)
    assert re.search(r"torch 2.13 +any version: met", text)
    assert "No version meets all of it" in text
    assert "Why: NeMo 2.4.0 requires exactly this version" in text


def test_why_of_what_is_missing_and_unneeded_is_satisfied() -> None:
    assert explain("optuna", WELL, STACK).satisfied
    assert not explain("lightning", lacking(WELL, "lightning"), STACK).satisfied
    assert explain("numpy", WELL, STACK).satisfied
    unknown = explain("no-such-package", WELL, STACK)
    assert not unknown.known


# report


def test_the_report_names_neither_home_nor_user() -> None:
    env = {"HOME": "/home/alice", "USER": "alice", "LOGNAME": "alice"}
    text = redact("/home/alice/env /data/alice-x ALICE malice /home/alice2", env)
    assert text == "~/env /data/<user>-x <user> malice /home/alice2"


def test_a_name_that_is_nobodys_is_left() -> None:
    env = {"HOME": "/root", "USER": "root", "LOGNAME": "root"}
    assert redact("the root of /root/env", env) == "the root of ~/env"


def test_the_report_is_markdown_with_findings_and_versions() -> None:
    facts = replace(ILL, gpus=RTX_5090, variables={"LD_LIBRARY_PATH": "/opt/cuda"})
    text = markdown(diagnosis_of(facts), facts, STACK, "0.1.0")
    assert "### parakeet doctor: not healthy" in text
    assert "| numpy-pin | fail | numpy 2.4.6 is outside" in text
    assert "RTX 5090 (sm_120" in text
    assert "LD_LIBRARY_PATH=/opt/cuda" in text
    assert "numpy==2.4.6" in text
    assert text.count("```") % 2 == 0
