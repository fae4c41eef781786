from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks import SINKS, make_sink, sink_help
from parakeet_cli.dictate.sinks.typed import METHODS
from parakeet_cli.errors import UsageError


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_s_name_is_its_key_in_the_table(name: str) -> None:
    spec = name if SINKS[name].takes(None) else f"{name}:here"
    assert make_sink(spec).name == name


@pytest.mark.parametrize(
    "spec",
    ["", "paper", "FILE:x", "file", "file:", "file: ", "stdout:", "stdout:x", "type:", "type:pen"],
)
def test_an_unknown_sink_is_refused_and_the_known_ones_are_listed(spec: str) -> None:
    with pytest.raises(UsageError) as refused:
        make_sink(spec)
    known = METHODS if spec == "type:pen" else sink_help()
    assert all(name in str(refused.value.hint) for name in known)
