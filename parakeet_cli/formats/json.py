"""Writes JSON, schema `parakeet.transcript/1`: all that is known, for other programs.

Each segment and word has its own line, so that people can read it and diffs are small.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.transcript import (
    Accounting,
    Alignment,
    ChannelAccount,
    DifferentWord,
    LostInterval,
    MissingWord,
    Segment,
    StreamInfo,
    Transcript,
    Word,
)

SCHEMA = "parakeet.transcript/1"

# JSON itself escapes C0 alone.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # made once, as it costs
_OBEYED = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f]")

Value = str | float | int | None


def json_schema() -> str:
    """The JSON Schema of what `pieces` makes, for the programs that read it."""
    return files(__package__).joinpath("transcript.schema.json").read_text(encoding="utf-8")


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    """One segment a piece. Times are seconds to the millisecond, never NaN and never falling."""
    source, accounting, engine = transcript.source, transcript.accounting, transcript.engine
    head = {
        "schema": SCHEMA,
        "source": {
            "path": source.path,
            "duration": number(source.duration),
            "sample_rate": source.sample_rate,
            "channels": source.channels,
        },
        "accounting": _accounting(accounting),
        "engine": {
            "name": engine.name,
            "model": engine.model,
            "device": engine.device,
            "version": engine.version,
        },
        "language": transcript.language,
        **({"task": "translate"} if engine.translates else {}),
        "status": str(transcript.status),
        "text": transcript.text,
        "doubts": [
            {
                "kind": doubt.kind,
                "start": number(doubt.start),
                "end": number(doubt.end),
                "reason": doubt.reason,
            }
            for doubt in transcript.doubts
        ],
        "streams": [_stream(stream) for stream in source.streams],
        **_channels(transcript.channels),
        **_alignment(transcript.alignment),
    }
    yield "{\n"
    for key, value in head.items():
        yield f"  {dumps(key)}: {dumps(value)},\n"
    yield '  "segments": ['
    empty = True
    for index, segment in enumerate(in_order(transcript.segments)):
        yield ("\n" if empty else ",\n") + _segment(index, segment)
        empty = False
    yield "]\n}\n" if empty else "\n  ]\n}\n"


def _accounting(accounting: Accounting) -> dict[str, object]:
    return {
        "expected_seconds": number(accounting.expected_seconds),
        "expected_basis": accounting.expected_basis,
        "decoded_seconds": number(accounting.decoded_seconds),
        "lost_seconds": number(accounting.lost_seconds),
        "lost": [{**_interval(lost), "reason": lost.reason} for lost in accounting.lost],
        "damaged_packets": accounting.damaged_packets,
    }


def _channels(channels: Sequence[ChannelAccount]) -> dict[str, object]:
    """The key `channels`, if each was transcribed by itself."""
    accounts = [
        {
            "channel": one.number,
            "speaker": one.speaker,
            "words": one.words,
            "echoes": one.echoes,
            "accounting": _accounting(one.accounting),
        }
        for one in channels
    ]
    return {"channels": accounts} if accounts else {}


def _alignment(alignment: Alignment | None) -> dict[str, object]:
    """The key `alignment`, if the text was given."""
    if alignment is None:
        return {}
    return {
        "alignment": {
            "text": alignment.name,
            "exact": alignment.exact,
            "interpolated": alignment.interpolated,
            "missing": [
                {"word": one.text, "index": one.index, **_interval(one)}
                for one in alignment.missing
            ],
            "different": [
                {"word": one.text, "recognised": one.recognised, **_interval(one)}
                for one in alignment.different
            ],
            "extra": [{"word": one.text.strip(), **_interval(one)} for one in alignment.extra],
        }
    }


def _interval(one: Word | MissingWord | DifferentWord | LostInterval) -> dict[str, Value]:
    return {"start": number(one.start), "end": number(one.end)}


def _stream(stream: StreamInfo) -> dict[str, Value]:
    return {
        "index": stream.index,
        "language": stream.language,
        "title": stream.title,
        "default": stream.default,
        "codec": stream.codec,
        "taken": stream.taken,
    }


def _segment(index: int, segment: Segment) -> str:
    head = dumps(
        {
            "id": index,
            "start": number(segment.start),
            "end": number(segment.end),
            "text": segment.text.strip(),
            "confidence": number(segment.confidence, most=1.0),
            **_speaker(segment),
        }
    )
    words = ",".join(f"\n      {dumps(_word(word))}" for word in segment.words)
    return f'    {head[:-1]}, "words": [{words}{chr(10) + "    " if words else ""}]}}'


def _word(word: Word) -> dict[str, Value]:
    return {
        "word": word.text.strip(),
        "start": number(word.start),
        "end": number(word.end),
        "confidence": number(word.confidence, most=1.0),
        **({"timing": word.timing} if word.timing else {}),
        **_speaker(word),
    }


def _speaker(one: Segment | Word) -> dict[str, Value]:
    return {"speaker": one.speaker} if one.speaker is not None else {}


def number(value: float | None, *, most: float = math.inf) -> float | None:
    """Rounded to three places and limited to 0..`most`; None if it isn't a number."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(min(max(0.0, value), most)), 3)


def dumps(value: object) -> str:
    """JSON on one line, without escapes for letters.

    What a terminal would obey, or show in another order, is escaped: it is read back unchanged.
    """
    return escaped(_ENCODER.encode(value))


def escaped(text: str) -> str:
    """JSON with what a terminal would obey, or show in another order, as escapes."""
    return _OBEYED.sub(lambda match: json.dumps(match[0])[1:-1], text)
