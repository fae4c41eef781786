"""Turns a transcript into the answer of each response format, with what there is to warn of."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from parakeet_cli.formats import FORMATS
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.server.http import form
from parakeet_cli.server.http.form import Asked
from parakeet_cli.transcript import Segment, Transcript, words_of

_UNKNOWN_LANGUAGE = "und"  # ISO 639-2: undetermined
_MILLISECONDS = 3


def answer(transcript: Transcript, asked: Asked) -> Response:
    """The response in the format that was asked for."""
    make = _MAKERS[asked.response_format]
    response = make(transcript, asked)
    response.headers.update(_headers(transcript))
    return response


def done_event(transcript: Transcript, asked: Asked) -> dict[str, Any]:
    """The last event of a stream."""
    return {
        "type": "transcript.text.done",
        "text": transcript.text,
        **_about(transcript, asked),
    }


def warnings_of(transcript: Transcript, asked: Asked) -> list[dict[str, Any]]:
    """What was lost, what is doubtful, and which fields were ignored."""
    lost = [
        {"kind": "lost", "start": _time(one.start), "end": _time(one.end), "message": one.reason}
        for one in transcript.accounting.lost
    ]
    doubts = [
        {"kind": one.kind, "start": _time(one.start), "end": _time(one.end), "message": one.reason}
        for one in transcript.doubts
    ]
    ignored = [
        {"kind": "ignored", "message": f"The field `{name}` isn't known here."}
        for name in asked.ignored
    ]
    if asked.left_out is not None:
        ignored.append(
            {
                "kind": "ignored",
                "message": f"The model detects its languages: `language={asked.left_out}` "
                "was left to it.",
            }
        )
    return [*lost, *doubts, *ignored]


def _about(transcript: Transcript, asked: Asked) -> dict[str, Any]:
    """The keys that every JSON answer has beside OpenAI's."""
    engine = transcript.engine
    return {
        "model": engine.model,
        "engine": {"name": engine.name, "device": engine.device, "version": engine.version},
        "status": str(transcript.status),
        "warnings": warnings_of(transcript, asked),
        "usage": {"type": "duration", "seconds": _duration(transcript)},
    }


def _headers(transcript: Transcript) -> dict[str, str]:
    """The same for formats that have no place for it."""
    accounting = transcript.accounting
    return {
        "parakeet-model": transcript.engine.model.encode("ascii", "replace").decode(),
        "parakeet-status": str(transcript.status),
        "parakeet-lost-seconds": f"{accounting.lost_seconds:.3f}",
        "parakeet-doubts": str(len(transcript.doubts)),
    }


def _duration(transcript: Transcript) -> float:
    duration = transcript.source.duration
    return _time(transcript.accounting.decoded_seconds if duration is None else duration)


def _time(seconds: float) -> float:
    return round(seconds, _MILLISECONDS)


def _json(transcript: Transcript, asked: Asked) -> Response:
    return JSONResponse({"text": transcript.text, **_about(transcript, asked)})


def _text(transcript: Transcript, asked: Asked) -> Response:
    return PlainTextResponse(transcript.text + "\n")


def _subtitles(name: str, media_type: str) -> Callable[[Transcript, Asked], Response]:
    def make(transcript: Transcript, asked: Asked) -> Response:
        return Response(FORMATS[name].render(transcript), media_type=media_type)

    return make


def _verbose(transcript: Transcript, asked: Asked) -> Response:
    body: dict[str, Any] = {
        "task": asked.task,
        "language": transcript.text_language or _UNKNOWN_LANGUAGE,
        "duration": _duration(transcript),
        "text": transcript.text,
    }
    segments = list(in_order(transcript.segments))
    if "segment" in asked.granularities:
        temperature = asked.temperature or 0.0
        body["segments"] = [_segment(*one, temperature) for one in enumerate(segments)]
    if "word" in asked.granularities:
        body["words"] = [
            {"word": word.text, "start": _time(word.start), "end": _time(word.end)}
            for segment in segments
            for word in words_of(segment, split=True)
        ]
    return JSONResponse(body | _about(transcript, asked))


def _segment(number: int, segment: Segment, temperature: float) -> dict[str, Any]:
    """A segment as OpenAI's API has it.

    `avg_logprob` is the logarithm of our confidence; `compression_ratio` is computed as Whisper
    does. The engines give no tokens, and say nothing of silence.
    """
    data = segment.text.encode()
    return {
        "id": number,
        "seek": round(segment.start * 100),
        "start": _time(segment.start),
        "end": _time(segment.end),
        "text": segment.text,
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": round(math.log(max(segment.confidence or 1.0, 1e-9)), 4),
        "compression_ratio": round(len(data) / len(zlib.compress(data)), 4),
        "no_speech_prob": 0.0,
        "confidence": segment.confidence,
    }


def diarized_segments(transcript: Transcript) -> list[dict[str, Any]]:
    """The segments with who spoke."""
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number:03}",
            "start": _time(segment.start),
            "end": _time(segment.end),
            "text": segment.text,
            "speaker": segment.speaker or "",
        }
        for number, segment in enumerate(in_order(transcript.segments))
    ]


def _diarized(transcript: Transcript, asked: Asked) -> Response:
    return JSONResponse(
        {
            "task": asked.task,
            "duration": _duration(transcript),
            "text": transcript.text,
            "segments": diarized_segments(transcript),
            **_about(transcript, asked),
        }
    )


_MAKERS: dict[str, Callable[[Transcript, Asked], Response]] = {
    form.JSON: _json,
    form.TEXT: _text,
    form.SRT: _subtitles("srt", "application/x-subrip"),
    form.VTT: _subtitles("vtt", "text/vtt"),
    form.VERBOSE: _verbose,
    form.DIARIZED: _diarized,
}


def event_line(event: dict[str, Any], name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
