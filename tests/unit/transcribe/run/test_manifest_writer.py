from __future__ import annotations

from pathlib import Path

from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.outputs.plan import plan_outputs
from parakeet_cli.transcribe.run.manifest_writer import ManifestWriter, OrderedTexts
from parakeet_cli.transcript import FileResult, Status

ITEMS = plan_outputs([Job("a", "/a"), Job("b", "/b"), Job("c", "/c")], (), ".", "{filename}")


def test_texts_are_shown_in_the_order_of_the_inputs() -> None:
    shown: list[str] = []
    texts = OrderedTexts(ITEMS, shown.append)
    texts.add(2, "third\n")
    texts.add(0, "first\n")
    assert shown == ["first\n"]
    texts.add(1, None)  # it failed
    assert shown == ["first\n", "\nthird\n"]


def test_a_manifest_is_in_the_order_of_the_inputs_and_has_what_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with LineStore() as lines:
        manifest = ManifestWriter(path, lines)
        for item in (ITEMS[2], ITEMS[0]):
            manifest.add(item, FileResult(item.job.name, Status.FAILED, reason="It is empty."))
        manifest.write()
    assert [line.split('"')[3] for line in path.read_text().splitlines()] == ["a", "c"]
