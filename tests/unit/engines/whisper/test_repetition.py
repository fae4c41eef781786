from __future__ import annotations

import pytest

from parakeet_cli.engines.whisper.repetition import repeats_itself


@pytest.mark.parametrize(
    "text",
    [
        "ten of clubs, ten of clubs",
        "And show it, the bbbbbbbbbbbbbbbbbbbbbb",
        "one-tar-one-tar-one-tar-one-tar",
        "hahahahahahahahahahahaha",
    ],
)
def test_text_that_repeats_itself_is_decoded_again(text: str) -> None:
    assert repeats_itself(text)


@pytest.mark.parametrize(
    "text", ["ten of clubs, nine of clubs", "no, no, no", "Hahahaha!", "1,000,000,000", ""]
)
def test_other_text_is_not(text: str) -> None:
    assert not repeats_itself(text)
