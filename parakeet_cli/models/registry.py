"""The models with a name of their own, and the checksums of their files.

A model has a revision and SHA-256 sums here where independent public manifests agree on them:
docs/models.md names the sources. None comes from a download of ours. A model without them is
checked against what the hub declared when it was pulled (`lock_file.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parakeet_cli.models.embedded import BASE, TINY
from parakeet_cli.models.types import NEMO, ONNX, SPEAKERS, WHISPER, KnownModel

DEFAULT = "v3"

_CC_BY = "CC-BY-4.0"
_NVIDIA_OPEN = "NVIDIA-Open-Model"
ENGLISH = "English"
_EUROPEAN = "25 European languages"
# ISO 639-1, of what a model's row says; those of v3 are in its model card.
LANGUAGE_CODES = {
    ENGLISH: ("en",),
    _EUROPEAN: (
        "bg",
        "hr",
        "cs",
        "da",
        "nl",
        "en",
        "et",
        "fi",
        "fr",
        "de",
        "el",
        "hu",
        "it",
        "lv",
        "lt",
        "mt",
        "pl",
        "pt",
        "ro",
        "ru",
        "sk",
        "sl",
        "es",
        "sv",
        "uk",
    ),
}
_MB = 10**6  # of sizes that are known to three digits only


def _nemo(name: str, file: str, languages: str = ENGLISH, **more: object) -> KnownModel:
    model = KnownModel(
        name=name,
        kind=NEMO,
        repository=f"nvidia/{file}",
        files=(f"{file}.nemo",),
        aliases=(file,),
        licence=_CC_BY,
        languages=languages,
    )
    return replace(model, **more)  # type: ignore[arg-type]


_ONNX_FILES = ("encoder-model.onnx", "encoder-model.onnx.data", "decoder_joint-model.onnx")
_INT8_FILES = ("encoder-model.int8.onnx", "decoder_joint-model.int8.onnx")
_ONNX_SHARED = ("vocab.txt", "config.json")


def _onnx(
    name: str, model: str, files: tuple[str, ...], languages: str = ENGLISH, **more: object
) -> KnownModel:
    """A repository of onnx-asr's author, under the names that onnx-asr uses."""
    base = name.removesuffix("-onnx")
    aliases = (base, model, f"nemo-{model}", f"nvidia/{model}") if base != name else ()
    row = KnownModel(
        name=name,
        kind=ONNX,
        repository=f"istupakov/{model}-onnx",
        files=(*files, *_ONNX_SHARED),
        aliases=aliases,
        licence=_CC_BY,
        languages=languages,
    )
    return replace(row, **more)  # type: ignore[arg-type]


_V3_ONNX = "8f23f0c03c8761650bdb5b40aaf3e40d2c15f1ce"
_V3_SHARED = {
    "vocab.txt": "d58544679ea4bc6ac563d1f545eb7d474bd6cfa467f0a6e2c1dc1c7d37e3c35d",
    "config.json": "666903c76b9798caf2c210afd4f6cd60b08a8dbf9800ec8d7a3bc0d2148ac466",
}
_V2_ONNX = "0bbb45a3365852604aef28b538a8f066f4ccaa85"
_V2_SHARED = {"vocab.txt": "ec182b70dd42113aff6c5372c75cac58c952443eb22322f57bbd7f53977d497d"}

PARAKEETS = (
    _nemo(
        "v3",
        "parakeet-tdt-0.6b-v3",
        _EUROPEAN,
        size=2_509_332_480,
        revision="541d1f99c6b0c3cd0b11a95167540bb8edefd82b",
        sha256={
            "parakeet-tdt-0.6b-v3.nemo": (
                "3cbdc85877e668ca7b82d0d56770eb1fac76691f55d6b97545e8d61ca588d10d"
            )
        },
    ),
    _nemo(
        "v2",
        "parakeet-tdt-0.6b-v2",
        size=2_472_222_720,
        revision="ae9ad07059c7c739ffaf932226a8fe64ae2620b0",
        sha256={
            "parakeet-tdt-0.6b-v2.nemo": (
                "d99e39955c9d3d0350d8fb7c75e40c64a2b2eaeb003883d7c941fd2e8747b28c"
            )
        },
    ),
    # Its licence is left out: public sources disagree on it.
    _nemo(
        "unified",
        "parakeet-unified-en-0.6b",
        size=2_474_055_680,
        licence=None,
        oldest_nemo="3.0",  # the first with the attention style chunked_limited_with_rc
    ),
    _nemo(
        "nemotron",
        "nemotron-speech-streaming-en-0.6b",
        size=2_473_041_920,
        licence=_NVIDIA_OPEN,
    ),
    _nemo(
        "nemotron-3.5",
        "nemotron-3.5-asr-streaming-0.6b",
        "40 locales",
        licence="OpenMDW-1.1",
        oldest_nemo="3.0",  # the first with EncDecRNNTBPEModelWithPrompt
    ),
    _nemo("1.1b", "parakeet-tdt-1.1b", size=4_280 * _MB),
    _nemo("tdt_ctc-1.1b", "parakeet-tdt_ctc-1.1b", size=4_290 * _MB),
    _nemo("110m", "parakeet-tdt_ctc-110m", size=459 * _MB),
    _nemo("ja", "parakeet-tdt_ctc-0.6b-ja", "Japanese", size=2_490 * _MB),
    _nemo("ctc", "parakeet-ctc-0.6b", size=2_440 * _MB),
    _nemo("ctc-1.1b", "parakeet-ctc-1.1b"),
    _nemo("rnnt", "parakeet-rnnt-0.6b", size=2_470 * _MB),
    _nemo("rnnt-1.1b", "parakeet-rnnt-1.1b", size=4_280 * _MB),
    _onnx(
        "v3-onnx",
        "parakeet-tdt-0.6b-v3",
        _ONNX_FILES,
        _EUROPEAN,
        size=2_549_805_955,
        revision=_V3_ONNX,
        sha256={
            "encoder-model.onnx": (
                "98a74b21b4cc0017c1e7030319a4a96f4a9506e50f0708f3a516d02a77c96bb1"
            ),
            "encoder-model.onnx.data": (
                "9a22d372c51455c34f13405da2520baefb7125bd16981397561423ed32d24f36"
            ),
            "decoder_joint-model.onnx": (
                "e978ddf6688527182c10fde2eb4b83068421648985ef23f7a86be732be8706c1"
            ),
            **_V3_SHARED,
        },
    ),
    _onnx(
        "v3-int8",
        "parakeet-tdt-0.6b-v3",
        _INT8_FILES,
        _EUROPEAN,
        size=670_480_039,
        revision=_V3_ONNX,
        quantization="int8",
        sha256={
            "encoder-model.int8.onnx": (
                "6139d2fa7e1b086097b277c7149725edbab89cc7c7ae64b23c741be4055aff09"
            ),
            "decoder_joint-model.int8.onnx": (
                "eea7483ee3d1a30375daedc8ed83e3960c91b098812127a0d99d1c8977667a70"
            ),
            **_V3_SHARED,
        },
    ),
    _onnx(
        "v2-onnx",
        "parakeet-tdt-0.6b-v2",
        _ONNX_FILES,
        size=2_512_992_566,
        revision=_V2_ONNX,
        sha256={
            "encoder-model.onnx": (
                "3987bcd28175d829d12888a996a84e8f62a0e374d9ffd640662c1515adc679d3"
            ),
            "encoder-model.onnx.data": (
                "4dab7362d4874d85965045b1e41b2d61dd2cc0fb25671a7f6b3dc47bf120cc41"
            ),
            "decoder_joint-model.onnx": (
                "cbb52a07bd70ab5b67f8439d4b3cd8704b18467b4430bcacb5adabe154b8d191"
            ),
            **_V2_SHARED,
        },
    ),
    _onnx(
        "v2-int8",
        "parakeet-tdt-0.6b-v2",
        _INT8_FILES,
        size=661_191_781,
        revision=_V2_ONNX,
        quantization="int8",
        sha256={
            "encoder-model.int8.onnx": (
                "3e0581fda6ab843888b51e56d7ee78b6d5bc3237ec113af1f732d1d5286aa155"
            ),
            "decoder_joint-model.int8.onnx": (
                "a449f49acd68979d418651dd2dcb737cc0f1bf0225e009e29ee326354edbf7d3"
            ),
            **_V2_SHARED,
        },
    ),
    _onnx(
        "ctc-onnx",
        "parakeet-ctc-0.6b",
        ("model.onnx", "model.onnx.data"),
        optional=("model.onnx.data",),
    ),
    _onnx("rnnt-onnx", "parakeet-rnnt-0.6b", _ONNX_FILES, optional=("encoder-model.onnx.data",)),
)

SORTFORMER = "sortformer"
_SORTFORMER_NEMO = "3.0"  # the first with `spkcache_update_period`, which their files have
MOST_SPEAKERS = 4  # that those know apart
_SORTFORMER_SPEAKERS = f"up to {MOST_SPEAKERS} speakers"

SORTFORMERS = (
    _nemo(
        SORTFORMER,
        "diar_streaming_sortformer_4spk-v2",
        _SORTFORMER_SPEAKERS,
        kind=SPEAKERS,
        size=471 * _MB,
        oldest_nemo=_SORTFORMER_NEMO,
    ),
    _nemo(
        "sortformer-2.1",
        "diar_streaming_sortformer_4spk-v2.1",
        _SORTFORMER_SPEAKERS,
        kind=SPEAKERS,
        licence=_NVIDIA_OPEN,
        size=471 * _MB,
        oldest_nemo=_SORTFORMER_NEMO,
    ),
)

# The files of a hub repository that a CTranslate2 Whisper needs.
WHISPER_FILES = (
    "config.json",
    "preprocessor_config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.*",
)
_WHISPER_OPTIONAL = ("preprocessor_config.json", "tokenizer.json")

# faster-whisper's names for the models that its authors converted, and the megabytes of their
# files as the hub's pages show them.
_WHISPER_SIZES = {
    "tiny": 78.2,
    "base": 148,
    "base.en": 148,
    "small": 486,
    "small.en": 486,
    "medium": 1_530,
    "medium.en": 1_530,
    "large-v3": 3_090,
    "large-v2": 3_090,
    "large-v1": 3_090,
    "distil-small.en": 335,
    "distil-medium.en": 792,
    "distil-large-v3": 1_510,
    "distil-large-v3.5": None,
    "turbo": 1_620,
}
_ELSEWHERE = {
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
HUB_NAMES = {
    size: _ELSEWHERE.get(size, f"Systran/faster-whisper-{size}") for size in _WHISPER_SIZES
}


_PINNED: dict[str, dict[str, Any]] = {
    "base": {
        "files": tuple(BASE.files),
        "optional": (),
        "size": BASE.size,
        "revision": "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        "sha256": {name: file.sha256 for name, file in BASE.files.items()},
    }
}


def _whisper(name: str, repository: str) -> KnownModel:
    english = name.endswith(".en") or name.startswith("distil-")
    megabytes = _WHISPER_SIZES[name]
    model = KnownModel(
        name=name,
        kind=WHISPER,
        repository=repository,
        files=WHISPER_FILES,
        optional=_WHISPER_OPTIONAL,
        size=None if megabytes is None else round(megabytes * _MB),
        licence="MIT",
        languages=ENGLISH if english else "multilingual",
    )
    return replace(model, **_PINNED.get(name, {}))


KNOWN = (
    *PARAKEETS,
    *(_whisper(name, repository) for name, repository in HUB_NAMES.items()),
    *SORTFORMERS,
)


def look_up(name: str, kind: str | None = None) -> KnownModel | None:
    """The known model of that name, hub id or alias; `kind` restricts it to one engine's."""
    rows = [row for row in KNOWN if kind in (None, row.kind)]
    for row in rows:
        if name == row.name or (name == row.repository and row.quantization is None):
            return row
    return next((row for row in rows if name in row.aliases), None)


def similar_names(name: str, kind: str | None = None) -> list[str]:
    """At most three known names that a person may have meant, the likeliest first."""
    from difflib import get_close_matches

    asked = name.rpartition("/")[2].lower()
    rows = {TINY.name: TINY.name} if kind in (None, WHISPER) else {}
    for row in KNOWN:
        if kind in (None, row.kind):
            for spelling in (row.name, *row.aliases):
                rows.setdefault(spelling, row.name)
    close = get_close_matches(asked, rows, n=3, cutoff=0.75)
    # `large` and `parakeet` are parts of several names, and `v3-nemo` contains one.
    parts = [one for one in rows if asked in one or (len(one) > 1 and one in asked)]
    return list(dict.fromkeys(rows[one] for one in (*close, *parts)))[:3]


def by_repository(repository: str, kind: str) -> KnownModel:
    """A hub repository without a name of its own here; its files follow from its kind."""
    short = repository.rpartition("/")[2]
    if kind == NEMO:
        return KnownModel(repository, NEMO, repository, (f"{short}.nemo",))
    if kind == SPEAKERS:
        oldest = _SORTFORMER_NEMO
        return KnownModel(repository, SPEAKERS, repository, (f"{short}.nemo",), oldest_nemo=oldest)
    if kind == ONNX:
        data = ("*.onnx.data", "*.onnx_data", "config.yaml")
        return KnownModel(
            repository, ONNX, repository, ("*.onnx", *data, *_ONNX_SHARED), optional=data
        )
    return KnownModel(repository, WHISPER, repository, WHISPER_FILES, optional=_WHISPER_OPTIONAL)


# The embedded model that no hub's name stands for; base has a row above.
TINY_ROW = KnownModel(
    name=TINY.name,
    kind=WHISPER,
    repository=TINY.requirements[0].partition("==")[0],
    files=tuple(TINY.files),
    size=TINY.size,
    licence="MIT",
    languages=ENGLISH,
)


def names(kind: str | None = None) -> tuple[str, ...]:
    """The known names, as `parakeet models pull` takes them."""
    return tuple(row.name for row in KNOWN if kind in (None, row.kind))
