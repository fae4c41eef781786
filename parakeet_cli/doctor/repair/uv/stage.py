"""Unpacks what a repair adds beside the environment, checks it, and moves it in.

uv installs into a folder of the repair's own, as it would into the environment, and links to its
cache what it has unpacked before. Nothing of the environment changes until every file there has
been compared with its sum: uv's cache may have been damaged through an environment that is
linked to it. Then each step of the plan moves its files, which costs a rename for each.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.inspect.packages.distributions import read_distributions
from parakeet_cli.doctor.parallel_map import map_in_processes
from parakeet_cli.doctor.repair.plan import Change
from parakeet_cli.doctor.repair.rollback.beneath import is_inside
from parakeet_cli.doctor.repair.rollback.snapshot import files_in
from parakeet_cli.doctor.repair.uv.configuration import UvSettings
from parakeet_cli.doctor.repair.uv.install import LOCK
from parakeet_cli.doctor.repair.uv.solve import UvFailed, find_uv, run, write_requirements
from parakeet_cli.doctor.repair.wheel_members import description_of, is_of_the_environment
from parakeet_cli.doctor.repair.wheels import InstalledSize
from parakeet_cli.system.hardware import usable_cores
from parakeet_cli.system.regular_files import NO_LINK, open_regular

# The folders of an installation scheme that packages bring files for, beside site-packages.
SCHEME_FOLDERS = ("bin", "include", "share", "etc", "man")
DOWNLOADING = re.compile(r"^ *(?:Downloading|Building) (?P<file>\S+)")
# RECORD can't list its own sum, nor those of its signatures.
WITHOUT_SUM = (".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")


@dataclass(frozen=True, slots=True)
class Stage:
    """Distributions that are installed below `folder` as they will be below `prefix`."""

    folder: str
    prefix: str
    site: str  # site-packages, relative to either
    files: Mapping[str, tuple[str, ...]]  # those of each distribution, relative to the prefix
    shared: frozenset[str]  # folders of site-packages in which several have files

    @property
    def size(self) -> InstalledSize:
        """What moving it takes: no room for the files, which lie on the same disk."""
        names = [name for files in self.files.values() for name in files]
        tops = {name.partition("/")[0] for name in names} - {"lib", "lib64"}
        return InstalledSize(0, len(names), frozenset(tops))

    def move(self, changes: Iterable[Change]) -> None:
        """Move the files of these into the environment, over what is there. Raises OSError."""
        for change in changes:
            names = self.files[change.name]
            for top in dict.fromkeys(_top(name, self.site) for name in names):
                target = f"{self.prefix}/{top}"
                # A folder in one rename if it is new: a stack has 48,000 files in 8,000 folders.
                if top not in self.shared and not os.path.lexists(target):
                    _make_folder(Path(target).parent, self.prefix)
                    os.replace(f"{self.folder}/{top}", target)  # noqa: PTH105 - as below
                else:
                    self._move_files(name for name in names if _top(name, self.site) == top)

    def _move_files(self, names: Iterable[str]) -> None:
        """One by one: among files that are there, or that another distribution brings."""
        made: set[Path] = set()
        for name in names:
            source, target = f"{self.folder}/{name}", f"{self.prefix}/{name}"
            parent = Path(target).parent
            if parent not in made:
                _make_folder(parent, self.prefix)
                made.add(parent)
            try:
                os.replace(source, target)  # noqa: PTH105 - strings, for thousands of files
            except FileNotFoundError:
                # Another distribution that lists it too came first.
                if os.path.lexists(source) or not os.path.lexists(target):
                    raise


def _top(name: str, site: str) -> str:
    """The first folder of a file below site-packages, or the file."""
    below = name.removeprefix(f"{site}/")
    return name if below == name else f"{site}/{below.partition('/')[0]}"


def stage(
    facts: Facts,
    changes: Sequence[Change],
    sources: Sequence[str],
    settings: UvSettings,
    folder: Path,
    *,
    scratch: Path,
    descriptors: tuple[int, ...] = (),
    on_file: Callable[[str], None] = lambda file: None,
) -> Stage:
    """Install these into the new folder, and compare all of it. Raises UvFailed.

    `sources` are lines of a requirements file that name indexes. `on_file` gets the names of
    what is downloaded or built.
    """
    uv = find_uv(facts)
    if without := next((one.name for one in changes if not one.hashes), None):
        raise UvFailed(f"no sum of {without} is known")
    lines = [*sources, *(change.with_hashes for change in changes)]
    with tempfile.TemporaryDirectory(dir=scratch) as around:
        file = write_requirements(Path(around), "requirements.txt", settings, lines)
        command = [
            *uv.command("install", settings, lines),
            # Not --require-hashes, which refuses constraints that aren't pins: each has its sum.
            *("--no-deps", "--verify-hashes", "--prefix", str(folder), "-r", str(file)),
        ]

        def show(line: str) -> None:
            if match := DOWNLOADING.match(line):
                on_file(match["file"])

        variables = {**settings.variables, "TMPDIR": str(scratch)}
        run(command, variables, descriptors=descriptors, on_line=show)
    target = facts.interpreter
    site = os.path.relpath(target.site_packages, target.prefix)
    files = _checked(folder, site, changes)
    owners = Counter(top for names in files.values() for top in {_top(one, site) for one in names})
    shared = frozenset(top for top, number in owners.items() if number > 1)
    return Stage(str(folder), target.prefix, site, files, shared)


def _make_folder(path: Path, prefix: str) -> None:
    """Make a folder, from which no link may lead out of the environment. Raises OSError."""
    if not path.resolve().is_relative_to(Path(prefix).resolve()):
        raise OSError(f"{path} leads out of {prefix}")
    path.mkdir(parents=True, exist_ok=True)


# What is compared


def _checked(folder: Path, site: str, changes: Sequence[Change]) -> dict[str, tuple[str, ...]]:
    """The files of each distribution, relative to the prefix. Raises UvFailed."""
    found = {dist.name: dist for dist in read_distributions((str(folder / site),)).distributions}
    recorded: dict[str, dict[str, str]] = {}
    for change in changes:
        dist = found.get(change.name)
        if dist is None or dist.problem or dist.version != change.after:
            raise UvFailed(f"it made no {change.pinned}")
        recorded[change.name] = dict(_record(Path(dist.info), folder, site))
    rows = [row for files in recorded.values() for row in files.items()]
    number = usable_cores()
    answers = map_in_processes(
        lambda share: [row for row in share if not _has_sum(folder / row[0], row[1])],
        [rows[first::number] for first in range(number)],
    )
    wrong = {row for answer in answers for row in answer}
    # Of several distributions with one file, that of the last is there.
    whole = {name for name, digest in rows if (name, digest) not in wrong}
    for name, _ in wrong:
        if name not in whole:
            raise UvFailed(f"{name} is not the file that its RECORD has the sum of")
    files = {name: tuple(rows) for name, rows in recorded.items()}
    listed = {name for names in files.values() for name in names}
    for path in files_in(folder):
        name = os.path.relpath(path, folder)
        if name not in listed and name != LOCK:
            raise UvFailed(f"{name} is in no RECORD")
    return files


def _record(info: Path, folder: Path, site: str) -> Iterator[tuple[str, str]]:
    """Each file, relative to the prefix, and its sum. Raises UvFailed for one that has no place."""
    record = info / "RECORD"
    try:
        text = record.read_text("utf-8")
        rows = [row for row in csv.reader(text.splitlines()) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise UvFailed(f"{record} can't be read") from error
    for row in rows:
        name = os.path.normpath(f"{site}/{row[0]}")
        digest = row[1] if len(row) > 1 else ""
        inside = name.startswith(f"{site}/")
        below = name.removeprefix(f"{site}/") if inside else name
        top = name.partition("/")[0]
        if not is_inside(name) or not (inside or top in SCHEME_FOLDERS):
            raise UvFailed(f"{row[0]!r} belongs to no part of an environment")
        if is_of_the_environment(below):
            raise UvFailed(f"{row[0]!r} would replace a file of the environment's own")
        if inside and description_of(below) not in (None, info.name):
            raise UvFailed(f"{row[0]!r} describes another package")
        if not digest and not name.endswith(WITHOUT_SUM):
            raise UvFailed(f"RECORD has no sum of {row[0]!r}")
        yield name, digest


def _has_sum(path: Path, digest: str) -> bool:
    """Whether it is a file, no link, with this sum in RECORD's form if one is given."""
    kind, _, wanted = digest.partition("=")
    try:
        with open(open_regular(path, os.O_RDONLY | NO_LINK), "rb") as stream:
            if not digest:
                return True
            if kind not in ("sha256", "sha384", "sha512"):
                return False
            found = hashlib.file_digest(stream, kind).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == wanted.rstrip("=")
