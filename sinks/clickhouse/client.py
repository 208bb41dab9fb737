"""A client of ClickHouse from the settings, with errors that a person can act on."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver import AsyncClient
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from schemas.errors import NotThere, WrongUse
from schemas.settings import Settings

# What its logger says is said by the errors, in one line.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())


def clickhouse_address(settings: Settings) -> dict[str, Any]:
    """Return the arguments of `clickhouse_connect.get_client` that FRWATCH_CLICKHOUSE stands for.

    Raises:
        WrongUse: the setting is no http or https URL.
    """
    url = urlsplit(settings.clickhouse.get_secret_value())
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise WrongUse("FRWATCH_CLICKHOUSE is not a URL such as http://user:password@host:8123; correct it")
    return {
        "interface": url.scheme,
        "host": url.hostname,
        "port": url.port or (8443 if url.scheme == "https" else 8123),
        "username": unquote(url.username) if url.username else None,
        "password": unquote(url.password) if url.password else "",
    }


@asynccontextmanager
async def connect(settings: Settings, **options: Any) -> AsyncIterator[AsyncClient]:
    """Yield an async client; it is closed at the end.

    Raises:
        NotThere: nothing answers there, or it refuses the login.
    """
    address = clickhouse_address(settings)
    place = f"{address['host']}:{address['port']}"
    try:
        client = await clickhouse_connect.get_async_client(
            **address, autogenerate_session_id=False, **options
        )
    except (DatabaseError, OperationalError, OSError) as error:
        raise NotThere(
            f"ClickHouse does not answer at {place} ({_brief(error)}); start it with `frwatch up`, "
            "or set FRWATCH_CLICKHOUSE"
        ) from error
    try:
        yield client
    finally:
        await client.close()


def _brief(error: Exception) -> str:
    """The first line of an error, without the long tail of drivers."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
