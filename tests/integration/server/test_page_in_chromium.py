"""Uses the page for a try in a real browser: drops a recording, speaks into a microphone."""

from __future__ import annotations

import base64
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.formats.browser import CHROMEDRIVER, CHROMIUM, Browser
from tests.integration.server.serving import Server, clip, mock_text
from tests.integration.server.test_realtime import SPEECH

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="Chromium and its driver are not installed"
    ),
]


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone plays speech and then silence, again and again."""
    sound = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    with wave.open(str(SPEECH)) as file:
        settings, frames = file.getparams(), file.readframes(file.getnframes())
    with wave.open(str(sound), "wb") as spoken:
        spoken.setparams(settings)
        spoken.writeframes(bytes(32000) + frames + bytes(64000))
    browser = Browser(
        more=(
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={sound}",
        )
    )
    yield browser
    browser.close()


@pytest.fixture
def page(window: Browser, server: Server) -> Iterator[Browser]:
    """The page, newly opened; nothing but the server is asked for anything."""
    window.requests()
    window.open(f"{server.url}/")
    window.wait("document.getElementById('state').textContent.includes('ready')")
    yield window
    refused = "status of 400"  # which Chromium counts as a fault of the page
    assert [one for one in window.complaints() if refused not in one] == []
    assert [url for url in window.requests() if not url.startswith(server.url)] == []


def test_a_recording_that_is_dropped_becomes_text(page: Browser) -> None:
    data = base64.b64encode(clip(2.0)).decode()
    page.run(
        f"""
        const data = Uint8Array.from(atob("{data}"), (one) => one.charCodeAt(0));
        const dropped = new DataTransfer();
        dropped.items.add(new File([data], "talk.wav"));
        const event = new DragEvent("drop", {{dataTransfer: dropped, cancelable: true}});
        document.getElementById("drop").dispatchEvent(event);
        """
    )
    page.wait("document.getElementById('said').textContent.startsWith('Done')")
    assert page.text("#text") == mock_text(2.0)


def test_a_file_that_is_chosen_and_cannot_be_used_is_said(page: Browser, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("no sound")
    page.type("#file", str(other))
    page.wait("document.getElementById('said').textContent.includes('not a media file')")


def test_what_is_spoken_becomes_text_while_it_is_spoken(page: Browser) -> None:
    page.click("#microphone")
    page.wait("document.getElementById('text').textContent.includes('mock transcript')", seconds=60)
    page.click("#microphone")
    assert page.text("#microphone") == "Speak into the microphone"
    assert page.run("return document.getElementById('microphone').ariaPressed") == "false"
