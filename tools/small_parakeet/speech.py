"""Makes speech with espeak-ng: words, voices, silence and noise, all from a seed.

The voices and the word orders of the held-out set are never trained on: its voices are others,
its orders come from another seed and are skipped in the training set.
"""

from __future__ import annotations

import io
import random
import subprocess
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 16_000

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NOUNS = ("house", "river", "garden", "window", "morning", "water", "people")
VERBS = ("open", "carry", "follow", "listen", "remember")
COMMANDS = ("period", "comma", "new line", "scratch that")
OTHERS = ("and", "under")
# "new" and "line", "scratch" and "that" are words of their own for the model: 30 in all.
PHRASES = (*DIGITS, *NOUNS, *VERBS, *COMMANDS, *OTHERS)

ACCENTS = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-029",
    "en-us-nyc",
)
# espeak-ng's variants that sound like a person: no whisper, no robot, no sound effect.
_NAMES = (
    "adam Alex Alicia Andrea Andy Annie antonio aunty belinda benjamin boris caleb david Denis "
    "Diogo ed edward edward2 Gene Gene2 gustave Henrique Hugo iven iven2 iven3 iven4 Jacky john "
    "kaukovalta Lee linda marcelo Marco Mario max Michael michel miguel mike Nguyen pablo paul "
    "pedro quincy rob robert sandro shelby steph steph2 steph3 travis victor zac anika grandpa "
    "grandma norbert m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5"
)
VARIANTS = tuple(_NAMES.split())
HELD_OUT_VOICES = 10


@dataclass(frozen=True)
class Utterance:
    """The arguments for espeak-ng: `text` with commas for pauses, spoken by `voice`."""

    text: str
    voice: str
    speed: int  # words a minute
    pitch: int  # 0 to 99
    gap: int  # between words, in 10 ms

    @property
    def words(self) -> str:
        return self.text.replace(",", "")


@dataclass(frozen=True)
class Clip:
    """One or more utterances, and the seed of the silence and noise around them."""

    utterances: tuple[Utterance, ...]
    seed: int
    clean: bool = False

    @property
    def text(self) -> str:
        return " ".join(utterance.words for utterance in self.utterances)


def voices(seed: int) -> tuple[list[str], list[str]]:
    """The variants to train on, and those held out."""
    shuffled = random.Random(f"voices {seed}").sample(VARIANTS, len(VARIANTS))
    return sorted(shuffled[HELD_OUT_VOICES:]), sorted(shuffled[:HELD_OUT_VOICES])


def utterances(
    chance: random.Random,
    variants: Sequence[str],
    max_words: int,
    vocabulary: Sequence[str] = PHRASES,
) -> Iterator[Utterance]:
    """An endless series of phrases in random order, with a comma where a pause is."""
    while True:
        phrases = chance.choices(vocabulary, k=chance.randint(1, max_words))
        pause = chance.choice((0.0, 0.1, 0.3))
        text = phrases[0]
        for phrase in phrases[1:]:
            text += (", " if chance.random() < pause else " ") + phrase
        yield Utterance(
            text,
            f"{chance.choice(ACCENTS)}+{chance.choice(variants)}",
            chance.randint(110, 205),
            min(99, max(0, round(chance.gauss(50, 18)))),
            chance.choice((0, 0, 0, 1, 2, 4)),
        )


def held_out(seed: int, count: int, vocabulary: Sequence[str] = PHRASES) -> list[Clip]:
    """Clips without noise, whose voices and word orders are not in the training set."""
    chance = random.Random(f"held out {seed}")
    candidates = utterances(chance, voices(seed)[1], 8, vocabulary)
    long_enough = (utterance for utterance in candidates if len(utterance.words.split()) >= 3)
    return [
        Clip((utterance,), chance.getrandbits(32), clean=True)
        for utterance in islice(long_enough, count)
    ]


def training(seed: int, count: int, vocabulary: Sequence[str] = PHRASES) -> list[Clip]:
    """Clips of 1 to 8 phrases; one in ten has several utterances, one in fifty has no speech."""
    unseen = {clip.text for clip in held_out(seed, 1000, vocabulary)}
    chance = random.Random(f"training {seed}")
    allowed = (
        u for u in utterances(chance, voices(seed)[0], 8, vocabulary) if u.words not in unseen
    )
    clips = []
    for _ in range(count):
        kind = chance.random()
        parts = 0 if kind < 0.02 else chance.randint(2, 6) if kind < 0.12 else 1
        clips.append(Clip(tuple(islice(allowed, parts)), chance.getrandbits(32)))
    return clips


def speak(utterance: Utterance) -> Samples:
    """espeak-ng's speech, 16 kHz mono."""
    command = [
        "espeak-ng", "--stdout", "-v", utterance.voice, "-s", str(utterance.speed),
        "-p", str(utterance.pitch), "-g", str(utterance.gap), "--", utterance.text,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    with wave.open(io.BytesIO(done.stdout)) as spoken:
        rate = spoken.getframerate()
        # When espeak-ng writes to a pipe, the length in the header is a placeholder.
        data = spoken.readframes(spoken.getnframes())
    samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768
    return np.asarray(soxr.resample(samples, rate, RATE), np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def render(clip: Clip) -> Samples:
    """The clip's samples: its utterances with silence around them, some noise, some gain."""
    chance = np.random.default_rng(clip.seed)
    ends = (0.15, 0.15) if clip.clean else chance.choice((0.0, 0.1, 0.3, 0.8), 2)
    parts = [silence(ends[0])]
    for utterance in clip.utterances:
        pause = 0.0 if clip.clean else chance.exponential(0.25)
        parts += [speak(utterance), silence(min(pause, 1.5))]
    if not clip.utterances:
        parts.append(silence(chance.uniform(0.4, 3.0)))
    samples = np.concatenate([*parts, silence(ends[1])])
    if clip.clean:
        return samples
    if chance.random() < 0.5 or not clip.utterances:
        level = 0.1 * 10 ** (-chance.uniform(15, 50) / 20)
        samples = samples + coloured_noise(chance, len(samples)) * np.float32(level)
    gain = np.float32(10 ** (-chance.uniform(0, 20) / 20))
    return np.clip(samples * gain, -1.0, 1.0)


def coloured_noise(chance: np.random.Generator, count: int) -> Samples:
    """White to brownish noise with an RMS of 1."""
    spectrum = np.fft.rfft(chance.standard_normal(count))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** chance.uniform(0.0, 0.8)
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / (noise.std() + 1e-9), np.float32)


def render_all(clips: list[Clip]) -> Iterator[Samples]:
    """Each clip's samples, in order; espeak-ng is a process, so threads keep the cores busy."""
    with ThreadPoolExecutor(4) as pool:
        for start in range(0, len(clips), 64):
            yield from pool.map(render, clips[start : start + 64])
