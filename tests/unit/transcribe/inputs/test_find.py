from __future__ import annotations

import os
from pathlib import Path

import pytest
from av.format import ContainerFormat, formats_available

from parakeet_cli.transcribe.inputs.find import Job, JobFinder, find_jobs
from parakeet_cli.transcribe.inputs.storage import is_regular


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


def reason(job: Job) -> str:
    assert job.error is not None, job
    return str(job.error)


def test_files_keep_their_order_and_come_once() -> None:
    touch("b.wav", "a.wav")
    assert names(find_jobs(["b.wav", "a.wav", "./b.wav", "missing.wav"])) == [
        *("b.wav", "a.wav", "missing.wav"),
    ]


def test_a_file_named_outright_is_tried_whatever_its_suffix() -> None:
    touch("notes.txt", "bare")
    assert names(find_jobs(["notes.txt", "bare"])) == ["notes.txt", "bare"]


def test_a_folder_gives_its_media_sorted_with_their_place_in_it() -> None:
    touch("in/z.wav", "in/a/x.MP3", "in/a/b/y.mkv", "in/notes.txt", "in/._z.wav")
    jobs = find_jobs(["in"])
    assert [(job.name, job.folder) for job in jobs] == [
        ("in/z.wav", ""),
        ("in/a/x.MP3", "a"),
        ("in/a/b/y.mkv", "a/b"),
    ]


def test_a_dangling_link_in_a_folder_is_not_passed_over_in_silence() -> None:
    touch("in/a.wav")
    Path("in/gone.wav").symlink_to("nowhere")
    os.mkfifo("in/pipe.wav")
    assert names(find_jobs(["in"])) == ["in/a.wav", "in/gone.wav"]


def test_an_empty_folder_and_a_pattern_without_matches_are_failures() -> None:
    Path("empty.wav").mkdir()
    folder, pattern = find_jobs(["empty.wav", "*.flac"])
    assert "holds no media files" in reason(folder)
    assert "No file matches" in reason(pattern)


def test_a_pattern_s_matches_are_taken_as_if_they_had_been_named() -> None:
    touch("a1.wav", "a2/x.wav", "b.wav")
    Path("a3.jsonl").write_text('{"audio_filepath": "b.wav"}\n', encoding="utf-8")
    assert names(find_jobs(["a*"])) == ["a1.wav", "a2/x.wav", "b.wav"]


def test_a_name_that_looks_like_a_pattern_is_a_name_where_there_is_such_a_file() -> None:
    touch("[1] take?.wav", "1.wav")
    assert names(find_jobs(["[1] take?.wav"])) == ["[1] take?.wav"]
    assert names(find_jobs(["[1].wav"])) == ["1.wav"]


def test_minus_is_stdin_and_a_file_of_that_name_is_not() -> None:
    touch("-")
    stdin, file = find_jobs(["-", "./-", "-"])
    assert (stdin.name, stdin.stem, str(stdin.path)) == ("stdin", "stdin", "-")
    assert (file.name, file.path) == ("./-", "./-")
    assert stdin.is_stdin
    assert not file.is_stdin
    assert not Job("stdin", "stdin").is_stdin


@pytest.mark.parametrize(
    ("path", "stem"),
    [("a.wav", "a"), ("a.b.wav", "a.b"), (".wav", ".wav"), ("x/bare", "bare"), ("a. .wav", "a. ")],
)
def test_an_output_is_named_after_the_stem(path: str, stem: str) -> None:
    assert Job(path, path).stem == stem


@pytest.mark.parametrize("name", ["a" * 5000, "x/" * 3000 + "a.wav", "a\0b.wav"])
def test_a_name_that_no_file_can_have_is_a_job_that_fails_when_it_is_opened(name: str) -> None:
    (job,) = find_jobs([name])
    assert (job.name, job.error) == (name, None)
    assert not is_regular(job.path)


def test_a_manifest_s_rows_are_parts_only_with_an_offset() -> None:
    Path("m").mkdir()
    Path("m/list.jsonl").write_text(
        '{"audio_filepath": "a.wav", "duration": 3}\n'
        '{"audio_filepath": "a.wav", "offset": 1, "duration": 2}\n'
        '{"audio_filepath": "/abs/b.wav", "offset": 0}\n'
        '{"audio_filepath": "a.wav", "duration": 9}\n',
        encoding="utf-8",
    )
    assert [(job.name, job.offset, job.duration) for job in find_jobs(["m/list.jsonl"])] == [
        ("m/a.wav", 0.0, None),
        ("m/a.wav", 1.0, 2.0),
        ("/abs/b.wav", 0.0, None),
    ]


def test_each_bad_row_of_a_manifest_is_a_failure_of_its_own() -> None:
    Path("list.jsonl").write_text(
        '{"audio_filepath": "a.wav"}\n'
        '{"audio_filepath": "a.wav", "duration": -5}\n'
        "broken\n"
        '{"audio_filepath": "b.wav"}\n'
        "broken\n",
        encoding="utf-8",
    )
    jobs = find_jobs(["list.jsonl"])
    assert [(job.name, job.error is not None) for job in jobs] == [
        ("a.wav", False),
        ("a.wav", True),
        ("list.jsonl, line 3", True),
        ("b.wav", False),
        ("list.jsonl, line 5", True),
    ]
    assert "line 2" in reason(jobs[1])
    assert len({job.key for job in jobs}) == len({job.shared_name for job in jobs}) == 5


def test_a_folder_counts_what_it_leaves_out_by_suffix() -> None:
    touch("in/a.wav", "in/b.XYZ", "in/c.xyz", "in/sub/bare", "in/.hidden", "in/._a.wav")
    finder = JobFinder()
    assert names(finder.find(["in", "in/b.XYZ"])) == ["in/a.wav", "in/b.XYZ"]
    assert finder.left_out == {".xyz": 2, "": 1}


def test_all_files_of_a_folder_are_tried_if_that_is_asked_for() -> None:
    touch("in/a.wav", "in/b.xyz", "in/sub/bare", "in/.hidden", "in/._a.wav")
    finder = JobFinder(all_files=True)
    assert names(finder.find(["in"])) == ["in/a.wav", "in/b.xyz", "in/sub/bare"]
    assert not finder.left_out


# Containers that libav reads, and the suffixes that it knows for them beside those that aren't
# for sound or say nothing: `.str`, `.v`, `.txt`.
CONTAINERS = (
    "aac ac3 adx amr ape avi caf dts dtshd eac3 flac flv g722 gsm iamf kux lc3 matroska mlp mov "
    "mp3 mpc nistsphere nut ogg oma paf qoa sbc tak truehd tta vqf wsd"
)
NOT_FOR_SOUND = {"avif", "heic", "heif", "mks", "mac", "apl", "msbc", "722"}


@pytest.mark.parametrize("container", CONTAINERS.split())
def test_a_folder_s_media_are_those_that_libav_opens(container: str) -> None:
    if container not in formats_available:
        pytest.skip("this build of libav lacks it")
    for suffix in ContainerFormat(container, "r").extensions - NOT_FOR_SOUND:
        touch(f"in/clip.{suffix}")
        assert f"in/clip.{suffix}" in names(find_jobs(["in"]))


def test_a_manifest_without_a_row_is_a_failure() -> None:
    touch("empty.jsonl")
    (job,) = find_jobs(["empty.jsonl"])
    assert "names no recording" in reason(job)
