"""Writes containers/lock/: every version that an image is made of, with its sums.

    python scripts/container_lock.py           resolve again and write the files (needs a network)
    python scripts/container_lock.py --check   exit 1 if a file no longer suits what it is made from
    python scripts/container_lock.py --torch cu128 [--torch-url URL]
                                               lock torch for CUDA 12.8 alone, from PyTorch's
                                               own index or a mirror of it
    python scripts/container_lock.py --debian sbom.cdx.json
                                               write containers/debian.txt from an image's bill

The files are requirements files for `pip install --require-hashes`, and name no index: where
packages come from is pip's own configuration. Here they are resolved from PyPI, or the index that
UV_DEFAULT_INDEX names.

    tool.txt          parakeet and what it needs
    build.txt         what builds parakeet's wheel, and the stack's packages that have none
    nemo-STACK.txt    the ML stack, as the doctor plans it, but for torch
    torch-INDEX.txt   torch with its CUDA, for the indexes in TORCH and TORCH_OF_ITS_OWN

The sums of torch for cu128 are in an index of PyTorch's own. Where that can't be reached, the other
files are written, and the script says so and ends with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from uv import find_uv_bin

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "containers" / "lock"
DEBIAN = ROOT / "containers" / "debian.txt"
PYTHON = "3.11"  # of the image's Debian, and the stack's
PLATFORM = "x86_64-manylinux_2_36"  # glibc of Debian 12
# For the markers of requirements.
MARKERS = {
    "python_version": PYTHON,
    "python_full_version": "3.11.2",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
EXTRAS = ("serve", "digits")  # that the image has, where pyproject.toml declares them
STACKS = {"2.4": "requirements-ml.txt", "3.0": "requirements-ml-nemo3.txt"}
TORCH_FILE = "requirements-torch.txt"
# Index -> the stack beside which it is resolved. The ordinary index's torch below the bound of
# requirements-torch.txt is built for CUDA 13.0.
TORCH = {"cu130": "3.0"}
# The same for indexes of PyTorch's own. A file for one of these may be missing.
TORCH_OF_ITS_OWN = {"cu128": "3.0"}
# What torch brings and nothing else does. NeMo 3.0 requires cuda-bindings itself.
TORCH_ALONE = re.compile(r"torch$|triton$|nvidia-|cuda-toolkit$")
# What stands in the build requirements of the stack's packages that come as source alone.
BUILD = ("hatchling>=1.27", "setuptools", "wheel")
NO_TORCH = """\
torch-{index}.txt isn't written: no torch could be locked from {url}.
{reason}
Until it is, an image for {index} takes the newest torch that the stack allows, without a sum.
Where that index, or a mirror of it, can be reached:
    python scripts/container_lock.py --torch {index} [--torch-url URL]"""
_PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


class LockError(Exception):
    """A lock can't be resolved; the message is uv's."""


def pins(text: str) -> dict[str, str]:
    """Name -> version of a locked requirements file."""
    return {canonicalize_name(match[1]): match[2] for match in _PIN.finditer(text)}


def tool_requirements() -> Iterator[Requirement]:
    """What pyproject.toml requires of the image's Python, with the image's extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    lines = [*project["dependencies"], *(x for name in EXTRAS for x in optional.get(name, ()))]
    yield from _applying(lines)


def file_requirements(name: str) -> Iterator[Requirement]:
    """The requirements of one of the stack's files, without its options and comments."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    yield from _applying(line for line in lines if line and not line.startswith("-"))


def _applying(lines: Iterable[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate({**MARKERS, "extra": ""}):
            yield requirement


def problems(folder: Path = LOCK) -> list[str]:
    """Why the lock no longer suits the files it was made from, without asking an index."""
    sources: dict[str, list[Requirement]] = {
        "tool.txt": list(tool_requirements()),
        "build.txt": list(map(Requirement, BUILD)),
        **{f"nemo-{stack}.txt": list(file_requirements(f)) for stack, f in STACKS.items()},
        **{f"torch-{index}.txt": list(file_requirements(TORCH_FILE)) for index in TORCH},
    }
    for index in TORCH_OF_ITS_OWN:
        if (folder / f"torch-{index}.txt").exists():
            sources[f"torch-{index}.txt"] = list(file_requirements(TORCH_FILE))
    found = [
        f"{path.name} is made from nothing" for path in folder.iterdir() if path.name not in sources
    ]
    for name, requirements in sources.items():
        path = folder / name
        if not path.exists():
            found.append(f"{name} is missing")
            continue
        text = path.read_text()
        locked = pins(text)
        found += [f"{name}: {problem}" for problem in _unsuitable(requirements, locked)]
        found += [f"{name}: {line} has no sum" for line in _without_sum(text)]
        if "://" in text:
            found.append(f"{name} names an index")
    return found


def _unsuitable(requirements: Iterable[Requirement], locked: Mapping[str, str]) -> Iterator[str]:
    for requirement in requirements:
        version = locked.get(canonicalize_name(requirement.name))
        if version is None:
            yield f"{requirement.name} is not locked"
        elif Version(version) not in requirement.specifier:
            yield f"{requirement.name} {version} is not what is required: {requirement}"


def _without_sum(text: str) -> Iterator[str]:
    for entry in re.split(r"\n(?=\S)", text):
        if entry.strip() and not entry.startswith("#") and "--hash=sha256:" not in entry:
            yield entry.strip().splitlines()[0]


def lock(requirements: Sequence[str], *, exact: bool = False, index: Sequence[str] = ()) -> str:
    """The requirements with all they need, each with a version and its files' sums.

    With `exact` they are pins, and nothing is added to them. `index` is uv's options for another
    index. Raises LockError if uv can't resolve them.
    """
    command = [find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-config", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--python-version", PYTHON, *index]
    command += ["--python-platform", PLATFORM, *(["--no-deps"] if exact else [])]
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("UV_") or k == "UV_DEFAULT_INDEX"
    }
    done = subprocess.run(
        command, input="\n".join(requirements), env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise LockError(f"uv can't lock {' '.join(requirements)[:60]}...:\n{done.stderr.strip()}")
    return done.stdout


def torch_url(index: str) -> str:
    """The address of an index of PyTorch's, which requirements-torch.txt names for cu128."""
    found = re.search(r"^--index-url (\S+)/", (ROOT / TORCH_FILE).read_text(), re.MULTILINE)
    assert found is not None
    return f"{found[1]}/{index}"


def torch_from(url: str, beside: Mapping[str, str]) -> str:
    """torch of that index with its CUDA, as a locked file. Raises LockError.

    `beside` is the locked stack: name -> version. The ordinary index has torch's newest release for
    another CUDA, so the version is taken from this index alone, and only then what it requires from
    both.
    """
    alone = lock(
        [*map(str, file_requirements(TORCH_FILE))], exact=True, index=["--default-index", url]
    )
    torch = f"torch=={pins(alone)['torch']}"
    both = ["--index", url, "--index-strategy", "unsafe-best-match"]
    resolved = pins(lock([torch, *(f"{n}=={v}" for n, v in beside.items())], index=both))
    exact = [
        f"{name}=={version}" for name, version in sorted(resolved.items()) if name not in beside
    ]
    text = lock(exact, exact=True, index=both)
    if without := list(_without_sum(text)):
        raise LockError(f"The index has no sum for {', '.join(without)}.")
    return text


def planned(stack: str) -> dict[str, str]:
    """Name -> version of all that the doctor would install into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder, "empty")
        make = [find_uv_bin(), "venv", "--quiet", "--no-config", "--python", PYTHON]
        subprocess.run([*make, str(environment)], check=True)
        command = [sys.executable, "-m", "parakeet_cli", "doctor", "--fix", "--dry-run", "--json"]
        command += ["--stack", stack, "--torch-index", "default"]
        command += ["--python", str(environment / "bin" / "python")]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    plan = json.loads(done.stdout)["plan"] or sys.exit(f"The doctor has no plan for {stack}.")
    return {change["name"]: change["to"] for step in plan for change in step["changes"]}


def files() -> Iterator[tuple[str, str]]:
    """Name and text of each file, resolved now."""
    yield "tool.txt", lock([str(requirement) for requirement in tool_requirements()])
    yield "build.txt", lock(BUILD)
    stacks: dict[str, dict[str, str]] = {}
    for stack in STACKS:
        plan = planned(stack)
        stacks[stack] = {n: v for n, v in plan.items() if not TORCH_ALONE.match(n)}
        exact = [f"{name}=={version}" for name, version in sorted(stacks[stack].items())]
        yield f"nemo-{stack}.txt", lock(exact, exact=True)
    for index, stack in TORCH.items():
        beside = [f"{name}=={version}" for name, version in stacks[stack].items()]
        with_torch = pins(lock([*map(str, file_requirements(TORCH_FILE)), *beside]))
        exact = [f"{n}=={v}" for n, v in sorted(with_torch.items()) if n not in stacks[stack]]
        yield f"torch-{index}.txt", lock(exact, exact=True)


def debian_list(bill: Path) -> str:
    """Every Debian package of a bill of materials, as apt-get takes it, below the moment of it."""
    components = json.loads(bill.read_text())["components"]
    versions = {
        one["name"]: one["version"] for one in components if one["purl"].startswith("pkg:deb/")
    }
    moment = datetime.fromtimestamp(bill.stat().st_mtime, UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = [f"{name}={version}\n" for name, version in sorted(versions.items())]
    return f"# DEBIAN_SNAPSHOT={moment}\n" + "".join(lines)


def write(name: str, text: str) -> None:
    """Write a file of the lock."""
    head = "# Written by scripts/container_lock.py for Python 3.11 on Linux (x86_64).\n"
    (LOCK / name).write_text(head + text)
    print(f"{name}: {len(pins(text))} packages")


def write_torch(index: str, url: str) -> int:
    """Lock torch of an index of its own; 1, and a sentence, where that can't be done."""
    beside = pins((LOCK / f"nemo-{TORCH_OF_ITS_OWN[index]}.txt").read_text())
    try:
        write(f"torch-{index}.txt", torch_from(url, beside))
    except LockError as error:
        print(NO_TORCH.format(index=index, url=url, reason=error), file=sys.stderr)
        return 1
    return 0


def main(arguments: list[str]) -> int:
    """Write the files, or with --check say what no longer suits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--debian", type=Path, metavar="BILL")
    parser.add_argument("--torch", choices=TORCH_OF_ITS_OWN)
    parser.add_argument("--torch-url", metavar="URL")
    asked = parser.parse_args(arguments)
    if asked.debian:
        DEBIAN.write_text(debian_list(asked.debian))
        return 0
    if asked.check:
        found = problems()
        for problem in found:
            print(problem)
        if found:
            print("To lock again: python scripts/container_lock.py")
        return 1 if found else 0
    if asked.torch:
        return write_torch(asked.torch, asked.torch_url or torch_url(asked.torch))
    LOCK.mkdir(parents=True, exist_ok=True)
    try:
        for name, text in files():
            write(name, text)
    except LockError as error:
        sys.exit(str(error))
    return max(write_torch(index, torch_url(index)) for index in TORCH_OF_ITS_OWN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
