"""A GPU's path through NeMo's decoder, on a CPU: its words, times, confidences, and its graphs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.engines.nemo.worker import decoding
from parakeet_cli.engines.nemo.worker.memory import WAYS
from parakeet_cli.engines.parakeet_tokens import Token, tokens_to_words
from parakeet_cli.transcript import Word
from tests.integration.transcribe.command import environment
from tests.integration.transcribe.nemo_clips import TDT
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("nemo_graphs.py")
WORKER = Path(decoding.__file__).parents[1]
CLIPS = sorted(str(path) for path in SAMPLES.glob("sense_08*.wav"))
FRAME = 0.08  # seconds
LIMIT = 600.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, stack: str) -> Path:
    """The folder of the models with random weights, which are made once."""
    return tmp_path_factory.mktemp(stack)


def run(python: str, part: str, folder: Path, *more: str) -> Any:
    done = subprocess.run(
        [python, "-B", str(SCRIPT), str(WORKER), part, str(folder), *more],
        capture_output=True, env=environment(folder), timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("head", "precision"),
    [
        (str(TDT), "float32"), (str(TDT), "bfloat16"), ("rnnt", "float32"), ("rnnt", "bfloat16"),
        ("hybrid", "bfloat16"), ("tdt-128", "float32"), ("ctc", "bfloat16"),
    ],
)  # fmt: skip
def test_the_path_of_a_gpu_gives_the_same_tokens_as_the_plain_one(
    python: str, models: Path, head: str, precision: str
) -> None:
    """Batches that grow and shrink, all ways, and live speech between batches."""
    found = run(python, "paths", models, head, precision, *CLIPS)
    plain, graphs = found["off"], found["no_graphs"]
    assert found["ways"] == ["whole"] * 4 + list(WAYS)
    assert (plain["mode"], graphs["mode"]) == (None, None if head == "ctc" else "no_graphs")
    assert len(plain["tokens"]) == len(graphs["tokens"]) == 5 + len(CLIPS) + len(WAYS)
    for one, other in zip(plain["tokens"], graphs["tokens"], strict=True):
        assert one["pieces"] == other["pieces"]
        assert one["frames"] == other["frames"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-3)
    assert sum(len(one["pieces"]) for one in graphs["tokens"]) > 100
    assert plain["live"] == graphs["live"]
    assert len(graphs["live"][-1]) > 20


def test_confidences_in_bfloat16_are_those_of_float32_and_not_rounded_to_256ths(
    python: str, models: Path
) -> None:
    tokens = [  # of all clips in a row, whole
        run(python, "paths", models, str(TDT), precision, *CLIPS)["no_graphs"]["tokens"][
            5 + len(CLIPS)
        ]
        for precision in ("float32", "bfloat16")
    ]
    exact, rounded = (one["probabilities"] for one in tokens)
    assert tokens[0]["pieces"] == tokens[1]["pieces"]
    assert exact == pytest.approx(rounded, abs=0.1)
    doubtful = [one for one in rounded if one < 0.995]
    assert len(doubtful) > 5
    # bfloat16 has eight binary digits: from a half to one, a 256th is its step.
    steps = [abs(one * 256 - round(one * 256)) for one in doubtful]
    assert sum(step > 0.01 for step in steps) > 0.7 * len(doubtful)


def words_of(tokens: dict[str, Any]) -> list[Word]:
    return tokens_to_words(
        Token(piece, start * FRAME, end * FRAME, probability)
        for piece, (start, end), probability in zip(
            tokens["pieces"], tokens["frames"], tokens["probabilities"], strict=True
        )
    )


@pytest.mark.parametrize("head", [str(TDT), "rnnt", "hybrid"])
def test_the_path_of_a_gpu_gives_nemo_s_own_words_and_their_times(
    python: str, models: Path, head: str
) -> None:
    found = run(python, "paths", models, head, "float32", *CLIPS)["no_graphs"]["tokens"]
    theirs = run(python, "nemo", models, head, *CLIPS)
    ours = [words_of(one) for one in found[4 : 4 + len(CLIPS)]]  # the batch of all clips
    assert [" ".join(word.text for word in words) for words in ours] == [
        one["text"] for one in theirs
    ]
    for words, one in zip(ours, theirs, strict=True):
        assert [word.text for word in words] == [text for text, *_ in one["words"]]
        for word, (_, start, _) in zip(words, one["words"], strict=True):
            assert word.start == pytest.approx(start, abs=FRAME + 0.001)


def test_graphs_are_made_a_handful_of_times_whatever_comes(python: str, models: Path) -> None:
    """NeMo's own code and a double of the capture: by itself it makes them for every batch."""
    found = run(python, "captures", models, str(TDT))
    assert set(found) == {"short", "long", "mixed", "growing"}
    for name, counts in found.items():
        assert counts["ours"] <= 8, name
        assert counts["primed"] == 1, name
    assert min(found["long"]["nemo"], found["mixed"]["nemo"]) > 30


def test_graphs_that_cannot_be_made_cost_speed_and_no_words(python: str, models: Path) -> None:
    """Full graphs, then partial ones, then none; nothing is replayed that was never captured."""
    found = run(python, "failures", models, str(TDT), *CLIPS)
    assert all(one["equal"] for one in found.values())
    modes = {name: one["mode"] for name, one in found.items()}
    notes = {name: len(one["notes"]) for name, one in found.items()}
    for primed in ("", ", primed"):
        assert (modes[f"none{primed}"], notes[f"none{primed}"]) == ("full_graph", 0)
        assert (modes[f"full{primed}"], notes[f"full{primed}"]) == ("no_while_loops", 1)
        assert (modes[f"all{primed}"], notes[f"all{primed}"]) == (None, 1)
        assert modes[f"large{primed}"] == "full_graph"
        assert modes[f"large full{primed}"] == "no_while_loops"
        assert len(found[f"all{primed}"]["captures"]) <= 10
    assert "previous error" in found["full"]["notes"][0]
    assert found["large, primed"]["captures"][-1] == ["full_graph", 8, 400]


def test_full_graphs_without_a_gpu_end_as_no_graphs(python: str, models: Path) -> None:
    """The failure is NeMo's and torch's own here."""
    found = run(python, "without-cuda", models, str(TDT), CLIPS[0])
    assert found["found"] == found["expected"]
    assert found["mode"] is None
    assert len(found["notes"]) == 1
    assert "CUDA" in found["notes"][0]
