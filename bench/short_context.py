"""Compares the embedded Whisper's words with and without the short encoder context.

python bench/short_context.py base 1000 --seed 1

The speech is samples/, the tests' held-out clips, and the texts of both as espeak-ng says them.
Clips are joined, cut anywhere at 0.5 to 30 s, also in mid-word, and two fifths of the cuts get
white noise at 5 to 20 dB. Each cut is transcribed with the whole window and as the engine does it;
what both decode alike is decoded once, so that a higher temperature's chance is the same for both.
Prints a line of JSON for each cut, and at last the sums.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio, pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parakeet_cli.engines.whisper.encoder import ShortContextWhisper, open_model  # noqa: E402
from parakeet_cli.models.embedded import EMBEDDED  # noqa: E402
from parakeet_cli.transcribe.pipeline.doubts import doubts_of  # noqa: E402
from parakeet_cli.transcript import Segment, Word  # noqa: E402

Floats = NDArray[np.float32]
RATE = 16000
STREAM = 45 * RATE  # samples of clips that are joined before they are cut
VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+f2", "en-us+m3")
WORDS_A_MINUTE = ("130", "160", "190")
ONES, TENS = (
    line.split()
    for line in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety",
    )
)


class Compared(ShortContextWhisper):
    """The engine's model, or the whole window, with a memory of what was computed for a cut."""

    whole: bool
    encodings: dict[bytes, Any]
    results: dict[tuple[Any, ...], Any]
    doubted: bool

    def begin(self) -> None:
        """Forget the cut before, and what the engine remembers of it."""
        self.encodings, self.results = {}, {}
        self._thread.__dict__.clear()

    def encode(self, features: Floats) -> Any:
        if self.whole:
            self._thread.features = None
            return Remembering.encode(self, features)
        return super().encode(features)


class Remembering(WhisperModel):  # type: ignore[misc]  # faster_whisper has no types
    """Computes nothing twice for the same input."""

    def encode(self, features: Floats) -> Any:
        key = features.tobytes()
        if key not in self.encodings:
            self.encodings[key] = super().encode(features)
        return self.encodings[key]

    def generate_with_fallback(
        self, encoded: Any, prompt: list[int], tokenizer: Tokenizer, options: Any
    ) -> Any:
        key = (id(encoded), *prompt, *options.temperatures, options.max_new_tokens)
        if key not in self.results:
            self.results[key] = super().generate_with_fallback(encoded, prompt, tokenizer, options)
        return self.results[key]


class Both(Compared, Remembering):
    """Below the engine's own methods are those that remember, and then faster-whisper's."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Speech with its words, and the seconds at which each begins and ends."""

    samples: Floats
    words: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True, slots=True)
class Cut:
    kind: str
    samples: Floats
    noisy: bool
    words: tuple[str, ...]


def spoken() -> dict[str, list[tuple[Floats, str]]]:
    """Clips with their texts, by their kind."""
    with (ROOT / "samples/transcripts.tsv").open(encoding="utf-8") as file:
        samples = [
            (decode_audio(str(ROOT / "samples" / name)), text)
            for name, text in csv.reader(file, delimiter="\t")
        ]
    folder = ROOT / "tests/fixtures/held_out"
    with (folder / "transcripts.tsv").open(encoding="utf-8") as file:
        held_out = [
            (decode_audio(str(folder / row["file"])), row["text"])
            for row in csv.DictReader(file, delimiter="\t")
        ]
    chance = random.Random(1)
    synthetic = [
        (espeak(text, chance.choice(VOICES), chance.choice(WORDS_A_MINUTE)), text)
        for _, text in samples + held_out
    ]
    return {"samples": samples, "held-out": held_out, "synthetic": synthetic}


def espeak(text: str, voice: str, speed: str) -> Floats:
    command = ["espeak-ng", "-v", voice, "-s", speed, "--stdout", text]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    return decode_audio(io.BytesIO(wav))  # type: ignore[no-any-return]


def aligned(model: WhisperModel, samples: Floats, text: str) -> Clip:
    """A clip's words where the model's attention finds them."""
    tokenizer = Tokenizer(
        model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language="en"
    )
    encoded = WhisperModel.encode(model, pad_or_trim(model.feature_extractor(samples)[..., :-1]))
    frames = min(3000, len(samples) * 100 // RATE)
    (found,) = model.find_alignment(tokenizer, [tokenizer.encode(f" {text}")], encoded, frames)
    return Clip(
        samples,
        tuple(
            (float(word["start"]), float(word["end"]), word["word"].strip())
            for word in found
            if any(letter.isalnum() for letter in word["word"])
        ),
    )


def cut(chance: random.Random, kinds: dict[str, list[Clip]]) -> Cut:
    kind = chance.choice(list(kinds))
    joined, words = joined_clips(chance, kinds[kind])
    low, high = chance.choice([(0.5, 3.0), (3.0, 10.0), (8.0, 20.0), (0.5, 30.0)])
    seconds = chance.uniform(low, high)
    start = chance.uniform(0, len(joined) / RATE - seconds)
    end = start + seconds
    samples = joined[int(start * RATE) : int(end * RATE)].copy()
    noisy = chance.random() < 0.4
    if noisy:
        level = float(np.sqrt((samples**2).mean())) * 10 ** (-chance.uniform(5, 20) / 20)
        noise = np.random.default_rng(chance.getrandbits(32)).standard_normal(len(samples))
        samples += (level * noise).astype(np.float32)
    # A word is in the cut if half of it is.
    said = [
        word
        for begins, ends, word in words
        if begins < ends and min(ends, end) - max(begins, start) >= (ends - begins) / 2
    ]
    return Cut(kind, samples, noisy, tuple(alike(" ".join(said))))


def joined_clips(
    chance: random.Random, clips: Sequence[Clip]
) -> tuple[Floats, list[tuple[float, float, str]]]:
    parts: list[Floats] = []
    words: list[tuple[float, float, str]] = []
    length = 0
    while length < STREAM:
        clip = chance.choice(clips)
        pause = np.zeros(int(chance.uniform(0.05, 0.6) * RATE), np.float32)
        offset = length / RATE
        words += [(begins + offset, ends + offset, word) for begins, ends, word in clip.words]
        parts += [clip.samples, pause]
        length += len(clip.samples) + len(pause)
    return np.concatenate(parts), words


def alike(text: str) -> list[str]:
    """Lower-case words, and digits for numbers however they are written: thirty-three is 3 3."""
    words = re.findall(r"[a-z']+|\d", text.lower())
    result: list[str] = []
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if word in TENS:
            result += [str(TENS.index(word) + 2), *([] if following in ONES[1:10] else ["0"])]
        elif word in ONES:
            result += str(ONES.index(word))
        else:
            result.append({"mr": "mister"}.get(word, word))
    return result


def errors(said: Sequence[str], found: Sequence[str]) -> int:
    """Words that are wrong, missing or too many."""
    row = list(range(len(found) + 1))
    for at, word in enumerate(said, 1):
        before, row[0] = row[0], at
        for other, candidate in enumerate(found, 1):
            before, row[other] = (
                row[other],
                min(row[other] + 1, row[other - 1] + 1, before + (word != candidate)),
            )
    return row[-1]


def transcribed(model: Both, samples: Floats, *, whole: bool) -> dict[str, Any]:
    """The text, whether it loops, and the CPU time of what wasn't computed before."""
    model.whole = whole
    began = time.process_time()
    segments, _ = model.transcribe(
        samples,
        language="en",
        beam_size=5,
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    found = [
        Segment(
            one.start,
            one.end,
            one.text.strip(),
            tuple(Word(word.start, word.end, word.word.strip()) for word in one.words),
        )
        for one in segments
    ]
    return {
        "text": " ".join(one.text for one in found),
        "loops": any(doubt.kind == "repetition" for doubt in doubts_of((), found)),
        "cpu": round(time.process_time() - began, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", choices=tuple(EMBEDDED))
    parser.add_argument("cuts", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    model: Any = open_model(
        EMBEDDED[arguments.model].prepare(),
        device="cpu",
        device_index=0,
        compute_type="int8",
        cpu_threads=arguments.threads,
    )
    model.__class__ = Both
    kinds = {
        kind: [aligned(model, samples, text) for samples, text in clips]
        for kind, clips in spoken().items()
    }
    chance = random.Random(arguments.seed)
    sums = dict.fromkeys(("words", "whole", "engine", "worse", "better", "loops"), 0)
    for _ in range(arguments.cuts):
        part = cut(chance, kinds)
        model.begin()
        row: dict[str, Any] = {
            "kind": part.kind,
            "seconds": round(len(part.samples) / RATE, 2),
            "noisy": part.noisy,
            "words": " ".join(part.words),
        }
        for way in ("whole", "engine"):
            row[way] = transcribed(model, part.samples, whole=way == "whole")
            row[way]["errors"] = errors(part.words, alike(row[way]["text"]))
            sums[way] += row[way]["errors"]
        sums["words"] += len(part.words)
        sums["worse"] += row["engine"]["errors"] > row["whole"]["errors"]
        sums["better"] += row["engine"]["errors"] < row["whole"]["errors"]
        sums["loops"] += row["engine"]["loops"]
        print(json.dumps(row), flush=True)
    print(json.dumps(sums))


if __name__ == "__main__":
    main()
