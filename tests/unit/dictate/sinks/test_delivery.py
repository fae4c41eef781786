"""A text is never lost without a message when a sink fails."""

from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks.clipboard import ClipboardSink
from parakeet_cli.dictate.sinks.delivery import Delivery, SinkResult, TextPlace
from parakeet_cli.dictate.sinks.system_clipboard import Content
from parakeet_cli.errors import SinkError, SinkUnavailable


class MemorySink:
    """A sink in memory with the name of one in the table; `works` and `undoes` make it fail."""

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

    def continues(self) -> bool:
        return True

    def undo(self, text: str) -> None:
        if not (self.works and self.undoes):
            raise SinkError("It is stuck.")
        assert self.texts.pop() == text

    def close(self) -> None:
        self.texts.append("closed")


class MemoryClipboard:
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


class Setup:
    """A delivery, and the messages it showed."""

    def __init__(self, *sinks: MemorySink) -> None:
        self.system = MemoryClipboard()
        self.shown: list[tuple[str, str]] = []
        self.delivery = Delivery(
            sinks,
            clipboard=lambda: ClipboardSink(self.system),
            notify=self._show,
        )

    def _show(self, title: str, body: str) -> bool:
        self.shown.append((title, body))
        return True


def test_every_sink_gets_every_text_and_success_shows_nothing() -> None:
    typed, file = MemorySink("type"), MemorySink("file")
    setup = Setup(typed, file)
    assert setup.delivery.open() == ("type, in memory.", "file, in memory.")
    delivered = setup.delivery.deliver("One.")
    assert delivered.results == (
        SinkResult("type", TextPlace.SINK),
        SinkResult("file", TextPlace.SINK),
    )
    assert delivered.safe
    assert (typed.texts, file.texts, setup.shown) == (["One."], ["One."], [])


def test_text_that_can_t_be_typed_goes_to_the_clipboard_and_a_message_is_shown() -> None:
    typed, file = MemorySink("type"), MemorySink("file")
    setup = Setup(typed, file)
    setup.delivery.open()
    typed.works = False
    delivered = setup.delivery.deliver(" One.")
    assert [result.place for result in delivered.results] == [
        TextPlace.CLIPBOARD,
        TextPlace.SINK,
    ]
    assert delivered.safe
    assert setup.system.text == "One."
    assert file.texts == [" One."]
    assert delivered.lines == ("type: It is full. The text is on the clipboard.",)
    assert setup.shown == [("Not inserted", *delivered.lines)]


def test_if_the_clipboard_fails_too_the_text_is_not_safe_and_the_message_names_the_history() -> (
    None
):
    typed = MemorySink("type")
    setup = Setup(typed)
    setup.delivery.open()
    typed.works = setup.system.works = False
    delivered = setup.delivery.deliver("One.")
    assert not delivered.safe
    assert delivered.lines == (
        "type: It is full. The clipboard is broken. "
        "The text is saved: `parakeet dictate history` shows it.",
    )


def test_a_file_that_fails_leaves_the_clipboard_alone() -> None:
    file = MemorySink("file")
    setup = Setup(file)
    setup.delivery.open()
    file.works = False
    assert not setup.delivery.deliver("One.").safe
    assert setup.system.text == "before"


def test_a_sink_that_can_t_type_at_all_uses_the_clipboard() -> None:
    setup = Setup(MemorySink("type", opens=False))
    assert setup.delivery.open() == (
        "type: There is nothing to type with. The text goes to the clipboard instead.",
    )
    assert setup.delivery.deliver("One.").safe
    assert setup.system.text == "One."


@pytest.mark.parametrize("opens", [True, False])
def test_a_clipboard_that_was_asked_for_too_gets_each_text_once(opens: bool) -> None:
    typed, system = MemorySink("type", opens=opens), MemoryClipboard()
    delivery = Delivery([typed, ClipboardSink(system)], notify=lambda *_: True)
    delivery.open()
    typed.works = False
    for text in ("One.", " Two."):
        assert delivery.deliver(text).safe
    assert system.text == "One. Two."
    delivery.replace([" Two."], "", "")
    assert system.text == "One."


def test_a_file_that_can_t_be_opened_is_an_error_before_dictation_starts() -> None:
    with pytest.raises(SinkUnavailable):
        Setup(MemorySink("file", opens=False)).delivery.open()


def test_each_text_is_undone_where_it_was_inserted() -> None:
    typed, file = MemorySink("type"), MemorySink("file")
    setup = Setup(typed, file)
    setup.delivery.open()
    setup.delivery.deliver("One.")
    typed.works = False
    setup.delivery.deliver(" Two.")
    assert setup.delivery.replace([" Two."], "", "").stuck == ()
    assert (setup.system.text, file.texts) == ("before", ["One."])
    typed.works = True
    assert setup.delivery.replace(["One."], "", "").stuck == ()
    assert (typed.texts, file.texts) == ([], [])


def test_a_sink_that_can_t_undo_says_so_and_the_others_undo() -> None:
    typed, file = MemorySink("type"), MemorySink("file")
    setup = Setup(typed, file)
    setup.delivery.open()
    setup.delivery.deliver("One.")
    typed.works = False
    taken = setup.delivery.replace(["One."], "", "")
    assert [result.line for result in taken.stuck] == ["type: It is stuck."]
    assert taken.replaced
    assert setup.shown == [("Not taken back", "type: It is stuck.")]
    assert file.texts == []


def test_a_sink_that_can_t_undo_keeps_its_text_and_gets_only_the_new_part() -> None:
    typed, file = MemorySink("type"), MemorySink("file")
    setup = Setup(typed, file)
    setup.delivery.open()
    setup.delivery.deliver("One.")
    setup.delivery.deliver(" Two.")
    typed.undoes = False
    delivered = setup.delivery.replace([" Two.", "One."], "One, two, three.", " Three.")
    assert (typed.texts, file.texts) == (["One.", " Two.", " Three."], ["One, two, three."])
    assert (delivered.replaced, delivered.safe, setup.shown) == (True, True, [])


def test_if_no_sink_can_undo_and_nothing_is_new_nothing_is_inserted() -> None:
    typed = MemorySink("type")
    setup = Setup(typed)
    setup.delivery.open()
    setup.delivery.deliver("One.")
    typed.undoes = False
    delivered = setup.delivery.replace(["One."], "One,", "")
    assert (typed.texts, delivered.replaced, delivered.results) == (["One."], False, ())


def test_undo_without_a_text_changes_nothing() -> None:
    typed = MemorySink("type")
    setup = Setup(typed)
    setup.delivery.open()
    setup.delivery.replace(["One."], "", "")
    assert typed.texts == []


def test_closing_closes_every_sink() -> None:
    sinks = MemorySink("type"), MemorySink("file")
    setup = Setup(*sinks)
    setup.delivery.open()
    setup.delivery.close()
    assert [sink.texts for sink in sinks] == [["closed"], ["closed"]]
