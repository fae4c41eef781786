"""Writes containers/lock/: every version that an image is made of, with its sums.

    python scripts/container_lock.py           resolve again and write the files (needs a network)
    python scripts/container_lock.py --check   exit 1 if a file no longer suits what it is made from
    python scripts/container_lock.py --debian sbom.cdx.json
                                               write containers/debian.txt from an image's bill

The files are requirements files for `pip install --require-hashes`, and name no index: where
packages come from is pip's own configuration.

    tool.txt          parakeet and what it needs
    build.txt         what builds parakeet's wheel, and the stack's packages that have none
    nemo-STACK.txt    the ML stack, as the doctor plans it, but for torch
    torch-INDEX.txt   torch with its CUDA, for the indexes in TORCH

torch of an index of its own (cu126, cu128) isn't among them yet: the sums have to be taken from
that index.
"""

from __future__ import annotations

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
# What torch brings and nothing else does. NeMo 3.0 requires cuda-bindings itself.
TORCH_ALONE = re.compile(r"torch$|triton$|nvidia-|cuda-toolkit$")
# What stands in the build requirements of the stack's packages that come as source alone.
BUILD = ("hatchling>=1.27", "setuptools", "wheel")
_PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


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


def lock(requirements: Sequence[str], *, exact: bool = False) -> str:
    """The requirements with all they need, each with a version and its files' sums.

    With `exact` they are pins, and nothing is added to them.
    """
    command = [find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-config", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--python-version", PYTHON]
    command += ["--python-platform", PLATFORM, *(["--no-deps"] if exact else [])]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("UV_")}
    done = subprocess.run(
        command, input="\n".join(requirements), env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"uv can't lock {' '.join(requirements)[:60]}...:\n{done.stderr}")
    return done.stdout


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


def main(arguments: list[str]) -> int:
    """Write the files, or with --check say what no longer suits."""
    if arguments[:1] == ["--debian"]:
        DEBIAN.write_text(debian_list(Path(arguments[1])))
        return 0
    if "--check" in arguments:
        found = problems()
        for problem in found:
            print(problem)
        if found:
            print("To lock again: python scripts/container_lock.py")
        return 1 if found else 0
    LOCK.mkdir(parents=True, exist_ok=True)
    for name, text in files():
        head = "# Written by scripts/container_lock.py for Python 3.11 on Linux (x86_64).\n"
        (LOCK / name).write_text(head + text)
        print(f"{name}: {len(pins(text))} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
