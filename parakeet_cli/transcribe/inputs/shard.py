"""Divides the inputs of a batch between several machines: `--shard I/N`."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.inputs.find import Job


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of the inputs, numbered from 1; an input's name decides its part."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From `I/N`. Raises UsageError."""
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if match and 1 <= int(match[1]) <= int(match[2]):
            return cls(int(match[1]), int(match[2]))
        raise UsageError(
            f"--shard {text}: it must be I/N, with I from 1 to N.",
            hint="Three machines take --shard 1/3, --shard 2/3 and --shard 3/3.",
        )

    @classmethod
    def is_one(cls, text: str) -> bool:
        """Whether `parse` takes the text."""
        try:
            cls.parse(text)
        except UsageError:
            return False
        return True

    @property
    def folder(self) -> str:
        return f"shard-{self.number}-of-{self.count}"

    def contains(self, job: Job) -> bool:
        """Whether the job is in this shard: the same wherever its folder is mounted."""
        name = f"{job.shared_name}#{job.offset:g}" if job.offset else job.shared_name
        digest = hashlib.sha256(os.fsencode(name)).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1
