"""What a forked child does with its parent's spool, lock, threads and producer: nothing at all.

They are the parent's. A child that closed them would close files under it, so they are let go of without
being closed, and the child's emitter begins anew with the next event.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Protocol


class Forks(Protocol):
    """Whatever begins anew in a forked child."""

    def after_fork(self) -> None:
        """Let go of the parent's things."""


_ALL: weakref.WeakSet[Forks] = weakref.WeakSet()


def watch(forks: Forks) -> None:
    """Have `after_fork` called in each child, as long as the object lives."""
    _ALL.add(forks)


def abandon(*things: object) -> None:
    """Let go of objects so that they are never closed, not even at the end of the process."""
    for thing in things:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _after_fork() -> None:
    for forks in list(_ALL):
        forks.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
