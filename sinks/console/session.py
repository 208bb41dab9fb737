"""A connection of the console: statements run one at a time, each of which can be watched and cancelled."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import clickhouse_connect
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.errors import FrwatchError, NotThere, WrongUse
from schemas.settings import Settings
from sinks.clickhouse.client import clickhouse_address
from sinks.console.refusal import refusal
from sinks.console.statement import Statement

PIECE = 256 << 10
"""Bytes that are read of an answer at a time."""
_TAIL = 64 << 10
"""Bytes at the end of an answer that are held back until it is whole: a late error stands there."""
_MARK = b"__exception__"
_READONLY = "2"
"""Statements that change data are refused; settings may be changed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running statement has read: rows, about how many there are (0 where unknown), and seconds."""

    rows: int
    of: int
    seconds: float


class Answer:
    """What a statement answers with: its bytes, in the format that it has, which the statement may name."""

    def __init__(self, response: Any, statement: Statement, source: str) -> None:
        self._response = response
        self._statement = statement
        self._source = source
        self.format: str = response.headers.get("X-ClickHouse-Format", "")
        self.ended = False
        self._tag = response.headers.get("X-ClickHouse-Exception-Tag", "").encode()

    def pieces(self) -> Iterator[bytes]:
        """Yield the answer as it comes.

        Raises:
            FrwatchError: the statement failed after it had begun to answer, or the connection broke.
        """
        held = b""
        try:
            for piece in self._response.stream(PIECE, decode_content=True):
                held += piece
                if len(held) > _TAIL:
                    yield held[:-_TAIL]
                    held = held[-_TAIL:]
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise FrwatchError(
                f"ClickHouse broke off in the middle of the answer ({type(error).__name__}); ask again"
            ) from None
        if self._tag and (at := held.rfind(_MARK + b"\r\n" + self._tag)) >= 0:
            yield held[:at].removesuffix(b"\r\n")
            said = held[at + len(_MARK) + len(self._tag) + 4 :].decode(errors="replace")
            raise refusal(said, self._statement, self._source)
        yield held
        self.ended = True


class Session:
    """What `frwatch sql` asks through. `settings` of the engine hold for each statement from then on."""

    def __init__(self, settings: Settings, *, write: bool = False, database: str = "frwatch") -> None:
        """Connect.

        Raises:
            NotThere: ClickHouse does not answer, or refuses the login.
        """
        address = clickhouse_address(settings)
        self.place = f"{address['host']}:{address['port']}"
        self.settings: dict[str, str] = {}
        try:
            self._client = clickhouse_connect.get_client(
                **address, database=database, autogenerate_session_id=False, send_receive_timeout=3600
            )
        except ClickHouseError as error:
            if getattr(error, "code", None) is not None:
                said = str(refusal(error, Statement("")))
                raise NotThere(f"{said} ({self.place})") from None
            raise NotThere(
                f"ClickHouse does not answer at {self.place} ({type(error).__name__}); "
                "start it with `frwatch up`, or set FRWATCH_CLICKHOUSE"
            ) from None
        # A user whom the server lets only read may not even say so again.
        self._limited = self._server_setting("readonly") not in ("", "0")
        self.write = write

    @property
    def version(self) -> str:
        """The server's version."""
        return str(self._client.server_version)

    @contextmanager
    def ask(
        self,
        statement: Statement,
        values: Mapping[str, str],
        form: str,
        *,
        query_id: str | None = None,
        source: str = "",
        **options: str,
    ) -> Iterator[Answer]:
        """Run a statement and yield its answer; `values` are those of `{NAME:Type}` in its text.

        Where the block is left before the answer has ended, as by Ctrl-C, it is ended on the server too.

        Raises:
            FrwatchError: ClickHouse refuses it; WrongUse where its text is to blame.
        """
        query_id = query_id or str(uuid.uuid4())
        used = {name: value for name, value in values.items() if statement.takes(name)}
        response: Any = None
        ended = False
        try:
            response = self._client.raw_stream(
                statement.text,
                parameters=used or None,
                settings={"query_id": query_id, **self._settings(options)},
                transport_settings={"X-ClickHouse-Format": form},
            )
            answer = Answer(response, statement, source)
            yield answer
            ended = answer.ended
        except ClickHouseError as error:
            ended = True
            raise refusal(error, statement, source) from None
        finally:
            if response is not None:
                response.close()
            if not ended:
                self.cancel(query_id)

    def rows(self, sql: str, values: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a question of the console's own; [] where the server refuses it.

        Raises:
            NotThere: ClickHouse does not answer any more.
        """
        try:
            return [tuple(row) for row in self._client.query(sql, dict(values or {})).result_rows]
        except ClickHouseError as error:
            if getattr(error, "code", None) is None:
                raise NotThere(
                    f"ClickHouse at {self.place} does not answer any more; start it again"
                ) from None
            return []

    def progress(self, query_id: str) -> Progress | None:
        """Return what a statement has read by now; None where it does not run, or nobody may see."""
        found: list[tuple[Any, ...]] = []
        with suppress(NotThere):
            found = self.rows(
                f"SELECT read_rows, total_rows_approx, elapsed FROM system.processes WHERE {_MINE} LIMIT 1",  # noqa: S608
                {"id": query_id},
            )
        return Progress(int(found[0][0]), int(found[0][1]), float(found[0][2])) if found else None

    def cancel(self, query_id: str) -> None:
        """End a statement on the server; one that has ended is no fault."""
        with suppress(ClickHouseError):
            self._client.command(f"KILL QUERY WHERE {_MINE} ASYNC", {"id": query_id})

    def set(self, chosen: Mapping[str, str]) -> None:
        """Let settings of the engine hold for each statement from now on.

        Raises:
            WrongUse: the server has no such setting.
        """
        for name in chosen:
            if name not in self._client.server_settings:
                raise WrongUse(f"ClickHouse has no setting {name!r}; the table system.settings has all")
        self.settings.update(chosen)

    def use(self, database: str) -> None:
        """Look for names without a database in this one from now on.

        Raises:
            WrongUse: there is none of that name.
        """
        if not self.rows("SELECT 1 FROM system.databases WHERE name = {name:String}", {"name": database}):
            raise WrongUse(f"there is no database {database!r}; SHOW DATABASES lists them")
        self._client.database = database

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _settings(self, options: Mapping[str, str]) -> dict[str, str]:
        if self._server_setting("readonly") == "1":
            return {}
        readonly = {} if self.write or self._limited else {"readonly": _READONLY}
        return {**options, **self.settings, **readonly}

    def _server_setting(self, name: str) -> str:
        found = self._client.server_settings.get(name)
        return str(found.value) if found is not None else ""


# The local engine keeps the id of a request in log_comment, and gives the query one of its own.
_MINE = "(query_id = {id:String} OR Settings['log_comment'] = {id:String})"
