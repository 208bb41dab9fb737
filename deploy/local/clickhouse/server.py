"""The HTTP interface: from a request to the engine and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiohttp import ClientError, web

from deploy.local.clickhouse.answer import Progress, content_type, exception_tag, late_error
from deploy.local.clickhouse.compression import BlockEncoder, Encoder, decompressed, encoder_for
from deploy.local.clickhouse.engine import Connection, Engine, new_query_id, quoted
from deploy.local.clickhouse.errors import QueryError
from deploy.local.clickhouse.form import read_form
from deploy.local.clickhouse.formats import joiner
from deploy.local.clickhouse.request import Request, read_request
from deploy.local.clickhouse.spool import Spool
from deploy.local.clickhouse.sql import Statement, data_begin, parse

log = structlog.get_logger(__name__)

MAX_STATEMENT = 16 << 20
"""Bytes of a statement without its data."""
MAX_BODY = 64 << 30
"""Bytes of an insert's data, decompressed; what is large is on disk, never in memory at once."""
HELD_BACK = 256 << 10
"""Bytes of an answer that are kept until more come: a small one has a whole summary and a clean error."""
FEED = 1 << 20
"""Bytes that are handed to the engine at a time."""
_LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}


class Server:
    """The handlers. A page in a browser cannot use them: its Host would not be loopback's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._running: set[asyncio.Task[Any]] = set()

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=0, middlewares=[self._guard])
        app.router.add_get("/ping", self._ping)
        app.router.add_get("/replicas_status", self._ping)
        app.router.add_route("*", "/", self._query)
        return app

    async def drain(self, seconds: float) -> None:
        """Wait for the queries that run, for so long at the most."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin", "")
        if _name(host) not in _LOOPBACK:
            return web.Response(status=403, text="This ClickHouse answers on loopback only.\n")
        if (origin and _name(origin.partition("://")[2]) not in _LOOPBACK) or (
            request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
        ):
            return web.Response(status=403, text="This ClickHouse does not answer pages of other sites.\n")
        response: web.StreamResponse = await handler(request)
        return response

    async def _ping(self, _: web.Request) -> web.Response:
        return web.Response(text="Ok.\n", content_type="text/html")

    async def _query(self, http: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        query_id = new_query_id()
        try:
            if http.method not in {"GET", "POST", "HEAD", "PUT"}:
                return web.Response(status=405, text="Use GET or POST.\n")
            form = await read_form(http, MAX_STATEMENT)
            request = read_request(http.method, {**http.query, **form}, http.headers)
            query_id = request.query_id or query_id
            return await self._answer(http, request, query_id)
        except QueryError as error:
            log.info("query failed", query_id=query_id, code=error.code)
            return self._error(error, query_id)
        except UnicodeDecodeError:
            return self._error(
                QueryError(62, "Syntax error: the statement is not UTF-8", "SYNTAX_ERROR"), query_id
            )
        except (ClientError, ConnectionError):
            raise
        except Exception as error:
            log.exception("internal error", query_id=query_id)
            return self._error(
                QueryError(1001, f"{type(error).__name__} in the server", "STD_EXCEPTION"), query_id
            )

    async def _answer(self, http: web.Request, request: Request, query_id: str) -> web.StreamResponse:
        body = self._body(http, request)
        statement, rest = await self._statement(request, body)
        if not statement.head.strip():
            if http.method in {"GET", "HEAD"} and request.query is None:
                return web.Response(text="Ok.\n", content_type="text/html")
            raise QueryError(62, "Syntax error: Empty query", "SYNTAX_ERROR")
        if statement.outfile:
            raise QueryError(
                48, "INTO OUTFILE and FROM INFILE are a client's, not a server's", "NOT_IMPLEMENTED"
            )
        if request.readonly and statement.kind != "read":
            raise QueryError(164, "Cannot execute query in readonly mode: use POST", "READONLY")
        lane = "read" if statement.kind == "read" else "write"
        # The engine lets no connection leave read-only: a session would stay so for whatever comes next.
        session = request.session_id if request.settings.get("readonly", "0") == "0" else None
        async with self._engine.connection(
            lane, session, request.session_seconds, must_exist=request.session_must_exist
        ) as connection:
            await connection.prepare(
                request.settings,
                request.database,
                # A session would stay read-only.
                readonly=request.readonly and session is None,
                query_id=query_id,
            )
            try:
                if statement.kind == "insert":
                    return await self._insert(connection, request, statement, rest, query_id)
                if statement.kind == "read":
                    return await self._read(http, connection, request, statement, query_id)
                return await self._command(http, connection, request, statement, query_id)
            finally:
                if session is not None:
                    await self._forget_settings(connection, request)

    async def _forget_settings(self, connection: Connection, request: Request) -> None:
        names = [*request.settings, "log_comment", "use_structure_from_insertion_table_in_table_functions"]
        await connection.call(
            connection.inner.query, "SET " + ", ".join(f"{name} = DEFAULT" for name in names)
        )

    # -- the statement and its data ------------------------------------------------------------------

    def _body(self, http: web.Request, request: Request) -> AsyncIterator[bytes]:
        encoding = http.headers.get("Content-Encoding", "").strip().lower()
        pieces = http.content.iter_chunked(FEED)
        return decompressed(pieces, encoding, blocks=request.decompress, limit=MAX_BODY)

    async def _statement(
        self, request: Request, body: AsyncIterator[bytes]
    ) -> tuple[Statement, AsyncIterator[bytes]]:
        """The statement, and the data that are still to come.

        Where the URL has a query, the body goes on with it: as data for an INSERT, else as text.
        """
        if request.query is not None:
            statement = parse(request.query)
            if statement.kind == "insert":
                return statement, _chain(statement.data, body)
            rest = await _all(body)
            return parse(request.query + b"\n" + rest if rest else request.query), _chain(b"", body)
        text = bytearray()
        async for piece in body:
            text += piece
            if len(text) > MAX_STATEMENT:
                raise _too_long()
            if data_begin(bytes(text[:65536])):
                break
        statement = parse(bytes(text))
        return statement, _chain(statement.data, body)

    # -- kinds of statements -------------------------------------------------------------------------

    async def _insert(
        self,
        connection: Connection,
        request: Request,
        statement: Statement,
        data: AsyncIterator[bytes],
        query_id: str,
    ) -> web.Response:
        """Insert a body that has come whole.

        chDB has a streaming insert as well, but its end swallows what the engine says then: too many parts,
        a constraint, a view that fails. So the data wait until they are whole, and a query inserts them.
        """
        form = statement.format or "Values"
        progress = Progress()
        if request.parameters:
            await connection.assign({f"param_{name}": value for name, value in request.parameters.items()})
        with Spool(self._engine.spool) as spool:
            async for piece in data:
                await connection.call(spool.append, piece)
            if not spool.size:
                return web.Response(headers=self._headers(query_id, form, progress))
            await connection.assign({"use_structure_from_insertion_table_in_table_functions": "1"})
            source = f"file({quoted(spool.path)}, {quoted(form)})"
            sql = " ".join((statement.head.decode(), "SELECT * FROM", source))
            result = await connection.call(connection.inner.query, sql)
        progress.written_rows = _count(result, "rows_written")
        progress.written_bytes = _count(result, "bytes_written")
        return web.Response(headers=self._headers(query_id, form, progress))

    async def _command(
        self, http: web.Request, connection: Connection, request: Request, statement: Statement, query_id: str
    ) -> web.StreamResponse:
        form = statement.format or request.default_format
        progress = Progress()
        result = await connection.call(
            connection.inner.query, statement.head.decode(), form, dict(request.parameters) or None
        )
        progress.add(result)
        return await self._send(http, request, _once(result.bytes()), form, query_id, progress)

    async def _read(
        self, http: web.Request, connection: Connection, request: Request, statement: Statement, query_id: str
    ) -> web.StreamResponse:
        form = statement.format or request.default_format
        pieces = joiner(form)
        if pieces is None:
            return await self._command(http, connection, request, statement, query_id)
        progress = Progress()
        sql, parameters = statement.head.decode(), dict(request.parameters) or None
        try:
            stream = await connection.call(connection.inner.send_query, sql, form, parameters)
            first = await connection.call(stream.fetch)
        except QueryError as error:
            if error.code == 36 and "Streaming query is not supported" in str(error):
                return await self._command(http, connection, request, statement, query_id)
            raise
        if pieces.headed and (first is None or not first.bytes()):
            # No rows: the stream gives nothing, not even the head.
            await connection.call(stream.close)
            return await self._command(http, connection, request, statement, query_id)

        async def chunks() -> AsyncIterator[bytes]:
            result = first
            while result is not None and (data := result.bytes()):
                progress.add(result)
                yield pieces.join(data)
                result = await connection.call(stream.fetch)
            if pieces.end:
                yield pieces.end

        try:
            return await self._send(http, request, chunks(), form, query_id, progress)
        except (asyncio.CancelledError, ConnectionError):
            await self._engine.kill(query_id)
            await asyncio.shield(connection.call(stream.cancel))
            raise
        finally:
            await asyncio.shield(connection.call(stream.close))

    # -- answers -------------------------------------------------------------------------------------

    async def _send(
        self,
        http: web.Request,
        request: Request,
        chunks: AsyncIterator[bytes],
        form: str,
        query_id: str,
        progress: Progress,
    ) -> web.StreamResponse:
        """Send an answer: whole if it is small or is asked for whole, else as it comes."""
        head = bytearray()
        ended = True
        async for chunk in chunks:
            head += chunk
            if len(head) >= HELD_BACK and not request.wait_for_end:
                ended = False
                break
        encoding, encoder = self._encoder(http, request)
        headers = self._headers(query_id, form, progress)
        if encoding:
            headers["Content-Encoding"] = encoding
        if ended:
            body = bytes(head)
            if encoder is not None:
                body = encoder.encode(body) + encoder.finish()
            return web.Response(body=body, headers=headers)
        tag = exception_tag()
        headers["X-ClickHouse-Exception-Tag"] = tag
        response = web.StreamResponse(headers=headers)
        await response.prepare(http)
        await response.write(encoder.encode(bytes(head)) if encoder else bytes(head))
        try:
            async for chunk in chunks:
                await response.write(encoder.encode(chunk) if encoder else chunk)
        except QueryError as error:
            log.info("query failed late", query_id=query_id, code=error.code)
            late = late_error(tag, error.text(self._engine.version))
            await response.write(encoder.encode(late) if encoder else late)
        if encoder is not None and (last := encoder.finish()):
            await response.write(last)
        await response.write_eof()
        return response

    def _encoder(self, http: web.Request, request: Request) -> tuple[str, Encoder | None]:
        if request.compress:
            return "", BlockEncoder()
        wanted = http.headers.get("Accept-Encoding", "")
        if wanted and request.settings.get("enable_http_compression", "1") not in {"0", "false"}:
            found = encoder_for(wanted)
            if found is not None:
                return found
        return "", None

    def _headers(self, query_id: str, form: str, progress: Progress) -> dict[str, str]:
        return {
            "Content-Type": content_type(form),
            "X-ClickHouse-Server-Display-Name": "frwatch-local",
            "X-ClickHouse-Query-Id": _header_safe(query_id),
            "X-ClickHouse-Format": _header_safe(form),
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Summary": progress.summary(),
        }

    def _error(self, error: QueryError, query_id: str) -> web.Response:
        headers = {
            "X-ClickHouse-Exception-Code": str(error.code),
            "X-ClickHouse-Query-Id": _header_safe(query_id),
            "X-ClickHouse-Server-Display-Name": "frwatch-local",
            "X-ClickHouse-Timezone": "UTC",
        }
        text = error.text(self._engine.version) + "\n"
        return web.Response(status=error.status, text=text, headers=headers)


def _name(host: str) -> str:
    """A host without its port."""
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def _count(result: Any, name: str) -> int:
    value = getattr(result, name, 0)
    return int(value() if callable(value) else value)


def _header_safe(text: str) -> str:
    return "".join(letter for letter in text if 32 <= ord(letter) < 127)[:200]


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


async def _all(body: AsyncIterator[bytes]) -> bytes:
    text = bytearray()
    async for piece in body:
        text += piece
        if len(text) > MAX_STATEMENT:
            raise _too_long()
    return bytes(text)


def _too_long() -> QueryError:
    return QueryError(62, f"Syntax error: a statement has more than {MAX_STATEMENT} bytes", "SYNTAX_ERROR")
