"""Scans a model's YAML as a stream of events: no object is built, so nothing can run.

NeMo imports the values of some keys and calls them. Each of them must be a class that a
Parakeet uses, wherever it is: nested, in lists, behind anchors. The keys by which NeMo opens
files may name the archive's own members alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from typing import Any

from parakeet_cli.models.scan.allowlist import (
    OTHER_TARGETS,
    REFUSED_KEYS,
    REFUSED_NAMES,
    STRATEGIES,
    TARGET_KEYS,
    TARGETS,
)
from parakeet_cli.models.scan.file_keys import dir_problem, file_problem, is_file_key, is_tokenizer
from parakeet_cli.models.types import Problem

# PyYAML reads 0.15 to 3 MB a second, and NeMo reads it with PyYAML too: a second for the largest
# published, some seconds for what is refused.
LARGEST_CONFIG = 1 << 20  # bytes; with a vocabulary of 8,192 pieces, three times, it has 0.3 MB
_MOST_EVENTS = 200_000  # such a vocabulary takes 25,000
_DEEPEST = 64
_MOST_NODES = 2_000_000  # with every alias expanded
_MOST_PROBLEMS = 20

# `${a.b}` and `${..a}` only repeat another value; a resolver computes a new one.
# `\${` is how OmegaConf writes the two characters themselves; `\\${` is not.
_REFERENCE = re.compile(r"\$\{\s*\.*[\w\-]+(?:[.\[\]\w\-])*\s*\}|(?<!\\)\\\$\{")
_NULLS = frozenset(["", "null", "~", "false"])
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


@dataclass(slots=True)
class _Collection:
    """A mapping or a list that is being read."""

    mapping: bool
    path: str
    anchor: str | None
    keys: set[str] = field(default_factory=set)
    folder: str = ""  # the value of `dir`, which counts in a tokenizer
    key: str | None = None  # the key whose value comes next
    count: int = 0  # children so far
    nodes: int = 1  # with everything inside, aliases expanded


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A complete node that an alias may repeat."""

    nodes: int
    text: str | None  # of a scalar


class _Unreadable(Exception):
    """The rest can't be read safely; the problem says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def scan_yaml(data: bytes, where: str, members: Collection[str] | None = None) -> Iterator[Problem]:
    """The problems of a model's configuration; `where` names it.

    `members` are the files of the archive that it is in. Each part of a model that parakeet
    doesn't run is named once, as a harmless problem, after the others.
    """
    import yaml

    if len(data) > LARGEST_CONFIG:
        yield Problem(where, f"has {len(data) >> 20} MiB, too much for a model's configuration")
        return
    reader = _YamlScanner(where, members)
    try:
        # Opened and parsed as OmegaConf does it: libyaml is faster, but reads a byte-order mark
        # in the middle differently.
        text = TextIOWrapper(BytesIO(data), encoding="utf-8").read()
        if "\0" in text:
            raise _Unreadable(Problem(where, "has a zero byte"))
        for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
            if count > _MOST_EVENTS:
                raise _Unreadable(Problem(where, f"has more than {_MOST_EVENTS} values"))
            reader.read(event)
            if len(reader.problems) >= _MOST_PROBLEMS:
                break
        if not reader.root_is_mapping:
            reader.report("", "is not a configuration: it has no keys")
    except _Unreadable as refused:
        reader.problems.append(refused.problem)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        first = " ".join(str(error).split())[:120]
        reader.report("", f"is not readable YAML: {first}")
    yield from reader.problems
    yield from reader.others.values()


class _YamlScanner:
    """The state of the scan; `read` takes each event."""

    def __init__(self, where: str, members: Collection[str] | None) -> None:
        self._where = where
        self._members = members
        self._stack: list[_Collection] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None: still being read
        self._documents = 0
        self.problems: list[Problem] = []
        self.others: dict[str, Problem] = {}  # by the class: harmless ones
        self.root_is_mapping = False

    def report(self, path: str, what: str) -> None:
        self.problems.append(Problem(f"{self._where}{f', {path}' if path else ''}", what))

    def read(self, event: Any) -> None:
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
                raise _Unreadable(Problem(self._where, "has more than one document"))

    def _check_tag(self, event: Any) -> None:
        if event.tag and event.tag not in _TAGS and event.tag != "!":
            self.report(
                self._path(), f"has the YAML tag {event.tag[:80]}, which can create any object"
            )

    def _path(self) -> str:
        if not self._stack:
            return ""
        top = self._stack[-1]
        if top.mapping:
            return f"{top.path}.{top.key}".lstrip(".") if top.key is not None else top.path
        return f"{top.path}[{top.count}]"

    def _begin(self, mapping: bool, anchor: str | None) -> None:
        if len(self._stack) >= _DEEPEST:
            raise _Unreadable(Problem(self._where, f"is nested more than {_DEEPEST} deep"))
        path = self._path()
        if not self._stack:
            self.root_is_mapping = mapping
        elif self._stack[-1].mapping and self._stack[-1].key is None:
            raise _Unreadable(Problem(f"{self._where}, {path}", "has a key that isn't text"))
        else:
            self._check_collection()
        if anchor:
            self._anchors[anchor] = None
        self._stack.append(_Collection(mapping, path, anchor))

    def _check_collection(self) -> None:
        top = self._stack[-1]
        key = _normalized(top.key or "")
        if top.mapping and key in TARGET_KEYS:
            self.report(self._path(), "has no single name as the class to call")
        elif top.mapping and key in REFUSED_KEYS:
            self.report(self._path(), "would load other code or another file")
        elif top.mapping and is_file_key(key, top.path):
            self.report(self._path(), "would open or write files")

    def _end(self) -> None:
        done = self._stack.pop()
        if is_tokenizer(done.path) and (problem := dir_problem(done.folder, done.keys)):
            self.report(done.path, problem)
        if done.anchor:
            self._anchors[done.anchor] = _Anchored(done.nodes, None)
        self._add(done.nodes)

    def _alias(self, anchor: str) -> None:
        target = self._anchors.get(anchor)
        if target is None:
            raise _Unreadable(
                Problem(self._where, f"refers to itself or to nothing (*{anchor[:40]})")
            )
        if target.text is not None:
            self._scalar(target.text, target.nodes)
            return
        if self._stack and self._stack[-1].mapping and self._stack[-1].key is None:
            raise _Unreadable(Problem(self._where, "has a key that isn't text"))
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
            raise _Unreadable(
                Problem(f"{self._where}, {top.path or 'top'}", f"has the key '{text[:60]}' twice")
            )
        top.keys.add(text)
        top.key = text
        if text == "<<":
            return  # the merged mapping was checked at its anchor
        normalized = _normalized(text)
        if normalized in TARGET_KEYS and text not in TARGET_KEYS:
            self.report(self._path(), f"'{text[:60]}' is '{normalized}' in disguise")
        elif "${" in text:
            self.report(self._path(), "has a computed key")

    def _value(self, text: str) -> None:
        top = self._stack[-1] if self._stack else None
        key = _normalized(top.key or "") if top is not None and top.mapping else ""
        problem = ""
        if top is not None and key == "dir":
            top.folder = text
        if key in TARGET_KEYS:
            problem = self._target_problem(text, top.path if top is not None else "")
        elif key in REFUSED_KEYS or key in REFUSED_NAMES:
            if text.casefold() not in _NULLS:
                problem = f"would load other code or another file: {text[:80]!r}"
        elif top is not None and top.mapping and is_file_key(key, top.path):
            problem = file_problem(key, top.path, text, self._members) or ""
        elif "${" in text and "${" in _REFERENCE.sub("", text):
            problem = f"is computed by {text[:80]!r} when the model is loaded"
        if problem:
            self.report(self._path(), problem)

    def _target_problem(self, name: str, path: str) -> str:
        """Why NeMo must not call what has that name, in a mapping at `path`; or nothing."""
        if name in TARGETS or (path == "trainer.strategy" and name in STRATEGIES):
            return ""
        if name not in OTHER_TARGETS:
            return f"names {name[:100]!r}, which isn't part of a Parakeet"
        if name not in self.others:
            what = f"names {name!r}, which is NeMo's, but of no model that parakeet runs"
            self.others[name] = Problem(f"{self._where}, {self._path()}", what, harmless=True)
        return ""

    def _add(self, nodes: int) -> None:
        """Count one more child of the collection that is being read."""
        if not self._stack:
            return
        top = self._stack[-1]
        top.nodes += nodes
        top.count += 1
        top.key = None
        if top.nodes > _MOST_NODES:
            raise _Unreadable(
                Problem(self._where, "would grow without bounds when it is read (a YAML bomb)")
            )


def _normalized(key: str) -> str:
    """A key as a careless reader would understand it."""
    return key.strip().casefold()
