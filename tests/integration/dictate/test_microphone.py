"""Tests what PortAudio takes for a microphone: clips played into PulseAudio's null sink."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.dictate.sound_server import SoundServer, needs_pulseaudio, running
from tests.integration.dictate.speech import SENTENCES, spoken_text
from tests.integration.transcribe.command import run, start
from tests.integration.transcribe.words import errors, spoken

pytestmark = needs_pulseaudio

WHISPER = {"PARAKEET_ENGINE": "whisper", "PARAKEET_MODEL": "tiny.en"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SoundServer]:
    with running(tmp_path) as server:
        yield server


class Listening:
    """A running `parakeet dictate --json`, and its events so far."""

    def __init__(
        self,
        folder: Path,
        server: SoundServer,
        *arguments: str,
        engine: Mapping[str, str] = WHISPER,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.process: subprocess.Popen[bytes] = start(
            folder,
            *("dictate", "--json", *arguments),
            engine=engine,
            env={**server.environment, **(env or {})},
        )
        self.events: list[dict[str, Any]] = []

    def until(self, kind: str) -> Mapping[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == kind:
                return self.events[-1]
        assert self.process.stderr is not None
        raise AssertionError(f"no {kind}: {self.events}\n{self.process.stderr.read().decode()}")

    def end(self) -> None:
        """Ctrl-C, which is a normal end."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=120)
        self.events += [json.loads(line) for line in out.splitlines()]
        assert self.process.returncode == 0, err.decode()

    @property
    def text(self) -> str:
        return " ".join(event["text"] for event in self.events if event["event"] == "final")


def test_devices_are_listed_and_chosen_by_number_or_part_of_a_name(
    tmp_path: Path, server: SoundServer
) -> None:
    listed = run(tmp_path, "dictate", "--list-devices", "--json", env=server.environment)
    devices = json.loads(listed.out)
    assert any(device["name"] == "pulse" for device in devices)
    assert sum(device["default"] for device in devices) == 1
    table = run(tmp_path, "dictate", "--list-devices", env=server.environment)
    assert len(table.out.splitlines()) == len(devices)
    none = run(tmp_path, "dictate", "--input-device", "no such", env=server.environment)
    assert none.code == 2
    assert "pulse" in none.err


def test_microphones_have_the_names_that_the_desktop_shows(
    tmp_path: Path, server: SoundServer
) -> None:
    server.add_microphone("desk", "Desk_Mic")
    server.add_microphone("bluez_input.50_C2", "Jabra", "device.bus=bluetooth")
    listed = run(tmp_path, "dictate", "--list-devices", "--json", env=server.environment)
    found = {device["source"]: device for device in json.loads(listed.out) if device["source"]}
    names = {source: device["name"] for source, device in found.items()}
    assert names == {
        "vmic.monitor": "Monitor of Null Output",
        "desk": "Desk_Mic",
        "bluez_input.50_C2": "Jabra",
    }
    assert [source for source, device in found.items() if device["monitor"]] == ["vmic.monitor"]
    assert [source for source, device in found.items() if device["bluetooth"]] == [
        "bluez_input.50_C2"
    ]
    assert [source for source, device in found.items() if device["default"]] == ["vmic.monitor"]
    table = run(tmp_path, "dictate", "--list-devices", env=server.environment).out.decode()
    assert "Bluetooth" in table
    listening = Listening(tmp_path, server, "--input-device", "desk_m")
    ready = listening.until("ready")
    listening.end()
    assert (ready["text"], ready["source"]) == ("Desk_Mic", "desk")


def test_without_a_sound_server_the_message_says_what_to_do(tmp_path: Path) -> None:
    for arguments in ((), ("--list-devices",)):
        done = run(tmp_path, "dictate", *arguments, env={"PULSE_SERVER": "unix:/nowhere"})
        assert (done.code, done.out) == (1, b"")
        assert "There is no microphone." in done.err
        assert "check that the sound server is running" in done.err


@pytest.mark.slow
def test_speech_into_the_microphone_is_transcribed(tmp_path: Path, server: SoundServer) -> None:
    listening = Listening(tmp_path, server, "--input-device", "pulse")
    listening.until("ready")
    for clip in SENTENCES[1:3]:
        server.play(clip)
        listening.until("final")
    listening.end()
    assert [event["event"] for event in listening.events].count("ready") == 1
    truth = spoken(" ".join(spoken_text(clip) for clip in SENTENCES[1:3]))
    assert errors(truth, spoken(listening.text)) <= len(truth) // 4, listening.text


@pytest.mark.slow
def test_dictation_goes_on_after_the_sound_server_dies_in_mid_sentence(
    tmp_path: Path, server: SoundServer
) -> None:
    listening = Listening(tmp_path, server)
    listening.until("ready")
    speaker = subprocess.Popen(
        ["paplay", "--device=vmic", str(SENTENCES[0])], env=server.environment
    )
    listening.until("partial")
    server.kill()
    speaker.wait(timeout=60)
    listening.until("error")
    server.start()
    gap = listening.until("gap")
    assert gap["seconds"] > 0.5
    server.play(SENTENCES[1])
    listening.until("final") if "not an" not in listening.text.lower() else None
    listening.end()
    assert "mister john" in " ".join(spoken(listening.text))
    assert "he was not an" in " ".join(spoken(listening.text))
