from __future__ import annotations

from pathlib import Path

from parakeet_cli.transcribe.outputs.line_store import LineStore


def test_stored_lines_are_read_in_any_order_and_a_torn_one_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with LineStore(path) as store:
        first, second = store.add("eins\n"), store.add("zw\udcffei\n")
        assert list(store.lines([second, first])) == ["zw\\udcffei\n", "eins\n"]
    with path.open("ab") as file:
        file.write(b"tor")
    with LineStore(path) as store:
        third = store.add("drei\n")
        assert list(store.lines([third, first])) == ["drei\n", "eins\n"]
