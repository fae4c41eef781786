"""Tests the server with OpenAI's own client, as editors and scripts use it."""

from __future__ import annotations

import asyncio
import io

import openai
import pytest

from tests.integration.server.serving import ROOT, Server, clip, mock_text

SAID = mock_text(1.0)


def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def upload() -> io.BytesIO:
    file = io.BytesIO(clip())
    file.name = "talk.wav"
    return file


def test_a_recording_becomes_text_whatever_model_is_named(server: Server) -> None:
    answer = client(server).audio.transcriptions.create(file=upload(), model="whisper-1")
    assert answer.text == SAID
    assert answer.model_dump()["model"] == "mock"
    assert answer.model_dump()["status"] == "ok"
    assert answer.model_dump()["warnings"] == []


def test_the_asynchronous_client_gets_several_at_once(server: Server) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as several:
            asked = (
                several.audio.transcriptions.create(file=upload(), model="any") for _ in range(5)
            )
            return [answer.text for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [SAID] * 5


def test_segments_and_words_have_their_times(server: Server) -> None:
    answer = client(server).audio.transcriptions.create(
        file=upload(),
        model="any",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.duration == 1.0
    assert answer.segments is not None
    assert answer.words is not None
    assert [segment.text for segment in answer.segments] == [SAID]
    assert [word.word for word in answer.words] == SAID.split()
    assert answer.words[0].start == 0.0
    assert answer.words[-1].end == 1.0


def test_segments_are_left_out_where_only_words_were_asked_for(server: Server) -> None:
    answer = client(server).audio.transcriptions.create(
        file=upload(),
        model="any",
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert answer.segments is None
    assert answer.words


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("text", SAID), ("srt", "1\n00:00:00,000 --> 00:00:01,000\n"), ("vtt", "WEBVTT\n\n")],
)
def test_texts_and_subtitles_come_as_they_are(server: Server, name: str, beginning: str) -> None:
    answer = client(server).audio.transcriptions.create(
        file=upload(),
        model="any",
        response_format=name,  # type: ignore[call-overload]
    )
    assert answer.startswith(beginning)


def test_a_stream_gives_the_text_in_parts_and_then_whole(server: Server) -> None:
    events = list(
        client(server).audio.transcriptions.create(file=upload(), model="any", stream=True)
    )
    parts = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert parts == SAID
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == SAID


def test_the_models_are_the_one_that_is_loaded(server: Server) -> None:
    assert [model.id for model in client(server).models.list()] == ["mock"]
    assert client(server).models.retrieve("mock").owned_by == "mock"
    with pytest.raises(openai.NotFoundError, match="The model that is loaded is mock"):
        client(server).models.retrieve("whisper-1")


def test_what_the_engine_cannot_honour_is_refused_with_the_reason(server: Server) -> None:
    with pytest.raises(openai.BadRequestError, match="can't honour `temperature`") as caught:
        client(server).audio.transcriptions.create(file=upload(), model="any", temperature=0.5)
    assert caught.value.param == "temperature"
    with pytest.raises(openai.BadRequestError, match=r"mock can't translate.*--engine whisper"):
        client(server).audio.translations.create(file=upload(), model="any")


def test_the_words_of_a_prompt_are_spelled_as_they_are_given(server: Server) -> None:
    answer = client(server).audio.transcriptions.create(
        file=upload(), model="any", prompt="MOCK, Transcript"
    )
    assert answer.text == SAID.replace("mock transcript", "MOCK Transcript")


def test_what_is_no_recording_is_refused_with_the_reason(server: Server) -> None:
    with pytest.raises(openai.BadRequestError, match="not a media file") as caught:
        client(server).audio.transcriptions.create(file=("a.mp3", b"no sound"), model="any")
    assert caught.value.code == "invalid_audio"
    assert caught.value.param == "file"


def test_segments_say_who_spoke(server: Server) -> None:
    with (ROOT / "samples" / "sense_0880.wav").open("rb") as recording:
        answer = client(server).audio.transcriptions.create(
            file=recording, model="any", response_format="diarized_json"
        )
    assert answer.task == "transcribe"
    assert {segment.speaker for segment in answer.segments} == {"Speaker 1"}


def test_a_stream_says_who_spoke_before_its_end(server: Server) -> None:
    with (ROOT / "samples" / "sense_0880.wav").open("rb") as recording:
        *_, segment, done = client(server).audio.transcriptions.create(
            file=recording, model="any", response_format="diarized_json", stream=True
        )
    assert segment.type == "transcript.text.segment"
    assert segment.speaker == "Speaker 1"
    assert done.type == "transcript.text.done"
