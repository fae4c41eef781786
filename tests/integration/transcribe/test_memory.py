"""Memory does not depend on how long a recording is: the whole process tree, engine included."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
RATE = 16_000


def make_recording(path: Path, seconds: int, speech_every: int) -> Path:
    """A WAV with a sentence every so many seconds, and holes in the file for silence."""
    with wave.open(str(SAMPLES / "sense_0880.wav"), "rb") as sample:
        sentence = sample.readframes(sample.getnframes())
    size = seconds * RATE * 2
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 1, 1, RATE, RATE * 2, 2, 16))
        file.write(b"data" + struct.pack("<I", size))
        for at in range(0, seconds, speech_every):
            file.seek(44 + at * RATE * 2)
            file.write(sentence)
        file.truncate(44 + size)
    return path


def peak_of(command: list[str], **environment: str) -> float:
    """The command's peak resident memory in MiB, it and all its children together."""
    return max(course_of(command, **environment))


def course_of(command: list[str], **environment: str) -> list[float]:
    """That memory from the command's start to its end, twenty times a second."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    course = [0.0]
    while process.poll() is None:
        course.append(sum(resident(pid) for pid in tree(process.pid)))
        time.sleep(0.05)
    assert process.stderr is not None
    assert process.returncode == 0, process.stderr.read().decode()
    return course


def tree(pid: int) -> list[int]:
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += [int(child) for child in task.read_text().split()]
        except OSError:  # the thread has ended since the listing
            continue
    return [pid] + [each for child in children for each in tree(child)]


def resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # the process has ended since the listing
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def transcribe(recording: Path, engine: str, *more: str) -> list[str]:
    output = ["-f", "json", "-o", str(recording.parent / engine), "--overwrite"]
    return [
        *(sys.executable, "-m", "parakeet_cli", "transcribe", str(recording)),
        *("--engine", engine, "--threads", "2", *output, *more),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "hours"), [("mock", 10), ("whisper", 1)])
def test_hours_need_no_more_memory_than_ten_minutes(
    tmp_path: Path, engine: str, hours: int
) -> None:
    compare(tmp_path, engine, hours)


@pytest.mark.soak
def test_ten_hours_of_whisper_need_no_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    compare(tmp_path, "whisper", 10)


@pytest.mark.slow
def test_hours_need_no_more_memory_with_two_feeders(tmp_path: Path) -> None:
    """Both work on the one recording, as the engine takes no time at all."""
    peaks = []
    for name, seconds in (("ten-minutes.wav", 600), ("hours.wav", 3 * 3600)):
        recording = make_recording(tmp_path / name, seconds, speech_every=12)
        command = transcribe(recording, "mock", "--feeders", "2")
        peaks.append(peak_of(command, PARAKEET_MOCK_VAD="1"))
    small, large = peaks
    print(f"two feeders: ten minutes {small:.0f} MiB, three hours {large:.0f} MiB")
    assert large <= 1.2 * small


def compare(folder: Path, engine: str, hours: int) -> None:
    short = make_recording(folder / "ten-minutes.wav", 600, speech_every=20)
    long = make_recording(folder / "hours.wav", hours * 3600, speech_every=120 * hours)
    small, large = peak_of(transcribe(short, engine)), peak_of(transcribe(long, engine))
    print(f"{engine}: ten minutes {small:.0f} MiB, {hours} hours {large:.0f} MiB")
    # On a busy machine two runs of the same differ by a tenth. The sound of 50 minutes more
    # would be 180 MiB, if it were kept: over a quarter of what whisper's ten minutes take.
    assert large <= 1.2 * small


@pytest.mark.slow
def test_too_little_memory_names_a_smaller_model(tmp_path: Path) -> None:
    """Less and less of it, since what the libraries take before the model varies."""
    command = (sys.executable, "-m", "parakeet_cli", "transcribe", "--engine", "whisper")
    for kilobytes in range(900_000, 400_000, -50_000):
        limited = ("bash", "-c", f'ulimit -v {kilobytes}; exec "$@"', "bash", *command)
        done = subprocess.run(
            [*limited, str(SAMPLES / "sense_0880.wav")],
            capture_output=True,
            text=True,
            check=False,
        )
        if "not enough memory" in done.stderr:
            assert done.returncode == 3
            assert "--engine whisper --model tiny" in done.stderr
            assert "CTranslate2 model" not in done.stderr
            return
    pytest.fail(done.stderr)
