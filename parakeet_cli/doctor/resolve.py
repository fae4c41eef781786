"""What pip would change to reach an aim, asked of pip itself; and the wheels for it.

`pip install --dry-run --report` is asked once for all stages together, so that no stage
undoes another; NeMo, which goes in without dependencies, is asked for alone. Then every
chosen distribution is made into a wheel, before anything is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import tempfile
import urllib.parse
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.facts import Facts, NotKnown
from parakeet_cli.doctor.names import normal, wanted
from parakeet_cli.doctor.pips import Listen, Pip, PipFailed, plain_settings
from parakeet_cli.doctor.plan import (
    REMOVAL,
    TORCH,
    Aim,
    Change,
    Plan,
    Run,
    Step,
    allot,
    constraints,
    forced,
    requirements,
)
from parakeet_cli.doctor.stack import Stack
from parakeet_cli.errors import ParakeetError, Refused, UsageError

INDEX_LINE = re.compile(r"^--index-url[ =]+(\S+)", re.MULTILINE)
SHORT_INDEX = re.compile(r"(nightly/|test/)?(cu\d+|cpu|rocm[\d.]+)$")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packages come from. `torch_index` None: from the same place as all others."""

    torch_index: str | None = None
    wheelhouse: str | None = None

    @property
    def nightly(self) -> bool:
        return "/nightly/" in (self.torch_index or "") or "/test/" in (self.torch_index or "")

    @property
    def arguments(self) -> tuple[str, ...]:
        """For runs that take everything but torch's own index."""
        if self.wheelhouse:
            return ("--no-index", "--find-links", self.wheelhouse)
        return ("--extra-index-url", self.torch_index) if self.torch_index else ()


def sources(facts: Facts, stack: Stack, named: str | None, wheelhouse: str | None) -> Sources:
    """The named index, or the one for this machine: CUDA with a GPU, else the CPU builds.

    Raises UsageError for an index or a folder that means nothing.
    """
    if wheelhouse is not None:
        folder = Path(wheelhouse).expanduser()
        return Sources(None, os.path.abspath(folder))
    own = next(
        (match[1] for file in stack.files if (match := INDEX_LINE.search(file.read_text("utf-8")))),
        None,
    )
    if own is None:
        raise ParakeetError("requirements-torch.txt names no index.")
    if named is None:
        gpus = facts.gpus
        gpu = not isinstance(gpus, NotKnown) and (gpus.present or gpus.nvidia_smi is not None)
        return Sources(own if gpu else own.rpartition("/")[0] + "/cpu")
    if named == "default":
        return Sources(None)
    if SHORT_INDEX.fullmatch(named):
        return Sources(f"{own.rpartition('/')[0]}/{named}")
    if "://" in named:
        return Sources(named)
    if Path(named).expanduser().is_dir():
        return Sources(Path(named).expanduser().resolve().as_uri())
    raise UsageError(
        f"There is no index {named} for torch.",
        hint="Take cu128, cu130, nightly/cu128, cpu, default (pip's own) or a URL.",
    )


# Asking


@dataclass(frozen=True, slots=True)
class Resolution:
    """What pip would change, the plan made of it, and where its wheels come from."""

    plan: Plan
    installs: tuple[Change, ...]
    sources: Sources
    exact: tuple[str, ...]  # name==version of all that is installed


class Resolver:
    """Asks one interpreter's pip. Writes nothing but temporary files of its own."""

    def __init__(
        self,
        pip: Pip,
        facts: Facts,
        aim: Aim,
        where: Sources,
        *,
        constraints_file: Path,
        listen: Listen | None = None,
    ) -> None:
        self._pip, self._facts, self._aim = pip, facts, aim
        # torch's own index is nobody's business where torch stays.
        self._where = where if aim.torch or where.wheelhouse else Sources()
        self._listen = listen
        self._constraints = constraints_file
        self._before = {dist.name: dist.version for dist in reversed(facts.distributions)}

    def resolve(self) -> Resolution:
        """Raises Refused where pip finds no way, or can't reach its sources."""
        try:
            return self._resolve()
        except PipFailed as error:
            raise refusal(error, self._where) from error

    def _resolve(self) -> Resolution:
        aim, again = self._aim, ("--ignore-installed",) if self._aim.reinstall else ()
        torch = self._torch()
        exact_torch = (f"torch=={torch}",) if torch else ()
        with_deps: list[str] = []
        alone: list[str] = []
        for stage in aim.stack.stages:
            if stage.number in aim.stages:
                held = alone if "--no-deps" in stage.flags else with_deps
                held.extend(self._asked(requirements(stage, aim)))
        found: dict[str, Change] = {}
        with self._file([*exact_torch, *self._own_bounds()]) as bounds:
            if with_deps:
                self._ask(found, ["-c", bounds, *again, *with_deps], self._where.arguments)
            if alone:
                plain = () if not self._where.wheelhouse else self._where.arguments
                self._ask(found, ["-c", bounds, *again, "--no-deps", *alone], plain)
            over = forced(aim, self._facts, found)
            if over:
                flags = ["--force-reinstall", "--no-deps"]
                self._ask(found, ["-c", bounds, *flags, *over], self._where.arguments)
        over_names = {normal(requirement.name) for text in over if (requirement := wanted(text))}
        return self._made(found, over_names, torch)

    def _asked(self, texts: Sequence[str]) -> list[str]:
        """Without torch where torch stays: nothing is asked of an index that isn't needed."""
        there = self._facts.installed(TORCH)
        stays = there is not None and not self._aim.torch
        return [text for text in texts if not (stays and _name(text) == TORCH)]

    def _own_bounds(self) -> tuple[str, ...]:
        lines = constraints(self._aim.stack, self._facts)
        there = self._facts.installed(TORCH)
        if there is not None and there.version and not self._aim.torch:
            # It stays as it is, local label and all: no other build is as good.
            lines = (*lines, f"torch=={there.version}")
        return lines

    def _torch(self) -> str | None:
        """The version that torch's own index has, taken from there and nowhere else."""
        where = self._where
        pin = self._aim.stack.pin(TORCH)
        if not self._aim.torch or where.torch_index is None or pin is None:
            return None
        found: dict[str, Change] = {}
        pre = ["--pre"] if where.nightly else []
        self._ask(
            found,
            [
                "--no-deps",
                "--ignore-installed",
                *pre,
                "--index-url",
                where.torch_index,
                pin.wanted.text,
            ],
            (),
            alone=True,
        )
        return found[TORCH].after if TORCH in found else None

    def _ask(
        self,
        found: dict[str, Change],
        arguments: Sequence[str],
        where: Sequence[str],
        *,
        alone: bool = False,
    ) -> None:
        with tempfile.TemporaryDirectory(prefix="parakeet-plan-") as folder:
            report = Path(folder, "report.json")
            self._pip.run(
                ["install", "--dry-run", "--report", str(report), *where, *arguments],
                listen=self._listen,
                sealed=self._where.wheelhouse is not None,
                plain=plain_settings(self._pip) if alone else None,
            )
            for item in json.loads(report.read_text("utf-8"))["install"]:
                change = _change(item, self._before)
                found.setdefault(change.name, change)

    def _file(self, lines: Iterable[str]) -> _Bounds:
        return _Bounds(lines)

    # Into steps

    def _made(self, found: dict[str, Change], over: set[str], torch: str | None) -> Resolution:
        aim, facts = self._aim, self._facts
        steps: list[Step] = []
        if first := self._removal(found):
            steps.append(first)
        mine = allot(aim, [change for name, change in found.items() if name not in over], facts)
        last = aim.stages[-1] if aim.stages else aim.stack.stages[-1].number
        replaced: dict[int, list[Change]] = {}
        for name in sorted(over & set(found)):
            pin = aim.stack.pin(name)
            replaced.setdefault(pin.stage if pin else last, []).append(found[name])
        for stage in aim.stack.stages:
            changes = mine.get(stage.number, ())
            again = replaced.get(stage.number, [])
            if not changes and not again:
                continue
            runs = []
            if changes:
                asked = self._asked(requirements(stage, aim))
                asked = [
                    f"torch=={torch}" if torch and _name(text) == TORCH else text for text in asked
                ]
                strays = [
                    f"{change.name}=={change.after}"
                    for change in changes
                    if not asked
                    or (stage.number == last and change.name not in self._reached(asked, found))
                ]
                runs.append(Run("install", (*asked, *strays), stage.flags))
            if again:
                texts = tuple(f"{change.name}=={change.after}" for change in again)
                runs.append(Run("install", texts, ("--force-reinstall", "--no-deps")))
            commands = tuple(self._typed(run, with_torch=torch is not None) for run in runs)
            steps.append(Step(stage.number, stage.title, commands, (*changes, *again), tuple(runs)))
        exact = tuple(f"{change.name}=={change.after}" for change in found.values())
        return Resolution(Plan(tuple(steps), aim.ids), tuple(found.values()), self._where, exact)

    def _reached(self, asked: Sequence[str], found: dict[str, Change]) -> set[str]:
        needs = {dist.name: dist.requires for dist in self._facts.distributions}
        needs |= {name: change.requires for name, change in found.items()}
        from parakeet_cli.doctor.plan import closure

        return set(closure([_name(text) for text in asked], needs))

    def _removal(self, found: dict[str, Change]) -> Step | None:
        aim = self._aim
        runs: list[Run] = []
        if aim.reinstall:
            names = sorted(name for name in found if self._before.get(name))
            if names:
                runs.append(Run("uninstall", ("--yes", *names)))
        most = max(aim.mend.uninstall.values(), default=0)
        for number in range(most):
            names = sorted(name for name, times in aim.mend.uninstall.items() if times > number)
            runs.append(Run("uninstall", ("--yes", *names)))
        remove = aim.mend.remove
        if not runs and not remove:
            return None
        commands = [shlex.join(["rm", "-r", path]) for path in remove]
        commands += [self._typed(run, with_torch=False) for run in runs]
        title = "Remove what is there" if aim.reinstall else "Remove what is half there"
        return Step(REMOVAL, title, tuple(commands), (), tuple(runs), remove)

    def _typed(self, run: Run, *, with_torch: bool) -> str:
        """As a person would type it."""
        where: tuple[str, ...] = ()
        held: tuple[str, ...] = ()
        if run.verb == "install":
            held = ("-c", str(self._constraints))
            if self._where.wheelhouse or (
                with_torch and any(_name(text) == TORCH for text in run.arguments)
            ):
                where = self._where.arguments
        return shlex.join([*self._pip.typed, run.verb, *where, *held, *run.flags, *run.arguments])


class _Bounds:
    """A constraints file for as long as it is needed."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = tuple(lines)

    def __enter__(self) -> str:
        descriptor, self._path = tempfile.mkstemp(prefix="parakeet-", suffix="-constraints.txt")
        with os.fdopen(descriptor, "w") as out:
            out.write("".join(f"{line}\n" for line in self._lines))
        return self._path

    def __exit__(self, *_: object) -> None:
        Path(self._path).unlink(missing_ok=True)


def _name(text: str) -> str:
    requirement = wanted(text)
    return requirement.name if requirement else ""


def _change(item: dict[str, dict[str, object]], before: dict[str, str | None]) -> Change:
    metadata, source = item["metadata"], item["download_info"]
    url = str(source.get("url", ""))
    archive = source.get("archive_info")
    hashes = archive.get("hashes") if isinstance(archive, dict) else None
    digest = str(hashes.get("sha256", "")) if isinstance(hashes, dict) else ""
    requires = metadata.get("requires_dist")
    name = normal(str(metadata["name"]))
    return Change(
        name,
        before.get(name),
        str(metadata["version"]),
        _size(url),
        tuple(map(str, requires)) if isinstance(requires, list) else (),
        digest if url.partition("#")[0].endswith(".whl") else "",
    )


def _size(url: str) -> int | None:
    """Known where the file lies on this machine; an index doesn't tell."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "file":
        return None
    try:
        return Path(urllib.parse.unquote(parts.path)).stat().st_size
    except OSError:
        return None


UNREACHABLE = re.compile(
    r"Temporary failure in name resolution|Name or service not known|NewConnectionError|"
    r"Connection (?:refused|reset|aborted)|Network is unreachable|ConnectTimeout|ReadTimeout|"
    r"Max retries exceeded|ProxyError|SSLError|HTTP error|ConnectionError|NameResolutionError"
)


def refusal(error: PipFailed, where: Sources) -> Refused:
    """Nothing was touched: the network, or no version that all agree on."""
    if where.wheelhouse:
        return Refused(
            f"{where.wheelhouse} lacks something: {error.reason}. Nothing was touched.",
            hint="Fill it where there is a network: "
            f"parakeet doctor --dry-run --download --wheelhouse {shlex.quote(where.wheelhouse)}",
        )
    if any(UNREACHABLE.search(line) for line in error.said):
        return Refused(
            f"The package index can't be reached, and nothing was touched: {error.reason}",
            hint="With a network, or with --wheelhouse DIR, a folder of wheels filled elsewhere.",
        )
    return Refused(f"pip finds no way, and nothing was touched: {error.reason}")


# Fetching


def fetch(
    pip: Pip,
    resolution: Resolution,
    folder: Path,
    *,
    listen: Callable[[str], None] | None = None,
) -> None:
    """A wheel of everything that will be installed; sources are built. Raises Refused."""
    if not resolution.installs:
        return
    where = resolution.sources
    progress = ["--progress-bar", "raw"] if pip.reports_progress else []
    texts = [f"{change.name}=={change.after}" for change in resolution.installs]
    try:
        pip.run(
            ["wheel", "--no-deps", *progress, "-w", str(folder), *where.arguments, *texts],
            listen=listen,
            sealed=where.wheelhouse is not None,
        )
    except PipFailed as error:
        raise refusal(error, where) from error
    _verify(resolution, folder)


def _verify(resolution: Resolution, folder: Path) -> None:
    """Each wheel is there and is the very one that was planned."""
    there = {_wheel_key(path.name): path for path in folder.glob("*.whl")}
    for change in resolution.installs:
        path = there.get((change.name, str(Version(str(change.after)))))
        if path is None:
            raise Refused(
                f"pip made no wheel of {change.name} {change.after}; nothing was touched."
            )
        if change.sha256 and _sha256(path) != change.sha256:
            raise Refused(
                f"{path.name} is not the file that was planned: its hash differs. "
                "Nothing was touched."
            )


def _wheel_key(name: str) -> tuple[str, str]:
    parts = name.split("-")
    try:
        return normal(parts[0]), str(Version(urllib.parse.unquote(parts[1]).replace("_", "+")))
    except (InvalidVersion, IndexError):
        return name, ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpacked(folder: Path) -> tuple[int, int, set[str]]:
    """Bytes and files that the wheels come to when installed, and the top folders of the
    environment that their data goes to."""
    size = number = 0
    tops: set[str] = set()
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                size += item.file_size + (item.file_size if item.filename.endswith(".py") else 0)
                number += 2 if item.filename.endswith(".py") else 1
                parts = item.filename.split("/")
                if (
                    len(parts) > 2
                    and parts[0].endswith(".data")
                    and parts[1] == "data"
                    and parts[2]
                ):
                    tops.add(parts[2])
    return size, number, tops
