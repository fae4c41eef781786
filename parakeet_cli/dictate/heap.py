"""Keeps a long-lived process small: glibc's heap gives back what is freed."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8  # malloc.h


def use_one_arena() -> None:
    """Have all threads that start from now on share one heap.

    By default each new thread gets a heap of its own, and what a thread that has ended left there
    is never used again by others: each model that is loaded again would add to the process.
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Return what is free in the heap to the system."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, None if it isn't glibc."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
