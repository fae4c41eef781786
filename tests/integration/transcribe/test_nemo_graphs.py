"""A GPU's path through NeMo's decoder, on a CPU: its words, times, confidences, and its graphs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.engines.nemo.worker import decoding
from parakeet_cli.engines.nemo.worker.memory import WAYS
from parakeet_cli.engines.parakeet_tokens import Token, tokens_to_words
from parakeet_cli.transcript import Word
from tests.integration.transcribe.command import environment
from tests.integration.transcribe.nemo_clips import MODELS, TDT
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("nemo_graphs.py")
WORKER = Path(decoding.__file__).parents[1]
CLIPS = [str(SAMPLES / f"sense_{number}.wav") for number in ("0930", "0880", "0890")]  # 11.6 s
FRAME = 0.08  # seconds
LIMIT = 900.0
SMALL, SMALL_CTC = str(TDT), str(MODELS / "small-parakeet-ctc.nemo")
PATHS = [
    (SMALL, "float32"), (SMALL, "bfloat16"), ("rnnt", "float32"), ("rnnt", "bfloat16"),
    ("hybrid", "float32"), ("hybrid", "bfloat16"), ("tdt-128", "float32"), ("ctc", "bfloat16"),
    (SMALL_CTC, "float32"),
]  # fmt: skip
HEADS = [SMALL, "rnnt", "hybrid", "tdt-128", SMALL_CTC]
QUESTIONS = {
    **{f"paths {head} {precision}": ["paths", head, precision] for head, precision in PATHS},
    **{f"nemo {head}": ["nemo", head] for head in HEADS},
    **{
        part: [part, SMALL]
        for part in ("captures", "failures", "without-cuda", "broken", "odd-length")
    },
}
BATCH = slice(4, 4 + len(CLIPS))  # of the tokens in `paths`: those of all clips in one batch

Found = dict[str, Any]


@pytest.fixture(scope="module", params=["verified", "verified-3"])
def stack(request: pytest.FixtureRequest) -> str:
    """Both stacks, in CI too: their decoders differ most in what graphs need."""
    return str(request.param)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, python: str) -> Found:
    """What the script found, by the key of each question."""
    folder = tmp_path_factory.mktemp("models")
    command = [python, "-B", str(SCRIPT), str(WORKER), str(folder), json.dumps(QUESTIONS), *CLIPS]
    # A second thread gains these small models nothing, and waits for the first by spinning.
    done = subprocess.run(
        command, capture_output=True, env=environment(folder, {"OMP_NUM_THREADS": "1"}),
        timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    answers: Found = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize(("head", "precision"), PATHS)
def test_the_path_of_a_gpu_gives_the_same_tokens_as_the_plain_one(
    found: Found, head: str, precision: str
) -> None:
    """Batches that grow and shrink, all ways, and live speech between batches."""
    answer = found[f"paths {head} {precision}"]
    plain, graphs = answer["off"], answer["no_graphs"]
    assert answer["ways"] == ["whole"] * 4 + list(WAYS)
    assert (plain["mode"], graphs["mode"]) == (
        None,
        None if "ctc" in Path(head).name else "no_graphs",
    )
    assert len(plain["tokens"]) == len(graphs["tokens"]) == 5 + len(CLIPS) + len(WAYS)
    for one, other in zip(plain["tokens"], graphs["tokens"], strict=True):
        assert one["pieces"] == other["pieces"]
        assert one["frames"] == other["frames"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-3)
    assert sum(len(one["pieces"]) for one in graphs["tokens"]) > 100
    assert plain["live"] == graphs["live"]
    assert len(graphs["live"][-1]) > 20


def test_confidences_in_bfloat16_are_those_of_float32_and_not_rounded_to_256ths(
    found: Found,
) -> None:
    exact, rounded = (
        found[f"paths {SMALL} {precision}"]["no_graphs"]["tokens"][BATCH]
        for precision in ("float32", "bfloat16")
    )
    pairs = [pair for one, other in zip(exact, rounded, strict=True) for pair in agreed(one, other)]
    assert len(pairs) > 0.8 * sum(len(one["pieces"]) for one in exact)
    assert all(one == pytest.approx(other, abs=0.15) for one, other in pairs)
    doubtful = [other for _, other in pairs if other < 0.995]
    assert len(doubtful) > 15
    # bfloat16 has eight binary digits: from a half to one, a 256th is its step.
    steps = [abs(one * 256 - round(one * 256)) for one in doubtful]
    assert sum(step > 0.01 for step in steps) > 0.7 * len(doubtful)


def agreed(one: Found, other: Found) -> Iterator[tuple[float, float]]:
    """The probabilities of the pieces that both have: near a tie, bfloat16 decides otherwise."""
    same = SequenceMatcher(None, one["pieces"], other["pieces"], autojunk=False)
    for at, there, count in same.get_matching_blocks():
        yield from zip(
            one["probabilities"][at : at + count],
            other["probabilities"][there : there + count],
            strict=True,
        )


def words_of(tokens: dict[str, Any]) -> list[Word]:
    return tokens_to_words(
        Token(piece, start * FRAME, end * FRAME, probability)
        for piece, (start, end), probability in zip(
            tokens["pieces"], tokens["frames"], tokens["probabilities"], strict=True
        )
    )


@pytest.mark.parametrize("head", [head for head in HEADS if head != SMALL_CTC])
def test_the_path_of_a_gpu_gives_nemo_s_own_words_and_their_times(found: Found, head: str) -> None:
    ours = [words_of(one) for one in found[f"paths {head} float32"]["no_graphs"]["tokens"][BATCH]]
    theirs = found[f"nemo {head}"]
    for words, one in zip(ours, theirs, strict=True):
        # Random weights write word marks in a row, which NeMo 3.0 takes for words without text.
        expected = [word for word in one["words"] if word[0]]
        texts = [word.text for word in words]
        assert texts == [text for text, *_ in expected] == one["text"].split()
        assert len(texts) >= 5
        for word, (_, start, end) in zip(words, expected, strict=True):
            assert word.start == pytest.approx(start, abs=FRAME + 0.001)
            if "tdt" in Path(head).name:
                assert word.end == pytest.approx(end, abs=FRAME + 0.001)
            else:  # NeMo's word lasts until the next one begins, however long the pause is
                assert word.end <= end + FRAME + 0.001


def test_a_ctc_word_lasts_for_its_own_frames_where_nemo_s_begins_with_the_piece_before_it(
    found: Found,
) -> None:
    """NeMo's times follow from ours by its definition, and ours from its log-probabilities.

    NeMo takes the frames from one piece's first to the next one's for the length of the next
    (`token_lengths.append(pidx - last_length)` in `AbstractCTCDecoding.decode_hypothesis`), and
    adds these lengths up. So its piece begins where the piece before it does and ends where it
    begins itself. The text is NeMo's own.
    """
    ours = found[f"paths {SMALL_CTC} float32"]["no_graphs"]["tokens"][BATCH]
    for tokens, theirs in zip(ours, found[f"nemo {SMALL_CTC}"], strict=True):
        firsts = [start for start, _ in tokens["frames"]]
        before = [max(0, firsts[0] - 1), *firsts]
        marks = [at for at, piece in enumerate(tokens["pieces"]) if piece.startswith("▁")]
        ends = [*marks[1:], len(firsts)]
        assert [word for word, *_ in theirs["words"]] == theirs["text"].split()
        assert [word.text for word in words_of(tokens)] == theirs["text"].split()
        for first, end, (_, nemo_start, nemo_end) in zip(marks, ends, theirs["words"], strict=True):
            assert nemo_start == pytest.approx(before[first] * FRAME, abs=0.001)
            assert nemo_end == pytest.approx(firsts[end - 1] * FRAME, abs=0.001)


def test_ctc_pieces_are_the_runs_of_equal_ids_in_nemo_s_log_probabilities(found: Found) -> None:
    """Frame by frame and in plain Python, from what NeMo's own forward pass returns."""
    ours = found[f"paths {SMALL_CTC} float32"]["no_graphs"]["tokens"][BATCH]
    for tokens, theirs in zip(ours, found[f"nemo {SMALL_CTC}"], strict=True):
        expected = []
        for piece, runs in groupby(enumerate(theirs["frames"]), key=lambda one: one[1][0]):
            frames = list(runs)
            if piece is not None:
                best = max(probability for _, (_, probability) in frames)
                expected.append((piece, [frames[0][0], frames[-1][0] + 1], best))
        assert tokens["pieces"] == [piece for piece, *_ in expected]
        assert tokens["frames"] == [frames for _, frames, _ in expected]
        assert tokens["probabilities"] == pytest.approx([best for *_, best in expected], abs=1e-3)


@pytest.mark.parametrize("head", HEADS)
def test_confidences_are_those_that_nemo_computes(found: Found, head: str) -> None:
    """NeMo's method max_prob rescales a probability p among n ids to (n p - 1) / (n - 1)."""
    ours = found[f"paths {head} float32"]["no_graphs"]["tokens"][BATCH]
    for tokens, theirs in zip(ours, found[f"nemo {head}"], strict=True):
        classes = theirs["classes"]
        rescaled = [(classes * one - 1) / (classes - 1) for one in tokens["probabilities"]]
        assert len(rescaled) >= 8
        assert rescaled == pytest.approx(theirs["confidences"], abs=1e-3)


def test_a_word_s_confidence_is_the_least_of_its_pieces_as_nemo_s_aggregation_min(
    found: Found,
) -> None:
    """But a bare mark before a word has no text, so it counts for NeMo alone."""
    ours = found[f"paths {SMALL} float32"]["no_graphs"]["tokens"][BATCH]
    for tokens, theirs in zip(ours, found[f"nemo {SMALL}"], strict=True):
        classes = theirs["classes"]
        bare: list[float] = []  # of each word, the probability of its bare mark, else 1
        for piece, probability in zip(tokens["pieces"], tokens["probabilities"], strict=True):
            if piece.startswith("▁"):
                bare.append(probability if piece == "▁" else 1.0)
        with_marks = [
            min(word.confidence or 0.0, mark)
            for word, mark in zip(words_of(tokens), bare, strict=True)
        ]
        plain = [((classes - 1) * one + 1) / classes for one in theirs["word_confidences"]]
        assert with_marks == pytest.approx(plain, abs=1e-3)
        assert min(plain) < 0.99


def test_graphs_are_made_a_handful_of_times_whatever_comes(found: Found) -> None:
    """NeMo's own code and a double of the capture: by itself it makes them for every batch."""
    counts = found["captures"]
    assert set(counts) == {"short", "long", "mixed", "growing"}
    for name, count in counts.items():
        assert count["ours"] <= 8, name
        assert count["primed"] == 1, name
    assert min(counts["long"]["nemo"], counts["mixed"]["nemo"]) > 30


def test_graphs_that_cannot_be_made_cost_speed_and_no_words(found: Found) -> None:
    """Full graphs, then partial ones, then none; nothing is replayed that was never captured."""
    runs = found["failures"]
    assert all(one["equal"] for one in runs.values())
    modes = {name: one["mode"] for name, one in runs.items()}
    notes = {name: len(one["notes"]) for name, one in runs.items()}
    for primed in ("", ", primed"):
        assert (modes[f"none{primed}"], notes[f"none{primed}"]) == ("full_graph", 0)
        assert (modes[f"full{primed}"], notes[f"full{primed}"]) == ("no_while_loops", 1)
        assert (modes[f"all{primed}"], notes[f"all{primed}"]) == (None, 1)
        assert modes[f"large{primed}"] == "full_graph"
        assert modes[f"large full{primed}"] == "no_while_loops"
        assert len(runs[f"all{primed}"]["captures"]) <= 10
    assert "previous error" in runs["full"]["notes"][0]
    assert runs["large, primed"]["captures"][-1] == ["full_graph", 8, 400]


def test_a_process_that_a_capture_broke_leaves_fewer_graphs_to_the_next(found: Found) -> None:
    assert found["broken"] == [
        ["full_graph", "no_while_loops", None],
        ["no_while_loops", "off", None],
        ["off", None, True],
    ]


def test_live_speech_in_bfloat16_is_decoded_to_its_last_frame_and_no_further(found: Found) -> None:
    for live, batch in found["odd-length"].values():
        assert live == batch
        assert len(live) > 50


def test_full_graphs_without_a_gpu_end_as_no_graphs(found: Found) -> None:
    """The failure is NeMo's and torch's own here."""
    answer = found["without-cuda"]
    assert answer["found"] == answer["expected"]
    assert answer["mode"] is None
    assert len(answer["notes"]) == 1
    assert "CUDA" in answer["notes"][0]
