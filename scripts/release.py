"""Builds and checks what a release consists of, and signs and uploads nothing.

    make release        or: python scripts/release.py [--without-deb] [FOLDER]

In FOLDER (dist/release) are then the wheel, the sdist, a Debian package, a bill of materials
(CycloneDX), what the container images are built from, and SHA256SUMS. The wheel is installed into
an environment in which nothing else is, and transcribes there; the other files are made from that
environment.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path

from sbom import license_of

ROOT = Path(__file__).parent.parent
CLIP, SAID = ROOT / "samples" / "sense_0880.wav", "young man."
TOOLS = ("build>=1.2", "twine>=6.1", "cyclonedx-bom>=6")
# Beside what .dockerignore lets into a build.
RECIPE = ("Dockerfile", ".dockerignore", "compose.yaml", "docs/containers.md")
EXTRAS = ("digits", "serve")  # of the Debian package: small, and for any machine
PREFIX = "/usr/lib/parakeet"  # of the Debian package's environment
CONTROL = """\
Package: parakeet-cli
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {kilobytes}
Depends: python3 (>= {minor}), python3 (<< {next_minor}~), libc6
Recommends: libportaudio2
Suggests: ffmpeg
Section: sound
Priority: optional
Description: {summary}
 Recordings, videos and whole folders become text, subtitles or JSON with a time and a
 confidence for every word, on this machine and without a network: a model is built in.
 .
 Everything is in /usr/lib/parakeet: an environment of Debian's Python with all that the
 wheel requires, and what `parakeet serve` and `--digits` need.
"""


def main(arguments: list[str]) -> int:
    """Build in a folder of its own, check, and only then put it into FOLDER."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", default=str(ROOT / "dist" / "release"))
    parser.add_argument("--without-deb", action="store_true")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="parakeet-release-") as name:
        work, out = Path(name), Path(name, "out")
        out.mkdir()
        tools = _tools(work)
        wheel = _build(tools, out)
        bare = _bare_environment(work / "bare", wheel, sys.executable)
        _transcribes(bare / "bin" / "parakeet")
        # The bill also has what is in the Debian package alone.
        _uv("pip", "install", "--quiet", "--python", bare / "bin" / "python", _with_extras(wheel))
        _bill_of_materials(tools, bare, out / f"{_stem()}.cdx.json")
        _recipe(out / f"{_stem()}-containers.tar.gz")
        if not asked.without_deb:
            _debian_package(work, wheel, out)
        _sums(out)
        target = Path(asked.folder).absolute()
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(out, target)
    for path in sorted(target.iterdir()):
        print(f"{path.stat().st_size / 1e6:9.1f} MB  {path}")
    print("Nothing was signed or uploaded.")
    return 0


def _project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def _stem() -> str:
    return f"parakeet-{_project()['version']}"


def _run(*command: str | Path, **options: object) -> str:
    print("$", *command, flush=True)
    done = subprocess.run(  # type: ignore[call-overload]
        [str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, **options
    )
    return str(done.stdout)


def _uv(*words: str | Path) -> str:
    return _run(sys.executable, "-m", "uv", *words)


def _tools(work: Path) -> Path:
    """The folder of the programs that build and check, in an environment of their own."""
    _uv("venv", "--quiet", "--python", sys.executable, work / "tools")
    python = work / "tools" / "bin" / "python"
    _uv("pip", "install", "--quiet", "--python", python, *TOOLS)
    return python.parent


def _build(tools: Path, out: Path) -> Path:
    """The sdist, and the wheel that is built from it, not from the checkout."""
    _run(tools / "python", "-m", "build", "--outdir", out, ROOT)
    _run(tools / "twine", "check", "--strict", *sorted(out.iterdir()))
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    left = [name for name in names if name.startswith(("tests/", "bench/"))]
    clips = [name for name in names if name.endswith(".wav")]
    if left or clips != [f"samples/{CLIP.name}"]:
        raise SystemExit(f"The sdist has what it must not: {[*left, *clips][:5]}")
    return wheel


def _bare_environment(prefix: Path, wheel: Path | str, python: str, *flags: str) -> Path:
    """An environment of the wheel and what it requires, and nothing else."""
    _uv("venv", "--quiet", "--python", python, *flags, prefix)
    _uv("pip", "install", "--quiet", "--python", prefix / "bin" / "python", wheel)
    return prefix


def _with_extras(wheel: Path) -> str:
    return f"{wheel}[{','.join(EXTRAS)}]"


def _transcribes(parakeet: Path) -> None:
    """Raises SystemExit unless the command transcribes a clip where nothing else is."""
    with tempfile.TemporaryDirectory() as home:
        bare = {"PATH": "/usr/bin:/bin", "HOME": home, "PARAKEET_OFFLINE": "1"}
        said = _run(parakeet, "transcribe", CLIP, env=bare, cwd=home)
        if not said.strip().endswith(SAID):
            raise SystemExit(f"{parakeet} transcribes something else: {said!r}")
        _run(parakeet, "--version", env=bare, cwd=home)


def _bill_of_materials(tools: Path, bare: Path, target: Path) -> None:
    """Written by OWASP's tool; licences that it leaves out are from the metadata."""
    _run(
        *(tools / "cyclonedx-py", "environment", "--output-reproducible", "--of", "JSON"),
        *("--pyproject", ROOT / "pyproject.toml", "--mc-type", "application", "-o", target),
        bare / "bin" / "python",
    )
    bill = json.loads(target.read_text())
    folders = [str(path) for path in bare.glob("lib/python*/site-packages")]
    licences = {dist.name: license_of(dist) for dist in metadata.distributions(path=folders)}
    for component in bill["components"]:
        if not component.get("licenses"):
            component["licenses"] = [{"license": {"name": licences[component["name"]]}}]
    without = [
        one["name"] for one in bill["components"] if one["licenses"] == [{"license": {"name": ""}}]
    ]
    if without:
        raise SystemExit(f"The bill of materials names no licence of {', '.join(without)}.")
    target.write_text(json.dumps(bill, indent=2) + "\n")


def _recipe(target: Path) -> None:
    """What images are built from: a folder in which `docker build .` works.

    Nothing where the checkout has no Dockerfile.
    """
    if not (ROOT / "Dockerfile").exists():
        return
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    context = [line[1:] for line in lines if line.startswith("!")]
    present = sorted({path for name in (*RECIPE, *context) for path in ROOT.glob(name)})
    with tarfile.open(target, "w:gz") as archive:
        for path in present:
            name = f"{_stem()}/{path.relative_to(ROOT)}"
            archive.add(path, name, filter=lambda one: None if "__pycache__" in one.name else one)


def _sums(out: Path) -> None:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(out.iterdir())
    ]
    (out / "SHA256SUMS").write_text("".join(lines))


# The Debian package


def _debian_package(work: Path, wheel: Path, out: Path) -> None:
    """A package of the environment, made by the system's Python, which it depends on.

    An AppImage would need FUSE to start, and a Python of its own; this is installed, asked and
    removed by what the system has, and its dependencies are what Debian keeps current.
    """
    if shutil.which("dpkg-deb") is None:
        print("There is no dpkg-deb here: no Debian package was made.")
        return
    python = "/usr/bin/python3"
    root = work / "deb"
    prefix = root / PREFIX.lstrip("/")
    prefix.parent.mkdir(parents=True)
    _bare_environment(prefix, _with_extras(wheel), python, "--relocatable")
    _link_system_python(prefix, python)
    shutil.copytree(prefix / "share", root / "usr" / "share")
    (root / "usr" / "bin").mkdir()
    (root / "usr" / "bin" / "parakeet").symlink_to(f"{PREFIX}/bin/parakeet")
    documents = root / "usr" / "share" / "doc" / "parakeet-cli"
    documents.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", documents / "copyright")
    # zsh and fish of Debian look elsewhere than those of a prefix.
    (root / "usr/share/zsh/vendor-completions").mkdir()
    functions = root / "usr" / "share" / "zsh" / "site-functions"
    (functions / "_parakeet").rename(root / "usr/share/zsh/vendor-completions/_parakeet")
    functions.rmdir()
    _write_control(root, python)
    architecture = _run("dpkg", "--print-architecture").strip()
    target = out / f"parakeet-cli_{_project()['version']}_{architecture}.deb"
    _run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z3", "--build", root, target)
    _transcribes(prefix / "bin" / "parakeet")  # it is relocatable
    _run(prefix / "bin" / "parakeet", "serve", "--help")


def _link_system_python(prefix: Path, python: str) -> None:
    """The interpreter by its name in /usr/bin, and no path of this machine's build."""
    real = Path(python).resolve()
    for name in ("python", "python3", real.name):
        link = prefix / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(real if name == "python" else "python")
    for cache in prefix.rglob("__pycache__"):
        shutil.rmtree(cache)
    for info in prefix.rglob("parakeet_cli-*.dist-info"):
        record = info / "RECORD"  # not written into: it may be linked to uv's cache
        lines = record.read_text().splitlines(keepends=True)
        gone = [info / name for name in ("direct_url.json", "uv_cache.json")]
        record.unlink()
        named = tuple(f"{info.name}/{path.name}," for path in gone)
        record.write_text("".join(line for line in lines if not line.startswith(named)))
        for path in gone:
            path.unlink(missing_ok=True)


def _write_control(root: Path, python: str) -> None:
    minor = _run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    major, _, number = minor.partition(".")
    size = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir())
    project = _project()
    text = CONTROL.format(
        version=project["version"],
        architecture=_run("dpkg", "--print-architecture").strip(),
        maintainer="The parakeet authors <parakeet@localhost>",
        kilobytes=size // 1024,
        minor=minor,
        next_minor=f"{major}.{int(number) + 1}",
        summary=re.sub(r"\.$", "", str(project["description"])),
    )
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(text)
    for path in (root, *root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
