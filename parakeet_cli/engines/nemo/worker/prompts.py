"""Tells a model that takes the language as a prompt to detect it.

NeMo 3's classes `...WithPrompt` add the prompt to the encoder's frames before they are decoded.
"""

from __future__ import annotations

from typing import Any

DETECT = "auto"  # the key of that prompt in the dictionary of nemotron-3.5-asr-streaming-0.6b
MODULE = "prompt_kernel"  # the model's part that adds the prompt


def set_prompt(model: Any) -> None:
    """Choose the prompt of a model that has prompts. Raises ValueError if it can't detect."""
    if hasattr(model, "set_inference_prompt"):
        model.set_inference_prompt(DETECT)


def add_prompt(model: Any, encoded: Any) -> Any:
    """The encoder's frames with the prompt, shape (batch, width, frames) as before."""
    add = getattr(model, "_apply_prompt_to_encoded", None)
    return encoded if add is None else add(encoded)
