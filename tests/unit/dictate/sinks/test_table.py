from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks import SINKS, make_sink, sink_help
from parakeet_cli.dictate.sinks.typed import METHODS
from parakeet_cli.errors import UsageError


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_knows_its_name_in_the_table(name: str) -> None:
    spec = name if SINKS[name].takes(None) else f"{name}:here"
    assert make_sink(spec).name == name


@pytest.mark.parametrize(
    "spec",
    ["", "paper", "FILE:x", "file", "file:", "file: ", "stdout:", "stdout:x", "type:", "type:pen"],
)
def test_a_sink_that_means_nothing_is_refused_with_what_there_is(spec: str) -> None:
    with pytest.raises(UsageError) as refused:
        make_sink(spec)
    known = METHODS if spec == "type:pen" else sink_help()
    assert all(name in str(refused.value.hint) for name in known)
