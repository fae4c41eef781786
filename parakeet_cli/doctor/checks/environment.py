"""What surrounds the stack: Python itself, variables, system libraries, disk, models."""

from __future__ import annotations

from parakeet_cli.doctor.checks.common import count, graph_of, listed, pip
from parakeet_cli.doctor.facts import Facts, FactUnavailable, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.requirement_strings import allows
from parakeet_cli.doctor.stack.stack import Stack

GIB = 2**30
# A stage downloads and unpacks torch: 0.2 GB for CPU, 3 GB with CUDA, twice while it does.
DISK_LOW = 5 * GIB
DISK_OUT = GIB // 2


def python_version(facts: Facts, stack: Stack) -> Finding:
    """The interpreter starts, and is one that the stack has wheels for."""
    check = "python-version"
    target = facts.interpreter
    if target.problem:
        return Finding(
            check,
            CheckStatus.FAIL,
            f"this Python can't start: {target.problem}",
            "Nothing of the stack can run; its packages may all be whole.",
            f"{target.executable}\nbase: {target.base_prefix or 'not known'}",
            "Make the environment anew, then: " + facts.repair_command,
        )
    if not target.version:
        raise FactUnavailable(f"nothing says which version {target.executable} is")
    kinds = {
        "venv": "a virtual environment",
        "conda": "a conda environment",
        "conda-base": "conda's base, which a repair refuses to change",
        "base": "a base Python, which a repair refuses to change",
    }
    evidence = join_lines(
        [f"{target.executable}: {kinds[target.kind]}", f"packages: {target.site_packages}"]
    )
    if not allows(stack.python, target.version):
        return Finding(
            check,
            CheckStatus.FAIL,
            f"Python {target.version} is outside {stack.python}, what stack {stack.name} runs on",
            stack.python_why,
            evidence,
            "conda create -n parakeet python=3.11, or: python3.11 -m venv parakeet",
        )
    return Finding(
        check,
        CheckStatus.OK,
        f"Python {target.version}, {kinds[target.kind].split(',')[0]}",
        stack.python_why,
        evidence,
    )


def environment_variables(facts: Facts, stack: Stack) -> Finding:
    """No variable puts other code, other libraries or another pip in the stack's place."""
    check = "environment-variables"
    env = facts.environment
    serious: list[str] = []
    slight: list[str] = []
    unset: list[str] = []
    if env.get("PYTHONHOME"):
        serious.append(f"PYTHONHOME={env['PYTHONHOME']}: Python takes its library from there")
        unset.append("PYTHONHOME")
    _python_path(facts, stack, serious, slight, unset)
    brings_cuda = facts.installed("torch") is not None
    for folder, libraries in facts.lib_folders.items():
        text = f"LD_LIBRARY_PATH has {folder}"
        if libraries and brings_cuda:
            serious.append(
                f"{text}: its {listed(list(libraries), 3)} come before the ones torch brings"
            )
        else:
            slight.append(f"{text}: its libraries come before all others")
        unset.append("LD_LIBRARY_PATH")
    if env.get("LD_PRELOAD"):
        slight.append(f"LD_PRELOAD={env['LD_PRELOAD']}: loaded into every process")
        unset.append("LD_PRELOAD")
    for key in ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT"):
        if env.get(key, "").lower() not in ("", "0", "no", "false", "off"):
            serious.append(f"{key}={env[key]}: pip installs somewhere else than here")
            unset.append(key)
    changes = {
        "PIP_INDEX_URL": "pip asks another index",
        "PIP_EXTRA_INDEX_URL": "pip may take another build from a second index",
        "PIP_NO_INDEX": "pip asks no index at all",
        "PIP_CONSTRAINT": "pip is held to further bounds",
        "PIP_NO_DEPS": "pip installs no dependencies",
        "PIP_PRE": "pip takes pre-releases",
        "PIP_REQUIRE_VIRTUALENV": "",
    }
    for key, effect in changes.items():
        if effect and env.get(key):
            slight.append(f"{key}={env[key]}: {effect}")
    visible = env.get("CUDA_VISIBLE_DEVICES")
    if visible in ("", "-1"):
        slight.append(f"CUDA_VISIBLE_DEVICES={visible!r}: every GPU is hidden from torch")
    why = (
        "They reach into every process: a library of another release in front of torch's own "
        "ends in errors such as '__nvJitLinkComplete_12_4' or 'cuDNN version incompatibility'."
    )
    source = "https://github.com/pytorch/pytorch/issues/134929"
    if not serious and not slight:
        return Finding(check, CheckStatus.OK, "no variable gets in the stack's way", why)
    named = list(dict.fromkeys(unset))
    return Finding(
        check,
        CheckStatus.FAIL if serious else CheckStatus.WARN,
        (serious or slight)[0]
        + (f" (and {len(serious + slight) - 1} more)" if len(serious + slight) > 1 else ""),
        why,
        join_lines(serious + slight),
        f"unset {' '.join(named)}" if named else "Nothing has to be done, if it is meant.",
        source,
    )


def _python_path(
    facts: Facts, stack: Stack, serious: list[str], slight: list[str], unset: list[str]
) -> None:
    needed = graph_of(facts).needed(stack)
    for folder in facts.interpreter.python_path:
        inside = [dist for dist in facts.distributions if dist.location == folder]
        ours = [f"{dist.name} {dist.version}" for dist in inside if dist.name in needed]
        if ours:
            serious.append(f"PYTHONPATH has {folder}: its {listed(ours, 3)} hide the environment's")
        else:
            slight.append(f"PYTHONPATH has {folder}: its modules come before all others")
        unset.append("PYTHONPATH")


def system_libraries(facts: Facts, stack: Stack) -> Finding:
    """PortAudio for the microphone, libsndfile for files, a C++ library new enough."""
    check = "system-libraries"
    libraries = require(facts.libraries)
    serious: list[str] = []
    slight: list[str] = []
    type_this: list[str] = []
    system, needed = libraries.libstdcxx_system, libraries.libstdcxx_needed
    if not facts.mock and system and needed and _number(system) < _number(needed):
        serious.append(
            f"libstdc++ has GLIBCXX up to {system}, but {libraries.libstdcxx_needed_by} "
            f"needs {needed}: 'GLIBCXX_{needed} not found'"
        )
        type_this.append("conda install -c conda-forge libstdcxx-ng, or a newer system")
    if (
        not facts.mock
        and libraries.bundled_sndfile is False
        and libraries.found.get("libsndfile.so.1") is None
    ):
        serious.append("libsndfile is missing, and soundfile was installed without its own")
        type_this.append(
            pip(facts, "install", "--force-reinstall", "--no-deps", "soundfile")
            + ", or: sudo apt install libsndfile1"
        )
    if libraries.found.get("libportaudio.so.2") is None:
        slight.append("PortAudio is missing: `parakeet dictate` can't open the microphone")
        type_this.append("sudo apt install libportaudio2, or: conda install portaudio")
    why = "pip brings Python code; these libraries come from the system or from conda."
    source = "https://github.com/spatialaudio/python-sounddevice/issues/126"
    there = join_lines(f"{name}: {path or 'not found'}" for name, path in libraries.found.items())
    if not serious and not slight:
        return Finding(
            check, CheckStatus.OK, "PortAudio, libsndfile and libstdc++ are there", why, there
        )
    return Finding(
        check,
        CheckStatus.FAIL if serious else CheckStatus.WARN,
        (serious or slight)[0],
        why,
        join_lines([*(serious + slight)[1:], there]),
        join_lines(type_this),
        source,
    )


def _number(version: str) -> int:
    return int(version.rsplit(".", 1)[1])


def disk_space(facts: Facts, stack: Stack) -> Finding:
    """Room where pip writes: a full one ends an install in the middle."""
    check = "disk-space"
    disks = require(facts.disks)
    said = [f"{disk.role}: {disk.free / GIB:.1f} GiB free ({disk.path})" for disk in disks]
    least = min(disks, key=lambda disk: disk.free, default=None)
    if least is None:
        raise FactUnavailable("no folder to look at")
    why = "pip unpacks wheels of gigabytes: 'No space left on device' (Errno 28) in the middle."
    source = "https://github.com/pypa/pip/issues/7745"
    if least.free >= DISK_LOW:
        summary = f"{least.free / GIB:.0f} GiB free in {least.role}"
        return Finding(check, CheckStatus.OK, summary, why, join_lines(said), source=source)
    return Finding(
        check,
        CheckStatus.FAIL if least.free < DISK_OUT else CheckStatus.WARN,
        f"{least.role} has {least.free / GIB:.1f} GiB left ({least.path})",
        why,
        join_lines(said),
        "Free some space there, or: export TMPDIR=/a/folder/with/room"
        if least.role == "the temporary folder"
        else "Free some space there"
        + (": " + pip(facts, "cache", "purge") if least.role == "pip's cache" else "."),
        source,
    )


def model_cache(facts: Facts, stack: Stack) -> Finding:
    """Models at hand are whole, and there is one where the network is forbidden."""
    check = "model-cache"
    cache = require(facts.model_cache)
    why = "A model that is not in the cache is downloaded at its first use; offline it can't be."
    source = "https://huggingface.co/docs/huggingface_hub/guides/manage-cache"
    here = join_lines(
        [
            cache.path,
            *(f"whole: {m}" for m in cache.models),
            *(f"with gaps: {m}" for m in cache.damaged),
        ]
    )
    if cache.offline and not cache.models:
        return Finding(
            check,
            CheckStatus.WARN,
            f"{cache.offline} is set and no model is in the cache: none can be loaded by name",
            why,
            here,
            f"unset {cache.offline}, or give a file: parakeet transcribe --model model.nemo",
            source,
        )
    if cache.damaged:
        return Finding(
            check,
            CheckStatus.WARN,
            f"{count(len(cache.damaged), 'model')} in the cache with gaps: "
            f"{listed(list(cache.damaged))}",
            why,
            here,
            f"Remove its folder in {cache.path}; it is downloaded anew at its next use.",
            source,
        )
    summary = (
        f"{count(len(cache.models), 'model')} in the cache"
        if cache.models
        else ("no model in the cache: the first use downloads one")
    )
    return Finding(check, CheckStatus.OK, summary, why, here, source=source)


def advisories(facts: Facts, stack: Stack) -> Finding:
    """Published weaknesses of the versions that are there, and what protects from them."""
    check = "advisories"
    for advisory in stack.advisories:
        dist = facts.installed(advisory.package)
        if dist is not None and dist.version is None:
            raise FactUnavailable(f"the version of {dist.name} can't be read: {dist.problem}")
    hits = [
        (advisory, dist)
        for advisory in stack.advisories
        if (dist := facts.installed(advisory.package)) and allows(advisory.affected, dist.version)
    ]
    if not hits:
        return Finding(
            check, CheckStatus.OK, "no published weakness of what is installed is known here"
        )
    first, found = hits[0]
    return Finding(
        check,
        CheckStatus.WARN,
        f"{found.name} {found.version} {first.title} ({listed(list(first.ids))})",
        "A model file is a program to these versions: loading one from a stranger runs it.",
        join_lines(
            f"{d.name} {d.version}, affected: {a.affected}: {listed(list(a.ids))}" for a, d in hits
        ),
        join_lines(advisory.protects for advisory, _ in hits),
        first.link,
    )
