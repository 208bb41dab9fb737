"""A decorator that reports each call of a search function, and leaves the call as it was."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
Emit = Callable[..., str | None]

log = logging.getLogger("frwatch.emitter")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a search function that has ended.

    `arguments` has each argument by its parameter's name, defaults too; `result` is what it returned, None
    where it raised `error`.
    """

    arguments: Mapping[str, Any]
    result: Any
    error: BaseException | None


def reporting(emit: Emit, fields: Mapping[str, Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that emits `fields` of each call; functions among them are given the `Call`."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        def report(at: datetime, args: Any, kwargs: Any, result: Any, error: BaseException | None) -> None:
            arguments: Mapping[str, Any] = {}
            # A function under another decorator may take what its signature does not say.
            with contextlib.suppress(TypeError):
                bound = signature.bind(*args, **kwargs)
                bound.apply_defaults()
                arguments = bound.arguments
            emit(**{"occurred_at": at} | _values(fields, Call(arguments, result, error)))

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def reported_async(*args: Any, **kwargs: Any) -> Any:
                at = datetime.now(UTC)
                try:
                    result = await function(*args, **kwargs)
                except BaseException as error:
                    report(at, args, kwargs, None, error)
                    raise
                report(at, args, kwargs, result, None)
                return result

            return cast(Callable[P, R], reported_async)

        @functools.wraps(function)
        def reported(*args: P.args, **kwargs: P.kwargs) -> R:
            at = datetime.now(UTC)
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                report(at, args, kwargs, None, error)
                raise
            report(at, args, kwargs, result, None)
            return result

        return reported

    return decorate


def _values(fields: Mapping[str, Any], call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if not callable(value):
            found[name] = value
            continue
        try:
            found[name] = value(call)
        except Exception as error:
            # Of a call that raised there is no result to count candidates of.
            if call.error is None:
                log.warning(
                    "a search is reported without %s: its function raised %s", name, type(error).__name__
                )
    return found
