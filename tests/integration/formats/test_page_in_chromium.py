"""Uses the HTML page in a real browser: plays, clicks, searches, with keys, without scripts."""

from __future__ import annotations

import socket
import time
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parakeet_cli.formats import FORMATS, FormatOptions, encode
from parakeet_cli.formats.html.sound import sound_of
from parakeet_cli.formats.html.waveform import Waveform
from parakeet_cli.transcript import LostInterval
from tests.integration.formats.browser import CHROMEDRIVER, CHROMIUM, Browser
from tests.unit.formats.spoken import SENSE, make, speak

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="Chromium and its driver are not installed"
    ),
]

SECONDS = 60
LOST = LostInterval(30.0, 33.0, "12 damaged packets")
TRANSCRIPT = make(
    speak(SENSE, start=0.5),
    speak(SENSE, start=34.0, confidence=0.4),
    lost=(LOST,),
    duration=SECONDS,
)
WORDS = [word for segment in TRANSCRIPT.segments for word in segment.words]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`page.html` with its recording inside, `linked.html` beside `the clip.wav`."""
    folder = tmp_path_factory.mktemp("pages")
    clock = np.arange(SECONDS * 16_000) / 16_000
    samples = (0.3 * np.sin(2 * np.pi * 220 * clock) * np.sin(clock) ** 2).astype(np.float32)
    clip = folder / "the clip.wav"
    with wave.open(str(clip), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    waveform = Waveform()
    waveform.add(samples, 0.0)
    for name, link in (("page.html", False), ("linked.html", True)):
        page = folder / name
        sound = sound_of(clip, page, waveform.envelope(), link_audio=link)
        text = "".join(FORMATS["html"].pieces(TRANSCRIPT, FormatOptions(), sound))
        page.write_bytes(encode(text))
    return folder


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def page(window: Browser, folder: Path) -> Iterator[Browser]:
    """The page, newly opened; it must leave the console empty."""
    window.requests()
    window.go(folder / "page.html")
    window.wait("audio.readyState >= 1")
    yield window
    assert window.complaints() == []


def lit(browser: Browser) -> Any:
    """The index of the highlighted word, or None."""
    return browser.run(
        "const i = [...document.querySelectorAll('p[data-t] span')]"
        ".findIndex((span) => span.classList.contains('lit')); return i < 0 ? null : i"
    )


def span(index: int) -> str:
    """The CSS of word `index`: all of them stand in two paragraphs."""
    first = len(TRANSCRIPT.segments[0].words)
    place = (1, index + 1) if index < first else (2, index - first + 1)
    return f".para:nth-of-type({place[0]}) span:nth-of-type({place[1]})"


def test_no_word_is_highlighted_before_playing(page: Browser) -> None:
    assert lit(page) is None
    assert page.text("#clock") == "0:00 / 1:00"


def test_playing_highlights_one_word_after_the_other(page: Browser) -> None:
    page.click("#play")
    page.wait("audio.currentTime > 2")
    page.click("#play")
    page.wait("audio.paused")
    position = page.run("return audio.currentTime")
    assert page.run("return document.querySelectorAll('.lit').length") == 1
    word = WORDS[lit(page)]
    assert word.start <= position + 0.1
    assert position - 0.1 <= word.end + 0.6
    assert page.run("return document.querySelector('.para').classList.contains('now')")


def test_a_click_on_a_word_seeks_there(page: Browser) -> None:
    page.click(span(20))
    page.wait("!audio.seeking")
    assert page.run("return audio.currentTime") == pytest.approx(WORDS[20].start, abs=0.01)
    assert lit(page) == 20


def test_a_click_on_the_waveform_seeks_there(page: Browser) -> None:
    page.click("#wave")
    page.wait("!audio.seeking")
    assert page.run("return audio.currentTime") == pytest.approx(SECONDS / 2, abs=0.2)
    assert page.run("return wave.getAttribute('aria-valuetext')").endswith("of 1:00")


def test_search_counts_its_hits_and_steps_through_them(page: Browser) -> None:
    page.type("#query", "Ill-Disposed YOUNG")
    page.wait("count.textContent === '1 of 2'")
    assert page.run("return document.querySelectorAll('.hit').length") == 4
    assert page.run("return document.querySelectorAll('#found rect').length") == 2
    page.press("Enter")
    page.wait("count.textContent === '2 of 2'")
    page.press("Shift", "Enter")
    page.wait("count.textContent === '1 of 2'")
    now = page.run("return [...document.querySelectorAll('.hit.now')].map((s) => s.textContent)")
    assert now == ["ill-disposed", "young"]
    page.press("Escape")
    page.wait("!document.querySelector('.hit') && !audio.seeking")
    assert WORDS[lit(page)].text == "ill-disposed"


def test_search_ignores_punctuation_and_says_when_nothing_is_found(page: Browser) -> None:
    page.type("#query", "for them he was")
    page.wait("count.textContent === '1 of 2'")
    page.type("#query", " parrot")
    page.wait("count.textContent === 'none'")


def test_keys_play_seek_and_search(page: Browser) -> None:
    page.press(" ")
    page.wait("!audio.paused")
    page.press(" ")
    page.wait("audio.paused")
    before = page.run("return audio.currentTime")
    page.press("ArrowRight")
    assert page.run("return audio.currentTime") == pytest.approx(before + 5, abs=0.1)
    page.press("j")
    page.press("k")
    assert page.run("return audio.currentTime") == pytest.approx(WORDS[0].start, abs=0.01)
    page.press(".")
    assert lit(page) == 1
    page.press("d")  # the first doubtful word is the second reading's first
    assert lit(page) == len(TRANSCRIPT.segments[0].words)
    page.press("/")
    assert page.run("return document.activeElement.id") == "query"
    page.press(" ")
    assert page.run("return audio.paused")


def test_the_list_of_keys_opens_and_closes(page: Browser) -> None:
    page.press("?")
    assert page.run("return help.open")
    page.click("#close")
    assert not page.run("return help.open")


def test_a_click_on_a_lost_interval_seeks_there(page: Browser) -> None:
    page.click(".losses summary")
    page.click(".losses a")
    page.wait("!audio.seeking")
    assert page.run("return audio.currentTime") == pytest.approx(LOST.start)
    assert page.run("return location.hash") == "#t=30.00"
    colour = page.run("return getComputedStyle(document.querySelector('.lost rect')).fill")
    red, green, blue = (int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))
    assert red > 2 * max(green, blue)


def test_shading_can_be_switched_off(page: Browser) -> None:
    shade = f"getComputedStyle(document.querySelector('{span(50)}')).backgroundColor"
    assert page.run(f"return {shade}") != "rgba(0, 0, 0, 0)"
    page.click("#doubt")
    page.wait(f"{shade} === 'rgba(0, 0, 0, 0)'")


def test_the_page_loads_nothing_but_itself(page: Browser, folder: Path) -> None:
    page.click("#play")
    page.wait("audio.currentTime > 0.2")
    asked = [address for address in page.requests() if not address.startswith("data:")]
    assert asked == [(folder / "page.html").as_uri()]


def test_the_policy_blocks_even_a_planted_image(window: Browser, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.png"
        window.go(folder / "page.html")
        window.run(f"const i = new Image(); i.src = '{address}'; document.body.append(i)")
        window.wait("document.images[0].complete")
        with pytest.raises(TimeoutError):
            server.accept()
    assert any("Content Security Policy" in line for line in window.complaints())


def test_a_linked_recording_plays_and_a_url_can_have_a_time(window: Browser, folder: Path) -> None:
    window.go(folder / "linked.html", "#t=34.00")
    window.wait("audio.readyState >= 1 && !audio.seeking")
    assert window.run("return audio.currentTime") == pytest.approx(34.0)
    assert lit(window) == len(TRANSCRIPT.segments[0].words)
    window.click("#play")
    window.wait("audio.currentTime > 34.3")
    assert window.complaints() == []


def test_a_missing_recording_is_reported_and_the_text_still_works(
    window: Browser, folder: Path
) -> None:
    page = folder / "moved" / "linked.html"
    page.parent.mkdir()
    page.write_bytes((folder / "linked.html").read_bytes())
    window.go(page)
    window.wait("document.querySelector('#deck .note')")
    assert "the clip.wav" in window.text("#deck .note")
    window.click(span(3))
    assert lit(window) == 3
    window.complaints()


def test_the_page_fits_a_narrow_screen(folder: Path) -> None:
    browser = Browser(width=320, height=640)
    try:
        browser.go(folder / "page.html")
        assert browser.run("return document.documentElement.scrollWidth") == 320
    finally:
        browser.close()


def test_dark_is_dark_and_light_is_light(window: Browser, folder: Path) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"
    dark = Browser(dark=True)
    try:
        dark.go(folder / "page.html")
        window.go(folder / "page.html")
        assert int(dark.run(paper)) < 40
        assert int(window.run(paper)) > 240
    finally:
        dark.close()


def test_without_scripts_the_text_and_the_player_work(folder: Path) -> None:
    browser = Browser(scripts=False)
    try:
        browser.go(folder / "page.html")
        assert SENSE in browser.text("#transcript")
        assert "3.0 s could not be heard." in browser.text("header")
        assert browser.run("return getComputedStyle(controls).display") == "none"
        assert browser.run("return getComputedStyle(audio).display") == "block"
        assert browser.run("return audio.controls")
    finally:
        browser.close()


def test_every_control_has_an_accessible_name(page: Browser) -> None:
    nodes = page.cdp("Accessibility.getFullAXTree", {})["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored") and "role" in node
    }
    assert {
        ("slider", "Position"),
        ("button", "Play"),
        ("combobox", "Speed"),
        ("searchbox", "Search the transcript"),
        ("checkbox", "Doubtful words"),
        ("main", "Transcript"),
    } <= named
    workable = {"button", "slider", "combobox", "searchbox", "checkbox", "link"}
    assert not [role for role, name in named if role in workable and not name.strip()]


def test_a_speaker_gets_another_name_and_the_page_is_saved_with_it(
    window: Browser, tmp_path: Path
) -> None:
    page, saved = tmp_path / "talk.html", tmp_path / "downloads" / "talk.html"
    saved.parent.mkdir()
    said = speak(SENSE, start=0.5)
    talk = make(
        *(
            replace(said, speaker=f"Speaker {number}", start=30.0 * at, end=30.0 * at + 9)
            for at, number in enumerate((1, 2, 1))
        ),
        duration=100,
    )
    page.write_bytes(encode(FORMATS["html"].render(talk)))
    window.cdp("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(saved.parent)})
    window.go(page)
    assert window.run("return document.getElementById('save').hidden")
    window.click("b.who.s0")
    window.type("input.who", "<Anna> & Co")
    window.press("Enter")
    names = "return [...document.querySelectorAll('b.who')].map((one) => one.textContent)"
    assert window.run(names) == ["<Anna> & Co", "Speaker 2", "<Anna> & Co"]
    window.click("#save")
    for _ in range(200):
        if saved.exists():
            break
        time.sleep(0.1)
    window.go(saved)
    assert window.run(names) == ["<Anna> & Co", "Speaker 2", "<Anna> & Co"]
    assert window.run("return document.querySelectorAll('#hint').length") <= 1
    window.click("b.who.s1")  # the copy can be changed, too
    window.type("input.who", "Ben")
    window.press("Enter")
    assert window.run(names) == ["<Anna> & Co", "Ben", "<Anna> & Co"]
    assert window.complaints() == []
