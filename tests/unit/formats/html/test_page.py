"""Parses the HTML page; tests/integration/formats uses it in a browser."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from parakeet_cli.errors import InputError
from parakeet_cli.formats import FORMATS, FormatOptions, encode
from parakeet_cli.formats.html.sound import EMBED_AT_MOST, Envelope, Sound, sound_of
from parakeet_cli.transcript import LostInterval, Segment, Transcript, Word
from tests.unit.formats.spoken import SENSE, make, speak

VOID = {"meta", "input"}
ENVELOPE = Envelope(0.5, (0.1, 0.4, 0.2, 0.0))


class Page(HTMLParser):
    """Elements with their attributes, and the visible text; refuses an unclosed tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.text += data
            if self._open[-2:] == ["p", "span"]:
                self.words.append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attrs
            for name, attrs in self.elements
            if name == tag and all(attrs.get(key) == value for key, value in wanted.items())
        ]


def page(transcript: Transcript, sound: Sound | None = None) -> str:
    return encode("".join(FORMATS["html"].pieces(transcript, FormatOptions(), sound))).decode()


def test_every_word_is_in_the_page_with_its_times() -> None:
    parsed = Page(page(make(speak(SENSE))))
    assert "".join(parsed.words[-len(SENSE.split()) :]) == SENSE.replace(" ", "")
    (paragraph,) = [attrs for tag, attrs in parsed.elements if tag == "p" and "data-t" in attrs]
    times = [int(time) for time in (paragraph["data-t"] or "").split()]
    assert len(times) == 2 * len(SENSE.split())
    assert times == sorted(times)
    assert times[:2] == [500, 745]


def test_the_page_names_no_other_host_and_forbids_all_of_them(tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    clip.write_bytes(b"RIFF")
    for sound in (
        None,
        sound_of(clip, tmp_path / "p.html", ENVELOPE),
        Sound(ENVELOPE, link="a.wav"),
    ):
        html = page(make(speak(SENSE)), sound)
        assert not re.search(r"https?:|wss?://|\bimport\b|@import|url\((?!#)|fetch\(|XMLHttp", html)
        for _, attrs in Page(html).elements:
            for name in ("src", "href", "action", "data"):
                assert not (attrs.get(name) or "").startswith("//")
        (policy,) = Page(html).all("meta", **{"http-equiv": "Content-Security-Policy"})
        assert (policy["content"] or "").startswith("default-src 'none';")


def test_the_policy_allows_this_style_and_this_script_by_their_hashes() -> None:
    html = page(make(speak(SENSE)))
    (policy,) = Page(html).all("meta", **{"http-equiv": "Content-Security-Policy"})
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in (policy["content"] or "")
    assert " style=" not in html
    assert " onclick=" not in html


def test_text_can_not_become_markup() -> None:
    said = '</p><script>alert(1)</script> & "quoted"'
    parsed = Page(page(make(Segment(0.0, 2.0, said), path='<b>"x"&.wav', language='en"><i>')))
    assert said in parsed.text
    assert len(parsed.all("script")) == 1
    assert not parsed.all("b")
    assert not parsed.all("i")


def test_the_name_of_a_recording_can_not_show_the_page_s_text_in_another_order() -> None:
    found = page(make(Segment(0.0, 1.0, "so"), path="a\x1b[31m\u202eb\x9d.wav"))
    assert not re.search("[\x1b\x7f-\x9f\u202a-\u202e\u2066-\u2069]", found)
    assert "a[31mb.wav" in found


def test_a_recording_up_to_twenty_megabytes_is_embedded(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp3"
    clip.write_bytes(os.urandom(500_001))
    html = page(make(speak(SENSE)), sound_of(clip, tmp_path / "clip.html", ENVELOPE))
    (audio,) = Page(html).all("audio")
    kind, _, data = (audio["src"] or "").partition(",")
    assert kind == "data:audio/mpeg;base64"
    assert base64.b64decode(data, validate=True) == clip.read_bytes()
    assert "media-src data:" in html


def test_a_larger_recording_is_linked_relative_to_the_page(tmp_path: Path) -> None:
    recording = tmp_path / "in" / "a b#1.wav"
    recording.parent.mkdir()
    with recording.open("wb") as file:
        file.truncate(EMBED_AT_MOST + 1)
    sound = sound_of(recording, tmp_path / "out" / "deep" / "a.html", None)
    assert sound == Sound(None, link="../../in/a%20b%231.wav", mime="audio/wav")
    (audio,) = Page(page(make(speak(SENSE)), sound)).all("audio")
    assert audio["src"] == "../../in/a%20b%231.wav"


def test_a_recording_that_browsers_cannot_play_is_a_plain_link(tmp_path: Path) -> None:
    clip = tmp_path / "call.amr"
    clip.write_bytes(b"#!AMR")
    parsed = Page(page(make(speak(SENSE)), sound_of(clip, tmp_path / "p.html", None)))
    assert not parsed.all("audio")
    assert parsed.all("a", href="call.amr")


def test_without_a_file_the_page_has_no_player() -> None:
    sound = sound_of(None, Path("page.html"), ENVELOPE)
    html = page(make(speak(SENSE), path="stdin"), sound)
    assert "The recording itself is not part of this page." in html
    assert not Page(html).all("audio")


def test_a_missing_recording_is_an_input_error(tmp_path: Path) -> None:
    sound = Sound(embed=tmp_path / "gone.wav", mime="audio/wav")
    with pytest.raises(InputError, match=r"gone.wav can't be read for its page: No such file"):
        page(make(speak(SENSE)), sound)


def test_lost_intervals_are_red_on_the_waveform_and_named_in_the_text() -> None:
    lost = (
        LostInterval(2.0, 4.0, "5 damaged <packets>"),
        LostInterval(28.0, 30.0, "the file ends early"),
    )
    parsed = Page(page(make(speak(SENSE), lost=lost, duration=40.0), Sound(ENVELOPE)))
    rectangles = [attrs for attrs in parsed.all("rect") if attrs.get("id") != "played"]
    assert [(float(r["x"] or 0), float(r["width"] or 0)) for r in rectangles] == [
        (16, 16),
        (224, 16),
    ]
    assert "4.0 s could not be heard." in parsed.text
    assert parsed.text.count("5 damaged <packets>") == 2
    assert parsed.text.count("2.0 s lost") == 2
    before, after = parsed.text.split("2.0 s lost")[0], parsed.text.split("2.0 s lost")[1]
    assert "And mister" in before
    assert "ill-disposed." in after


def test_words_are_shaded_by_their_confidence() -> None:
    words = tuple(
        Word(float(i), i + 0.5, str(i), confidence)
        for i, confidence in enumerate((0.1, 0.5, 0.7, 0.9, None))
    )
    parsed = Page(page(make(Segment(0.0, 5.0, "0 1 2 3 4", words))))
    shades = [attrs.get("class") for tag, attrs in parsed.elements if tag == "span"][-5:]
    assert [attrs.get("title") for attrs in parsed.all("span", **{"class": "d3"})] == [
        "heard with 10 % confidence"
    ]
    assert [s for s in shades if s] == ["d3", "d2", "d1"]


def test_without_confidence_the_page_mentions_no_doubt() -> None:
    assert "Doubtful words" not in page(make(speak(SENSE, confidence=None)))


def test_a_silence_or_a_long_time_begins_a_paragraph() -> None:
    first = speak("One two.", start=0.0)
    close = speak("Three four.", start=first.end + 0.5)
    far = speak("Five six.", start=close.end + 3.0)
    parsed = Page(page(make(first, close, far)))
    anchors = [attrs["id"] for attrs in parsed.all("div", **{"class": "para"})]
    assert anchors == ["t=0.00", f"t={far.start:.2f}"]


def test_two_segments_are_separated_by_a_space() -> None:
    first = speak("Ten of clubs.")
    page = FORMATS["html"].render(make(first, speak("Go forward.", start=first.end + 0.2)))
    body = page.partition("<main")[2]
    assert "clubs. Go" in re.sub(r"<[^>]*>", "", body)


def test_chinese_has_no_spaces_between_its_words() -> None:
    words = tuple(Word(0.2 * i, 0.2 * i + 0.2, char) for i, char in enumerate("今天天气很好。"))
    parsed = Page(page(make(Segment(0.0, 2.0, "今天天气很好。", words), language="zh")))
    assert "今天天气很好。" in parsed.text


def test_a_name_with_undecodable_bytes_is_shown_with_replacement_characters() -> None:
    assert '<h1 dir="auto">caf\ufffd.wav</h1>' in page(make(speak(SENSE), path="x/caf\udce9.wav"))


def test_a_page_without_speech_says_so() -> None:
    assert "No speech was heard." in Page(page(make())).text


def test_the_same_transcript_gives_the_same_page() -> None:
    assert page(make(speak(SENSE)), Sound(ENVELOPE)) == page(make(speak(SENSE)), Sound(ENVELOPE))
