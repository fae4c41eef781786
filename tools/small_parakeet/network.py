"""Makes networks from a configuration, and a model with one head from the trained one."""

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
from tools.small_parakeet.configuration import Head, ModelShape


def silence_nemo() -> None:
    """Silence NeMo, which prints many lines to stderr for each model."""
    logging.setLevel(logging.ERROR)


def make_tokenizer(texts: list[str], pieces: int, folder: Path) -> None:
    """Write a SentencePiece BPE to `folder`, as NeMo expects it: tokenizer.model, vocab.txt."""
    if (folder / "tokenizer.model").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()  # the model would contain a file's name
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


def make(shape: ModelShape, tokenizer_folder: Path) -> Any:
    """A NeMo model with random weights."""
    config = OmegaConf.create(configuration.model(shape, str(tokenizer_folder)))
    model = getattr(models, configuration.MODEL_CLASSES[shape.head])(cfg=config)
    return model.eval()


def copy_weights(model: Any, weights: dict[str, Any]) -> None:
    """Copy the weights that both have; of tensors with different shapes, their common part."""
    own = model.state_dict()
    for name, value in own.items():
        if name in weights and weights[name].dim() == value.dim():
            other = weights[name]
            part = tuple(slice(min(a, b)) for a, b in zip(value.shape, other.shape, strict=True))
            value[part] = other[part]
    model.load_state_dict(own)


def with_head(trained: Any, head: Head, shape: ModelShape, tokenizer_folder: Path) -> Any:
    """The trained hybrid's encoder and one of its heads, as a model of its own."""
    if head == "hybrid":
        return trained
    model = make(replace(shape, head=head), tokenizer_folder)
    other = ("decoder.", "joint.") if head == "ctc" else ("ctc_decoder.",)
    weights = {
        _name_in(head, name): value
        for name, value in trained.state_dict().items()
        if not name.startswith(other)
    }
    model.load_state_dict(weights, strict=True)
    return model


def _name_in(head: Head, name: str) -> str:
    """A weight's name in the model with that head alone: the CTC head is called decoder there."""
    return name.replace("ctc_decoder.", "decoder.") if head == "ctc" else name
