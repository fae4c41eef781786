"""Everything that can be named as an input: it works, or fails alone with one sentence."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from parakeet_cli.formats import FORMATS
from tests.integration.transcribe.command import CLIP, SAID, clip, files, start, transcribe


def test_stdin_is_read_to_its_end_and_called_stdin(tmp_path: Path) -> None:
    done = transcribe(tmp_path, "-", "-f", "json", "-f", "txt", stdin=CLIP.read_bytes())
    assert done.code == 0, done.err
    assert files(tmp_path) == {"stdin.json", "stdin.txt"}
    assert json.loads((tmp_path / "stdin.json").read_bytes())["source"]["path"] == "stdin"


def test_a_file_called_minus_is_not_stdin(tmp_path: Path) -> None:
    clip(tmp_path / "-")
    done = transcribe(tmp_path, "./-")
    assert (done.code, done.out) == (0, SAID), done.err


def test_closed_stdin_and_an_empty_one_are_failures_in_plain_words(tmp_path: Path) -> None:
    closed = transcribe(tmp_path, "-", through=("sh", "-c", 'exec "$@" <&-', "sh"))
    assert (closed.code, closed.out) == (1, b"")
    assert "stdin is closed" in closed.err
    empty = transcribe(tmp_path, "-", stdin=b"")
    assert empty.code == 1
    assert "Nothing came from stdin" in empty.err


def test_a_folder_is_searched_and_its_tree_mirrored(tmp_path: Path) -> None:
    for name in ("in/a.wav", "in/deep/er/a.WAV", "in/deep/b.wav", "in/notes.doc"):
        clip(tmp_path / name)
    clip(tmp_path / "in/._a.wav").write_bytes(b"what macOS leaves on foreign disks")
    done = transcribe(tmp_path, "in", "-f", "txt", "-o", "out")
    assert done.code == 0, done.err
    assert files(tmp_path / "out") == {"a.txt", "deep/b.txt", "deep/er/a.txt"}


def test_a_quoted_pattern_means_what_the_shell_would_make_of_it(tmp_path: Path) -> None:
    for name in ("one.wav", "two.wav", "rec1/x.wav", "rec2/sub/y.wav", "other/z.wav"):
        clip(tmp_path / name)
    done = transcribe(tmp_path, "*.wav", "rec?", "**/z.wav", "-o", "out")
    assert done.code == 0, done.err
    assert files(tmp_path / "out") == {"one.txt", "two.txt", "x.txt", "sub/y.txt", "z.txt"}


def test_one_recording_named_in_three_ways_is_done_once(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    done = transcribe(tmp_path, "in/a.wav", "in", "in/*.wav", "./in/../in/a.wav")
    assert (done.code, done.out) == (0, SAID), done.err


def test_a_manifest_that_names_nothing_is_a_failure(tmp_path: Path) -> None:
    rows = (b"", b"\n\n", b'{"text": "no path"}\n', b"not json\n", b'{"audio_filepath": 7}\n')
    for number, row in enumerate(rows):
        (tmp_path / f"list{number}.jsonl").write_bytes(row)
    clip(tmp_path / "a.wav")
    done = transcribe(tmp_path, "list*.jsonl", "a.wav")
    assert (done.code, done.out) == (1, SAID)
    assert f"{len(rows) + 1} files: 1 ok, {len(rows)} failed" in done.err
    assert all(f"list{number}.jsonl" in done.err for number in range(len(rows)))
    assert "unexpected" not in done.err


def test_a_part_behind_the_end_of_its_file_fails(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    (tmp_path / "m.jsonl").write_text('{"audio_filepath": "a.wav", "offset": 500}\n')
    done = transcribe(tmp_path, "m.jsonl")
    assert done.code == 1
    assert "a.wav ends before second 500" in done.err


def test_a_row_with_a_url_of_nothing_or_of_an_unknown_storage_fails_alone(tmp_path: Path) -> None:
    clip(tmp_path / "clip.wav")
    urls = ["s3://", "http://", "nosuch://bucket/x.wav", "file:///a%00b.wav", "clip.wav"]
    rows = "".join(json.dumps({"audio_filepath": url}) + "\n" for url in urls)
    (tmp_path / "rows.jsonl").write_text(rows)
    done = transcribe(tmp_path, "rows.jsonl", "-o", "out", "--run", "run")
    assert done.code == 1, done.err
    assert files(tmp_path / "out") == {"clip.txt"}
    assert "5 files: 1 ok, 4 failed." in done.err
    assert done.err.count("there is nothing behind it") == 2
    assert "Protocol not known: nosuch" in done.err
    assert "no file can have this name" in done.err
    assert transcribe(tmp_path, "s3://").code == 2


def test_a_manifest_s_rows_are_jobs_and_offsets_are_parts_on_the_file_s_clock(
    tmp_path: Path,
) -> None:
    clip(tmp_path / "sound/a.wav")
    clip(tmp_path / "sound/b.wav")
    rows = [
        {"audio_filepath": "b.wav", "duration": 2.99},
        {"audio_filepath": "a.wav", "offset": 0.5, "duration": 1.0},
        {"audio_filepath": "a.wav", "offset": 2.0},
        {"audio_filepath": "gone.wav", "duration": 1},
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "sound/list.jsonl").write_text(text, encoding="utf-8")
    done = transcribe(
        tmp_path,
        *("sound/list.jsonl", "-f", "json", "-o", "out"),
        *("--output-template", "{index}-{filename}", "--manifest-out", "done.jsonl"),
    )
    assert done.code == 1
    assert "gone.wav does not exist" in done.err
    assert files(tmp_path / "out") == {"1-b.json", "2-a.json", "3-a.json"}
    second = json.loads((tmp_path / "out/2-a.json").read_bytes())
    assert second["accounting"]["decoded_seconds"] == pytest.approx(1.0, abs=0.01)
    assert second["segments"][-1]["end"] == pytest.approx(1.5, abs=0.01)
    written = [json.loads(line) for line in (tmp_path / "done.jsonl").open(encoding="utf-8")]
    assert [row["status"] for row in written] == ["ok", "ok", "ok", "failed"]
    assert set(written[0]) >= {"audio_filepath", "duration", "pred_text", "status"}
    assert written[0]["pred_text"] == SAID.decode().strip()
    assert (written[3]["pred_text"], written[3]["duration"]) == ("", None)


def test_a_bad_row_fails_alone_and_what_a_folder_leaves_out_is_said(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    clip(tmp_path / "in/b.unusual")
    (tmp_path / "in/notes.txt").touch()
    header = (tmp_path / "in/a.wav").read_bytes()[:44]
    (tmp_path / "in/header.wav").write_bytes(header[:40] + bytes(4))
    rows = (
        '{"audio_filepath": "in/a.wav", "duration": -5}\nbroken\n{"audio_filepath": "last.wav"}\n'
    )
    (tmp_path / "rows.jsonl").write_text(rows, encoding="utf-8")
    clip(tmp_path / "last.wav")
    done = transcribe(tmp_path, "rows.jsonl", "in", "-o", "out", "--manifest-out", "m.jsonl")
    assert done.code == 1
    assert files(tmp_path / "out") == {"a.txt", "last.txt"}
    for part in (
        "rows.jsonl, line 1: 'duration' must be a number of seconds from 0, not -5",
        "rows.jsonl, line 2: it is not JSON",
        "in/header.wav has no sound in it: it ends after its header",
        "2 files with unknown suffixes left out (.txt, .unusual); --all-files tries them.",
    ):
        assert part in done.err, done.err
    written = [json.loads(line) for line in (tmp_path / "m.jsonl").open(encoding="utf-8")]
    assert [row["status"] for row in written] == ["failed", "failed", "ok", "ok", "failed"]
    every = transcribe(tmp_path, "in", "-o", "every", "--all-files")
    assert files(tmp_path / "every") == {"a.txt", "b.txt"}
    assert "in/notes.txt" in every.err
    assert "left out" not in every.err


def test_a_file_that_can_t_be_transcribed_fails_alone(tmp_path: Path) -> None:
    """One run over all of it: every failure has its own sentence, the rest is written."""
    clip(tmp_path / "first.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "text.mp3").write_text("This is no sound.\n" * 50, encoding="utf-8")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:3,\nfirst.wav\n", encoding="utf-8")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "dangling.wav").symlink_to("nowhere.wav")
    too_long = "a" * 5000
    inputs = (
        *("first.wav", "folder.wav", "text.mp3", "empty.wav", "list.m3u8", "loop.wav"),
        *("dangling.wav", "missing.wav", "no*match", "first.wav/x.wav", "/dev/null", too_long),
        "last.wav",
    )
    clip(tmp_path / "last.wav")
    done = transcribe(tmp_path, *inputs, "-f", "txt", "-o", "out")
    assert done.code == 1
    assert files(tmp_path / "out") == {"first.txt", "last.txt"}
    failures = [line for line in done.err.splitlines() if line.startswith("Failed: ")]
    assert len(failures) == len(inputs) - 2
    assert "unexpected" not in done.err.lower()
    assert "Traceback" not in done.err
    for name, reason in {
        "folder.wav": "holds no media files",
        "text.mp3": "not a media file",
        "empty.wav": "no bytes",
        "loop.wav": "leads back to itself",
        "dangling.wav": "does not exist",
        "missing.wav": "does not exist",
        "no*match": "No file matches",
    }.items():
        assert any(name in line and reason in line for line in failures), (name, done.err)


HOSTILE = [
    b"two words.wav",
    "\N{PARROT} \N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}.wav".encode(),
    b"two\nlines\tand a tab.wav",
    b"-leading.wav",
    b"--output_dir.wav",
    b"[brackets]*?.wav",
    b"{filename} {0} {.wav",
    b"[bold red]markup[reset].wav",
    b"undecodable \xff\xfe.wav",
    b"\x1b[31mred\x07.wav",
    b"%s %(x)s $HOME `id`.wav",
    b"file:concat.wav",
    b".wav",
    b"many.dots.in.it.wav",
]


def test_any_name_that_a_file_can_have_is_taken(tmp_path: Path) -> None:
    for name in HOSTILE:
        clip(tmp_path / "in" / os.fsdecode(name))
    done = transcribe(tmp_path / "in", "-f", "all", "-o", "../out", "--", *HOSTILE)
    assert done.code == 0, done.err
    stems = {os.fsdecode(name.removesuffix(b".wav") or b".wav") for name in HOSTILE}
    assert files(tmp_path / "out") == {f"{stem}.{form}" for stem in stems for form in FORMATS}
    odd = tmp_path / "out" / os.fsdecode(b"undecodable \xff\xfe.json")
    path = json.loads(odd.read_bytes())["source"]["path"]
    assert os.fsencode(path) == b"undecodable \xff\xfe.wav"


def test_a_name_s_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    done = transcribe(tmp_path, b"\x1b[31mred\x07\n.wav", "--verbose")
    assert done.code == 1
    assert "\\x1b[31mred\\x07\\n.wav" in done.err
    assert not {"\x1b", "\x07"} & set(done.err)


# Root may read everything; without these two capabilities it is a user like others.
AS_A_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv, of util-linux")
def test_what_may_not_be_read_fails_alone(tmp_path: Path) -> None:
    """A file, a pipe, a folder, and folders with hidden content."""
    clip(tmp_path / "good.wav").chmod(0o644)
    clip(tmp_path / "secret.wav").chmod(0o000)
    os.mkfifo(tmp_path / "pipe.wav", 0o000)
    clip(tmp_path / "closed/a.wav")
    (tmp_path / "closed").chmod(0o000)
    clip(tmp_path / "listed/b.wav")
    (tmp_path / "listed").chmod(0o444)
    done = transcribe(
        tmp_path,
        *("good.wav", "secret.wav", "pipe.wav", "closed", "closed/a.wav", "listed"),
        *("-f", "txt", "-o", "out"),
        through=AS_A_USER if os.geteuid() == 0 else (),
    )
    assert done.code == 1, done.err
    assert files(tmp_path / "out") == {"good.txt"}
    failures = [line.lower() for line in done.err.splitlines() if line.startswith("Failed: ")]
    assert len(failures) == 5, done.err
    assert all("permission denied" in line for line in failures), done.err
    assert "unexpected" not in done.err


def test_a_pipe_is_read_to_its_end_however_slowly_it_is_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")

    def write() -> None:
        with open(tmp_path / "pipe.wav", "wb") as pipe:
            data = CLIP.read_bytes()
            for at in range(0, len(data), 40_000):
                pipe.write(data[at : at + 40_000])
                pipe.flush()
                time.sleep(0.1)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    done = transcribe(tmp_path, "pipe.wav")
    assert (done.code, done.out) == (0, SAID), done.err


@pytest.mark.slow
def test_a_pipe_without_a_writer_does_not_hold_the_others_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    clip(tmp_path / "a.wav")
    process = start(tmp_path, "transcribe", "pipe.wav", "a.wav")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, SAID)
    assert b"Nothing was written to this pipe" in err
