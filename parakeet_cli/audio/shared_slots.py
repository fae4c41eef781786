"""Passes buffers from one process to another through slots of shared memory, in turn.

The sender fills the slots round robin and the receiver empties them in the same order; how many
are free is said by messages of their own. Only the pages that were used take memory.
"""

from __future__ import annotations

import mmap
import os


class SharedSlots:
    """`count` slots of `size` bytes each, behind the descriptor of a file in memory."""

    def __init__(self, descriptor: int, size: int, count: int) -> None:
        self.descriptor, self.size, self.count = descriptor, size, count
        self._memory = mmap.mmap(descriptor, size * count)
        self._next = 0

    @classmethod
    def create(cls, size: int, count: int) -> SharedSlots | None:
        """New slots, or None where the system has no files in memory."""
        if not hasattr(os, "memfd_create"):
            return None
        try:
            import fcntl

            flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
            descriptor = os.memfd_create("parakeet-samples", flags)
        except (ImportError, OSError):  # a sandbox may forbid it
            return None
        try:
            os.ftruncate(descriptor, size * count)
            # Whoever reads beyond the end of a file that was shrunk is ended by a signal.
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
            return cls(descriptor, size, count)
        except OSError:
            os.close(descriptor)
            return None

    def fits(self, length: int) -> bool:
        """Whether a slot has room for that many bytes."""
        return length <= self.size

    def put(self, data: memoryview) -> None:
        """Copy bytes into the next slot, which must be free."""
        at = self._turn()
        self._memory[at : at + len(data)] = data

    def take(self, length: int) -> bytearray:
        """A copy of the first `length` bytes of the next slot, which must be full."""
        if not self.fits(length):
            raise ValueError(f"no slot has {length} bytes")
        at = self._turn()
        with memoryview(self._memory) as view:
            return bytearray(view[at : at + length])

    def _turn(self) -> int:
        at = self._next * self.size
        self._next = (self._next + 1) % self.count
        return at

    def close(self) -> None:
        """Free the memory, as far as this process holds it. May be called twice."""
        if not self._memory.closed:
            self._memory.close()
            os.close(self.descriptor)
