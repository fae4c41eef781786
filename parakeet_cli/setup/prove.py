"""Proves an engine by transcribing a sample with the very command that a person types."""

from __future__ import annotations

import json
import re
import subprocess
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.errors import SetupError, UsageError
from parakeet_cli.setup.request import ProofSample
from parakeet_cli.system.processes import exit_in_words, parakeet_command
from parakeet_cli.system.regular_files import read_regular

LARGEST_RATE = 0.2  # of wrong words: less than a wrong build of torch, or another model, makes
_LAST_LINES = 3  # of what a command that failed wrote
_WORD = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|[\w']+")  # a Chinese character is a word


@dataclass(frozen=True, slots=True)
class EngineUnderTest:
    """The engine that is proved, as options name it."""

    engine: str
    model: str
    python: str | None = None
    config: str | None = None
    offline: bool = False

    @property
    def options(self) -> list[str]:
        named = {
            "--engine": self.engine,
            "--model": self.model,
            "--python": self.python,
            "--config": self.config,
        }
        words = [word for name, value in named.items() if value for word in (name, value)]
        return [*words, *(["--offline"] if self.offline else [])]


def prove(engine: EngineUnderTest, sample: ProofSample) -> str:
    """Transcribe the sample in a new process; a sentence that says what came of it.

    Raises SetupError where that fails, or the words are others.
    """
    command = ["transcribe", str(sample.clip), "-f", "json", "-o", "-", "--quiet"]
    done = subprocess.run(
        parakeet_command(*command, *engine.options),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    try:
        transcript = json.loads(done.stdout) if done.returncode == 0 else None
    except ValueError:
        transcript = None
    if transcript is None:
        said = "\n  ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        raise SetupError(
            f"The sample could not be transcribed: `parakeet transcribe` "
            f"{exit_in_words(done.returncode)}.",
            hint=said or None,
        )
    return judge(transcript["text"], sample, transcript["engine"]["device"])


def judge(text: str, sample: ProofSample, device: str) -> str:
    """The proof in a sentence. Raises SetupError if the text isn't that of the sample."""
    name = sample.clip.name
    if not words(text):
        raise SetupError(f"The engine runs on {device}, but finds no words in {name}.")
    if sample.text is None:
        return f"{name} was transcribed on {device}: {len(words(text))} words."
    rate = word_error_rate(sample.text, text)
    if rate > LARGEST_RATE:
        raise SetupError(
            f"The engine runs on {device}, but {rate:.0%} of its words for {name} are wrong: "
            f"'{_short(text)}' for '{_short(sample.text)}'.",
            hint="Where the model knows other words or another language: --sample CLIP, with "
            "its text in CLIP.txt beside it.",
        )
    return f"{name} was transcribed on {device}, with {rate:.0%} of its words wrong."


def _short(text: str, most: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def words(text: str) -> list[str]:
    """The words without case and punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))


def word_error_rate(expected: str, transcribed: str) -> float:
    """Insertions, deletions and substitutions for each expected word."""
    left, right = words(expected), words(transcribed)
    row = list(range(len(right) + 1))
    for i, word in enumerate(left, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(right, start=1):
            kept = diagonal if word == other else 1 + min(diagonal, row[j], row[j - 1])
            diagonal, row[j] = row[j], kept
    return row[-1] / max(len(left), 1)


def read_sample(named: str) -> ProofSample:
    """The clip, with the words of the text file beside it. Raises UsageError."""
    clip = Path(named).expanduser().absolute()
    if not clip.is_file():
        raise UsageError(f"--sample {named}: there is no such file.")
    beside = (clip.with_suffix(".txt"), clip.with_name(f"{clip.name}.txt"))
    file = next((path for path in beside if path.is_file() and path != clip), None)
    try:
        text = read_regular(file).decode("utf-8-sig") if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {error}.") from error
    return ProofSample(clip, text if words(text) else None)
