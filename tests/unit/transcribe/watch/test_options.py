from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.watch.options import WatchOptions, check_folder, check_watch

GOOD = TranscribeRequest(("in",), formats=("txt",), run="run")


def request(**changed: object) -> TranscribeRequest:
    given = {"formats": ("txt",), "run": "run", **changed}
    return TranscribeRequest(("in",), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"run": None}, "--watch needs --run DIR"),
        ({"formats": ()}, "--watch writes files"),
        ({"folder": "-"}, "--watch writes files"),
        ({"ray": True}, "--ray can't be combined with --watch"),
        ({"shard": "1/2"}, "--shard can't be combined with --watch"),
        ({"manifest_out": "m.jsonl"}, "--manifest-out can't be combined with --watch"),
        ({"dry_run": True}, "--dry-run can't be combined with --watch"),
        ({"template": "{index}-{filename}"}, "{index} can't be combined with --watch"),
        ({"template": "{date:>12}-{filename}"}, "{date} can't be combined with --watch"),
        ({"run": "./in/"}, "the same folder"),
    ],
)
def test_what_a_watch_can_t_honour_is_refused(given: dict[str, object], why: str) -> None:
    check_watch(WatchOptions("in"), request())
    with pytest.raises(UsageError) as error:
        check_watch(WatchOptions("in"), request(**given))
    assert why in str(error.value)


def test_a_command_without_a_word_is_refused() -> None:
    """The shell would run the first output in its place."""
    check_watch(WatchOptions("in", then="true"), request())
    with pytest.raises(UsageError, match="--then has no command"):
        check_watch(WatchOptions("in", then=" "), request())


def test_a_command_without_time_is_refused() -> None:
    with pytest.raises(UsageError, match="--then-timeout 0 would kill each command"):
        check_watch(WatchOptions("in", then="true", then_limit=0.0), request())


def test_a_folder_without_a_name_is_refused() -> None:
    """As a variable of a script that isn't set; it would be the working folder."""
    with pytest.raises(UsageError, match="--watch has no folder"):
        check_watch(WatchOptions(""), request())


def test_a_storage_can_t_be_watched() -> None:
    with pytest.raises(UsageError, match="a storage can't be watched"):
        check_watch(WatchOptions("s3://bucket/in"), request())


def test_a_folder_that_is_missing_is_waited_for_only_if_the_run_knows_it(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    (tmp_path / "file").touch()
    check_folder(str(tmp_path), None)
    check_folder(missing, missing)
    for folder, before, why in (
        (missing, None, "there is no such folder"),
        (missing, str(tmp_path), "there is no such folder"),
        (str(tmp_path / "file"), str(tmp_path / "file"), "it isn't a folder"),
    ):
        with pytest.raises(UsageError, match=why):
            check_folder(folder, before)


def test_a_run_in_the_place_of_the_watched_folder_is_refused_by_every_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for folder, run in (("real", "link"), ("link", "real"), ("link", "link/../real")):
        with pytest.raises(UsageError, match="the same folder"):
            check_watch(WatchOptions(str(tmp_path / folder)), request(run=str(tmp_path / run)))
