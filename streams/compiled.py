"""Functions over arrays as machine code, made by numba at their first call in a process.

What was made is kept for the next process, beside the source, in `NUMBA_CACHE_DIR` or in the user's cache;
where nothing can be kept, each process makes it anew, which takes two or three seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function compiled; it holds no lock of Python while it runs.

    It must be of what numba compiles: loops over numbers and arrays. Whatever it does to its arrays is done
    once: what fails before it runs is tried again, and nothing else.
    """
    try:
        fast = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        # There is no place where a cache could be.
        fast = numba.njit(nogil=True)(function)

    @wraps(function)
    def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
        try:
            return fast(*arguments, **named)
        except OSError:
            # It is compiled, and could not be written down: the disk is full. It is there all the same.
            return fast(*arguments, **named)

    return call
