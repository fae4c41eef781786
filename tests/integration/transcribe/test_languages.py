"""Speech in several languages through the whole command, with both embedded models."""

from __future__ import annotations

import json
import shutil
import subprocess
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
