"""Damages a file's bytes by a seed: the same seed makes the same file."""

from __future__ import annotations

import random
from dataclasses import dataclass

HEADER_BYTES = 512


@dataclass(frozen=True, slots=True)
class Mutation:
    """The kind and place of the damage, and the damaged bytes."""

    kind: str
    position: int
    length: int
    data: bytes


def truncated(data: bytes, chance: random.Random) -> Mutation:
    at = chance.randrange(len(data) // 50, len(data) - 1)
    return Mutation("truncation", at, len(data) - at, data[:at])


def deleted(data: bytes, chance: random.Random) -> Mutation:
    length = chance.choice((1, 7, 100, 2_000, 5_000))
    at = chance.randrange(len(data))
    return Mutation("deletion", at, length, data[:at] + data[at + length :])


def overwritten(data: bytes, chance: random.Random) -> Mutation:
    length = chance.choice((1, 16, 300, 2_000))
    at = chance.randrange(max(1, len(data) - length))
    filling = chance.choice((bytes(length), b"\xff" * length, chance.randbytes(length)))
    return Mutation("overwriting", at, length, data[:at] + filling + data[at + length :])


def header_bits(data: bytes, chance: random.Random) -> Mutation:
    broken = bytearray(data)
    for _ in range(chance.randrange(1, 9)):
        at = chance.randrange(min(HEADER_BYTES, len(data)))
        broken[at] ^= 1 << chance.randrange(8)
    return Mutation("header bits", 0, HEADER_BYTES, bytes(broken))


KINDS = (truncated, deleted, overwritten, header_bits)


def mutation(data: bytes, seed: str) -> Mutation:
    """Damage `data` by `seed`."""
    chance = random.Random(seed)
    return chance.choice(KINDS)(data, chance)
