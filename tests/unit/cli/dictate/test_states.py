from __future__ import annotations

import time

from parakeet_cli.cli.dictate.states import changed_line, status_line


def test_the_status_names_the_microphone_while_it_listens() -> None:
    state: dict[str, object] = {"pid": 7, "listening": True, "microphone": "Jabra"}
    assert status_line(state) == (
        "Running (process 7): listening to Jabra, the model is not loaded."
    )
    noon = time.mktime((2026, 11, 28, 12, 0, 5, 0, 0, -1))
    assert "listening to Jabra since 12:00:05 for type," in status_line(
        state | {"since": noon, "target": "type"}
    )
    assert "(process 7): writing," in status_line({"pid": 7, "writing": True})
    assert status_line({"pid": 7, "loaded": True}) == (
        "Running (process 7): ready, the model is loaded."
    )


def test_a_verb_says_whether_it_listens_now() -> None:
    assert changed_line({"listening": True}) == "Listening."
    assert changed_line({"listening": False}) == "Not listening."
