"""Reports searches that a client logs already: `log.info("search", extra={"frwatch": {...}})`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol


class Emits(Protocol):
    """An emitter, sync or async."""

    def emit(self, **fields: object) -> str | None:
        """Report one search."""


class FrwatchHandler(logging.Handler):
    """Emits the fields under `frwatch` of each log record that has them, and nothing of its message.

    `occurred_at` is the record's time where the fields have none. Records without are passed over.
    """

    def __init__(self, emitter: Emits, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._emitter = emitter

    def emit(self, record: logging.LogRecord) -> None:
        """Report the search of a log record."""
        fields = getattr(record, "frwatch", None)
        if isinstance(fields, Mapping):
            created = {"occurred_at": datetime.fromtimestamp(record.created, UTC)}
            try:
                self._emitter.emit(**created | {str(name): value for name, value in fields.items()})
            except Exception:
                # Only an emitter that is strict raises; a log's caller never hears of it.
                self.handleError(record)
