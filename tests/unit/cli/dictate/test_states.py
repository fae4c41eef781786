from __future__ import annotations

from parakeet_cli.cli.dictate.states import changed_line, status_line


def test_the_status_names_the_microphone_while_it_listens() -> None:
    state = {"pid": 7, "listening": True, "loaded": False, "microphone": "Jabra"}
    assert status_line(state) == (
        "Running (process 7): listening to Jabra, the model is not loaded."
    )
    assert status_line({"pid": 7, "loaded": True}) == (
        "Running (process 7): ready, the model is loaded."
    )


def test_a_verb_says_whether_it_listens_now() -> None:
    assert changed_line({"listening": True}) == "Listening."
    assert changed_line({"listening": False}) == "Not listening."
