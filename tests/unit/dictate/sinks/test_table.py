from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks import SINKS, make_sink, sink_names
from parakeet_cli.errors import UsageError


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_knows_its_name_in_the_table(name: str) -> None:
    spec = name if SINKS[name].argument is None else f"{name}:here"
    assert make_sink(spec).name == name


@pytest.mark.parametrize(
    "spec", ["", "paper", "file", "file:", "file: ", "stdout:", "stdout:x", "FILE:x"]
)
def test_a_sink_that_means_nothing_is_refused_with_what_there_is(spec: str) -> None:
    with pytest.raises(UsageError) as refused:
        make_sink(spec)
    assert all(name in str(refused.value.hint) for name in sink_names())
