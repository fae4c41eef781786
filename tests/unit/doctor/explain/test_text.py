"""The doctor's report as text: at 80 columns, in a pipe, without colour, without Unicode."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.diagnose import make_diagnosis
from parakeet_cli.doctor.explain.remedy import Shell
from parakeet_cli.doctor.explain.text import Style, next_step, render, style_of
from parakeet_cli.doctor.facts import Binaries, Facts
from parakeet_cli.doctor.findings import (
    CheckStatus,
    Diagnosis,
    Finding,
    RequirementRow,
    StageRows,
)
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import dist, gpu, having, healthy, lacking

HEALTHY = healthy()
STACK = load_stack("2.4")
BROKEN = having(lacking(HEALTHY, "lightning", "wrapt", "einops"), dist("numpy", "2.4.6"))


def diagnosis_of(facts: Facts) -> Diagnosis:
    return make_diagnosis(facts, STACK, run_checks(facts, STACK))


def shown(facts: Facts, style: Style | None = None, *, verbose: bool = False) -> str:
    return render(diagnosis_of(facts), style or Style(), title=STACK.title, verbose=verbose)


def rows_of(text: str, name: str) -> list[list[str]]:
    """The words of the table's rows of this package."""
    lines = [line.split() for line in text.splitlines() if line.startswith("   ✗ ")]
    return [words for words in lines if words[1] == name]


def test_verbose_shows_each_stage_with_requirement_version_and_mark() -> None:
    text = shown(BROKEN, verbose=True)
    assert rows_of(text, "numpy") == [["✗", "numpy", ">=1.26,<2.0", "2.4.6"]]
    assert rows_of(text, "lightning") == [["✗", "lightning", ">2.2.1,<2.3", "missing"]]
    assert re.search(r"^   ✓ scipy ", text, re.MULTILINE)
    order = [text.index(f"\n{stage.number}  {stage.title}") for stage in STACK.stages]
    assert order == sorted(order)


def test_what_needs_nothing_is_for_verbose() -> None:
    text = shown(BROKEN)
    assert rows_of(text, "numpy") == [["✗", "numpy", ">=1.26,<2.0", "2.4.6"]]
    assert " scipy " not in text
    assert "Skipped" not in text
    assert "Skipped" in shown(BROKEN, verbose=True)
    notice = Finding("a", CheckStatus.WARN, "It is so", remedy="Nothing has to be done.")
    diagnosis = Diagnosis("/p", "2.4", (notice,))
    assert "It is so" not in render(diagnosis, Style())
    assert "1 to know" in render(diagnosis, Style())
    assert "It is so" in render(diagnosis, Style(), verbose=True)


def test_one_cause_comes_first_and_the_packages_missing_with_it_are_folded() -> None:
    bare = lacking(HEALTHY, "nemo-toolkit", *(pin.name for pin in STACK.stages[-1].pins))
    text = shown(bare)
    marks = [line for line in text.splitlines() if line.startswith(("✗", "?"))]
    assert len(marks) == 1
    assert marks[0].startswith("✗ nemo-version: ")
    missing = len({pin.name for pin in STACK.stages[-1].pins})
    assert re.search(rf"^    and {missing} packages: \w", text, re.MULTILINE)
    assert text.count("Type  ") == 1
    assert rows_of(text, "wrapt") == []
    assert "missing: wrapt" in shown(bare, verbose=True)


def test_what_the_same_command_repairs_takes_a_line() -> None:
    two = having(HEALTHY, dist("numpy", "2.4.6"), dist("torchmetrics", "1.9.0"))
    text = shown(two)
    assert text.index("✗ numpy-pin") < text.index("The same command repairs:")
    assert text.index("The same command repairs:") < text.index("✗ torchmetrics-pin")
    assert text.count("Type  ") == 1
    assert text.count("Why   ") == 2  # of the cause, and of the advisory to know


def test_commands_are_those_that_work_here() -> None:
    shell = Shell("/opt/my\\ env/python -m parakeet_cli")
    text = render(diagnosis_of(BROKEN), Style(), shell=shell)
    assert f"Type  {shell.program} doctor --fix\n" in text
    assert text.splitlines()[-1] == f"Next: {shell.program} doctor --fix"


def test_the_last_line_is_the_one_command_to_type_next() -> None:
    assert shown(BROKEN).splitlines()[-1] == "Next: parakeet doctor --fix"
    assert shown(HEALTHY).splitlines()[-1] == "Next: parakeet doctor --deep"


def test_what_no_step_can_repair_has_its_own_command() -> None:
    old = replace(HEALTHY, gpus=gpu("12.0", "GeForce RTX 5090", "565.57.01", "12.7"))
    diagnosis = make_diagnosis(old, STACK, run_checks(old, STACK, ["cuda-driver"]))
    assert "570" in next_step(diagnosis, Shell())


def test_a_driver_that_no_build_suits_comes_before_a_repair() -> None:
    old = replace(BROKEN, gpus=gpu("12.0", "GeForce RTX 5090", "550.54.15", "12.4"))
    expected = "Install an NVIDIA driver of series 570 or newer, then restart."
    assert next_step(diagnosis_of(old), Shell()) == expected
    served = replace(BROKEN, gpus=gpu("8.9", "GeForce RTX 4090", "550.54.15", "12.4"))
    assert next_step(diagnosis_of(served), Shell()) == "parakeet doctor --fix"


def test_findings_show_what_why_and_what_to_type() -> None:
    text = shown(BROKEN)
    at = text.index("numpy-pin:")
    part = text[at:]
    assert part.index("Why   ") < part.index("Type  parakeet doctor --fix")


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_are_within_the_width(width: int, unicode: bool) -> None:
    style = Style(width=width, unicode=unicode)
    for line in shown(BROKEN, style).splitlines():
        whole = (
            "By hand:",
            "Type ",
            "Next:",
            "/",
            "  parakeet doctor ",
        )  # commands and paths are never broken
        if not any(mark in line for mark in whole):
            assert len(line) <= width, line


def test_commands_are_never_broken() -> None:
    command = next(
        line for line in shown(BROKEN, Style(width=40)).splitlines() if "By hand" in line
    )
    assert command.endswith("'numpy>=1.26,<2.0'")


def test_a_command_at_the_end_of_a_sentence_has_a_line_of_its_own() -> None:
    remedy = "Take care, or switch to the newer stack: parakeet doctor --fix --stack 3.0"
    diagnosis = Diagnosis("/p", "2.4", (Finding("a", CheckStatus.WARN, "It is so", remedy=remedy),))
    lines = [line.strip() for line in render(diagnosis, Style(width=40)).splitlines()]
    assert "parakeet doctor --fix --stack 3.0" in lines


def test_without_unicode_everything_is_ascii() -> None:
    text = shown(BROKEN, Style(unicode=False), verbose=True)
    assert shown(BROKEN, Style(unicode=False)).isascii()
    assert text.isascii()
    assert "FAIL numpy" in text
    assert "ok   scipy" in text


def test_colour_is_used_only_when_asked_for() -> None:
    assert "\x1b" not in shown(BROKEN)
    coloured = shown(BROKEN, Style(colour=True))
    assert "\x1b[31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(BROKEN)


class Terminal(io.StringIO):
    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True


def test_the_style_depends_on_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
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
    bare = lacking(HEALTHY, *(pin.name for pin in STACK.stages[-1].pins))
    short, long = shown(bare), shown(bare, verbose=True)
    assert "more lines: --verbose" in short
    assert "more lines" not in long
    assert "missing: ipython" in long


def test_names_in_other_peoples_files_cant_steer_the_terminal() -> None:
    evil = having(HEALTHY, dist("numpy", "2.0\x1b[2J\x07"))
    text = shown(evil)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "2.0\\x1b[2J" in text


def test_no_finding_at_all_is_not_healthy() -> None:
    assert not Diagnosis("/p", "2.4", ()).healthy
    assert not Diagnosis("/p", "2.4", (Finding("x", CheckStatus.UNKNOWN, "?"),)).healthy
    assert Diagnosis("/p", "2.4", (Finding("x", CheckStatus.WARN, "!"),)).healthy


def test_a_cache_that_failed_is_a_note() -> None:
    facts = replace(HEALTHY, binaries=Binaries(cache_problem="no room"))
    assert "Note: no room" in shown(facts)


def test_only_the_colours_of_the_report_reach_a_terminal() -> None:
    hostile = "\x1b]0;owned\x07\N{RIGHT-TO-LEFT OVERRIDE}"
    finding = Finding("a", CheckStatus.FAIL, hostile, hostile, hostile, f"rm {hostile}")
    rows = (RequirementRow(1, hostile, hostile, hostile, CheckStatus.FAIL),)
    diagnosis = Diagnosis(hostile, "2.4", (finding,), (StageRows(1, "t", rows),), notes=(hostile,))
    shell = Shell(hostile, options=("--python", hostile))
    text = render(diagnosis, Style(colour=True), verbose=True, shell=shell)
    assert "\x1b[1m" in text
    assert re.sub(r"\x1b\[[0-9;]*m|\n", "", text).isprintable()


def test_where_everything_is_skipped_for_one_reason_the_last_line_has_it() -> None:
    reason = "no ML package is needed: the engine mock is chosen (config.json)"
    whole = diagnosis_of(healthy())
    skipped = tuple(replace(one, status=CheckStatus.SKIP, summary=reason) for one in whole.findings)
    text = " ".join(render(replace(whole, findings=skipped), Style()).split())
    assert f"skipped, since {reason}." in text
    assert "since" not in shown(healthy())
