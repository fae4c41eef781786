"""Transcribes samples/, prints each clip's text beside what was read, and what to type next."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

# The engines write small numbers as words or as digits.
NUMBERS = dict(
    zip(
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"],
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
        strict=True,
    )
)
ABBREVIATIONS = {"mr": "mister", "mrs": "misses", "dr": "doctor"}


def words(text: str) -> list[str]:
    """Return the words of `text` in lower case, without punctuation, numbers spelled out."""
    found = re.findall(r"[a-z']+|[0-9]+", text.lower())
    return [NUMBERS.get(word, ABBREVIATIONS.get(word, word)) for word in found]


def differences(read: list[str], transcribed: list[str]) -> tuple[int, list[str]]:
    """Return how many of the words that were read differ, and the differences as sentences."""
    count, sentences = 0, []
    matcher = difflib.SequenceMatcher(None, read, transcribed, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        count += max(end - start, new_end - new_start)
        before, after = " ".join(read[start:end]), " ".join(transcribed[new_start:new_end])
        sentences.append(
            f"“{after}” instead of “{before}”"
            if before and after
            else f"“{before}” is missing"
            if before
            else f"“{after}” was not read"
        )
    return count, sentences


def known_texts(samples: Path) -> dict[str, str]:
    """Return the text that was read for each clip of transcripts.tsv, by its path."""
    lines = (samples / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def show(samples: Path, transcripts: Path) -> None:
    """Print each transcript with its clip's name, and in what it differs from what was read."""
    known = known_texts(samples)
    width = min(shutil.get_terminal_size().columns, 100)
    total = wrong = 0
    for path in sorted(transcripts.rglob("*.json"), key=lambda path: (len(path.parts), path)):
        name = path.relative_to(transcripts).with_suffix(".wav").as_posix()
        transcript = json.loads(path.read_text(encoding="utf-8"))
        print(f"\n{name}  ({transcript['source']['duration']:.1f} s)")
        print(textwrap.fill(transcript["text"], width, initial_indent="  ", subsequent_indent="  "))
        if name in known:
            read = words(known[name])
            count, sentences = differences(read, words(transcript["text"]))
            total, wrong = total + len(read), wrong + count
            if sentences:
                line = "differs: " + "; ".join(sentences)
                print(textwrap.fill(line, width, initial_indent="  ", subsequent_indent="    "))
    print(f"\n{total - wrong} of {total} words are as they were read.")


def show_next(checkout: Path) -> None:
    """Print the commands to type next."""
    commands = (
        ("parakeet transcribe samples -f html -o transcripts", "pages to read and to play"),
        ("parakeet dictate", "speak; Ctrl-C ends it"),
        ("parakeet setup", "install NVIDIA's Parakeet models"),
    )
    print("\nNext, type:")
    print(f'  export PATH="{checkout}/.venv/bin:$PATH"')
    if Path.cwd() != checkout:
        print(f'  cd "{checkout}"')
    for command, purpose in commands:
        print(f"  {command:<52} # {purpose}")


def main() -> int:
    checkout = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="parakeet-samples-") as folder:
        command = [checkout / ".venv/bin/parakeet", "transcribe", checkout / "samples"]
        status = subprocess.run([*command, "-f", "json", "-o", folder], check=False).returncode
        if status == 0:
            show(checkout / "samples", Path(folder))
            show_next(checkout)
    return status


if __name__ == "__main__":
    sys.exit(main())
