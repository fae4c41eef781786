from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.shard import Shard


@pytest.mark.parametrize(
    "text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/5", "a/b", " 1/3", "1/" + "9" * 5000]
)
def test_a_shard_that_is_not_one_of_its_count_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="it must be I/N") as refused:
        Shard.parse(text)
    assert refused.value.hint is not None


def test_a_shard_has_a_folder_of_its_own() -> None:
    assert Shard.parse("2/3") == Shard(2, 3)
    assert Shard(2, 3).folder == "shard-2-of-3"


@given(st.text(min_size=1), st.integers(1, 20), st.floats(0, 1e6))
def test_every_input_is_in_exactly_one_shard(name: str, count: int, offset: float) -> None:
    job = Job(name, name, offset=offset, relative=name)
    found = [number for number in range(1, count + 1) if Shard(number, count).contains(job)]
    assert len(found) == 1


def test_the_parts_of_a_recording_are_divided_too() -> None:
    jobs = [Job("a.wav", "a.wav", offset=float(offset), relative="a.wav") for offset in range(50)]
    halves = [[job for job in jobs if Shard(number, 2).contains(job)] for number in (1, 2)]
    assert min(map(len, halves)) > 10


def test_an_input_stays_in_its_shard_from_version_to_version() -> None:
    """Machines with different versions may work on one batch, and runs resume."""
    expected = {"a.wav": 1, "b.wav": 2, "c.wav": 3, "in/b.wav": 2, "caf\udce9.wav": 2}
    for name, number in expected.items():
        assert Shard(number, 3).contains(Job(name, name, relative=name)), name


def test_an_input_s_shard_depends_on_its_name_below_the_folder_alone() -> None:
    here = Job("x/a.wav", "/here/x/a.wav", relative="a.wav")
    there = Job("y/a.wav", "/there/y/a.wav", relative="a.wav")
    assert [Shard(number, 5).contains(here) for number in range(1, 6)] == [
        Shard(number, 5).contains(there) for number in range(1, 6)
    ]
