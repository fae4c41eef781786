"""The instructions of pickles; tests/security has those of attackers."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.models.scan.instructions import LARGEST_PICKLE, scan_pickle
from tests.model_files import state_dict


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_plain_values_pass_in_the_protocols_that_name_no_function(protocol: int) -> None:
    value = {"a": [1, 2.5, None, True, ("x", b"y")], "b": {"c": 1 << 70}}
    assert list(scan_pickle(pickle.dumps(value, protocol), "x")) == []


def test_an_ordered_dictionary_with_a_state_passes() -> None:
    """torch keeps `_metadata` as an attribute of a state_dict."""
    value = OrderedDict(a=1)
    value._metadata = OrderedDict(b=2)  # type: ignore[attr-defined]
    assert list(scan_pickle(pickle.dumps(value, 2), "x")) == []


def test_a_large_pickle_is_not_read() -> None:
    (problem,) = scan_pickle(b"\x80\x02" + b"0" * LARGEST_PICKLE, "x")
    assert "too much" in problem.what


class _Called(Exception):
    """A function was looked up that a state_dict doesn't name."""


class _Watching(pickle._Unpickler):
    """An unpickler to which nothing can be done: functions are markers."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module not in ("torch", "torch._utils"):
            raise _Called(f"{module}.{name}")
        return lambda *given: given

    def persistent_load(self, given: object) -> object:
        return given


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=6), st.booleans())
def test_what_passes_names_no_other_function(at: int, new: bytes, inserted: bool) -> None:
    data = state_dict()
    at %= len(data)
    data = data[:at] + new + data[at + (0 if inserted else len(new)) :]
    if list(scan_pickle(data, "x")):
        return
    import io

    try:
        _Watching(io.BytesIO(data)).load()
    except _Called:
        raise
    except Exception:  # a damaged one: it names nothing else all the same
        return
