"""Tests that dictations into a window, one after the other, become one text."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.integration.dictate.desktop import Desktop, Window, until, x11
from tests.integration.dictate.speech import RATE, read_wav, write_wav
from tests.integration.dictate.test_warm import User
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

DICTATIONS = 20
SAID = ("he was not.", "well and so,", "he was", "not here.", "scratch that")


class Typist(User):
    """A user who dictates short clips into a window; each has a profile of its name."""

    def __init__(self, folder: Path, desktop: Desktop) -> None:
        super().__init__(folder)
        self.desktop = desktop
        speech = read_wav(SAMPLES / "sense_0880.wav")[: round(1.5 * RATE)]
        profiles = {}
        for words in SAID:
            clip = write_wav(
                folder / f"{words}.wav", np.concatenate([speech, np.zeros(RATE, np.int16)])
            )
            rows = [
                f"{0.3 + 0.2 * at}\t{0.45 + 0.2 * at}\t{word}\n"
                for at, word in enumerate(words.split())
            ]
            clip.with_suffix(".cues.tsv").write_text("".join(rows), encoding="utf-8")
            profiles[words] = {"from_file": str(clip), "fast": True}
        config = {"dictate": {"profile": SAID[0]}, "profiles": profiles}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def begin(self, sink: str = "type", *options: str) -> None:
        env = {**self.desktop.env, "PARAKEET_CONFIG": str(self.folder / "config.json")}
        started = self.dictate("--sink", sink, *options, "start", "--idle", env=env)
        assert started.code == 0, started.err

    def dictates(self, words: str) -> None:
        toggled = self.dictate("toggle", "--profile", words)
        assert toggled.code == 0, toggled.err
        assert until(lambda: self.status()["listening"] is False)


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    with x11(tmp_path) as desktop:
        yield desktop


@pytest.fixture
def typist(tmp_path: Path, desktop: Desktop) -> Iterator[Typist]:
    made = Typist(tmp_path, desktop)
    yield made
    state = made.status()
    if state["running"]:
        os.kill(int(str(state["pid"])), signal.SIGKILL)


@pytest.fixture
def window(desktop: Desktop) -> Window:
    return desktop.terminal("window")


def test_twenty_dictations_into_a_window_are_one_text(typist: Typist, window: Window) -> None:
    typist.begin()
    for _ in range(DICTATIONS):
        typist.dictates("he was not.")
    expected = " ".join(["He was not."] * DICTATIONS)
    assert window.shows(expected) == expected


def test_scratch_that_reaches_the_last_dictation(typist: Typist, window: Window) -> None:
    typist.begin()
    typist.dictates("he was not.")
    typist.dictates("well and so,")
    typist.dictates("well and so,")
    typist.dictates("scratch that")
    shown = "He was not. Well and so, well and so,"
    assert window.shows(shown + 13 * "\x7f") == shown + 13 * "\x7f"


@pytest.mark.parametrize("used", [("click", "1"), ("key", "Return")])
def test_a_click_or_other_typing_begins_another_text(
    typist: Typist, window: Window, desktop: Desktop, used: tuple[str, str]
) -> None:
    typist.begin()
    typist.dictates("he was")
    typist.dictates("he was")
    desktop.run("xdotool", *used)
    typist.dictates("scratch that")
    typist.dictates("he was")
    typed = "\n" if "Return" in used else ""
    assert window.shows(f"He was he was{typed}He was") == f"He was he was{typed}He was"


def test_a_shortcut_is_no_typing(typist: Typist, window: Window, desktop: Desktop) -> None:
    typist.begin()
    typist.dictates("he was not.")
    desktop.run("xdotool", "key", "super+d")
    typist.dictates("he was not.")
    assert window.text.endswith("He was not.")
    assert " He was not." in window.text


def test_a_dictation_into_a_file_goes_on_with_the_last_one(typist: Typist) -> None:
    typist.begin(f"file:{typist.text}")
    typist.dictates("he was")
    typist.dictates("not here.")
    assert typist.typed() == "He was\nnot here.\n"
    typist.dictates("scratch that")
    assert typist.typed() == "He was\n"
    with typist.text.open("a", encoding="utf-8") as other:
        other.write("from somebody else")
    typist.dictates("scratch that")
    assert typist.typed() == "He was\nfrom somebody else"


def test_return_ends_a_text(typist: Typist, window: Window) -> None:
    typist.begin("type", "--enter")
    typist.dictates("he was")
    typist.dictates("he was")
    assert window.shows("He was\nHe was\n") == "He was\nHe was\n"
