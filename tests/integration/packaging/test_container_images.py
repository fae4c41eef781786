"""The images are built by buildah, and run as strangers would run them.

That takes ten minutes, 12 GB below pytest's folder and what the registries send: `make soak`. The
base is made by debootstrap from this machine's own Debian mirror, and pip's settings here are
passed as build arguments.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CLIP = ROOT / "samples" / "sense_0880.wav"
MODEL = ROOT / "tests" / "fixtures" / "models" / "small-parakeet-tdt.nemo"
HELD_OUT = ROOT / "tests" / "fixtures" / "held_out"
PIP_SETTINGS = ("index-url", "trusted-host", "proxy", "default-timeout", "find-links", "cert")
STRANGER = 54321  # a user that the image doesn't know

# Runs in namespaces of its own: no network but loopback, a read-only root, /tmp and /dev/shm as
# Docker has them, the folders and the secret of compose.yaml, and the mark that Podman leaves.
INSIDE = """
set -e
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=64m tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$root/models"
mkdir -p "$root/recordings" "$root/transcripts"
mount --bind -o ro "$work" "$root/data"
mount --bind -o ro "$work" "$root/recordings"
mount -t tmpfs -o mode=1777 tmpfs "$root/transcripts"
if [ -e "$work/api-key" ]; then
    install -D -o "$user" -m 600 "$work/api-key" "$root/run/secrets/api-key"
fi
: >"$root/run/.containerenv"
mount -o remount,ro,bind "$root"
cd "$root"
exec chroot --userspec="$user:$user" --groups= "$root" env -i "$@"
"""


def why_not() -> str:
    """Why images can't be built here, or ""."""
    missing = [
        name for name in ("buildah", "debootstrap", "unshare", "ip") if not shutil.which(name)
    ]
    if missing:
        return f"needs {' and '.join(missing)} (Debian: apt-get install buildah debootstrap)"
    if os.geteuid() != 0:
        return "debootstrap and buildah's chroot isolation need root"
    if not mirror():
        return "no Debian mirror is configured here"
    return ""


def mirror() -> str:
    """The first Debian mirror that apt-get uses here."""
    for path in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")):
        if path.exists() and (found := re.search(r"(https?://\S+/debian)\s", path.read_text())):
            return found[1]
    return ""


pytestmark = [pytest.mark.soak, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]


# Serves until compose.yaml's own health check is content, asks the server, and stops it as
# `docker compose stop` does.
SERVED = """
"$@" & server=$!
until sh -c "$check"; do kill -0 $server; sleep 1; done
python3 /data/ask.py
kill -TERM $server
wait $server
"""
# Uploads the clip, without the key and with it.
ASK = """
import urllib.error, urllib.request
clip = open("/data/clip.wav", "rb").read()
head = b'--x\\r\\nContent-Disposition: form-data; name="file"; filename="clip.wav"\\r\\n\\r\\n'
address = "http://127.0.0.1:8178/v1/audio/transcriptions"
kind = {"Content-Type": "multipart/form-data; boundary=x", "Host": "localhost:8178"}
for key in ("", "Bearer " + open("/run/secrets/api-key").read().strip()):
    asked = urllib.request.Request(address, head + clip + b"\\r\\n--x--\\r\\n", kind)
    asked.add_header("Authorization", key)
    try:
        print(urllib.request.urlopen(asked).read().decode())
    except urllib.error.HTTPError as error:
        print(error.code)
"""


@dataclass(frozen=True, slots=True)
class Builder:
    """buildah with a storage of its own, and a clean clone to build from."""

    folder: Path

    def buildah(self, *arguments: str) -> str:
        command = ["buildah", "--root", str(self.folder / "storage")]
        command += ["--runroot", str(self.folder / "runroot"), *arguments]
        (self.folder / "tmp").mkdir(exist_ok=True)
        environment = os.environ | {"TMPDIR": str(self.folder / "tmp")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def make_base(self) -> None:
        root = self.folder / "base"
        subprocess.run(
            ["debootstrap", "--variant=minbase", "bookworm", str(root), mirror()],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        # Settings of this machine's apt-get, such as that its mirror's dates don't matter.
        settings = [
            line
            for path in Path("/etc/apt/apt.conf.d").iterdir()
            for line in path.read_text("utf-8", "replace").splitlines()
            if re.match(r"Acquire::(Check|http|https)\b", line)
        ]
        (root / "etc/apt/apt.conf.d/90here").write_text("\n".join(settings) + "\n")
        container = self.buildah("from", "scratch").strip()
        self.buildah("copy", "-q", container, str(root), "/")
        self.buildah("commit", "-q", "--rm", container, "localhost/base")
        shutil.rmtree(root)

    def build(self, target: str, tag: str, **arguments: str) -> str:
        command = ["bud", "--isolation", "chroot", "--target", target, "-t", f"localhost/{tag}"]
        given = {"BASE": "localhost/base", **arguments}
        for setting, value in pip_settings().items():
            variable = f"PIP_{setting.replace('-', '_').upper()}"
            if setting == "cert":
                command += ["--secret", f"id=ca.crt,src={value}"]
                value = "/run/secrets/ca.crt"
            elif setting == "find-links":
                command += ["-v", f"{value}:/wheels:ro"]
                value = "/wheels"
            given[variable] = value
        for name, value in given.items():
            command += ["--build-arg", f"{name}={value}"]
        self.buildah(*command, str(self.folder / "clone"))
        return f"localhost/{tag}"

    def run(self, image: str, work: Path, *command: str, **variables: str) -> Outcome:
        """The command in a container without a network, as a stranger, on a read-only root."""
        config = json.loads(self.buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
        container = self.buildah("from", image).strip()
        try:
            root = self.buildah("mount", container).strip()
            names = {"root": root, "work": str(work), "user": str(STRANGER)}
            given = [*config["Env"], *(f"{name}={value}" for name, value in variables.items())]
            isolated = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
            isolated += ["sh", "-c", INSIDE, "sh", *given]
            inside = ["sh", "-c", 'cd /data && exec "$@"', "sh", *command]
            done = subprocess.run(
                [*isolated, *inside], env=os.environ | names, capture_output=True, text=True
            )
            return Outcome(done.returncode, done.stdout, done.stderr)
        finally:
            self.buildah("umount", container)
            self.buildah("rm", container)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command in a container ended."""

    code: int
    out: str
    errors: str


def pip_settings() -> Mapping[str, str]:
    """What pip is configured for here, as far as a build can have it."""
    found: dict[str, str] = {}
    for setting in PIP_SETTINGS:
        variable = os.environ.get(f"PIP_{setting.replace('-', '_').upper()}", "")
        command = [sys.executable, "-m", "pip", "config", "get", f"global.{setting}"]
        configured = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        value = (variable or configured).strip()
        if value and (setting != "find-links" or Path(value).is_dir()):
            found[setting] = value
    return found


def torch_for_a_cpu() -> str:
    """Where a torch without CUDA is: among pip's own links here, or in PyTorch's index."""
    links = Path(pip_settings().get("find-links", "/nowhere"))
    return "default" if list(links.glob("torch-*+cpu-*.whl")) else "cpu"


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    folder = tmp_path_factory.mktemp("images")
    made = Builder(folder)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder / "clone")], check=True)
    made.make_base()
    yield made
    made.buildah("rm", "--all")
    made.buildah("rmi", "--all", "--force")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cpu(builder: Builder) -> str:
    return builder.build("cpu", "cpu")


@pytest.fixture(scope="module")
def nemo(builder: Builder) -> str:
    return builder.build("nemo-3.0-cu130", "nemo", TORCH_INDEX=torch_for_a_cpu())


def packages(builder: Builder, image: str) -> list[str]:
    bill = builder.run(image, ROOT, "cat", "/usr/share/doc/parakeet/sbom.cdx.json")
    return [component["purl"] for component in json.loads(bill.out)["components"]]


def test_cpu_transcribes_without_a_network_as_a_stranger_on_a_read_only_root(
    builder: Builder, cpu: str
) -> None:
    done = builder.run(cpu, CLIP.parent, "parakeet", "transcribe", CLIP.name)
    assert done.code == 0, done.errors
    assert re.sub(r"[^a-z ]", "", done.out.replace("-", " ").lower()).split() == (
        ["he", "was", "not", "an", "ill", "disposed", "young", "man"]
    )
    touched = builder.run(cpu, CLIP.parent, "touch", "/opt/parakeet/file")
    assert "Read-only file system" in touched.errors


def test_the_doctor_in_cpu_says_healthy(builder: Builder, cpu: str) -> None:
    done = builder.run(cpu, ROOT, "parakeet", "doctor")
    assert done.code == 0, done.out
    assert "Healthy" in done.out


def service(name: str) -> dict[str, Any]:
    """One of compose.yaml's services."""
    described: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    found: dict[str, Any] = described["services"][name]
    return found


def test_the_server_of_compose_answers_with_its_key_and_is_seen_to_be_healthy(
    builder: Builder, cpu: str, tmp_path: Path
) -> None:
    (tmp_path / "api-key").write_text("0123456789abcdef" * 2)
    (tmp_path / "ask.py").write_text(ASK)
    shutil.copy(CLIP, tmp_path / "clip.wav")
    tmp_path.chmod(0o755)
    served = service("serve-cpu")
    kind, *check = served["healthcheck"]["test"]
    assert kind == "CMD"
    command = ("sh", "-ec", SERVED, "sh", "parakeet", *served["command"])
    done = builder.run(cpu, tmp_path, *command, check=shlex.join(check))
    assert done.code == 0, done.errors
    refused, text = done.out.splitlines()
    assert refused == "401"
    assert "ill-disposed young man" in json.loads(text)["text"]


def test_the_batch_of_compose_reads_recordings_and_writes_transcripts(
    builder: Builder, cpu: str
) -> None:
    batch = ("parakeet", *service("batch-cpu")["command"])
    shown = 'PARAKEET_ENGINE=mock "$@" && ls /transcripts'
    done = builder.run(cpu, CLIP.parent, "sh", "-c", shown, "sh", *batch)
    assert done.code == 0, done.errors
    assert {f"{CLIP.stem}.srt", f"{CLIP.stem}.json"} <= set(done.out.split())


def test_an_image_has_no_compiler_and_no_setting_of_pip(builder: Builder, cpu: str) -> None:
    done = builder.run(cpu, ROOT, "sh", "-c", "command -v gcc cc g++ make; env")
    assert "/bin/" not in done.out.replace(re.findall(r"PATH=.*", done.out)[0], "")
    assert "PIP_" not in done.out
    described = builder.buildah("inspect", "--type", "image", cpu)
    assert "PIP_" not in described


def test_the_bill_of_materials_is_what_is_installed(builder: Builder, cpu: str) -> None:
    listing = builder.run(cpu, ROOT, "/opt/parakeet/bin/python", "-m", "pip", "freeze", "--all")
    frozen = {line.split("==")[0].lower().replace("_", "-") for line in listing.out.splitlines()}
    listed = packages(builder, cpu)
    named = {one.partition("@")[0].removeprefix("pkg:pypi/") for one in listed if "pypi" in one}
    assert named == {name.partition(" @ ")[0] for name in frozen}
    debian = builder.run(cpu, ROOT, "dpkg-query", "-W", "-f", "${Package}\n").out.split()
    assert {one.split("/")[2].partition("@")[0] for one in listed if "pkg:deb" in one} == {
        name.replace("+", "%2B") for name in debian
    }


def test_two_builds_from_the_lock_have_the_same_packages(builder: Builder, cpu: str) -> None:
    again = builder.build("cpu", "again")
    assert packages(builder, again) == packages(builder, cpu)
    builder.buildah("rmi", again)


def test_a_stack_is_healthy_and_transcribes_as_a_stranger(builder: Builder, nemo: str) -> None:
    done = builder.run(nemo, ROOT, "parakeet", "doctor", "--json")
    report = json.loads(done.out)
    assert report["healthy"] is True, report
    assert report["python"] == "/opt/nemo/bin/python"
    (small,) = (one for one in report["findings"] if one["id"] == "disk-space")
    assert "/dev/shm has 64 MiB" in small["summary"]
    expected = dict(
        line.split("\t")[0::2]
        for line in (HELD_OUT / "transcripts.tsv").read_text().splitlines()
        if line.startswith("clip-13")
    )
    model = f"/data/{MODEL.relative_to(ROOT)}"
    clip = f"/data/{HELD_OUT.relative_to(ROOT)}/clip-13.flac"
    engine = ("--engine", "nemo", "--device", "cpu", "--model", model)
    text = builder.run(nemo, ROOT, "parakeet", "transcribe", *engine, clip)
    assert text.code == 0, text.errors
    assert text.out.strip() == expected["clip-13.flac"]
    compilers = builder.run(nemo, ROOT, "sh", "-c", "command -v gcc cc g++ make")
    assert compilers.out == ""
