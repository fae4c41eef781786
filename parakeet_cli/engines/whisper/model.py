"""Finds the Whisper model that was asked for: embedded, in a folder, or from the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.engines.decoding import TRANSLATE
from parakeet_cli.errors import EngineUnavailable, UsageError
from parakeet_cli.models.cache import find_cached
from parakeet_cli.models.embedded import BASE, EMBEDDED, TINY, EmbeddedModel, ModelFiles
from parakeet_cli.models.resolve import find_model, is_path, resolve_name
from parakeet_cli.models.types import WHISPER

_REQUIRED = ("model.bin", "config.json")
_PULL = f"parakeet models pull {BASE.name}"


@dataclass(frozen=True, slots=True)
class WhisperFiles:
    """A CTranslate2 Whisper model: `source` is its folder, or an embedded model.

    `note` says why it is another one than the default, for people.
    """

    name: str
    source: Path | EmbeddedModel
    note: str | None = None

    def prepare(self) -> ModelFiles:
        """Its files, checked if they are embedded. Raises EngineUnavailable."""
        if isinstance(self.source, EmbeddedModel):
            return self.source.prepare()
        return ModelFiles(self.source)

    @property
    def english_only(self) -> bool:
        """Whether its name says so; the model itself tells when it is loaded."""
        return self.name.endswith(".en") or self.name.startswith(("distil-", "faster-distil-"))

    def refuse_language(self, language: str | None, *, english_only: bool | None = None) -> None:
        """Raise UsageError for a language that an English-only model would ignore."""
        if english_only is None:
            english_only = self.name.endswith(".en")
        if english_only and language not in (None, "en"):
            raise UsageError(
                f"The model {self.name} knows English only; --language {language} was asked for.",
                hint=multilingual_hint(),
                option="language",
            )

    def refuse_task(self, task: str, *, english_only: bool | None = None) -> None:
        """Raise UsageError for a translation by a model that knows one language."""
        if english_only is None:
            english_only = self.english_only
        if english_only and task == TRANSLATE:
            raise UsageError(
                f"The model {self.name} knows English only, and can't translate.",
                hint=multilingual_hint(),
                option="task",
            )


def multilingual_hint() -> str:
    """What to type for a language that a model doesn't know."""
    by_name = f"--engine whisper --model {BASE.name} knows 99 languages"
    return f"{by_name}." if base_or_none() else f"{by_name}, after: {_PULL}"


def find_whisper(
    asked: str | None, *, offline: bool = False, progress: bool = False
) -> WhisperFiles:
    """The model asked for: an embedded one, a path, or a hub id; None is the default.

    A hub id is downloaded unless `offline`. Raises EngineUnavailable.
    """
    if asked is None:
        return _default()
    embedded = EMBEDDED.get(asked)
    if embedded is not None and (embedded is TINY or embedded.obstacle() is None):
        return WhisperFiles(asked, embedded)
    if is_path(asked):
        path = Path(asked).expanduser()
        if path.is_dir():
            return _local(path)
        raise EngineUnavailable(
            f"The model {asked} is not a folder with a CTranslate2 Whisper model.",
            hint="Name a folder with model.bin and config.json, or a hub id such as "
            "Systran/faster-whisper-small.",
        )
    model = find_model(asked, kind=WHISPER, offline=offline, progress=progress)
    return WhisperFiles(model.name.rpartition("/")[2], model.path)


def base_or_none() -> WhisperFiles | None:
    """base, embedded or from the hub's cache; None where it is neither."""
    if BASE.obstacle() is None:
        return WhisperFiles(BASE.name, BASE)
    cached = find_cached(resolve_name(BASE.name, WHISPER))
    return WhisperFiles(BASE.name, cached.path) if cached else None


def _default() -> WhisperFiles:
    """base; where its wheels can't be used, base from the hub's cache, else tiny.en."""
    found = base_or_none()
    if found is not None:
        return found
    note = (
        f"The model {BASE.name} can't be used ({BASE.obstacle()}); {TINY.name}, which knows "
        f"English only, takes its place. For other languages: {_PULL}"
    )
    return WhisperFiles(TINY.name, TINY, note)


def _local(path: Path) -> WhisperFiles:
    for name in _REQUIRED:
        if not (path / name).is_file():
            raise EngineUnavailable(
                f"The folder {path} isn't a CTranslate2 Whisper model: it has no {name}.",
                hint="ct2-transformers-converter makes one from a Transformers checkpoint.",
            )
    return WhisperFiles(path.resolve().name, path)
