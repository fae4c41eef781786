"""Facts of a healthy stack, and small environments as files, for the doctor's tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.doctor.facts import (
    Disk,
    Distribution,
    Facts,
    Gpus,
    Interpreter,
    ModelCache,
    SharedLibraries,
    TorchBuild,
)
from parakeet_cli.doctor.stack.stack import load_stack
from parakeet_cli.system.hardware import Gpu

SITE = "/env/lib/python3.11/site-packages"
CU126 = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
# From libtorch_python.so of the real wheels of torch 2.6.0+cu124 and 2.8.0+cu128.
CU124 = CU126
CU128 = ("sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
CU130 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")

# One version for each pin of the two stacks, from the verified environments.
VERSIONS = {
    "2.4": {
        "numpy": "1.26.4",
        "scipy": "1.17.1",
        "torch": "2.13.0",
        "fsspec": "2024.12.0",
        "numba": "0.68.1",
        "librosa": "0.11.0",
        "pytorch-lightning": "2.2.5",
        "lightning": "2.2.5",
        "torchmetrics": "1.4.3",
        "nemo-toolkit": "2.4.0",
        "setuptools": "80.10.2",
        "hydra-core": "1.3.2",
        "omegaconf": "2.3.0",
        "huggingface-hub": "0.36.2",
        "transformers": "4.51.3",
        "jiwer": "3.1.0",
        "protobuf": "5.29.6",
        "pyarrow": "25.0.1",
        "lhotse": "1.33.0",
        "ml-dtypes": "0.5.4",
    },
    "3.0": {
        "numpy": "2.4.6",
        "scipy": "1.17.1",
        "torch": "2.13.0",
        "fsspec": "2025.12.0",
        "numba": "0.68.1",
        "librosa": "0.11.0",
        "lightning": "2.4.0",
        "torchmetrics": "1.9.0",
        "nemo-toolkit": "3.0.0",
        "setuptools": "84.2.1",
        "hydra-core": "1.3.2",
        "omegaconf": "2.3.0",
        "sentencepiece": "0.2.3",
        "lhotse": "1.33.0",
        "webdataset": "1.0.2",
        "datasets": "5.0.1",
        "huggingface-hub": "1.25.0",
    },
}
NEMO_REQUIRES = (
    "fsspec==2024.12.0",
    "numpy>=1.22",
    "setuptools>=70.0.0",
    "torch",
    'numpy<2.0.0; extra == "asr"',
    'lightning<=2.4.0,>2.2.1; extra == "asr"',
    'optuna; extra == "asr"',
    'sox<=1.5.0; extra == "asr"',
    'wandb; extra == "all"',
)


def dist(name: str, version: str | None, *requires: str, location: str = SITE) -> Distribution:
    return Distribution(
        name, version, location, f"{location}/{name}-{version}.dist-info", requires=requires
    )


def healthy(stack: str = "2.4") -> Facts:
    """The facts of a stack without any problem, on a machine without a GPU."""
    versions = VERSIONS[stack]
    dists = [dist(pin.name, versions.get(pin.name, "1.0")) for pin in load_stack(stack).pins]
    requires = NEMO_REQUIRES if stack == "2.4" else ("fsspec>=2024.12.0", "numpy>=1.22")
    dists = [replace(d, requires=requires) if d.name == "nemo-toolkit" else d for d in dists]
    return Facts(
        interpreter=Interpreter(
            executable="/env/bin/python",
            version="3.11.9",
            prefix="/env",
            base_prefix="/usr",
            kind="venv",
            paths=(SITE,),
            site_packages=SITE,
        ),
        distributions=tuple(dists),
        pkg_resources=stack == "2.4",
        torch=TorchBuild("2.13.0+cpu", None, (), f"{SITE}/torch"),
        libraries=SharedLibraries(
            found={
                "libportaudio.so.2": "/lib/libportaudio.so.2",
                "libsndfile.so.1": None,
                "libstdc++.so.6": "/lib/libstdc++.so.6",
            },
            libstdcxx_system="3.4.30",
            libstdcxx_needed="3.4.22",
            bundled_sndfile=True,
        ),
        disks=(Disk("the environment", SITE, 50 * 2**30),),
        model_cache=ModelCache("/home/u/.cache/huggingface/hub"),
    )


def having(facts: Facts, *dists: Distribution) -> Facts:
    """The facts with these distributions instead of those of the same name."""
    names = {new.name for new in dists}
    others = [old for old in facts.distributions if old.name not in names]
    return replace(facts, distributions=(*others, *dists))


def lacking(facts: Facts, *names: str) -> Facts:
    """The facts without these distributions."""
    others = tuple(old for old in facts.distributions if old.name not in names)
    return replace(facts, distributions=others)


def gpu(capability: str, name: str, driver: str = "580.65.06", cuda: str = "13.0") -> Gpus:
    device = Gpu(f"NVIDIA {name}", capability, driver, "32607 MiB")
    return Gpus(nvidia_smi="/usr/bin/nvidia-smi", devices=(device,), cuda=cuda)


RTX_5090 = gpu("12.0", "GeForce RTX 5090")


def built(version: str, cuda: str | None, archs: Sequence[str] = ()) -> TorchBuild:
    return TorchBuild(version, cuda, tuple(archs), f"{SITE}/torch")


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A virtual environment as files, without pip or a module that could be imported."""

    prefix: Path

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python"

    @property
    def site(self) -> Path:
        return self.prefix / "lib" / "python3.11" / "site-packages"

    @classmethod
    def new(cls, prefix: Path) -> OnDisk:
        env = cls(prefix)
        env.site.mkdir(parents=True)
        env.python.parent.mkdir()
        # As venv and uv call it: whichever Python runs the tests, these packages are for 3.11.
        (env.python.parent / "python3.11").symlink_to(sys.executable)
        env.python.symlink_to("python3.11")
        home = Path(os.path.realpath(sys.executable)).parent
        (prefix / "pyvenv.cfg").write_text(
            f"home = {home}\ninclude-system-site-packages = false\nversion = 3.11.7\n"
        )
        return env

    def install(
        self,
        name: str,
        version: str,
        *requires: str,
        files: Mapping[str, str | bytes] | None = None,
    ) -> Path:
        """Write a distribution with its RECORD; its dist-info folder."""
        info = self.site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
        head += [f"Requires-Dist: {requirement}\n" for requirement in requires]
        metadata = "".join(head) + "\nA description.\n"
        (info / "METADATA").write_text(metadata)
        (info / "INSTALLER").write_text("pip\n")
        record = [f"{info.name}/METADATA,sha256=x,{len(metadata)}", f"{info.name}/RECORD,,"]
        for path, content in (files or {}).items():
            target = self.site / path
            target.parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            target.write_bytes(data)
            record.append(f"{path},sha256=x,{len(data)}")
        (info / "RECORD").write_text("\n".join(record) + "\n")
        return info
