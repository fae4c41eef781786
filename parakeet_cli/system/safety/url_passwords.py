"""Leaves names and passwords in URLs out of all that is shown or written down."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "****"

# Not in the middle of a path with a doubled slash. Lengths are bounded, so that a long text takes
# no time that grows with its square.
_SLASHES = r"""(?<![^\s'"`=(\[,;:<>@+])//"""
# As urlsplit has it: what stands before the last @ of the part that ends at /, ? or #.
_USER = re.compile(_SLASHES + r"""[^\s/?#"<>]{0,1000}@""")
# With a slash or a question mark that somebody forgot to escape, and no port before it.
_UNESCAPED = re.compile(_SLASHES + r"""[^\s/?#@:"<>]{1,300}:(?!\d*[/?#])[^\s"<>@]{0,1000}@""")
# A proxy may be named without a scheme.
_PROXY = re.compile(
    r"""(proxy['"]?\s*[=:]\s*['"]?)[^\s/@:'"]{1,300}:[^\s@'"]{0,1000}@""", re.IGNORECASE
)
# Names of query fields: of package indexes, forges, S3 and Google storage.
_FIELD = re.compile(
    r"([?&;#](?:[\w.%-]{0,40}(?:token|secret|passw|api[_-]?key|access[_-]?key|private[_-]?key|signature"
    r"|credential)[\w.%-]{0,40}|sig|key|auth|authorization|pwd|pw|pass)=)[^&\s#\"'<>;]+",
    re.IGNORECASE,
)


def without_passwords(text: str) -> str:
    """The text with `****` for what a URL names before its host and in fields such as `token=`."""
    if "@" in text and "//" in text:
        text = _USER.sub(f"//{HIDDEN}@", text)
        text = _UNESCAPED.sub(f"//{HIDDEN}@", text)
    if "@" in text:
        text = _PROXY.sub(rf"\g<1>{HIDDEN}@", text)
    if "=" in text:
        text = _FIELD.sub(rf"\g<1>{HIDDEN}", text)
    return text


def name_without_passwords(text: str) -> str:
    """The text as a name that may be written down: with a URL's passwords, a digest follows.

    It is the same each time, and differs between URLs that differ in what is left out.
    """
    shown = without_passwords(text)
    if shown == text:
        return text
    import hashlib  # which every command's start would pay for

    return f"{shown}~{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def values_without_passwords(value: Any) -> Any:
    """The same for every text in a JSON value, its keys included."""
    if isinstance(value, str):
        return without_passwords(value)
    if isinstance(value, dict):
        return {values_without_passwords(key): values_without_passwords(one)
                for key, one in value.items()}  # fmt: skip
    if isinstance(value, list | tuple):
        return [values_without_passwords(one) for one in value]
    return value
