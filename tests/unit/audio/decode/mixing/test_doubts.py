from __future__ import annotations

from parakeet_cli.audio.decode.mixing.doubts import SoundDoubts
from parakeet_cli.audio.samples import Span
from parakeet_cli.transcript import Doubt


def test_stretches_for_one_reason_are_one_doubt() -> None:
    doubts = SoundDoubts()
    for start, reason in ((0.0, "one"), (1.0, "one"), (2.0, ""), (3.0, "one"), (4.0, "other")):
        doubts.add(reason, start, start + 1)
    assert doubts.within(Span()) == (
        Doubt("channels", 0.0, 4.0, "one"),
        Doubt("channels", 4.0, 5.0, "other"),
    )


def test_a_part_has_the_doubts_about_that_part() -> None:
    doubts = SoundDoubts()
    doubts.add("one", 0.0, 10.0)
    doubts.add("other", 20.0, 30.0, "levels")
    assert doubts.within(Span(4.0, 12.0)) == (Doubt("channels", 4.0, 10.0, "one"),)
    assert doubts.within(Span(25.0)) == (Doubt("levels", 25.0, 30.0, "other"),)


def test_silent_channels_are_named() -> None:
    doubts = SoundDoubts()
    doubts.add_silent((), 0.0, 9.0)
    doubts.add_silent((1,), 0.0, 9.0)
    doubts.add_silent((0, 2), 0.0, 9.0)
    assert [one.reason for one in doubts.within(Span())] == [
        "channel 1 is silent, only one has sound",
        "channels 0, 2 are silent, only one has sound",
    ]
