"""A request of the ClickHouse HTTP interface, taken apart."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.clickhouse.engine import SESSION_SECONDS
from deploy.local.clickhouse.errors import QueryError

_OURS = frozenset(
    {
        "query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check",
        "client_protocol_version", "compress", "decompress", "user", "password", "quota_key", "stacktrace",
        "role",
        "buffer_size", "wait_end_of_query", "close_session", "client_trace_context", "client_hostname",
        "client_name", "client_version", "send_progress_in_http_headers",
    }
)  # fmt: skip
"""What the interface itself reads; every other parameter is a setting of the engine."""


@dataclass(frozen=True, slots=True)
class Request:
    """`query` is what stood in the URL; the rest of the statement, or its data, is in the body.

    `parameters` are the values of `{name:Type}` in the text, escaped as in TSV. `compress` and `decompress`
    ask for ClickHouse's own blocks in the answer and in the body.
    """

    query: bytes | None
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    database: str | None
    default_format: str
    query_id: str | None
    session_id: str | None
    session_seconds: float
    session_must_exist: bool
    readonly: bool
    compress: bool
    decompress: bool
    wait_for_end: bool


def read_request(method: str, url: Mapping[str, str], headers: Mapping[str, str]) -> Request:
    """Return a request taken apart.

    Raises:
        QueryError: the login is not the local one (516), or a number is none.
    """
    _check_login(url, headers)
    try:
        seconds = float(url.get("session_timeout", SESSION_SECONDS))
    except ValueError:
        raise QueryError(70, "session_timeout is no number", "CANNOT_CONVERT_TYPE") from None
    return Request(
        query=url["query"].encode() if "query" in url else None,
        settings={k: v for k, v in url.items() if k not in _OURS and not k.startswith("param_")},
        parameters={k.removeprefix("param_"): v for k, v in url.items() if k.startswith("param_")},
        database=headers.get("X-ClickHouse-Database") or url.get("database") or None,
        default_format=headers.get("X-ClickHouse-Format") or url.get("default_format") or "TabSeparated",
        query_id=url.get("query_id") or headers.get("X-ClickHouse-Query-Id") or None,
        session_id=url.get("session_id") or None,
        session_seconds=min(seconds, 3600.0),
        session_must_exist=url.get("session_check") == "1",
        # As the server does: what can be caused by a link must not write.
        readonly=method in {"GET", "HEAD"},
        compress=_on(url.get("compress")),
        decompress=_on(url.get("decompress")),
        wait_for_end=_on(url.get("wait_end_of_query") or url.get("http_wait_end_of_query")),
    )


def _check_login(url: Mapping[str, str], headers: Mapping[str, str]) -> None:
    user = headers.get("X-ClickHouse-User") or url.get("user")
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user = base64.b64decode(token, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            raise QueryError(516, "Invalid HTTP Basic credentials", "AUTHENTICATION_FAILED") from None
    elif scheme:
        raise QueryError(516, "Only HTTP Basic credentials are known here", "AUTHENTICATION_FAILED")
    # A user without a password is let in with any, as a server does it: JDBC sends the word null.
    if (user or "default") != "default":
        raise QueryError(
            516,
            "Authentication failed: the local ClickHouse has one user, default, without a password",
            "AUTHENTICATION_FAILED",
        )


def _on(value: str | None) -> bool:
    return value is not None and value.lower() in {"1", "true"}
