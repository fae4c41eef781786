"""A model's YAML, read as a stream of events: nothing is built of it, so nothing can run.

NeMo hands the values of some keys to `import` and calls what it finds there. Each of them
must be a class that a Parakeet uses, wherever it stands: nested, in lists, behind anchors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from typing import Any

from parakeet_cli.models.scan.allowed import REFUSED_KEYS, TARGET_KEYS, TARGETS
from parakeet_cli.models.types import Problem

LARGEST = 4 << 20  # bytes; with a vocabulary of 8,192 pieces, thrice, it has 0.3 MB
_DEEPEST = 64
_MOST_NODES = 2_000_000  # with every alias written out
_MOST_PROBLEMS = 20

# `${a.b}` and `${..a}` only repeat what stands elsewhere; a resolver computes something new.
# `\${` is how OmegaConf writes the two characters themselves; `\\${` is not.
_PLAIN = re.compile(r"\$\{\s*\.*[\w\-]+(?:[.\[\]\w\-])*\s*\}|(?<!\\)\\\$\{")
_NOTHING = frozenset(["", "null", "~", "false"])
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


@dataclass(slots=True)
class _Open:
    """A mapping or a list that is being read."""

    mapping: bool
    path: str
    anchor: str | None
    keys: set[str] = field(default_factory=set)
    key: str | None = None  # the key whose value comes next
    count: int = 0  # children so far
    nodes: int = 1  # with everything inside, aliases written out


@dataclass(frozen=True, slots=True)
class _Anchored:
    nodes: int
    text: str | None  # of a scalar


class _Refused(Exception):
    """Reading on is not safe; the problem says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def scan_yaml(data: bytes, where: str) -> Iterator[Problem]:
    """What is wrong with a model's configuration; `where` names it."""
    import yaml

    if len(data) > LARGEST:
        yield Problem(where, f"{len(data) >> 20} MB are no configuration of a model")
        return
    walk = _Walk(where)
    try:
        # As OmegaConf opens it, and with its reader: libyaml is faster, and takes a byte-order
        # mark in the middle for another thing.
        text = TextIOWrapper(BytesIO(data), encoding="utf-8").read()
        if "\0" in text:
            raise _Refused(Problem(where, "holds a zero byte"))
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            walk.take(event)
            if len(walk.problems) >= _MOST_PROBLEMS:
                break
        if not walk.root_is_mapping:
            walk.say("", "is not a configuration: it holds no keys")
    except _Refused as refused:
        walk.problems.append(refused.problem)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        first = " ".join(str(error).split())[:120]
        walk.say("", f"is not YAML that can be read: {first}")
    yield from walk.problems


class _Walk:
    """The state of the reading; `take` is given each event."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None: still open
        self._documents = 0
        self.problems: list[Problem] = []
        self.root_is_mapping = False

    def say(self, path: str, what: str) -> None:
        self.problems.append(Problem(f"{self._where}{f', {path}' if path else ''}", what))

    def take(self, event: Any) -> None:
        import yaml

        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event)
            if event.anchor:
                self._anchors[event.anchor] = _Anchored(1, event.value)
            self._scalar(event.value, 1)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._check_tag(event)
            self._begin(isinstance(event, yaml.MappingStartEvent), event.anchor)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._end()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _Refused(Problem(self._where, "holds more than one document"))

    def _check_tag(self, event: Any) -> None:
        if event.tag and event.tag not in _TAGS and event.tag != "!":
            self.say(self._path(), f"has the YAML tag {event.tag[:80]}, which can make any object")

    def _path(self) -> str:
        if not self._stack:
            return ""
        top = self._stack[-1]
        if top.mapping:
            return f"{top.path}.{top.key}".lstrip(".") if top.key is not None else top.path
        return f"{top.path}[{top.count}]"

    def _begin(self, mapping: bool, anchor: str | None) -> None:
        if len(self._stack) >= _DEEPEST:
            raise _Refused(Problem(self._where, f"is nested more than {_DEEPEST} deep"))
        path = self._path()
        if not self._stack:
            self.root_is_mapping = mapping
        elif self._stack[-1].mapping and self._stack[-1].key is None:
            raise _Refused(Problem(f"{self._where}, {path}", "has a key that is no text"))
        else:
            self._check_collection()
        if anchor:
            self._anchors[anchor] = None
        self._stack.append(_Open(mapping, path, anchor))

    def _check_collection(self) -> None:
        top = self._stack[-1]
        key = _plain(top.key or "")
        if top.mapping and key in TARGET_KEYS:
            self.say(self._path(), "names something to call that is not one name")
        elif top.mapping and key in REFUSED_KEYS:
            self.say(self._path(), "would load other code or another file")

    def _end(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = _Anchored(done.nodes, None)
        self._add(done.nodes)

    def _alias(self, anchor: str) -> None:
        target = self._anchors.get(anchor)
        if target is None:
            raise _Refused(Problem(self._where, f"repeats itself without end (*{anchor[:40]})"))
        if target.text is not None:
            self._scalar(target.text, target.nodes)
            return
        if self._stack and self._stack[-1].mapping and self._stack[-1].key is None:
            raise _Refused(Problem(self._where, "has a key that is no text"))
        if self._stack:
            self._check_collection()
        self._add(target.nodes)

    def _scalar(self, text: str, nodes: int) -> None:
        if self._stack and self._stack[-1].mapping and self._stack[-1].key is None:
            self._key(text)
            return
        self._value(text)
        self._add(nodes)

    def _key(self, text: str) -> None:
        top = self._stack[-1]
        if text in top.keys:
            raise _Refused(
                Problem(f"{self._where}, {top.path or 'top'}", f"has the key '{text[:60]}' twice")
            )
        top.keys.add(text)
        top.key = text
        if text == "<<":
            return  # what is merged was checked where it is anchored
        plain = _plain(text)
        if plain in TARGET_KEYS and text not in TARGET_KEYS:
            self.say(self._path(), f"'{text[:60]}' is '{plain}' in disguise")
        elif "${" in text:
            self.say(self._path(), "has a key that is computed")

    def _value(self, text: str) -> None:
        path = self._path()
        top = self._stack[-1] if self._stack else None
        key = _plain(top.key or "") if top is not None and top.mapping else ""
        if key in TARGET_KEYS:
            if text not in TARGETS:
                self.say(path, f"names {text[:100]!r}, which is no part of a Parakeet")
        elif key in REFUSED_KEYS:
            if text.casefold() not in _NOTHING:
                self.say(path, f"would load other code or another file: {text[:80]!r}")
        elif "${" in text and "${" in _PLAIN.sub("", text):
            self.say(path, f"is computed by {text[:80]!r} when the model is loaded")

    def _add(self, nodes: int) -> None:
        """One child more of what is open."""
        if not self._stack:
            return
        top = self._stack[-1]
        top.nodes += nodes
        top.count += 1
        top.key = None
        if top.nodes > _MOST_NODES:
            raise _Refused(
                Problem(self._where, "would grow without bounds when it is read (a YAML bomb)")
            )


def _plain(key: str) -> str:
    """A key as a careless reader takes it."""
    return key.strip().casefold()
