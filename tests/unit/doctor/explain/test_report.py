"""The Markdown for a bug report, and what is left out of it."""

from __future__ import annotations

from dataclasses import replace

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.diagnose import make_diagnosis
from parakeet_cli.doctor.explain.report import markdown, redact
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import RTX_5090, dist, having, healthy, lacking

STACK = load_stack("2.4")
BROKEN = having(lacking(healthy(), "lightning", "wrapt", "einops"), dist("numpy", "2.4.6"))


def test_the_report_names_neither_home_nor_user() -> None:
    env = {"HOME": "/home/alice", "USER": "alice", "LOGNAME": "alice"}
    text = redact("/home/alice/env /data/alice-x ALICE malice /home/alice2", env)
    assert text == "~/env /data/<user>-x <user> malice /home/alice2"


def test_the_name_of_a_machines_user_is_left() -> None:
    env = {"HOME": "/root", "USER": "root", "LOGNAME": "root"}
    assert redact("the root of /root/env", env) == "the root of ~/env"


def test_the_report_is_markdown_with_findings_and_versions() -> None:
    facts = replace(BROKEN, gpus=RTX_5090, variables={"LD_LIBRARY_PATH": "/opt/cuda"})
    text = markdown(make_diagnosis(facts, STACK, run_checks(facts, STACK)), facts, STACK, "0.1.0")
    assert "### parakeet doctor: not healthy" in text
    assert "| numpy-pin | fail | numpy 2.4.6 is outside" in text
    assert "RTX 5090 (sm_120" in text
    assert "LD_LIBRARY_PATH=/opt/cuda" in text
    assert "numpy==2.4.6" in text
    assert text.count("```") % 2 == 0
