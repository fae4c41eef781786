from __future__ import annotations

import pytest

from parakeet_cli.doctor.stack.requirement_strings import allows, parse_requirement


@pytest.mark.parametrize(
    ("text", "name", "extras", "spec", "marker"),
    [
        ("numpy", "numpy", set(), "", ""),
        ("numpy>=1.26,<2.0", "numpy", set(), ">=1.26,<2.0", ""),
        ("hf_hub[cli,torch] >=0.24 ", "hf-hub", {"cli", "torch"}, ">=0.24", ""),
        ("a (>=1.0) ; extra == 'x'", "a", set(), ">=1.0", "extra == 'x'"),
        ("a@ https://example.org/a.whl ; python_version>'3'", "a", set(), "", "python_version>'3'"),
        ("ruamel.yaml~=0.18;os_name=='posix'", "ruamel-yaml", set(), "~=0.18", "os_name=='posix'"),
    ],
)  # fmt: skip
def test_a_requirement_is_parsed(
    text: str, name: str, extras: set[str], spec: str, marker: str
) -> None:
    parts = parse_requirement(text)
    assert parts is not None
    assert (parts.name, parts.extras, parts.spec, parts.marker) == (
        name,
        frozenset(extras),
        spec,
        marker,
    )


@pytest.mark.parametrize("text", ["", "!!", "-r other.txt", "a b c"])
def test_a_text_that_is_not_a_requirement_is_none(text: str) -> None:
    assert parse_requirement(text) is None


def test_an_invalid_version_is_not_within_any_bounds() -> None:
    assert not allows(">=1", "unknown")
    assert not allows("rubbish", "1.0")
    assert not allows(">=1", None)
    assert allows(">=2.7,<2.14", "2.13.0+cpu")
