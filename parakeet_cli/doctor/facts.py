"""Facts about an interpreter and its machine, as frozen values: `gather_facts` reads them.

What can't be read is `Unavailable`, with the reason, and a check of it ends as `unknown`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from packaging.version import Version

from parakeet_cli.doctor.container import Container
from parakeet_cli.doctor.uv_command import ENSUREPIP, UV, uv_command
from parakeet_cli.system.hardware import Gpu

_CODE = (".py", ".so", ".pyd")
_EDITED = (".pem", ".cfg", ".ini", ".conf", ".toml", ".txt")  # that people and systems change

EnvironmentKind = Literal["venv", "conda", "conda-base", "base"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The reason why a fact is missing, in the place of the fact."""

    reason: str


def is_compiled(path: str) -> bool:
    """Whether it is a shared library: `a.so`, `libb.so.1`."""
    return path.endswith(".so") or ".so." in path


class FactUnavailable(Exception):
    """A check needs a fact that is missing: the check ends as `unknown`, with this reason."""


def require(fact: T | Unavailable) -> T:
    """The fact. Raises FactUnavailable with the reason if it is missing."""
    if isinstance(fact, Unavailable):
        raise FactUnavailable(fact.reason)
    return fact


@dataclass(frozen=True, slots=True)
class PthFile:
    """A `.pth` file. The folders that it adds and that exist are in `Interpreter.paths`."""

    path: str
    dangling: tuple[str, ...] = ()  # folders that don't exist
    first: tuple[str, ...] = ()  # folders that its code puts before all others
    added: tuple[str, ...] = ()  # folders that it adds behind its own
    problem: str = ""  # why it can't be read


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One Python, as its files describe it. `paths` are its site folders in import order."""

    executable: str  # absolute, links not resolved: the link makes a venv
    version: str  # "3.11.9"; "3.11" if the patch is not known
    prefix: str
    base_prefix: str
    kind: EnvironmentKind
    paths: tuple[str, ...]
    site_packages: str  # where pip installs
    user_site: str | None = None  # None if the interpreter ignores it
    pth_files: tuple[PthFile, ...] = ()
    python_path: tuple[str, ...] = ()  # PYTHONPATH entries that exist
    problem: str = ""  # why it can't start
    script_python: str = ""  # another environment's Python, which this one's `pip` runs
    moved_from: str = ""  # the folder that its commands name as theirs, if it isn't this one

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def revival(self) -> str:
        """The command that gives an environment a Python again; "" if none can.

        Made over it by a Python of the same minor version, its packages stay usable. The links
        that dangle have to go first: `venv` leaves them as they are.
        """
        if self.kind != "venv" or not self.problem or not self.minor:
            return ""
        names = ("python", "python3", f"python{self.minor}")
        remove = shlex.join(["rm", "-f", *(f"{self.prefix}/bin/{name}" for name in names)])
        fresh = shlex.join([f"python{self.minor}", "-m", "venv", "--without-pip", self.prefix])
        return f"{remove} && {fresh}"


@dataclass(frozen=True, slots=True)
class WrongSize:
    """A file whose size isn't the recorded one, in bytes."""

    path: str  # as RECORD has it, or conda's record
    size: int
    recorded: int

    @property
    def damaged(self) -> bool:
        """Whether it is cut short or overwritten, not edited.

        Code that a person has edited is mostly longer; certificates may be replaced.
        """
        if self.size == 0 or is_compiled(self.path):
            return True
        return self.size < self.recorded and not self.path.endswith(_EDITED)

    def __str__(self) -> str:
        return f"{self.path} ({self.size} of {self.recorded} bytes)"


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution, from its dist-info folder (or egg-info)."""

    name: str  # normalized
    version: str | None
    location: str  # its site folder
    info: str  # its metadata folder
    requires: tuple[str, ...] = ()  # Requires-Dist, as written
    has_record: bool = True
    missing: tuple[str, ...] = ()  # recorded files that don't exist
    problem: str = ""  # unreadable or truncated metadata, in words
    conda: bool = False  # INSTALLER says conda
    trusted: bool = True  # by who installed it, its files are as RECORD has them
    resized: tuple[WrongSize, ...] = ()
    altered: tuple[str, ...] = ()  # files whose SHA-256 isn't RECORD's; looked for by --deep
    modules: tuple[str, ...] = ()  # the top-level names that it gives to import

    @property
    def missing_code(self) -> tuple[str, ...]:
        """The missing files without which an import can fail."""
        return tuple(path for path in self.missing if path.endswith(_CODE) or ".so." in path)

    @property
    def damaged(self) -> tuple[str, ...]:
        """The files that are cut short or overwritten, in words."""
        sizes = (str(file) for file in self.resized if file.damaged)
        return (*sizes, *(f"{path} (its SHA-256 isn't RECORD's)" for path in self.altered))

    @property
    def edited(self) -> tuple[str, ...]:
        """Source code that was changed after it was installed, in words."""
        return tuple(str(f) for f in self.resized if not f.damaged and f.path.endswith(_CODE))

    @property
    def broken(self) -> bool:
        """Whether only installing it again can make it work."""
        return bool(self.problem or self.missing_code or self.damaged)


@dataclass(frozen=True, slots=True)
class HiddenModule:
    """A module of a distribution, or of Python, for which an import finds another file."""

    module: str
    package: str  # the distribution; "" for one of the standard library
    version: str
    path: str  # the file or folder that is imported instead
    folder: str  # the entry of the path that it is in
    local: bool = False  # in the working folder, so that only what is started there finds it

    def __str__(self) -> str:
        hidden = f"{self.package} {self.version}" if self.package else f"Python's own {self.module}"
        return f"{self.path} hides {hidden}"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A `~ame` folder that an interrupted pip left behind."""

    path: str


@dataclass(frozen=True, slots=True)
class CondaRecord:
    """One package of `conda-meta`, with the Python distributions that its files hold.

    conda's `pytorch` is the distribution torch, and its `sox` a program without one.
    """

    name: str
    version: str
    distributions: tuple[tuple[str, str], ...] = ()  # names, normalized, and versions
    resized: tuple[WrongSize, ...] = ()  # files of no distribution, cut short or overwritten
    altered: tuple[str, ...] = ()  # and those of another content; looked for by --deep
    cache: str = ""  # the folder that a damaged file is linked to, which has it damaged, too

    @property
    def damaged(self) -> tuple[str, ...]:
        return (*map(str, self.resized), *(f"{one} (its SHA-256 differs)" for one in self.altered))


@dataclass(frozen=True, slots=True)
class NumpyAbi:
    """The NumPy that one compiled file was built against."""

    path: str
    package: str  # the distribution it belongs to
    minimum: str | None  # oldest NumPy it runs on; None if built with NumPy 1 headers

    def fits(self, version: Version) -> bool:
        """Built with NumPy 1 headers: any NumPy 1. With NumPy 2 headers: the minimum or newer."""
        if self.minimum is None:
            return version.major < 2
        return version >= Version(self.minimum)


@dataclass(frozen=True, slots=True)
class Kernels:
    """The GPU code in one library. The numbers are 10 times the compute capability."""

    package: str
    path: str
    cubins: tuple[str, ...]  # "sm_90", "sm_90a"
    ptx: tuple[str, ...]  # "compute_90"


@dataclass(frozen=True, slots=True)
class Binaries:
    """What the scan of the compiled files in the site folders found."""

    numpy: tuple[NumpyAbi, ...] = ()
    kernels: tuple[Kernels, ...] = ()
    unreadable: tuple[str, ...] = ()
    total: int = 0  # compiled files in the site folders
    cache_problem: str = ""  # why the scan is not cached


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """torch, as its files describe it. `cuda` is None for a CPU build."""

    version: str
    cuda: str | None
    arch_list: tuple[str, ...]  # "sm_90", "compute_120"
    folder: str  # .../torch
    hip: str | None = None


@dataclass(frozen=True, slots=True)
class Gpus:
    """What nvidia-smi reports. `nvidia_smi` is None if it is not on PATH: no GPU."""

    nvidia_smi: str | None = None  # its path
    devices: tuple[Gpu, ...] = ()  # those that CUDA_VISIBLE_DEVICES doesn't hide
    cuda: str | None = None  # the newest CUDA that the driver supports
    problem: str = ""  # nvidia-smi's own error
    kernel_module: str | None = None  # the first line of /proc/driver/nvidia/version
    libcuda: tuple[str, ...] = ()  # every libcuda.so.1 that the loader finds, in its order
    wsl: bool = False
    hidden: tuple[Gpu, ...] = ()  # those that it hides
    indexes: tuple[int, ...] = ()  # of `devices`, as nvidia-smi counts

    @property
    def present(self) -> bool:
        return bool(self.devices)


@dataclass(frozen=True, slots=True)
class SharedLibraries:
    """System libraries. `found` is name -> path, None if the loader finds none."""

    found: dict[str, str | None] = field(default_factory=dict)
    libstdcxx_system: str | None = None  # newest GLIBCXX of the libstdc++ that is loaded
    libstdcxx_needed: str | None = None  # newest GLIBCXX that a compiled file needs
    libstdcxx_needed_by: str = ""
    bundled_sndfile: bool | None = None  # None if soundfile is not installed


@dataclass(frozen=True, slots=True)
class Disk:
    """Free bytes in one folder that pip writes to."""

    role: str
    path: str
    free: int


@dataclass(frozen=True, slots=True)
class ModelCache:
    """The Hugging Face cache on disk."""

    path: str
    offline: str | None = None  # the variable that forbids the network, if any
    models: tuple[str, ...] = ()  # hub ids with a complete snapshot
    damaged: tuple[str, ...] = ()  # hub ids with missing files


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of one step of a probe script in the ML interpreter."""

    name: str  # what was tried: "numpy", "nemo.collections.asr", "matrix product"
    ok: bool
    cause: str = ""  # the innermost cause, in one line
    detail: str = ""
    seconds: float = 0.0
    text: str = ""  # the transcript, if something was transcribed
    values: Mapping[str, Any] = field(default_factory=dict)  # what was measured, if anything


@dataclass(frozen=True, slots=True)
class Sample:
    """What `--deep` transcribes: paths, and the words that are in the clip.

    `certain` is true if the model must know those words, false if it may not.
    """

    model: str  # a .nemo file, for people
    clip: str  # WAV, 16 kHz, mono, 16 bit
    text: str
    worker: str  # the `__main__.py` of the engine's worker, which transcribes
    certain: bool = True
    scanned: str | None = None  # the private folder with what was scanned of it, which is loaded


@dataclass(frozen=True, slots=True)
class SampleResult:
    """A sample and the result of transcribing it."""

    sample: Sample
    result: ProbeResult
    lost: tuple[str, ...] = ()  # why fewer CUDA graphs were tried, once for each time


NOT_TRIED = Unavailable("the imports were not tried, or failed")


@dataclass(frozen=True, slots=True)
class Probes:
    """All probes of `--deep`, in the order they ran."""

    imports: tuple[ProbeResult, ...] = ()
    gpu: tuple[ProbeResult, ...] = ()
    sample: SampleResult | Unavailable = NOT_TRIED


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that checks use. A section that can't be read is `Unavailable`."""

    interpreter: Interpreter
    distributions: tuple[Distribution, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    hidden: tuple[HiddenModule, ...] | Unavailable = ()
    unlisted: tuple[str, ...] = ()  # why a site folder can't be listed
    pkg_resources: bool = False  # whether the module can be imported
    torch: TorchBuild | Unavailable | None = None
    binaries: Binaries | Unavailable = Binaries()
    gpus: Gpus | Unavailable = Gpus()
    container: Container | Unavailable | None = None
    conda: tuple[CondaRecord, ...] | Unavailable = ()
    conda_program: str = "conda"  # or one of its equals, if that is on the PATH
    libraries: SharedLibraries | Unavailable = SharedLibraries()
    disks: tuple[Disk, ...] | Unavailable = ()
    model_cache: ModelCache | Unavailable = ModelCache(path="")
    variables: dict[str, str] = field(default_factory=dict)  # of the environment
    # Folder of LD_LIBRARY_PATH -> the libraries in it that hide torch's own.
    shadowing_libraries: dict[str, tuple[str, ...]] = field(default_factory=dict)
    probes: Probes | None = None  # None unless --deep
    platform: str = "linux-x86_64"  # as doctor/stack/torch_builds.toml names it
    mock: str | None = None  # why no ML package is needed, if so
    options: tuple[str, ...] = ()  # of this run, to repeat in commands: --python PATH
    pip: tuple[str, ...] = ()  # the words that run a pip for it; () if it has its own

    def doctor_command(self, *options: str) -> str:
        """The command that has the doctor examine this interpreter, with these options."""
        return shlex.join(["parakeet", "doctor", *options, *self.options])

    def pip_command(self, *arguments: str) -> str:
        """A pip command that works for the examined interpreter, quoted for a shell."""
        python = self.interpreter.executable
        own = [python, "-m", "pip", *arguments]
        if self.pip == ENSUREPIP:
            return f"{shlex.join([python, '-m', 'ensurepip'])} && {shlex.join(own)}"
        if self.pip == UV:
            return uv_command(python, arguments)
        return shlex.join([*self.pip, *arguments] if self.pip else own)

    @property
    def repair_command(self) -> str:
        """The command that repairs it. For a base Python, which is never changed, a new venv."""
        target = self.interpreter
        if target.kind not in ("base", "conda-base") or target.problem:
            return self.doctor_command("--fix")
        new = "parakeet-ml"
        fresh = shlex.join([target.executable, "-m", "venv", new])
        return f"{fresh} && parakeet doctor --fix --python {new}/bin/python"

    def installed(self, name: str) -> Distribution | None:
        """The distribution that an import would find: the first one on the path."""
        return next((dist for dist in self.distributions if dist.name == name), None)
