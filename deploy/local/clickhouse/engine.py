"""The engine: connections of chDB in lanes, so that long queries hold up neither inserts nor each other.

Every request has a connection of its own, which costs 0.2 ms: its settings, database and temporary tables are
gone with it. A session keeps its connection until it has been idle for its time. Reads and writes wait in
lanes of their own; who has waited too long is told so, with ClickHouse's code 202.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import chdb

from deploy.local.clickhouse.config import NICENESS
from deploy.local.clickhouse.errors import QueryError, from_engine

T = TypeVar("T")
LANES = {"read": 12, "write": 6}
"""Queries of a kind that run at once. The engine's own threads are bounded apart from that."""
PATIENCE = 60.0
"""Seconds for which a query waits for a lane."""
SESSION_SECONDS = 60.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(slots=True)
class _Session:
    connection: Any
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    idle_since: float = 0.0
    seconds: float = SESSION_SECONDS


class Connection:
    """One connection, used by one request at a time; its calls run in the threads of its lane."""

    def __init__(
        self, inner: Any, threads: ThreadPoolExecutor, kill: Callable[[str], Awaitable[None]]
    ) -> None:
        self.inner = inner
        self._threads = threads
        self._kill = kill
        self._query_id = ""

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a call of chDB returns.

        Raises:
            QueryError: the engine refused, with its code.
        """
        work = asyncio.get_running_loop().run_in_executor(self._threads, _run, function, *arguments)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The connection is in that thread's hands until the call is over.
            if self._query_id:
                await self._kill(self._query_id)
            await asyncio.wait([work])
            raise

    async def assign(self, settings: Mapping[str, str]) -> None:
        """Set settings, or values of `{name:Type}` as `param_name`, for this connection."""
        assigned = ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())
        await self.call(self.inner.query, f"SET {assigned}")

    async def prepare(
        self, settings: Mapping[str, str], database: str | None, *, readonly: bool, query_id: str
    ) -> None:
        """Apply the settings of a request, each checked by the engine."""
        if database:
            await self.call(self.inner.query, f"USE {_quoted_name(database)}")
        # The engine gives queries ids of its own; by this one they are found again, to be ended.
        named = {"os_threads_nice_value_query": str(NICENESS), **settings, "log_comment": query_id}
        for name in named:
            if not _NAME.fullmatch(name):
                raise QueryError(115, f"Unknown setting {name[:60]!r}", "UNKNOWN_SETTING")
        await self.assign(named)
        self._query_id = query_id
        if readonly:
            await self.call(self.inner.query, "SET readonly = 2")


class Engine:
    """All connections to one data folder. `spool` is a folder for the data of inserts, empty at the start.

    Raises:
        QueryError: the folder cannot be opened.
    """

    def __init__(self, data: Path, config: Path | None = None) -> None:
        self._address = str(data) if config is None else f"{data}?config-file={config}"
        self._first = _run(chdb.connect, self._address)
        self.spool = data / "spool"
        shutil.rmtree(self.spool, ignore_errors=True)
        self.spool.mkdir(mode=0o700)
        self._sessions: dict[str, _Session] = {}
        self._lanes = {kind: asyncio.Semaphore(size) for kind, size in LANES.items()}
        self._threads = {
            kind: ThreadPoolExecutor(size, thread_name_prefix=f"clickhouse-{kind}")
            for kind, size in LANES.items()
        }
        self.version = self._first.query("SELECT version()", "TSV").data().strip()

    @asynccontextmanager
    async def connection(
        self,
        kind: str,
        session_id: str | None = None,
        seconds: float = SESSION_SECONDS,
        *,
        must_exist: bool = False,
    ) -> AsyncIterator[Connection]:
        """Yield a connection of a lane (`read` or `write`); a session's own where one is named.

        Raises:
            QueryError: no lane came free in time (202), or the session is busy (373) or unknown (372).
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._lanes[kind].acquire()
        except TimeoutError:
            text = f"Too many simultaneous queries: waited {PATIENCE:g} s for one to end"
            raise QueryError(202, text, "TOO_MANY_SIMULTANEOUS_QUERIES") from None
        try:
            if session_id is None:
                inner = await asyncio.to_thread(_run, chdb.connect, self._address)
                try:
                    yield Connection(inner, self._threads[kind], self.kill)
                finally:
                    await asyncio.to_thread(inner.close)
                return
            session = await self._session(session_id, seconds, must_exist=must_exist)
            async with session.lock:
                try:
                    yield Connection(session.connection, self._threads[kind], self.kill)
                finally:
                    session.idle_since = time.monotonic()
        finally:
            self._lanes[kind].release()

    async def kill(self, query_id: str) -> None:
        """End a query whose client has gone away."""
        sql = f"KILL QUERY WHERE Settings['log_comment'] = {quoted(query_id)} ASYNC"
        await asyncio.to_thread(self._first.query, sql)

    async def kill_all(self) -> None:
        """End every query that runs."""
        await asyncio.to_thread(self._first.query, "KILL QUERY WHERE query NOT LIKE 'KILL QUERY%' ASYNC")

    async def close_idle_sessions(self) -> None:
        """Let go of sessions whose time is over."""
        now = time.monotonic()
        for name, session in list(self._sessions.items()):
            if not session.lock.locked() and now - session.idle_since > session.seconds:
                del self._sessions[name]
                await asyncio.to_thread(session.connection.close)

    def close(self) -> None:
        """Close all connections; the data are whole on disk after it."""
        for session in self._sessions.values():
            session.connection.close()
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
        self._first.close()

    async def _session(self, session_id: str, seconds: float, *, must_exist: bool) -> _Session:
        await self.close_idle_sessions()
        session = self._sessions.get(session_id)
        if session is None:
            if must_exist:
                raise QueryError(372, "Session not found", "SESSION_NOT_FOUND")
            inner = await asyncio.to_thread(_run, chdb.connect, self._address)
            session = self._sessions.setdefault(session_id, _Session(inner))
        if session.lock.locked():
            raise QueryError(373, "Session is locked by a concurrent client", "SESSION_IS_LOCKED")
        session.seconds = seconds
        session.idle_since = time.monotonic()
        return session


def quoted(text: str) -> str:
    """Return a string literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def new_query_id() -> str:
    """Return an id for a query that came without one."""
    return str(uuid.uuid4())


def _quoted_name(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _run(function: Callable[..., T], *arguments: Any) -> T:
    try:
        return function(*arguments)
    except (RuntimeError, ValueError) as error:
        raise from_engine(error) from None
