"""Scans a pickle as a list of instructions, never unpickling it.

A pickle is a program. The one that torch.save writes for a state_dict calls three functions.
Any other function is refused, and so is any instruction that could name one indirectly. What is
left is followed with a stack of what the values are, so that nothing but those functions is
called and nothing but an OrderedDict is given a state.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO

from parakeet_cli.models.scan.allowlist import FUNCTIONS, GLOBALS, OPCODES
from parakeet_cli.models.types import Problem

# pickletools reads 0.4 MB of the shortest instructions a second. A state_dict takes 150 bytes
# for a tensor, of which a Parakeet of 1.1e9 parameters has 1,500.
LARGEST_PICKLE = 2 << 20
_MOST_PROBLEMS = 10
_ORDERED_DICT = "collections OrderedDict"

# What a value is: a function or type by its name, the result of a call by that function's, an
# empty text for any other value, and a mark.
_GLOBAL, _RESULT, _OTHER, _MARK = "global ", "result ", "", "mark"

_FILLING = frozenset(["APPEND", "APPENDS", "SETITEM", "SETITEMS"])
_FILLED = frozenset([_OTHER, f"{_RESULT}{_ORDERED_DICT}"])


class _BrokenError(Exception):
    """The instruction can't be carried out; the message says why."""


def scan_pickle(data: bytes, where: str) -> Iterator[Problem]:
    """The instructions of a pickle that a state_dict doesn't need."""
    if len(data) > LARGEST_PICKLE:
        yield Problem(where, f"has {len(data) >> 20} MiB, too much for the pickle of a state_dict")
        return
    problems: dict[str, None] = {}  # in order, each once
    stack = _Stack()
    end = None
    try:
        for opcode, argument, position in _instructions(data):
            if (problem := _instruction_problem(opcode.name, argument)) is None and not problems:
                problem = stack.follow(opcode, argument)
            if problem is not None:
                problems[problem] = None
            end = position + 1 if opcode.name == "STOP" else None
            if len(problems) >= _MOST_PROBLEMS:
                break
    except Exception as error:  # pickletools raises many kinds for bytes that aren't a pickle
        problems[f"is a damaged pickle: {str(error)[:100]}"] = None
    else:
        if end is None and len(problems) < _MOST_PROBLEMS:
            problems["is a pickle without an end"] = None
        elif end is not None and end != len(data):
            problems["has something behind the end of its pickle"] = None
    yield from (Problem(where, what) for what in problems)


def _instruction_problem(name: str, argument: object) -> str | None:
    if name == "GLOBAL":
        called = str(argument)
        module, _, attribute = called.partition(" ")
        allowed = (module, attribute) in GLOBALS
        return None if allowed else f"would import and could call {called[:100]!r}"
    if name not in OPCODES:
        return f"has the instruction {name}, which a state_dict doesn't need"
    return None


def _instructions(data: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, object, int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in texts that are refused anyway
        for opcode, argument, position in pickletools.genops(BytesIO(data)):
            yield opcode, argument, position or 0


class _Stack:
    """What the unpickler's stack and memo hold."""

    def __init__(self) -> None:
        self._values: list[str] = []
        self._memo: dict[int, str] = {}
        self._special: dict[str, Callable[[object], str | None]] = {
            "GLOBAL": self._global,
            "REDUCE": self._reduce,
            "BUILD": self._build,
            "POP": self._pop_one,
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), self._put),
            **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), self._get),
        }

    def follow(self, opcode: pickletools.OpcodeInfo, argument: object) -> str | None:
        """Carry an instruction out; the problem with it, if there is one. Raises _BrokenError."""
        special = self._special.get(opcode.name)
        if special is not None:
            return special(argument)
        before = [one.name for one in opcode.stack_before]
        filling = opcode.name in _FILLING
        if "mark" in before:
            self._drop_to_mark()
        else:
            for _ in before[filling:]:
                self._pop()
        if filling:  # the dictionary or list stays what it was
            return None if self._top() in _FILLED else "changes something that isn't a container"
        self._values += (_MARK if one.name == "mark" else _OTHER for one in opcode.stack_after)
        return None

    def _global(self, argument: object) -> None:
        self._values.append(f"{_GLOBAL}{argument}")

    def _reduce(self, _: object) -> str | None:
        self._pop()
        function = self._pop()
        name = function.removeprefix(_GLOBAL)
        module, _, attribute = name.partition(" ")
        if not function.startswith(_GLOBAL) or (module, attribute) not in FUNCTIONS:
            return f"calls {name[:100] or 'a value'!r}, which a state_dict doesn't"
        self._values.append(f"{_RESULT}{name}")
        return None

    def _build(self, _: object) -> str | None:
        self._pop()
        if self._top() != f"{_RESULT}{_ORDERED_DICT}":
            return "sets the state of something else than a dictionary"
        return None

    def _put(self, argument: object) -> None:
        number = len(self._memo) if argument is None else argument
        assert isinstance(number, int)
        self._memo[number] = self._top()

    def _get(self, argument: object) -> None:
        assert isinstance(argument, int)
        if argument not in self._memo:
            raise _BrokenError("it repeats a value that it hasn't had")
        self._values.append(self._memo[argument])

    def _pop_one(self, _: object) -> None:
        if not self._values:
            raise _BrokenError("it takes more values than it has")
        self._values.pop()  # the mark too, as Python does

    def _pop(self) -> str:
        value = self._top()
        self._values.pop()
        return value

    def _top(self) -> str:
        if not self._values or self._values[-1] == _MARK:
            raise _BrokenError("it takes more values than it has")
        return self._values[-1]

    def _drop_to_mark(self) -> None:
        while self._values:
            if self._values.pop() == _MARK:
                return
        raise _BrokenError("it takes more values than it has")
