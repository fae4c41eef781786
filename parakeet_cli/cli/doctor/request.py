"""The options of `parakeet doctor` and its verbs, and the requests that they make."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from parakeet_cli import console
from parakeet_cli.errors import UsageError

if TYPE_CHECKING:
    from parakeet_cli.config.settings import Settings
    from parakeet_cli.doctor.diagnose import DiagnosisRequest
    from parakeet_cli.doctor.facts import Sample, Unavailable
    from parakeet_cli.doctor.repair.request import RepairRequest


GPU_REPORT = "gpu-report.md"


def with_report_name(arguments: Sequence[str], verbs: Collection[str]) -> list[str]:
    """The arguments, with a FILE after a --gpu-report that has none."""
    found = list(arguments)
    for at, word in enumerate(arguments):
        if word.replace("_", "-") == "--gpu-report":
            after = arguments[at + 1] if at + 1 < len(arguments) else "--"
            if (after.startswith("-") and after != "-") or after in verbs:
                found.insert(at + 1, GPU_REPORT)
            break
    return found


@dataclass(frozen=True, slots=True)
class DoctorRequest:
    """What the command line asks of the doctor."""

    python: str | None = None
    stack: str | None = None
    deep: bool = False
    model: str | None = None
    sample: str | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    json: bool = False
    yes: bool = False
    config: str | None = None
    fix: bool = False
    reinstall: bool = False
    dry_run: bool = False
    download: bool = False
    torch_index: str | None = None
    wheelhouse: str | None = None
    gpu_report: str | None = None  # where it is written; - for stdout

    @property
    def is_repair(self) -> bool:
        return self.fix or self.reinstall or self.dry_run or self.download

    def merged(self, after_verb: DoctorRequest) -> DoctorRequest:
        """With the options that were given after a verb: they take precedence."""
        given = {one.name: getattr(after_verb, one.name) for one in fields(after_verb)}
        return replace(self, **{name: value for name, value in given.items() if value})

    def check_options(self, *, on_nodes: bool, on_all: bool = False) -> None:
        """Raises UsageError for options that don't go together."""
        if on_all and (on_nodes or self.is_repair or self.python):
            raise UsageError(
                "--all examines the environments that setup keeps, on this machine.",
                hint="Leave out --all, and name one with --python.",
            )
        if self.gpu_report:
            self._check_gpu_report(on_nodes=on_nodes, on_all=on_all)
            return
        if on_nodes:
            if self.is_repair:
                raise UsageError(
                    "A repair can't be run on a whole cluster.",
                    hint="Leave out --ray, and run it on each node.",
                )
            return
        if self.is_repair:
            return
        if self.torch_index or self.wheelhouse:
            raise UsageError(
                "--torch-index and --wheelhouse are for a repair.", hint="Add --fix or --dry-run."
            )
        if (self.model or self.sample) and not self.deep:
            raise UsageError("Without --deep nothing is transcribed.", hint="Add --deep.")

    def _check_gpu_report(self, *, on_nodes: bool, on_all: bool) -> None:
        given = {"a repair": self.is_repair, "--ray": on_nodes, "--all": on_all,
                 "--json": self.json, "--deep": self.deep, "--sample": bool(self.sample),
                 "--only and --skip": bool(self.only or self.skip)}  # fmt: skip
        for name, is_given in given.items():
            if is_given:
                raise UsageError(
                    f"--gpu-report can't be combined with {name}.",
                    hint="parakeet doctor --gpu-report [FILE] [--model NAME|FILE] [--hours N]",
                )

    def check_verb(self, verb: str) -> None:
        """Raises UsageError for an option that no verb takes."""
        if self.gpu_report:
            raise UsageError(
                f"--gpu-report can't be combined with `{verb}`.",
                hint=f"A file of that name is meant by --gpu-report=./{verb}",
            )

    def diagnosis(self) -> DiagnosisRequest:
        """With the settings of the configuration and the environment. Raises ConfigError."""
        from platformdirs import user_data_path

        from parakeet_cli.config import load_settings
        from parakeet_cli.doctor.diagnose import DiagnosisRequest
        from parakeet_cli.system.environments import kept_at

        settings = load_settings(
            {"model": self.model, "ml_python": self.python or None}, config=self.config
        )
        console.show_warnings(settings.warnings, show=console.note)
        named = {"--python": self.python and settings.ml_python, "--stack": self.stack}
        python = settings.ml_python or sys.executable
        kept = kept_at(user_data_path("parakeet"), python)
        return DiagnosisRequest(
            python=python,
            stack=self.stack,
            usual_stack=kept.stack if kept is not None else None,
            only=self.only,
            skip=self.skip,
            deep=self.deep,
            sample=self._sample(settings),
            mock=_why_not_needed(settings),
            options=tuple(word for name, value in named.items() if value for word in (name, value)),
        )

    def named_environment(self) -> DiagnosisRequest | None:
        """The diagnosis of the Python that --python, the environment or config.json names."""
        request = self.diagnosis()
        return request if self.python or request.python != sys.executable else None

    def repair(self) -> RepairRequest:
        """The repair that is asked for, which always runs the probes. Raises ConfigError.

        An environment that setup made for one stack and one index of torch's stays with those.
        """
        from platformdirs import user_data_path

        from parakeet_cli.doctor.repair.request import RepairRequest
        from parakeet_cli.system.environments import kept_at

        diagnosis = replace(self, deep=True).diagnosis()
        kept = kept_at(user_data_path("parakeet"), diagnosis.python)
        named = kept.torch_index if kept is not None and kept.index_named else None
        return RepairRequest(
            diagnosis,
            dry_run=self.dry_run,
            yes=self.yes,
            reinstall=self.reinstall,
            download=self.download,
            torch_index=self.torch_index or named,
            wheelhouse=self.wheelhouse,
        )

    def as_arguments(self) -> tuple[str, ...]:
        """The options of a diagnosis as another machine's doctor takes them."""
        named = {name: getattr(self, name) for name in ("python", "stack", "model", "sample")}
        arguments = [f"--{name}={value}" for name, value in named.items() if value]
        arguments += [f"--only={id_}" for id_ in self.only] + [f"--skip={id_}" for id_ in self.skip]
        return (*arguments, *(["--deep"] if self.deep else []))

    def _sample(self, settings: Settings) -> Sample | Unavailable:
        from parakeet_cli.doctor.facts import Unavailable

        if not self.deep:
            return Unavailable("it was not asked for")
        from parakeet_cli.cli.doctor.sample import find_sample

        return find_sample(settings, self.sample)


_WITHOUT_STACK = ("mock", "onnx", "whisper")  # the engines that need no ML stack


def _why_not_needed(settings: Settings) -> str | None:
    """Why no ML package is needed: an engine was chosen that does without; None if one is."""
    if settings.engine not in _WITHOUT_STACK:
        return None
    origin = settings.origins.get("engine", "the configuration")
    return f"the engine {settings.engine} is chosen ({origin})"
