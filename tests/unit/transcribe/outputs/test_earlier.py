from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.earlier import was_partial
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def planned(formats: str) -> PlannedFile:
    (item,) = plan_outputs([Job("a.wav", "a.wav")], expand_formats([formats]), ".", "{filename}")
    return item


@pytest.mark.parametrize(
    ("content", "partial"),
    [
        ('{"status": "partial"}', True),
        ('{"status": "ok"}', False),
        ("{}", False),
        ('["partial"]', False),
        ('{"status": "part', False),
        ("", False),
    ],
)
def test_the_json_of_an_earlier_run_says_whether_it_was_partial(
    content: str, partial: bool
) -> None:
    Path("a.json").write_text(content)
    assert was_partial(planned("txt,json")) is partial


def test_without_a_json_nothing_was_partial() -> None:
    assert not was_partial(planned("txt,json"))
    Path("a.json").write_text('{"status": "partial"}')
    assert not was_partial(planned("txt"))
