"""What an error of ClickHouse means for an insert: try again, or stop the worker.

Only what can succeed later is tried again. Everything else would fail the same way for ever, so the worker
stops loudly; its range stays announced in Kafka, and whoever starts next replays it.
"""

from __future__ import annotations

import asyncio
import re

import aiohttp
from clickhouse_connect.driver.exceptions import Error as DriverError

RETRIED: dict[int, str] = {
    159: "the query took longer than the server's limit; load passes",
    160: "too slow an estimate; load passes",
    164: "the server is read-only for now",
    202: "too many queries at once",
    203: "no free connection",
    209: "socket time-out",
    210: "network error",
    225: "no Keeper; it comes back",
    236: "the server is stopping",
    241: "memory limit; merges and other queries end",
    242: "the table is read-only until Keeper is back",
    243: "the disk is full; a person makes room, and nothing may be lost until then",
    252: "too many parts; merges catch up",
    285: "too few live replicas",
    286: "an insert quorum is being satisfied",
    319: "the status of the insert is unknown; the token makes a second one harmless",
    394: "the query was cancelled from outside",
    425: "the operating system failed; a full disk among others",
    439: "no thread could be started",
    668: "the server is not yet ready",
    999: "Keeper failed",
}
"""Codes of ClickHouse (`src/Common/ErrorCodes.cpp`) that pass, each with why."""

_CODE = re.compile(r"(?:Code: |error code )(\d+)")


def error_code(error: BaseException) -> int | None:
    """Return the ClickHouse code of a driver's error; None where the server did not answer with one."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    found = _CODE.search(str(error))
    return int(found[1]) if found else None


def is_transient(error: BaseException) -> bool:
    """Return whether the same insert may succeed later."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError | aiohttp.ClientError | OSError):
        return True
    if isinstance(error, DriverError):
        code = error_code(error)
        return code is None or code in RETRIED
    return False
