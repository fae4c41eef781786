"""Echoes are left out by how loud they are; what two people say at once stays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parakeet_cli.audio.samples import Block
from parakeet_cli.speakers.channels import Channel, by_time, without_echoes
from parakeet_cli.speakers.levels import Levels
from parakeet_cli.transcript import Segment, Word

Said = Mapping[str, tuple[float, float]]  # words with their times


def channel(number: int, said: Said, loud: Mapping[tuple[float, float], float]) -> Channel:
    """A channel with these words, noise, and sound of a level in dB between times."""
    rolls = np.random.default_rng(number)
    samples = rolls.standard_normal(20 * 16_000) * 10 ** (-70 / 20)
    for (start, end), level in loud.items():
        part = slice(int(start * 16_000), int(end * 16_000))
        samples[part] += rolls.standard_normal(part.stop - part.start) * 10 ** (level / 20)
    levels = Levels()
    levels.add(Block(samples.astype(np.float32), 0.0))
    words = tuple(Word(start, end, text.strip("*"), 0.9) for text, (start, end) in said.items())
    text = " ".join(word.text for word in words)
    segments = (Segment(words[0].start, words[-1].end, text, words),) if words else ()
    return Channel(number, segments, levels)


def texts(channels: list[Channel]) -> list[str]:
    return [" ".join(segment.text for segment in one.segments) for one in channels]


HELLO = {"good": (1.0, 1.5), "morning": (1.5, 2.5)}
ANSWER = {"and": (5.0, 5.5), "goodbye": (5.5, 6.5)}


def test_what_only_echoes_another_channel_is_left_out() -> None:
    one = channel(
        0, {**HELLO, "and*": (5.0, 5.5), "buy": (5.5, 6.5)}, {(1, 2.5): -20, (5, 6.5): -40}
    )
    other = channel(1, {"good*": (1.0, 1.5), "mourning": (1.5, 2.5), **ANSWER},
                    {(1, 2.5): -38, (5, 6.5): -20})  # fmt: skip
    assert texts(without_echoes([one, other])) == ["good morning", "and goodbye"]


def test_words_that_are_spoken_at_once_stay_though_one_is_softer() -> None:
    one = channel(0, HELLO, {(1, 2.5): -20})
    other = channel(1, {"yes": (1.2, 1.6), **ANSWER}, {(1.2, 1.6): -30, (5, 6.5): -20})
    assert texts(without_echoes([one, other])) == ["good morning", "yes and goodbye"]


def test_a_soft_word_among_louder_ones_stays() -> None:
    said = {"selfish": (1.0, 1.4), "is": (1.4, 1.6), "to": (1.6, 1.8), "be": (1.8, 2.2)}
    one = channel(0, {**said, "more": (5, 6.5)}, {(1, 1.6): -20, (1.6, 1.8): -38, (1.8, 2.2): -20,
                                                  (5, 6.5): -40})  # fmt: skip
    other = channel(1, {"he": (1.5, 1.9), "might": (5, 6.5)}, {(1.5, 1.9): -20, (5, 6.5): -20})
    assert texts(without_echoes([one, other])) == ["selfish is to be", "he might"]


def test_of_two_channels_with_the_same_sound_the_first_has_the_words() -> None:
    same = {(1.0, 2.5): -20.0, (5.0, 6.5): -20.0}
    channels = [channel(0, {**HELLO, **ANSWER}, same), channel(1, {**HELLO, **ANSWER}, same)]
    assert texts(without_echoes(channels)) == ["good morning and goodbye", ""]


def test_nothing_is_left_out_where_the_other_channel_has_no_words() -> None:
    one = channel(0, HELLO, {(1, 2.5): -45})
    other = channel(1, {}, {(1, 2.5): -20, (8, 12): -20})
    assert texts(without_echoes([one, other])) == ["good morning", ""]


def test_turns_are_in_the_order_of_time_and_a_segment_ends_at_a_pause() -> None:
    one = channel(0, {**HELLO, "well": (9.0, 9.5)}, {})
    merged = by_time([one, channel(1, ANSWER, {})])
    assert [(segment.speaker, segment.text) for segment in merged] == [
        ("Channel 0", "good morning"),
        ("Channel 1", "and goodbye"),
        ("Channel 0", "well"),
    ]
    assert all(word.speaker == part.speaker for part in merged for word in part.words)


def test_a_word_s_own_hyphen_has_no_space_before_it_when_others_are_left_out() -> None:
    words = (Word(1, 1.4, "cold"), Word(1.4, 1.9, "-hearted"), Word(9, 9.5, "man"))
    levels = Levels()
    segment = Segment(1, 9.5, "cold-hearted man", words)
    first, second = by_time([Channel(0, (segment,), levels)])
    assert (first.text, second.text) == ("cold-hearted", "man")
