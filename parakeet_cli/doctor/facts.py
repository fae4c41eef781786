"""What is known of an interpreter and its machine, as frozen values.

Nothing here reads anything: `gather` fills the tree, `checks` judges it. A fact that
could not be read is a `Unavailable` with its reason in the fact's place, and the check
that asks for it ends as `unknown`, never as a pass.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from parakeet_cli.system.hardware import Gpu

EnvironmentKind = Literal["venv", "conda", "conda-base", "base"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Stands where a fact should: why it could not be read."""

    reason: str


class FactUnavailable(Exception):
    """Raised by `known` inside a check: the check ends as `unknown`, with this reason."""


def require(fact: T | Unavailable) -> T:
    """The fact itself, or `FactUnavailable` with the reason it could not be read."""
    if isinstance(fact, Unavailable):
        raise FactUnavailable(fact.reason)
    return fact


@dataclass(frozen=True, slots=True)
class PthFile:
    """A `.pth` file: the folders it adds, and what was not followed."""

    path: str
    dangling: tuple[str, ...] = ()  # folders that are not there
    problem: str = ""  # why it could not be read


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One Python, as its files tell: `paths` are its site folders in import order."""

    executable: str  # as named, absolute, links kept: the link is what makes a venv
    version: str  # "3.11.9"; the patch is missing where nothing says it
    prefix: str
    base_prefix: str
    kind: EnvironmentKind
    paths: tuple[str, ...]
    site_packages: str  # where pip installs to
    user_site: str | None = None  # None where the interpreter ignores it
    pth_files: tuple[PthFile, ...] = ()
    python_path: tuple[str, ...] = ()  # PYTHONPATH entries that exist
    problem: str = ""  # why it can't start

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution, from its dist-info folder (or egg-info)."""

    name: str  # normalised
    version: str | None
    location: str  # the site folder it lies in
    info: str  # its metadata folder
    requires: tuple[str, ...] = ()  # Requires-Dist, as written
    has_record: bool = True
    missing: tuple[str, ...] = ()  # files its RECORD lists that are gone
    problem: str = ""  # unreadable or truncated metadata, in words
    conda: bool = False  # INSTALLER says conda


@dataclass(frozen=True, slots=True)
class Leftover:
    """A `~ame` folder: what an interrupted pip left behind."""

    path: str


@dataclass(frozen=True, slots=True)
class CondaRecord:
    """One package of `conda-meta`."""

    name: str
    version: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class NumpyAbi:
    """What one compiled file says of the NumPy it was built against."""

    path: str
    package: str  # the distribution that owns it
    minimum: str | None  # oldest NumPy it runs on; None: built against NumPy 1 headers


@dataclass(frozen=True, slots=True)
class Kernels:
    """The GPU code in one distribution's libraries: numbers are 10 x capability."""

    package: str
    path: str
    cubins: tuple[str, ...]  # "sm_90", "sm_90a"
    ptx: tuple[str, ...]  # "compute_90"


@dataclass(frozen=True, slots=True)
class Binaries:
    """What the compiled files of the site folders say."""

    numpy: tuple[NumpyAbi, ...] = ()
    kernels: tuple[Kernels, ...] = ()
    unreadable: tuple[str, ...] = ()
    seen: int = 0  # compiled files in the site folders
    cache_problem: str = ""


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """torch as its files tell. `cuda` is None for a CPU build."""

    version: str
    cuda: str | None
    arch_list: tuple[str, ...]  # "sm_90", "compute_120"
    where: str  # the torch folder
    hip: str | None = None


@dataclass(frozen=True, slots=True)
class Gpus:
    """What nvidia-smi says. `devices` is empty and `nvidia_smi` None without a GPU."""

    nvidia_smi: str | None = None
    devices: tuple[Gpu, ...] = ()
    cuda: str | None = None  # the newest CUDA the driver serves
    problem: str = ""  # nvidia-smi's own error
    kernel_module: str | None = None  # the first line of /proc/driver/nvidia/version
    libcuda: tuple[str, ...] = ()  # every libcuda.so.1 the loader could find, in order
    wsl: bool = False

    @property
    def present(self) -> bool:
        return bool(self.devices)


@dataclass(frozen=True, slots=True)
class SharedLibraries:
    """System libraries: name -> path, None where the loader has none."""

    found: dict[str, str | None] = field(default_factory=dict)
    libstdcxx_system: str | None = None  # newest GLIBCXX of the library that loads first
    libstdcxx_needed: str | None = None  # newest GLIBCXX that a site library asks for
    libstdcxx_needed_by: str = ""
    bundled_sndfile: bool | None = None  # None where soundfile is not installed


@dataclass(frozen=True, slots=True)
class Disk:
    """Free bytes of one place pip writes to."""

    role: str
    path: str
    free: int


@dataclass(frozen=True, slots=True)
class ModelCache:
    """The Hugging Face cache as it lies on disk."""

    path: str
    offline: str | None = None  # the variable that forbids the network, if one does
    models: tuple[str, ...] = ()  # hub ids with a whole snapshot
    damaged: tuple[str, ...] = ()  # hub ids whose snapshot misses files


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How one probe script ended in the ML interpreter."""

    name: str  # what was tried: "numpy", "nemo.collections.asr", "matrix product"
    ok: bool
    cause: str = ""  # the innermost cause, in a line
    detail: str = ""
    seconds: float = 0.0
    said: str = ""  # the text that was heard, where something was transcribed


@dataclass(frozen=True, slots=True)
class Sample:
    """What `--deep` transcribes: paths, and the words that are in the clip.

    `certain` says whether the model must know those words, and not only may.
    """

    model: str  # a .nemo that was looked at: it can't run code
    clip: str  # WAV, 16 kHz, mono, 16 bit
    text: str
    worker: str  # the file that makes a package of the engine's worker, which transcribes
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The sample and what became of it."""

    sample: Sample
    result: ProbeResult


NOT_TRIED = Unavailable("the imports were not tried, or failed")


@dataclass(frozen=True, slots=True)
class Probes:
    """All probes of `--deep`, in the order they ran."""

    imports: tuple[ProbeResult, ...] = ()
    gpu: tuple[ProbeResult, ...] = ()
    transcript: Transcribed | Unavailable = NOT_TRIED  # the reason where nothing was transcribed


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a check may ask for. A section that can't be read is `Unavailable`."""

    interpreter: Interpreter
    distributions: tuple[Distribution, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    unlisted: tuple[str, ...] = ()  # site folders that can't be listed
    pkg_resources: bool = False  # the module is there to import
    torch: TorchBuild | Unavailable | None = None
    binaries: Binaries | Unavailable = Binaries()
    gpus: Gpus | Unavailable = Gpus()
    conda: tuple[CondaRecord, ...] | Unavailable = ()
    libraries: SharedLibraries | Unavailable = SharedLibraries()
    disks: tuple[Disk, ...] | Unavailable = ()
    model_cache: ModelCache | Unavailable = ModelCache(path="")
    environment: dict[str, str] = field(default_factory=dict)
    lib_folders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    probes: Probes | None = None  # None unless --deep
    mock: str | None = None  # why mock speech recognition is selected
    options: tuple[str, ...] = ()  # of this run, to be repeated: --python PATH

    def doctor_command(self, *options: str) -> str:
        """What to type to have the doctor look at this very interpreter."""
        return shlex.join(["parakeet", "doctor", *options, *self.options])

    @property
    def repair_command(self) -> str:
        """What to type to repair it. A base Python is never changed: it makes one of its own."""
        target = self.interpreter
        if target.kind not in ("base", "conda-base") or target.problem:
            return self.doctor_command("--fix")
        new = "parakeet-ml"
        fresh = shlex.join([target.executable, "-m", "venv", new])
        return f"{fresh} && parakeet doctor --fix --python {new}/bin/python"

    def installed(self, name: str) -> Distribution | None:
        """The distribution that an import of it would find: the first on the path."""
        return next((dist for dist in self.distributions if dist.name == name), None)
