"""Rows of attempts to ClickHouse, about once a second. While it is away they wait in the book."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from clickhouse_connect.driver import AsyncClient
from mode import Service

from schemas.errors import NotThere
from schemas.settings import Settings
from sinks.clickhouse.alerts import tables_of, token_of
from sinks.clickhouse.client import connect
from sinks.clickhouse.faults import Then, error_code, what_then
from sinks.clickhouse.writer import Writer
from streams.alerting.book import Book

log = structlog.get_logger(__name__)

SECONDS = 1.0
LONGEST = 30.0
AT_ONCE = 5_000


class RowKeeper(Service):
    """Inserts the rows that wait, and lets those go that are stored.

    Rows that were stored and not let go, because the alerter was killed in between, are inserted again: the
    tables keep one of each.
    """

    def __init__(self, settings: Settings, book: Book, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._settings = settings
        self._book = book

    async def on_stop(self) -> None:
        """Store what waits, if that is quickly done."""
        try:
            async with asyncio.timeout(2.0), connect(self._settings) as client:
                while await self._store(client):
                    pass
        except (NotThere, TimeoutError):
            return
        except Exception as error:
            log.warning("rows of alerts wait for the next alerter", error=type(error).__name__)

    @Service.task
    async def _keep(self) -> None:
        pause = SECONDS
        while not self.should_stop:
            try:
                async with connect(self._settings, send_receive_timeout=30) as client:
                    while not self.should_stop:
                        # Few rows are as much work for the engine as many.
                        if await self._store(client) < AT_ONCE:
                            await self.sleep(SECONDS)
                        pause = SECONDS
            except NotThere as error:
                log.warning("rows of alerts wait", why=str(error))
            except Exception as error:
                level = log.warning if what_then(error) is Then.AGAIN else log.error
                level("rows of alerts wait", error=type(error).__name__, code=error_code(error))
            await self.sleep(pause)
            pause = min(pause * 2, LONGEST)

    async def _store(self, client: AsyncClient) -> int:
        """Store what waits, at most `AT_ONCE` rows; return how many there were."""
        entries = dict(list(self._book.rows.items())[:AT_ONCE])
        if not entries:
            return 0
        await Writer(client).write(tables_of(entries), token_of(list(entries)))
        self._book.rows_stored(entries)
        return len(entries)
