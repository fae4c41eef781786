"""Sets up an engine: chooses, plans, asks, builds, proves, and only then changes config.json.

Whatever fails, what this setup made is removed and config.json is as it was. A setup that is
interrupted or killed is on the list of environments; the same command goes on with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from parakeet_cli.config import config_path, load_settings
from parakeet_cli.doctor.inspect.gpu import read_gpus
from parakeet_cli.doctor.repair.preconditions import check_system, refused_journals
from parakeet_cli.doctor.repair.rollback.restore import restore_points
from parakeet_cli.doctor.repair.transaction import uninterruptible
from parakeet_cli.doctor.stack.stack import load_stack
from parakeet_cli.errors import (
    EngineUnavailable,
    ParakeetError,
    Refused,
    RestoreFailed,
    SetupError,
    UsageError,
)
from parakeet_cli.models import hub, hub_errors, inventory
from parakeet_cli.models.cache import find_cached, repository_folder
from parakeet_cli.models.resolve import OFFLINE_BY_SETTING, find_model, is_path, resolve_name
from parakeet_cli.models.types import ONNX, KnownModel
from parakeet_cli.setup import environment
from parakeet_cli.setup.choose import Choice, choose
from parakeet_cli.setup.config_file import change_config, overriding, read_config
from parakeet_cli.setup.install import StackSource, install, take_back
from parakeet_cli.setup.plan import SetupFacts, make_plan, without_credentials
from parakeet_cli.setup.prove import EngineUnderTest, prove
from parakeet_cli.setup.pythons import BasePython, find_base_python
from parakeet_cli.setup.request import (
    ProofSample,
    SetupOutcome,
    SetupPlan,
    SetupRequest,
    SetupView,
)
from parakeet_cli.system.environments import KeptEnvironment, keep
from parakeet_cli.system.install_command import install_command

Prove = Callable[[EngineUnderTest, ProofSample], str]


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a setup does, decided before anything is changed."""

    choice: Choice
    plan: SetupPlan
    model: KnownModel | None  # to be downloaded; None if it is here
    kept: KeptEnvironment | None = None  # None for onnx
    base: BasePython | None = None  # what makes the environment; None if it is there


@dataclass(slots=True)
class _Made:
    """What a setup has made so far, and has to take back if it fails."""

    environment: KeptEnvironment | None = None
    repair: tuple[KeptEnvironment, str] | None = None  # in an environment that was there
    models: list[KnownModel] = field(default_factory=list)

    def take_back(self) -> None:
        """Raises RestoreFailed for what can't be."""
        if self.environment is not None:
            try:
                environment.remove(self.environment)
            except Refused as error:
                raise RestoreFailed(str(error), hint=error.hint) from error
        elif self.repair is not None:
            take_back(*self.repair)
        for model in self.models:
            inventory.remove(model)


def run_setup(request: SetupRequest, view: SetupView, *, prover: Prove = prove) -> SetupOutcome:
    """Set up an engine, or with `dry_run` plan that.

    Raises UsageError and ConfigError (2), SetupError where it was declined or isn't proved (1),
    EngineUnavailable where there is no model (3), and what the doctor raises (4, 5, 6).
    """
    planned = _plan(request)
    view.show_setup(planned.plan)
    if request.dry_run:
        return SetupOutcome(planned.plan)
    if not request.yes:
        _ask(view)
    with environment.one_setup_at_a_time() as lock:
        planned = _plan(request)  # another setup may have ended in the meantime
        with _taken_back_on_failure(view) as made:
            proof = _carry_out(planned, request, view, made, lock, prover)
    return SetupOutcome(planned.plan, proof, overriding(config_path(request.config)))


def _ask(view: SetupView) -> None:
    answer = view.confirm()
    if answer is None:
        raise SetupError(
            "There is no terminal to confirm on, so nothing was changed.",
            hint="Add --yes to go ahead, or --dry-run to see the plan alone.",
        )
    if not answer:
        raise SetupError("Nothing was changed.")


@contextmanager
def _taken_back_on_failure(view: SetupView) -> Iterator[_Made]:
    """Take back what was made if the block fails. Ctrl-C leaves it, for the same command."""
    made = _Made()
    try:
        yield made
    except KeyboardInterrupt:
        if made.environment is not None:
            view.show_status(
                f"The same command goes on with what is in {made.environment.path}. To remove it: "
                f"parakeet setup --remove {made.environment.name}"
            )
        raise
    except BaseException as error:
        with uninterruptible():
            try:
                made.take_back()
            except ParakeetError as left:
                raise RestoreFailed(f"{error} Then: {left}", hint=left.hint) from error
        raise


# Before anything changes


def _plan(request: SetupRequest) -> _Planned:
    settings = load_settings({"offline": request.offline or None}, config=request.config)
    read_config(config_path(request.config))
    if request.wheelhouse is not None and not Path(request.wheelhouse).expanduser().is_dir():
        raise UsageError(f"There is no folder {request.wheelhouse}.", hint="Name one that exists.")
    choice = choose(request, read_gpus(os.environ))
    if choice.engine == ONNX and find_spec("onnx_asr") is None:
        raise EngineUnavailable(
            "The engine onnx needs the package onnx-asr, which isn't installed here.",
            hint=install_command("onnx-asr"),
        )
    model = _missing_model(choice, offline=settings.offline)
    kept, base = None, None
    if choice.stack is not None:
        check_system()
        kept = environment.place_of(
            request.env, choice.stack, without_credentials(request.torch_index)
        )
        if not _is_there(kept):
            _refuse_offline(request)
            base = find_base_python(load_stack(choice.stack), request.base_python)
    plan = make_plan(choice, SetupFacts(request, model, kept, base, config_path(request.config)))
    return _Planned(choice, plan, model, kept, base)


def _missing_model(choice: Choice, *, offline: bool) -> KnownModel | None:
    """The model to be downloaded, None if it is here. Raises EngineUnavailable."""
    if is_path(choice.model):
        find_model(choice.model, kind=choice.engine, offline=True)
        return None
    known = resolve_name(choice.model, choice.engine)
    if find_cached(known) is not None:
        return None
    if offline:
        raise hub_errors.offline_error(known, OFFLINE_BY_SETTING)
    if (variable := hub_errors.offline_variable()) is not None:
        raise hub_errors.offline_error(known, f"{variable} is set")
    return known


def _is_there(kept: KeptEnvironment) -> bool:
    """Whether the environment can be gone on with.

    One that a killed setup left without a finished repair holds nothing, perhaps not even a
    whole Python: it is made again.
    """
    if not kept.python.exists():
        return False
    with refused_journals():
        return kept.ready or not kept.made or bool(restore_points(kept.path))


def _refuse_offline(request: SetupRequest) -> None:
    if request.offline and request.wheelhouse is None:
        raise Refused(
            "Without a network the stack has to come from a folder of wheels. Nothing was changed.",
            hint="Name it with --wheelhouse. To fill one where there is a network: "
            "parakeet doctor --dry-run --download --wheelhouse DIR",
        )


# The change


def _carry_out(
    planned: _Planned,
    request: SetupRequest,
    view: SetupView,
    made: _Made,
    lock: int,
    prover: Prove,
) -> str:
    kept = planned.kept
    if planned.model is not None:
        hub.check_available(planned.model)  # before minutes are spent on a stack without a model
    if kept is not None:
        plan = planned.plan
        kept = replace(kept, stack=plan.stack or kept.stack, torch_index=plan.torch_index)
        kept = _build(kept, planned, lock, made)
        _install(kept, request, view, made)
    if planned.model is not None:
        _download(planned.model, view, made)
    view.show_status(f"Transcribing {request.sample.clip.name} with {planned.choice.model}.")
    python = str(kept.python) if kept else None
    engine = EngineUnderTest(
        planned.choice.engine, planned.choice.model, python, request.config, request.offline
    )
    proof = prover(engine, request.sample)
    view.show_status(proof)
    if kept is not None:
        # Before config.json names it: from there on it isn't this setup's to remove.
        keep(environment.data_folder(), replace(kept, ready=True, model=planned.choice.model))
    changes = {"engine": planned.choice.engine, "model": planned.choice.model}
    if python is not None:
        changes["ml_python"] = python
    change_config(config_path(request.config), changes)
    return proof


def _build(kept: KeptEnvironment, planned: _Planned, lock: int, made: _Made) -> KeptEnvironment:
    if kept.made and not kept.ready:
        made.environment = kept
    if planned.base is not None:
        # Also where somebody's own was, if that is gone: this one is setup's to remove.
        made.environment = kept = replace(kept, ready=False, made=True)
        environment.make(kept, planned.base, lock)
    return kept


def _install(kept: KeptEnvironment, request: SetupRequest, view: SetupView, made: _Made) -> None:
    source = StackSource(request.torch_index, request.wheelhouse, request.offline)
    repair = install(kept, source, view)
    if repair is not None:
        made.repair = (kept, repair)


def _download(known: KnownModel, view: SetupView, made: _Made) -> None:
    view.show_status(f"Downloading the model {known.name}.")
    if not repository_folder(known.repository).exists():
        made.models.append(known)
    find_model(known.name, kind=known.kind, progress=view.shows_progress)


# Removing


def remove_environment(kept: KeptEnvironment, config: str | None) -> bool:
    """Remove a kept environment, and from config.json what points to it.

    Returns whether its folder was removed: one that setup didn't make stays.
    """
    with environment.one_setup_at_a_time():
        path = config_path(config)
        if is_used(kept, config):
            change_config(path, dict.fromkeys(("engine", "ml_python", "model")))
        return environment.remove(kept)


def is_used(kept: KeptEnvironment, config: str | None) -> bool:
    """Whether config.json names the environment's Python."""
    named = read_config(config_path(config)).get("ml_python")
    return isinstance(named, str) and Path(named).expanduser() == kept.python
