from __future__ import annotations

from parakeet_cli.transcribe.run.moved import Moved

MOVED = Moved(("/old/in", "/new/in"), ("/old/out", "/new/out"), ("before", "after"))
ENDED = {
    "ended": "/old/in/a.wav",
    "options": "before",
    "outputs": [["/old/out/a.txt", "sum", 1, 2], ["/other/a.srt", "sum", 1, 2]],
}


def test_a_row_is_translated_to_where_its_input_and_its_outputs_are() -> None:
    assert MOVED.row(ENDED, {"/new/in/a.wav"}) == {
        "ended": "/new/in/a.wav",
        "options": "after",
        "outputs": [["/new/out/a.txt", "sum", 1, 2], ["/other/a.srt", "sum", 1, 2]],
    }
    begun = {"begun": "/old/in/a.wav", "options": "before"}
    assert MOVED.row(begun, {"/new/in/a.wav"}) == {"begun": "/new/in/a.wav", "options": "after"}


def test_an_input_that_is_where_it_was_stays() -> None:
    row = {**ENDED, "options": "others"}
    assert MOVED.row(row, {"/old/in/a.wav", "/new/in/a.wav"}) == row
    assert MOVED.row(row, {"/new/in/b.wav"}) == row
    assert MOVED.row({"plan": 1}, set()) == {"plan": 1}


def test_a_folder_whose_name_only_begins_alike_is_another_one() -> None:
    row = {"begun": "/old/in2/a.wav", "options": "others"}
    assert MOVED.row(row, {"/new/in2/a.wav", "/new/in/2/a.wav"}) == row
