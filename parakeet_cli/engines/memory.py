"""Recognises that memory ran out, and names a smaller model."""

from __future__ import annotations

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.registry import KNOWN, look_up
from parakeet_cli.models.types import NEMO, ONNX, KnownModel

# What CTranslate2, MKL, ONNX Runtime, CUDA and C++ say where Python would raise a MemoryError.
_WORDS = (
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "failed to allocate memory",
    "not enough memory",
    "cannot allocate memory",
    "can't allocate memory",
)
_SMALLER = 0.75  # of the size: less than that would not be worth a download
# The same models are there for onnx, some of them in int8.
_RELATED = {NEMO: (NEMO, ONNX)}


class NotEnoughMemory(EngineUnavailable):
    """A model for which the memory doesn't suffice."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an engine's library ran out of memory, on a CPU or a GPU."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _WORDS)


def smaller_model(name: str, kind: str) -> KnownModel | None:
    """The largest known model that is clearly smaller, of the same languages if there is one.

    None for a model whose size isn't known, and for the smallest.
    """
    known = look_up(name, kind)
    if known is None or known.size is None:
        return None
    most = known.size * _SMALLER
    smaller = [
        row
        for row in KNOWN
        if row.kind in _RELATED.get(kind, (kind,))
        and row.oldest_nemo is None  # another stack would be needed
        and row.size is not None
        and row.size < most
    ]
    return max(
        smaller,
        key=lambda row: (
            row.languages == known.languages,
            row.kind == kind,
            row.licence == known.licence,
            row.size,
        ),
        default=None,
    )


def memory_hint(name: str, kind: str) -> str:
    """What to do where there is too little memory for a model of that name."""
    smaller = smaller_model(name, kind)
    if smaller is None:
        return "End other programs that use the memory, or raise its limit (`ulimit -v`)."
    languages = f" ({smaller.languages})" if smaller.languages else ""
    return (
        f"A smaller model needs less: --engine {smaller.kind} --model {smaller.name}{languages}. "
        "Or end other programs that use the memory."
    )
