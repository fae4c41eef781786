from __future__ import annotations

import pytest

from parakeet_cli.doctor.findings import CheckStatus, Diagnosis, Finding, join_lines


def finding(status: CheckStatus, id_: str = "numpy-pin") -> Finding:
    return Finding(id_, status, "numpy 2.4 is outside numpy<2.", stages=(1,))


@pytest.mark.parametrize(
    ("statuses", "healthy"),
    [
        ([], False),  # nothing was checked
        (["ok"], True),
        (["ok", "warn", "skip"], True),
        (["ok", "fail"], False),
        (["ok", "unknown"], False),
    ],
)
def test_a_stack_is_healthy_if_no_check_fails_or_is_unknown(
    statuses: list[str], healthy: bool
) -> None:
    findings = tuple(finding(CheckStatus(status)) for status in statuses)
    assert Diagnosis("python", "2.4", findings).healthy is healthy


def test_the_unhealthy_findings_keep_their_order() -> None:
    findings = tuple(finding(status, str(number)) for number, status in enumerate(CheckStatus))
    assert [one.status for one in Diagnosis("python", "2.4", findings).unhealthy] == [
        CheckStatus.FAIL,
        CheckStatus.UNKNOWN,
    ]


def test_the_report_s_fields_and_their_order_are_its_schema() -> None:
    report = Diagnosis("/env/bin/python", "2.4", (finding(CheckStatus.FAIL),)).as_json()
    assert list(report.items()) == [
        ("schema", "parakeet.doctor/1"),
        ("python", "/env/bin/python"),
        ("stack", "2.4"),
        ("healthy", False),
        (
            "findings",
            [
                {
                    "id": "numpy-pin",
                    "status": "fail",
                    "summary": "numpy 2.4 is outside numpy<2.",
                    "why": "",
                    "detail": "",
                    "remedy": "",
                    "source": "",
                }
            ],
        ),
        ("plan", None),
    ]


def test_empty_parts_are_left_out_of_the_lines() -> None:
    assert join_lines(["one", "", "two"]) == "one\ntwo"
    assert join_lines(iter(())) == ""
