"""The networks: made from a configuration, and one head's model from the one that was trained."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import sentencepiece
from nemo.collections.asr import models
from nemo.utils import logging
from omegaconf import OmegaConf

from tools.small_parakeet import configuration
from tools.small_parakeet.configuration import Head, Shape

# The CTC head is one of two in the hybrid that is trained, and the only one by itself.
CTC_NAMES = {"ctc_decoder.": "decoder."}


def quiet() -> None:
    """NeMo tells what it does on stderr, many lines a model."""
    logging.setLevel(logging.ERROR)


def make_tokenizer(texts: list[str], pieces: int, folder: Path) -> None:
    """SentencePiece BPE in `folder`, as NeMo wants it: tokenizer.model, vocab.txt."""
    if (folder / "tokenizer.model").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()  # a file's name would stand in the model
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(texts),
        model_writer=written,
        model_type="bpe",
        vocab_size=pieces,
        character_coverage=1.0,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    words = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))


def make(shape: Shape, tokenizer_folder: Path) -> Any:
    """A NeMo model with random weights."""
    config = OmegaConf.create(configuration.model(shape, str(tokenizer_folder)))
    model = getattr(models, configuration.MODEL_CLASSES[shape.head])(cfg=config)
    return model.eval()


def take_over(model: Any, weights: dict[str, Any]) -> None:
    """Copies what both have: of a tensor of another shape the part that lies in both."""
    own = model.state_dict()
    for name, value in own.items():
        if name in weights and weights[name].dim() == value.dim():
            other = weights[name]
            part = tuple(slice(min(a, b)) for a, b in zip(value.shape, other.shape, strict=True))
            value[part] = other[part]
    model.load_state_dict(own)


def with_head(trained: Any, head: Head, shape: Shape, tokenizer_folder: Path) -> Any:
    """The trained hybrid's encoder and one of its heads, as a model of its own."""
    if head == "hybrid":
        return trained
    model = make(replace(shape, head=head), tokenizer_folder)
    weights = trained.state_dict()
    if head == "ctc":
        weights = {
            name: value
            for name, value in weights.items()
            if not name.startswith(("decoder.", "joint."))
        }
        for before, after in CTC_NAMES.items():
            weights = {name.replace(before, after): value for name, value in weights.items()}
    else:
        weights = {
            name: value for name, value in weights.items() if not name.startswith("ctc_decoder.")
        }
    model.load_state_dict(weights, strict=True)
    return model
