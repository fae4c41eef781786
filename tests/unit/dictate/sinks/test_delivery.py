"""Where a text is when a sink fails: never nowhere without a word."""

from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks.clipboard import Clipboard
from parakeet_cli.dictate.sinks.delivery import Delivery, SinkResult, TextPlace
from parakeet_cli.dictate.sinks.system_clipboard import Content
from parakeet_cli.errors import SinkError, SinkUnavailable


class Kept:
    """A sink in memory, of the name of one in the table; it fails when it is told to."""

    def __init__(self, name: str, *, opens: bool = True) -> None:
        self.name = name
        self.texts: list[str] = []
        self.works = self.undoes = True
        self._opens = opens

    def open(self) -> str:
        if not self._opens:
            raise SinkUnavailable("There is nothing to type with.", hint="Get something.")
        return f"{self.name}, in memory."

    def insert(self, text: str) -> None:
        if not self.works:
            raise SinkError("It is full.")
        self.texts.append(text)

    def undo(self, text: str) -> None:
        if not (self.works and self.undoes):
            raise SinkError("It is stuck.")
        assert self.texts.pop() == text

    def close(self) -> None:
        self.texts.append("closed")


class System:
    """A clipboard in memory."""

    name = "memory"

    def __init__(self) -> None:
        self.content: Content | None = Content.of("before")
        self.works = True

    def read(self) -> Content | None:
        return self.content

    def write(self, content: Content | None) -> None:
        if not self.works:
            raise SinkError("The clipboard is broken.")
        self.content = content

    def select(self, content: Content) -> None:
        raise AssertionError("nothing is pasted here")

    @property
    def text(self) -> str | None:
        return None if self.content is None else self.content.data.decode()


class Desk:
    """A delivery and what it showed."""

    def __init__(self, *sinks: Kept) -> None:
        self.system = System()
        self.shown: list[tuple[str, str]] = []
        self.delivery = Delivery(
            sinks,
            clipboard=lambda: Clipboard(self.system),
            notify=self._show,
        )

    def _show(self, title: str, body: str) -> bool:
        self.shown.append((title, body))
        return True


def test_every_sink_gets_every_text_and_nothing_is_shown_where_all_goes_well() -> None:
    typed, file = Kept("type"), Kept("file")
    desk = Desk(typed, file)
    assert desk.delivery.open() == ("type, in memory.", "file, in memory.")
    delivered = desk.delivery.deliver("One.")
    assert delivered.results == (
        SinkResult("type", TextPlace.SINK),
        SinkResult("file", TextPlace.SINK),
    )
    assert delivered.safe
    assert (typed.texts, file.texts, desk.shown) == (["One."], ["One."], [])


def test_what_can_t_be_typed_goes_to_the_clipboard_and_that_is_shown() -> None:
    typed, file = Kept("type"), Kept("file")
    desk = Desk(typed, file)
    desk.delivery.open()
    typed.works = False
    delivered = desk.delivery.deliver(" One.")
    assert [result.place for result in delivered.results] == [
        TextPlace.CLIPBOARD,
        TextPlace.SINK,
    ]
    assert delivered.safe
    assert desk.system.text == "One."
    assert file.texts == [" One."]
    assert delivered.lines == ("type: It is full. The text is on the clipboard.",)
    assert desk.shown == [("Not inserted", *delivered.lines)]


def test_where_the_clipboard_fails_too_it_is_not_safe_and_the_history_is_named() -> None:
    typed = Kept("type")
    desk = Desk(typed)
    desk.delivery.open()
    typed.works = desk.system.works = False
    delivered = desk.delivery.deliver("One.")
    assert not delivered.safe
    assert delivered.lines == (
        "type: It is full. The clipboard is broken. "
        "The text is saved: `parakeet dictate history` shows it.",
    )


def test_a_file_that_fails_leaves_the_clipboard_alone() -> None:
    file = Kept("file")
    desk = Desk(file)
    desk.delivery.open()
    file.works = False
    assert not desk.delivery.deliver("One.").safe
    assert desk.system.text == "before"


def test_a_sink_that_can_t_type_at_all_works_by_the_clipboard() -> None:
    desk = Desk(Kept("type", opens=False))
    assert desk.delivery.open() == (
        "type: There is nothing to type with. The text goes to the clipboard instead.",
    )
    assert desk.delivery.deliver("One.").safe
    assert desk.system.text == "One."


@pytest.mark.parametrize("opens", [True, False])
def test_a_clipboard_that_was_asked_for_as_well_has_each_text_once(opens: bool) -> None:
    typed, system = Kept("type", opens=opens), System()
    delivery = Delivery([typed, Clipboard(system)], notify=lambda *_: True)
    delivery.open()
    typed.works = False
    for text in ("One.", " Two."):
        assert delivery.deliver(text).safe
    assert system.text == "One. Two."
    delivery.replace([" Two."], "", "")
    assert system.text == "One."


def test_a_file_that_can_t_be_opened_is_an_error_before_a_word_is_said() -> None:
    with pytest.raises(SinkUnavailable):
        Desk(Kept("file", opens=False)).delivery.open()


def test_undo_goes_where_each_text_went() -> None:
    typed, file = Kept("type"), Kept("file")
    desk = Desk(typed, file)
    desk.delivery.open()
    desk.delivery.deliver("One.")
    typed.works = False
    desk.delivery.deliver(" Two.")
    assert desk.delivery.replace([" Two."], "", "").stuck == ()
    assert (desk.system.text, file.texts) == ("before", ["One."])
    typed.works = True
    assert desk.delivery.replace(["One."], "", "").stuck == ()
    assert (typed.texts, file.texts) == ([], [])


def test_what_can_t_be_taken_back_says_so_and_the_others_are() -> None:
    typed, file = Kept("type"), Kept("file")
    desk = Desk(typed, file)
    desk.delivery.open()
    desk.delivery.deliver("One.")
    typed.works = False
    taken = desk.delivery.replace(["One."], "", "")
    assert [result.line for result in taken.stuck] == ["type: It is stuck."]
    assert taken.replaced
    assert desk.shown == [("Not taken back", "type: It is stuck.")]
    assert file.texts == []


def test_a_sink_that_can_t_take_it_back_keeps_it_and_gets_only_what_is_new() -> None:
    typed, file = Kept("type"), Kept("file")
    desk = Desk(typed, file)
    desk.delivery.open()
    desk.delivery.deliver("One.")
    desk.delivery.deliver(" Two.")
    typed.undoes = False
    delivered = desk.delivery.replace([" Two.", "One."], "One, two, three.", " Three.")
    assert (typed.texts, file.texts) == (["One.", " Two.", " Three."], ["One, two, three."])
    assert (delivered.replaced, delivered.safe, desk.shown) == (True, True, [])


def test_where_no_sink_takes_it_back_and_nothing_is_new_nothing_is_inserted() -> None:
    typed = Kept("type")
    desk = Desk(typed)
    desk.delivery.open()
    desk.delivery.deliver("One.")
    typed.undoes = False
    delivered = desk.delivery.replace(["One."], "One,", "")
    assert (typed.texts, delivered.replaced, delivered.results) == (["One."], False, ())


def test_undo_without_a_text_changes_nothing() -> None:
    typed = Kept("type")
    desk = Desk(typed)
    desk.delivery.open()
    desk.delivery.replace(["One."], "", "")
    assert typed.texts == []


def test_closing_closes_every_sink() -> None:
    sinks = Kept("type"), Kept("file")
    desk = Desk(*sinks)
    desk.delivery.open()
    desk.delivery.close()
    assert [sink.texts for sink in sinks] == [["closed"], ["closed"]]
