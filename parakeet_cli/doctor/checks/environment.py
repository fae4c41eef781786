"""Checks Python, the environment's variables, the system's libraries and the disks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePath
from typing import NamedTuple

from parakeet_cli.doctor.checks.common import (
    NEW_ENVIRONMENT,
    REPAIR_THERE,
    CheckContext,
    activated_elsewhere,
    is_unsupported,
    join_names,
    pip_command,
)
from parakeet_cli.doctor.checks.container import small_shared_memory
from parakeet_cli.doctor.facts import (
    Facts,
    FactUnavailable,
    Gpus,
    Interpreter,
    SharedLibraries,
    require,
)
from parakeet_cli.doctor.findings import NOTHING_TO_DO, CheckStatus, Finding, join_lines

GIB = 2**30
# A stage downloads and unpacks torch: 0.2 GB for CPU, 3 GB with CUDA, and twice that meanwhile.
DISK_LOW = 5 * GIB
DISK_FULL = GIB // 2
KINDS = {
    "venv": "a virtual environment",
    "conda": "a conda environment",
    "conda-base": "conda's base, which a repair refuses to change",
    "base": "a base Python, which a repair refuses to change",
}
# Settings of pip that install somewhere else; "0", "no" and the like turn them off.
PIP_TARGETS = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT")
PIP_EFFECTS = {
    "PIP_INDEX_URL": "pip uses another index",
    "PIP_EXTRA_INDEX_URL": "pip may take another build from a second index",
    "PIP_NO_INDEX": "pip uses no index at all",
    "PIP_CONSTRAINT": "pip gets additional constraints",
    "PIP_NO_DEPS": "pip installs no dependencies",
    "PIP_PRE": "pip installs pre-releases",
}


def python_version(context: CheckContext) -> Finding:
    """The interpreter starts, and the stack has wheels for its version."""
    check = "python-version"
    target, stack = context.facts.interpreter, context.stack
    if target.problem:
        return Finding(
            check,
            CheckStatus.FAIL,
            f"this Python can't start: {target.problem}",
            "Nothing of the stack can run, although its packages may all be intact.",
            f"{target.executable}\nbase: {target.base_prefix or 'not known'}",
            _new_python(context.facts),
        )
    if not target.version:
        raise FactUnavailable(f"the version of {target.executable} can't be found")
    evidence = f"{target.executable}: {KINDS[target.kind]}\npackages: {target.site_packages}"
    if is_unsupported(context.facts, stack):
        return Finding(
            check,
            CheckStatus.FAIL,
            f"Python {target.version} is outside {stack.python}, which stack {stack.name} needs",
            stack.python_why,
            evidence,
            f"{NEW_ENVIRONMENT}, or: conda create -n parakeet-ml python=3.11\n"
            f"Then install the stack there: {REPAIR_THERE}",
        )
    if target.script_python or target.moved_from:
        return _moved(context.facts, evidence)
    return Finding(
        check,
        CheckStatus.OK,
        f"Python {target.version}, {KINDS[target.kind].split(',')[0]}",
        stack.python_why,
        evidence,
    )


def _moved(facts: Facts, evidence: str) -> Finding:
    """What the commands of a moved or copied environment do, and how to put that right."""
    target = facts.interpreter
    pip = pip_command(facts)
    if target.script_python:
        summary = f"the command pip of this environment runs another Python, {target.script_python}"
        why = (
            "The environment was moved or copied, and its scripts name the first place: what "
            "they install, remove and list is there."
        )
    else:
        summary = f"this environment was moved here: its commands name {target.moved_from}"
        why = (
            "The packages can be imported. But pip and the other commands in bin don't start "
            "('bad interpreter', 'required file not found'), and activate leads to the first place."
        )
    # A script's first line can't name a Python whose path has a space or is long.
    simple = " " not in target.prefix and len(target.prefix) < 100
    if target.kind == "venv" and target.moved_from and simple:
        remedy = f"{_renaming(target)}\nUntil then, type {pip} instead of pip."
    elif target.kind == "conda":
        remedy = (
            f"Move it back to {target.moved_from}, or make it again here: compiled files of a "
            f"conda environment name its place, too. Until then, type {pip} instead of pip."
        )
    else:
        again = pip_command(facts, "install", "--force-reinstall", "--no-deps", "pip")
        remedy = f"Type {pip} instead of pip. To write the scripts again: {again}"
    return Finding("python-version", CheckStatus.WARN, summary, why, evidence, remedy)


def _renaming(target: Interpreter) -> str:
    """The command that names this place in the commands of a moved environment.

    `grep -I` leaves out binary files, and `-r` links such as bin/python.
    """
    old = re.sub(r"([][\\.*^$|])", r"\\\1", target.moved_from)
    new = re.sub(r"([\\&|])", r"\\\1", target.prefix)
    places = shlex.join([target.moved_from, f"{target.prefix}/bin", f"{target.prefix}/pyvenv.cfg"])
    replace = shlex.quote(f"s|{old}|{new}|g")
    return f"grep -rlIZF -e {places} | xargs -0 sed -i {replace}"


def _new_python(facts: Facts) -> str:
    """What to do about a Python that can't start: its packages may all be intact."""
    target = facts.interpreter
    if target.revival:
        # uv finds a Python that isn't on PATH, or fetches one.
        uv = ["uv", "venv", "--allow-existing", "--python", target.minor, target.prefix]
        return join_lines(
            [
                f"{target.revival}, or: {shlex.join(uv)}",
                f"That keeps the packages; it takes a Python {target.minor}.",
                f"then: {facts.doctor_command()}",
            ]
        )
    if target.kind.startswith("conda"):
        restore = shlex.join(["conda", "install", "-p", target.prefix, f"python={target.minor}"])
        return f"{restore}\nThen: {facts.doctor_command()}"
    return "Name another one: parakeet doctor --python PATH"


LIBRARIES_WHY = (
    "They affect every process: a library of another release in front of torch's own causes "
    "errors such as '__nvJitLinkComplete_12_4' or 'cuDNN version incompatibility'."
)
FILES_WHY = "Python looks in the folder of the script first, and takes the file for the package."
WHYS = {  # the beginning of a variable's name -> why it matters
    "LD_": LIBRARIES_WHY,
    "PYTHON": (
        "Python looks there before it looks in the environment, so that another release is "
        "imported than the one installed; no repair of the environment changes that."
    ),
    "PIP_": "pip does something else than its command says, in every environment.",
    "CONDA_": "pip and python of this shell are that environment's, and the doctor's is another.",
    "CUDA_": "torch sees only the GPUs that the variable leaves.",
}


class _Variable(NamedTuple):
    """A variable that affects the stack. `unset` is false if it may well be intended."""

    name: str
    effect: str
    serious: bool
    unset: bool = True
    remedy: str = ""  # where it isn't to be unset
    hides: tuple[str, ...] = ()  # the distributions that it keeps from being imported


def environment_variables(context: CheckContext) -> Finding:
    """No variable puts other code, other libraries or another pip in the stack's place."""
    check = "environment-variables"
    found = [
        *_python_variables(context),
        *_library_variables(context.facts),
        *_pip_variables(context.facts.variables),
        *_gpu_variables(context.facts),
        *_local_files(context),
        *_conda_variables(context.facts),
    ]
    if not found:
        return Finding(check, CheckStatus.OK, "no variable affects the stack", LIBRARIES_WHY)
    unset = list(dict.fromkeys(variable.name for variable in found if variable.unset))
    found.sort(key=lambda variable: not variable.serious)
    return Finding(
        check,
        CheckStatus.FAIL if found[0].serious else CheckStatus.WARN,
        found[0].effect + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""),
        _why(found[0].name),
        join_lines(variable.effect for variable in found),
        join_lines([f"unset {' '.join(unset)}" if unset else "", *(one.remedy for one in found)])
        or f"{NOTHING_TO_DO} if this is intended.",
        "https://github.com/pytorch/pytorch/issues/134929",
        packages=tuple(name for variable in found for name in variable.hides),
    )


def _why(variable: str) -> str:
    """Why a variable matters; "" stands for a file of the working folder."""
    return next((why for prefix, why in WHYS.items() if variable.startswith(prefix)), FILES_WHY)


def surroundings(context: CheckContext) -> str:
    """What to type about variables that hide the environment's own code; "" if none does.

    No repair of the environment helps before that.
    """
    found = [*_python_variables(context), *_library_variables(context.facts)]
    names = list(dict.fromkeys(variable.name for variable in found if variable.serious))
    return f"unset {' '.join(names)}" if names else ""


def _local_files(context: CheckContext) -> Iterator[_Variable]:
    """Files of the working folder that Python takes for packages, where it is started there."""
    for hidden in require(context.facts.hidden):
        if hidden.local and (not hidden.package or hidden.package in context.needed):
            path = PurePath(hidden.path)
            renamed = shlex.join(["mv", str(path), str(path.with_name(f"my_{path.name}"))])
            effect = f"{hidden}, for what is started in that folder"
            yield _Variable("", effect, serious=False, unset=False, remedy=renamed)


def _python_variables(context: CheckContext) -> Iterator[_Variable]:
    facts = context.facts
    if home := facts.variables.get("PYTHONHOME"):
        effect = f"PYTHONHOME={home}: Python takes its standard library from there"
        yield _Variable("PYTHONHOME", effect, serious=True)
    for folder in facts.interpreter.python_path:
        hiding = [
            dist
            for dist in facts.distributions
            if dist.location == folder and dist.name in context.needed
        ]
        files = [
            hidden
            for hidden in require(facts.hidden)
            if hidden.folder == folder
            and not hidden.local
            and (not hidden.package or hidden.package in context.needed)
        ]
        effect = "its modules come before all others"
        if hiding:
            names = join_names([f"{dist.name} {dist.version}" for dist in hiding], 3)
            effect = f"its {names} {'hides' if len(hiding) == 1 else 'hide'} the environment's"
        elif files:
            effect = join_names([str(hidden) for hidden in files], 3)
        hidden_names = [dist.name for dist in hiding] or [one.package for one in files]
        yield _Variable(
            "PYTHONPATH",
            f"PYTHONPATH has {folder}: {effect}",
            serious=bool(hiding or files),
            hides=tuple(name for name in hidden_names if name),
        )


def _library_variables(facts: Facts) -> Iterator[_Variable]:
    brings_cuda = facts.installed("torch") is not None
    for folder, libraries in facts.shadowing_libraries.items():
        serious = bool(libraries) and brings_cuda
        effect = (
            f"its {join_names(list(libraries), 3)} {'comes' if len(libraries) == 1 else 'come'} "
            "before the ones torch brings"
            if serious
            else "its libraries come before all others"
        )
        yield _Variable("LD_LIBRARY_PATH", f"LD_LIBRARY_PATH has {folder}: {effect}", serious)
    if preload := facts.variables.get("LD_PRELOAD"):
        effect = f"LD_PRELOAD={preload}: loaded into every process"
        yield _Variable("LD_PRELOAD", effect, serious=False)


def _pip_variables(variables: dict[str, str]) -> Iterator[_Variable]:
    for name in PIP_TARGETS:
        value = variables.get(name, "")
        if value.lower() not in ("", "0", "no", "false", "off"):
            effect = f"{name}={value}: pip installs into another folder"
            yield _Variable(name, effect, serious=True)
    for name, effect in PIP_EFFECTS.items():
        if value := variables.get(name, ""):
            yield _Variable(name, f"{name}={value}: {effect}", serious=False, unset=False)


def _gpu_variables(facts: Facts) -> Iterator[_Variable]:
    visible = facts.variables.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return
    if visible in ("", "-1"):
        effect = f"CUDA_VISIBLE_DEVICES={visible!r}: every GPU is hidden from torch"
        yield _Variable("CUDA_VISIBLE_DEVICES", effect, serious=False, unset=False)
    elif isinstance(facts.gpus, Gpus) and facts.gpus.hidden and not facts.gpus.devices:
        effect = f"CUDA_VISIBLE_DEVICES={visible!r} names no GPU of this machine: all are hidden"
        yield _Variable("CUDA_VISIBLE_DEVICES", effect, serious=False)


def _conda_variables(facts: Facts) -> Iterator[_Variable]:
    if other := activated_elsewhere(facts):
        effect = f"CONDA_PREFIX={other.path}: {other}"
        yield _Variable("CONDA_PREFIX", effect, False, False, other.remedy)


class _MissingLibrary(NamedTuple):
    summary: str
    remedy: str
    serious: bool


def system_libraries(context: CheckContext) -> Finding:
    """PortAudio for the microphone, libsndfile for files, and a recent enough libstdc++."""
    check = "system-libraries"
    libraries = require(context.facts.libraries)
    missing = list(_missing_libraries(context.facts, libraries))
    why = "pip brings Python code; these libraries come from the system or from conda."
    paths = join_lines(f"{name}: {path or 'not found'}" for name, path in libraries.found.items())
    if not missing:
        return Finding(
            check, CheckStatus.OK, "PortAudio, libsndfile and libstdc++ were found", why, paths
        )
    serious = any(library.serious for library in missing)
    return Finding(
        check,
        CheckStatus.FAIL if serious else CheckStatus.WARN,
        missing[0].summary,
        why,
        join_lines([*(library.summary for library in missing[1:]), paths]),
        join_lines(library.remedy for library in missing),
        "https://github.com/spatialaudio/python-sounddevice/issues/126",
    )


def _missing_libraries(facts: Facts, libraries: SharedLibraries) -> Iterator[_MissingLibrary]:
    """The serious ones first."""
    system, needed = libraries.libstdcxx_system, libraries.libstdcxx_needed
    if system and needed and _number(system) < _number(needed):
        yield _MissingLibrary(
            f"libstdc++ has GLIBCXX up to {system}, but {libraries.libstdcxx_needed_by} "
            f"needs {needed}: 'GLIBCXX_{needed} not found'",
            "conda install -c conda-forge libstdcxx-ng, or a newer system",
            serious=True,
        )
    no_sndfile = libraries.found.get("libsndfile.so.1") is None
    if libraries.bundled_sndfile is False and no_sndfile:
        reinstall = pip_command(facts, "install", "--force-reinstall", "--no-deps", "soundfile")
        yield _MissingLibrary(
            "libsndfile is missing, and soundfile was installed without its own",
            f"{reinstall}, or: sudo apt install libsndfile1",
            serious=True,
        )
    if libraries.found.get("libportaudio.so.2") is None:
        yield _MissingLibrary(
            "PortAudio is missing: `parakeet dictate` can't open the microphone",
            "sudo apt install libportaudio2, or: conda install portaudio",
            serious=False,
        )


def _number(version: str) -> int:
    return int(version.rsplit(".", 1)[1])


def disk_space(context: CheckContext) -> Finding:
    """There is space where pip writes. A full disk interrupts an installation."""
    check = "disk-space"
    disks = require(context.facts.disks)
    smallest = min(disks, key=lambda disk: disk.free, default=None)
    if smallest is None:
        raise FactUnavailable("no folder to look at")
    why = "pip unpacks gigabytes of wheels: a full disk ends it with 'No space left on device'."
    source = "https://github.com/pypa/pip/issues/7745"
    detail = join_lines(
        f"{disk.role}: {disk.free / GIB:.1f} GiB free ({disk.path})" for disk in disks
    )
    if smallest.free >= DISK_LOW and (shared := small_shared_memory(context.facts)):
        return Finding(check, CheckStatus.WARN, *shared)
    if smallest.free >= DISK_LOW:
        summary = f"{smallest.free / GIB:.0f} GiB free in {smallest.role}"
        return Finding(check, CheckStatus.OK, summary, why, detail, source=source)
    purge = pip_command(context.facts, "cache", "purge")
    remedies = {
        "the temporary folder": "Free some space there, or: export TMPDIR=/a/folder/with/room",
        "pip's cache": f"Free some space there: {purge}",
    }
    return Finding(
        check,
        CheckStatus.FAIL if smallest.free < DISK_FULL else CheckStatus.WARN,
        f"{smallest.role} has {smallest.free / GIB:.1f} GiB left ({smallest.path})",
        why,
        detail,
        remedies.get(smallest.role, "Free some space there."),
        source,
    )
