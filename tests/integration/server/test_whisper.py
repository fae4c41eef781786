"""Tests the server with the embedded Whisper: real speech, real options."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.cli.running import parakeet
from tests.integration.server.serving import ROOT, Server, serving

CLIP = ROOT / "samples" / "sense_0880.wav"
SPEECH = CLIP.read_bytes()

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("whisper")
    with serving(folder, "--engine", "whisper", "--model", "tiny.en") as running:
        yield running


def test_speech_becomes_the_text_that_the_command_gives_with_times(server: Server) -> None:
    answer = server.post(
        SPEECH, response_format="verbose_json", **{"timestamp_granularities[]": "word"}
    ).json()
    done = parakeet("transcribe", "--engine", "whisper", "--model", "tiny.en", str(CLIP))
    assert answer["text"] == done.stdout.strip()
    assert answer["language"] == "en"
    assert answer["model"] == "tiny.en"
    times = [word["start"] for word in answer["words"]]
    assert times == sorted(times)
    assert times[-1] < answer["duration"]


def test_a_prompt_and_a_temperature_are_honoured(server: Server) -> None:
    answer = server.post(SPEECH, prompt="A chapter of a novel.", temperature="0.2", language="en")
    assert answer.status_code == 200
    assert len(answer.json()["text"].split()) > 3


def test_a_stream_gives_what_the_whole_answer_has(server: Server) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
    *deltas, done = client.audio.transcriptions.create(
        file=("a.wav", SPEECH), model="any", stream=True
    )
    assert done.type == "transcript.text.done"
    joined = "".join(event.delta for event in deltas if event.type == "transcript.text.delta")
    assert joined == done.text == server.post(SPEECH).json()["text"]


@pytest.mark.parametrize(
    ("path", "fields", "reason"),
    [
        ("transcriptions", {"language": "de"}, "knows English only"),
        ("translations", {}, "can't translate"),
    ],
)
def test_what_the_model_does_not_know_is_refused_with_the_reason(
    server: Server, path: str, fields: dict[str, str], reason: str
) -> None:
    answer = server.post(SPEECH, path, **fields)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["message"]
