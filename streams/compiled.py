"""Functions over arrays as machine code, made by numba at their first call in a process.

What was made is kept for the next process, beside the source, in `NUMBA_CACHE_DIR` or in the user's cache;
where nothing can be kept, each process makes it anew, which takes two or three seconds. Whoever calls none of
them does not load numba, which takes some 140 MB of a process's memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function compiled; it holds no lock of Python while it runs.

    It must be of what numba compiles: loops over numbers and arrays.
    """

    @wraps(function)
    def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
        fast: Callable[_P, _R] = _compiled(function)
        try:
            return fast(*arguments, **named)
        except OSError:
            # It is compiled and did not run yet: the disk is full, and it could not be kept.
            return fast(*arguments, **named)

    return call


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    import numba

    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        # There is no place where it could be kept.
        return numba.njit(nogil=True)(function)
