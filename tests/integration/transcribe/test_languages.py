"""Speech in several languages through the whole command, with both embedded models."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.integration.transcribe.command import TINY, transcribe
from tests.media_files import SAMPLES

SAID = {
    "de": "Guten Morgen, wie geht es Ihnen heute? Ich hoffe, dass alles in Ordnung ist.",
    "es": "Buenos días, ¿cómo está usted hoy? El perro marrón corre por el parque.",
    "fr": "Bonjour, comment allez-vous aujourd'hui? J'espère que tout va bien.",
    "pt": "Bom dia, como vai você hoje? Espero que tudo esteja bem.",
    "it": "Buongiorno, come sta oggi? Spero che tutto vada bene a casa sua.",
}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file for each language, said by espeak-ng."""
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng isn't installed (scripts/install-system-packages.sh --tests)")
    folder = tmp_path_factory.mktemp("spoken")
    for language, text in SAID.items():
        wav = str(folder / f"{language}.wav")
        subprocess.run([program, "-v", language, "-s", "140", "-w", wav, text], check=True)
    return folder


def found(folder: Path, name: str) -> dict[str, Any]:
    value = json.loads((folder / f"{name}.json").read_bytes())
    assert isinstance(value, dict)
    return value


def test_other_languages_than_english_are_doubted_where_tiny_en_made_english_of_them(
    spoken: Path, tmp_path: Path
) -> None:
    done = transcribe(tmp_path, spoken, "-f", "json", "-o", "out", engine=TINY, limit=300)
    assert done.code == 0, done.err
    for language in SAID:
        transcript = found(tmp_path / "out", language)
        assert (transcript["status"], transcript["language"]) == ("ok", "en")
        kinds = [doubt["kind"] for doubt in transcript["doubts"]]
        assert "language" in kinds, transcript["text"]
        (line,) = (
            line
            for line in done.err.splitlines()
            if f"{language}.wav" in line and "language" in line
        )
        assert line.startswith("Doubtful: ")
        assert "--model base" in line


def test_base_detects_the_language_and_takes_the_one_that_is_named(
    spoken: Path, tmp_path: Path
) -> None:
    german, spanish = spoken / "de.wav", spoken / "es.wav"
    done = transcribe(tmp_path, german, spanish, "-f", "json", "-o", "out", engine={}, limit=300)
    assert done.code == 0, done.err
    assert "whisper base on cpu, language detected" in done.err
    for language, word in (("de", "Ordnung"), ("es", "parque")):
        transcript = found(tmp_path / "out", language)
        assert (transcript["language"], transcript["doubts"]) == (language, [])
        assert transcript["engine"]["model"] == "base"
        assert word in transcript["text"]
    asked = (german, "--language", "nl", "-f", "json", "-o", "-")
    named = transcribe(tmp_path, *asked, engine={}, limit=300)
    assert json.loads(named.out)["language"] == "nl"
    assert "language nl" in named.err


@pytest.mark.slow
@pytest.mark.parametrize("model", ["base", "tiny.en"])
def test_english_is_english_and_not_doubted(tmp_path: Path, model: str) -> None:
    asked = (SAMPLES, "-f", "json", "-o", "out", "--model", model)
    done = transcribe(tmp_path, *asked, engine={}, limit=300)
    assert done.code == 0, done.err
    assert "Doubtful" not in done.err
    outputs = list((tmp_path / "out").rglob("*.json"))
    assert len(outputs) == len(list(SAMPLES.rglob("*.wav")))
    for path in outputs:
        transcript = json.loads(path.read_bytes())
        assert (transcript["language"], transcript["doubts"]) == ("en", []), path


def cuts_of_english(folder: Path, count: int, seed: int) -> None:
    """Write `count` WAVs of 2 to 10 s, cut anywhere out of the samples joined in any order."""
    chance = random.Random(seed)
    clips = sorted(SAMPLES.rglob("*.wav"))
    for number in range(count):
        joined = b""
        for path in chance.sample(clips, len(clips)):
            with wave.open(str(path)) as file:
                assert file.getparams()[:3] == (1, 2, 16_000)
                joined += file.readframes(file.getnframes())
        length = 2 * round(chance.uniform(2, 10) * 16_000)
        start = 2 * chance.randrange((len(joined) - length) // 2)
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(joined[start : start + length])


@pytest.mark.parametrize(
    "count",
    [pytest.param(12, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.soak)],
)
def test_no_cut_of_english_is_taken_for_another_language(tmp_path: Path, count: int) -> None:
    (tmp_path / "in").mkdir()
    cuts_of_english(tmp_path / "in", count, seed=count)
    done = transcribe(tmp_path, "in", "-f", "json", "-o", "out", engine={}, limit=900)
    assert done.code == 0, done.err
    taken = {
        path.stem: (transcript["language"], transcript["doubts"], transcript["text"])
        for path in (tmp_path / "out").glob("*.json")
        for transcript in [json.loads(path.read_bytes())]
    }
    assert len(taken) == count
    others = {name: found for name, found in taken.items() if found[:2] != ("en", [])}
    assert others == {}
