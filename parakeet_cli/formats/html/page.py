"""Writes one self-contained page: text, waveform, player, search. It loads nothing else.

Text, times and losses are plain HTML, so the page can be read without its script. The style
and the script are the two files beside this one, copied into the page; its
Content-Security-Policy allows them by their hashes and forbids every other source.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path, PurePath

from parakeet_cli.errors import InputError
from parakeet_cli.formats.base import Collector, FormatOptions
from parakeet_cli.formats.html.sound import Envelope, Sound
from parakeet_cli.formats.speakers import has_speakers
from parakeet_cli.formats.subtitles.line_breaks import ends_sentence
from parakeet_cli.formats.subtitles.text_width import breakable, clean
from parakeet_cli.formats.subtitles.tokens import spaced_words
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.system.units import clock_time
from parakeet_cli.transcript import LostInterval, Segment, Transcript, Word

PARAGRAPH_PAUSE = 1.5  # seconds of silence that begin a new paragraph
PARAGRAPH_SECONDS = 30.0  # from here on a paragraph ends with its sentence
COLOURS = 8  # of speakers, in page.css; the ninth has that of the first
BARS = 320
HEIGHT = 64  # of the waveform, in units of its viewBox
READ_BYTES = 3 * 64 * 1024  # a multiple of 3, so that pieces of base64 join

DOUBT = ((0.35, "d3"), (0.55, "d2"), (0.75, "d1"))  # confidence below which a word is shaded

# The three ways to put a recording in the page.
PLAYER = '<audio id="audio" controls preload="metadata" src="{src}"></audio>'
UNPLAYABLE = '<p class="note">Browsers can’t play this kind of file: <a href="{src}">{name}</a></p>'
SILENT = '<p class="note">The recording itself is not part of this page.</p>'


def collector(recording: Path | None, page: Path, options: FormatOptions) -> Collector:
    """Collects the waveform, and decides how the page includes the recording: a `Sound`."""
    from parakeet_cli.formats.html.waveform import SoundCollector  # which needs numpy

    return SoundCollector(recording, page, link_audio=options.link_audio)


def pieces(
    transcript: Transcript, options: FormatOptions, sound: Sound | None = None
) -> Iterator[str]:
    """The page, a paragraph at a time; `sound` has the waveform and the recording."""
    with_waveform, sound = sound is not None, sound or Sound()
    name = _readable(PurePath(transcript.source.path).name or transcript.source.path)
    duration = _duration(transcript)
    yield _head(transcript, name, sound)
    yield f'<body data-duration="{duration:.3f}">\n'
    yield '<a class="skip" href="#transcript">Skip to the transcript</a>\n'
    yield _heading(transcript, name, duration)
    yield '<section id="deck" aria-label="Player">\n'
    if with_waveform:
        yield _waveform(sound.envelope, transcript.accounting.lost, duration)
    yield from _recording(sound, name)
    yield _controls(transcript)
    yield "</section>\n"
    lang = f' lang="{escape(transcript.text_language)}"' if transcript.text_language else ""
    yield f'<main id="transcript" tabindex="-1"{lang} aria-label="Transcript">\n'
    yield from _body(transcript, _speakers(transcript))
    yield "</main>\n"
    yield _foot(transcript)
    yield f"<script>{_asset('page.js')}</script>\n</body>\n</html>\n"


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(sound: Sound) -> str:
    """Forbids every source but this style, this script and this recording."""
    rules = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    for kind, name in (("style-src", "page.css"), ("script-src", "page.js")):
        digest = base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode()
        rules.append(f"{kind} 'sha256-{digest}'")
    if sound.embed:
        rules.append("media-src data:")
    elif sound.link:
        rules.append("media-src 'self' file:")  # 'self' means nothing to a page opened from disk
    return "; ".join(rules)


def _shown(text: str) -> str:
    """The text as the page shows it: without markup, and without what changes its order."""
    return escape(clean(text))


def _head(transcript: Transcript, name: str, sound: Sound) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(sound)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_shown(name)}: transcript</title>\n"
        f"<style>{_asset('page.css')}</style>\n</head>\n"
    )


def _heading(transcript: Transcript, name: str, duration: float) -> str:
    facts = [clock_time(duration)]
    if transcript.language:
        facts.append(transcript.language)
    facts.append(f"{transcript.engine.name} {transcript.engine.model}".strip())
    lost = transcript.accounting.lost
    notice = ""
    if lost:
        rows = "".join(
            f'<li><a class="time" href="#t={interval.start:.2f}">{_span(interval)}</a> '
            f"{_shown(interval.reason)}</li>"
            for interval in lost
        )
        seconds = transcript.accounting.lost_seconds
        notice = (
            f'<details class="losses" role="note"><summary><strong>{seconds:.1f} s could not be '
            f"heard.</strong> Where, and why</summary><ul>{rows}</ul></details>\n"
        )
    return (
        f'<header>\n<h1 dir="auto">{_shown(name)}</h1>\n'
        f"<p>{' <span>·</span> '.join(_shown(fact) for fact in facts)}</p>\n{notice}</header>\n"
    )


def _waveform(envelope: Envelope | None, lost: tuple[LostInterval, ...], duration: float) -> str:
    """The waveform as SVG, so that it shows without the script; time runs from left to right."""
    if duration <= 0:
        return ""
    heights = envelope.bars(BARS, duration) if envelope else [0.0] * BARS
    middle = HEIGHT / 2
    path = ""
    for x, height in enumerate(heights):
        reach = max(0.4, (middle - 2) * height**0.7)  # quiet speech stays visible
        path += f"M{x + 0.5} {middle - reach:.1f}V{middle + reach:.1f}"
    gaps = "".join(
        f'<rect x="{BARS * interval.start / duration:.3f}" y="0" height="{HEIGHT}" '
        f'width="{max(0.8, BARS * interval.seconds / duration):.3f}"><title>'
        f"Lost: {_span(interval)}, {_shown(interval.reason)}</title></rect>"
        for interval in lost
    )
    return (
        '<div id="wave" aria-label="Position">\n'
        f'<svg viewBox="0 0 {BARS} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'<g class="lost">{gaps}</g><g class="found" id="found"></g>'
        f'<g class="ahead"><path class="bars" id="bars" d="{path}"/></g>'
        f'<clipPath id="heard"><rect id="played" width="0" height="{HEIGHT}"/></clipPath>'
        '<use class="played" href="#bars" clip-path="url(#heard)"/></svg>\n'
        '<div id="needle" hidden></div>\n</div>\n'
    )


def _recording(sound: Sound, name: str) -> Iterator[str]:
    if sound.embed is not None:
        before, after = PLAYER.split("{src}")
        yield f"{before}data:{sound.mime};base64,"
        for block in _blocks(sound.embed):
            yield base64.b64encode(block).decode("ascii")
        yield f"{after}\n"
    elif sound.link is not None:
        shown = PLAYER if sound.mime else UNPLAYABLE
        yield shown.format(src=escape(sound.link), name=_shown(name)) + "\n"
    else:
        yield f"{SILENT}\n"


def _blocks(recording: Path) -> Iterator[bytes]:
    try:
        with recording.open("rb") as file:
            while block := file.read(READ_BYTES):
                yield block
    except OSError as error:
        raise InputError(
            f"{recording} can't be read for its page: {error.strerror}.",
            hint="--html-link-audio makes a page that links to the recording.",
        ) from error


def _controls(transcript: Transcript) -> str:
    """The controls that need the script, hidden until it runs."""
    doubt = ""
    if any(
        word.confidence is not None for segment in transcript.segments for word in segment.words
    ):
        doubt = (
            '<label class="toggle" title="Shade words the engine was unsure of">'
            '<input type="checkbox" id="doubt" checked> <span>Doubtful words</span></label>\n'
        )
    save = ""
    if has_speakers(transcript.segments):
        save = '<button id="save" type="button" hidden>Save page</button>\n'
    return (
        '<div id="controls" hidden>\n'
        '<button id="play" type="button" aria-label="Play" aria-keyshortcuts="Space">'
        '<svg viewBox="0 0 24 24" aria-hidden="true"><path class="go" d="M8 5.5v13l11-6.5z"/>'
        '<path class="stop" d="M7 5.5h3.4v13H7zM13.6 5.5H17v13h-3.4z"/></svg></button>\n'
        '<output id="clock" aria-live="off">0:00</output>\n'
        '<select id="speed" aria-label="Speed"><option value="0.75">¾×</option>'
        '<option value="1" selected>1×</option><option value="1.25">1¼×</option>'
        '<option value="1.5">1½×</option><option value="2">2×</option></select>\n'
        '<span class="gap"></span>\n'
        f"{doubt}"
        f"{save}"
        '<button id="copy" type="button">Copy text</button>\n'
        '<button id="keys" type="button" aria-label="Keyboard shortcuts">?</button>\n'
        '<form id="search" role="search"><input id="query" type="search" placeholder="Search" '
        'aria-label="Search the transcript" autocomplete="off" aria-keyshortcuts="/">'
        '<output id="count" aria-live="polite"></output></form>\n'
        "</div>\n"
    )


def _speakers(transcript: Transcript) -> dict[str, int]:
    """The speakers' numbers from 0, in the order in which they first speak."""
    named = (segment.speaker for segment in transcript.segments if segment.speaker is not None)
    return {name: number for number, name in enumerate(dict.fromkeys(named))}


def _body(transcript: Transcript, speakers: Mapping[str, int]) -> Iterator[str]:
    lost = list(transcript.accounting.lost)
    empty = True
    for paragraph in _paragraphs(in_order(transcript.segments)):
        empty = False
        yield _paragraph(paragraph, lost, speakers)
    if empty:
        yield '<p class="note">No speech was heard.</p>\n'
    for interval in lost:
        yield f'<p class="para"><span class="at"></span>{_gap(interval)}</p>\n'


def _paragraphs(segments: Iterator[Segment]) -> Iterator[list[Segment]]:
    """Groups segments; a paragraph ends at a silence, or at a sentence's end when it is long."""
    held: list[Segment] = []
    for segment in segments:
        if held:
            last = held[-1]
            long = segment.start - held[0].start >= PARAGRAPH_SECONDS
            turn = segment.speaker != last.speaker
            if (
                turn
                or segment.start - last.end >= PARAGRAPH_PAUSE
                or (long and ends_sentence(clean(last.text).split(" ")[-1]))
            ):
                yield held
                held = []
        held.append(segment)
    if held:
        yield held


def _paragraph(
    segments: list[Segment], lost: list[LostInterval], speakers: Mapping[str, int]
) -> str:
    """The time in the margin, and the words.

    Word times are one attribute, `start end start end ...` in milliseconds. Intervals in
    `lost` that start before a word are shown in front of it and removed from the list.
    """
    start = segments[0].start
    times: list[str] = []
    text: list[str] = []
    before = ""
    for segment in segments:
        opens = True
        for word, spaced in spaced_words(segment):
            # A segment's own text doesn't say whether a space precedes it.
            spaced = not breakable(before, word.text) if opens else spaced
            before, opens = word.text, False
            while lost and lost[0].start <= word.start:
                text.append(" " + _gap(lost.pop(0)))
            times.append(f"{round(1000 * word.start)} {round(1000 * word.end)}")
            text.append((" " if spaced and text else "") + _word(word))
    anchor = f"t={start:.2f}"
    who = _who(segments[0].speaker, speakers)
    return (
        f'<div class="para" id="{anchor}"><a class="at time" href="#{anchor}">'
        f'{clock_time(start)}</a>{who}<p dir="auto" data-t="{" ".join(times)}">'
        f"{''.join(text)}</p></div>\n"
    )


def _who(speaker: str | None, speakers: Mapping[str, int]) -> str:
    """The speaker's name in a colour, if there is one. `data-who` stays when it is changed."""
    if speaker is None:
        return ""
    number = speakers[speaker]
    return f'<b class="who s{number % COLOURS}" data-who="{number}">{_shown(speaker)}</b>'


def _word(word: Word) -> str:
    shade = ""
    if word.confidence is not None:
        for limit, name in DOUBT:
            if word.confidence < limit:
                percent = max(0, round(100 * word.confidence))
                shade = f' class="{name}" title="heard with {percent} % confidence"'
                break
    return f"<span{shade}>{escape(clean(word.text), quote=False)}</span>"


def _gap(interval: LostInterval) -> str:
    reason = _shown(interval.reason)
    return f'<mark class="missing" title="{reason}">{interval.seconds:.1f} s lost</mark>'


def _foot(transcript: Transcript) -> str:
    engine = transcript.engine
    made = " ".join(part for part in (engine.name, engine.version, engine.model) if part)
    return (
        f"<footer><p>Transcribed by parakeet with {_shown(made)} on {_shown(engine.device)}."
        "</p></footer>\n"
        '<dialog id="help" aria-labelledby="help-title"><h2 id="help-title">Keys</h2><dl>'
        "<dt><kbd>Space</kbd></dt><dd>play, pause</dd>"
        "<dt><kbd>←</kbd> <kbd>→</kbd></dt><dd>5 seconds back, forward</dd>"
        "<dt><kbd>,</kbd> <kbd>.</kbd></dt><dd>a word back, forward</dd>"
        "<dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next, previous paragraph</dd>"
        "<dt><kbd>&lt;</kbd> <kbd>&gt;</kbd></dt><dd>slower, faster</dd>"
        "<dt><kbd>d</kbd></dt><dd>next doubtful word</dd>"
        "<dt><kbd>/</kbd></dt><dd>search: <kbd>Enter</kbd> next, "
        "<kbd>Shift Enter</kbd> previous</dd>"
        '</dl><button id="close" type="button">Close</button></dialog>\n'
        '<button id="follow" type="button" hidden>Back to now</button>\n'
    )


def _span(interval: LostInterval) -> str:
    return f"{_tenths(interval.start)}–{_tenths(interval.end)}"


def _tenths(seconds: float) -> str:
    tenths = round(10 * seconds)
    return f"{clock_time(tenths // 10)}.{tenths % 10}"


def _readable(name: str) -> str:
    """`name` with a replacement character for each byte that isn't text."""
    return re.sub("[\ud800-\udfff\0]", "\ufffd", name)


def _duration(transcript: Transcript) -> float:
    """The source's duration, or the end of the last segment or loss if that is later."""
    known = transcript.source.duration or 0.0
    reached = [segment.end for segment in transcript.segments[-1:]]
    reached += [interval.end for interval in transcript.accounting.lost]
    return max(filter(math.isfinite, (0.0, known, *reached)))
