"""Questions to ClickHouse from a person's command: one client, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.errors import FrwatchError, NotThere
from schemas.settings import Settings
from sinks.clickhouse.client import clickhouse_address
from sinks.clickhouse.moments import utc


@contextmanager
def asking(settings: Settings) -> Iterator[Any]:
    """Yield a clickhouse-connect client; it is closed at the end.

    Raises:
        NotThere: ClickHouse does not answer.
        FrwatchError: it refuses a query, or breaks off.
    """
    address = clickhouse_address(settings)
    try:
        client = clickhouse_connect.get_client(
            **address, autogenerate_session_id=False, send_receive_timeout=600, compress="lz4"
        )
    except ClickHouseError as error:
        place = f"{address['host']}:{address['port']}"
        raise NotThere(
            f"ClickHouse does not answer at {place} ({type(error).__name__}); start it with `frwatch up`, "
            "or set FRWATCH_CLICKHOUSE"
        ) from None
    try:
        yield client
    except (ClickHouseError, pa.ArrowInvalid) as error:
        said = (str(error).splitlines() or [""])[0][:300]
        raise FrwatchError(f"ClickHouse did not answer the question: {said}") from None
    finally:
        client.close()


def as_data(value: Any) -> Any:
    """Return a value of a row as commands show it: a moment with its zone, an identity as text."""
    if isinstance(value, datetime):
        return utc(value)
    return str(value) if isinstance(value, UUID) else value
