"""What an error of ClickHouse means for an insert: try again, find the bad rows, or stop the worker.

`TABLE` is the one place where that is decided, by code, each with its reason:

- `AGAIN`: the same insert may succeed later. The range stays in hand, however long it takes.
- `NARROW`: a value of some row is what the engine cannot take. The insert is halved until the bad rows are
  alone; they become dead letters, and the others are stored.
- `STOP`: every insert would fail the same way until a person mends something. The worker ends loudly; its
  range stays announced in Kafka, and whoever starts next replays it. A code that is not in the table stops it
  too: what nobody has thought about must neither be tried for ever nor cost a row.

An error without a code is the network's, or half an answer: nobody knows whether the rows are stored, and the
token makes a second insert harmless.
"""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from typing import NamedTuple

import aiohttp
from clickhouse_connect.driver.exceptions import Error as DriverError


class Then(Enum):
    """What is done after an insert has failed."""

    AGAIN = "again"
    NARROW = "narrow"
    STOP = "stop"


class Meaning(NamedTuple):
    """The engine's own name of an error, what is done about it, and why."""

    name: str
    then: Then
    reason: str


_AGAIN, _NARROW, _STOP = Then.AGAIN, Then.NARROW, Then.STOP
_VERSION = "the tables are of another version; run `frwatch migrate`"

TABLE: dict[int, Meaning] = {
    # -- passes by itself, or a person makes it pass while rows wait
    159: Meaning("TIMEOUT_EXCEEDED", _AGAIN, "it took longer than the server's limit; load passes"),
    160: Meaning("TOO_SLOW", _AGAIN, "the server expects it to take too long; load passes"),
    164: Meaning("READONLY", _AGAIN, "the server takes no writes for now"),
    201: Meaning("QUOTA_EXCEEDED", _AGAIN, "the user's quota is spent; its next interval begins"),
    202: Meaning("TOO_MANY_SIMULTANEOUS_QUERIES", _AGAIN, "other queries end"),
    203: Meaning("NO_FREE_CONNECTION", _AGAIN, "other connections end"),
    209: Meaning("SOCKET_TIMEOUT", _AGAIN, "network"),
    210: Meaning("NETWORK_ERROR", _AGAIN, "network"),
    225: Meaning("NO_ZOOKEEPER", _AGAIN, "Keeper comes back"),
    236: Meaning("ABORTED", _AGAIN, "the server is stopping"),
    241: Meaning("MEMORY_LIMIT_EXCEEDED", _AGAIN, "merges and other queries end"),
    242: Meaning("TABLE_IS_READ_ONLY", _AGAIN, "Keeper comes back"),
    243: Meaning("NOT_ENOUGH_SPACE", _AGAIN, "the disk is full; rows wait until there is room"),
    252: Meaning("TOO_MANY_PARTS", _AGAIN, "merges catch up"),
    279: Meaning("ALL_CONNECTION_TRIES_FAILED", _AGAIN, "the shard comes back"),
    285: Meaning("TOO_FEW_LIVE_REPLICAS", _AGAIN, "replicas come back"),
    286: Meaning("UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE", _AGAIN, "an earlier insert waits for its quorum"),
    319: Meaning("UNKNOWN_STATUS_OF_INSERT", _AGAIN, "perhaps stored; the token makes a second one harmless"),
    394: Meaning("QUERY_WAS_CANCELLED", _AGAIN, "somebody ended the query"),
    415: Meaning("ALL_REPLICAS_LOST", _AGAIN, "replicas come back"),
    425: Meaning("SYSTEM_ERROR", _AGAIN, "the operating system failed; a full disk among others"),
    439: Meaning("CANNOT_SCHEDULE_TASK", _AGAIN, "no thread could be started; others end"),
    668: Meaning("INVALID_STATE", _AGAIN, "the server is not ready yet"),
    999: Meaning("KEEPER_EXCEPTION", _AGAIN, "Keeper comes back"),
    1000: Meaning("POCO_EXCEPTION", _AGAIN, "the server's network or disk failed"),
    1001: Meaning("STD_EXCEPTION", _AGAIN, "the server could not get memory or another resource"),
    1002: Meaning("UNKNOWN_EXCEPTION", _AGAIN, "the server could not get memory or another resource"),
    # -- a value of some row is to blame
    6: Meaning("CANNOT_PARSE_TEXT", _NARROW, "a text that the column's type does not read"),
    27: Meaning("CANNOT_PARSE_INPUT_ASSERTION_FAILED", _NARROW, "a text that a type does not read"),
    38: Meaning("CANNOT_PARSE_DATE", _NARROW, "no date"),
    41: Meaning("CANNOT_PARSE_DATETIME", _NARROW, "no time"),
    69: Meaning("ARGUMENT_OUT_OF_BOUND", _NARROW, "a value outside what an expression of the table takes"),
    70: Meaning("CANNOT_CONVERT_TYPE", _NARROW, "a value that the column's type does not hold"),
    72: Meaning("CANNOT_PARSE_NUMBER", _NARROW, "no number"),
    117: Meaning("INCORRECT_DATA", _NARROW, "a value that the format does not allow"),
    128: Meaning("TOO_LARGE_ARRAY_SIZE", _NARROW, "an array beyond the engine's limit"),
    131: Meaning("TOO_LARGE_STRING_SIZE", _NARROW, "a text beyond the engine's limit"),
    321: Meaning("VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE", _NARROW, "a number beyond its type"),
    349: Meaning("CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN", _NARROW, "nothing where a value must be"),
    376: Meaning("CANNOT_PARSE_UUID", _NARROW, "no UUID"),
    395: Meaning("FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", _NARROW, "a view of the operator's refuses a value"),
    407: Meaning("DECIMAL_OVERFLOW", _NARROW, "a time or number beyond the column's type"),
    469: Meaning("VIOLATED_CONSTRAINT", _NARROW, "a constraint of the operator's refuses a value"),
    # -- the same for every row, until a person acts
    10: Meaning("NOT_FOUND_COLUMN_IN_BLOCK", _STOP, _VERSION),
    16: Meaning("NO_SUCH_COLUMN_IN_TABLE", _STOP, _VERSION),
    44: Meaning("ILLEGAL_COLUMN", _STOP, _VERSION),
    47: Meaning("UNKNOWN_IDENTIFIER", _STOP, _VERSION),
    53: Meaning("TYPE_MISMATCH", _STOP, _VERSION),
    60: Meaning("UNKNOWN_TABLE", _STOP, "a table is missing; run `frwatch migrate`"),
    62: Meaning("SYNTAX_ERROR", _STOP, "this ClickHouse does not read the statement"),
    73: Meaning("UNKNOWN_FORMAT", _STOP, "this ClickHouse was built without Arrow"),
    81: Meaning("UNKNOWN_DATABASE", _STOP, "the database is missing; run `frwatch migrate`"),
    115: Meaning("UNKNOWN_SETTING", _STOP, "this ClickHouse is too old"),
    192: Meaning("UNKNOWN_USER", _STOP, "mend FRWATCH_CLICKHOUSE"),
    193: Meaning("WRONG_PASSWORD", _STOP, "mend FRWATCH_CLICKHOUSE"),
    194: Meaning("REQUIRED_PASSWORD", _STOP, "mend FRWATCH_CLICKHOUSE"),
    291: Meaning("DATABASE_ACCESS_DENIED", _STOP, "grant the user INSERT and SELECT on database frwatch"),
    452: Meaning("SETTING_CONSTRAINT_VIOLATION", _STOP, "the user may not make the settings of an insert"),
    497: Meaning("ACCESS_DENIED", _STOP, "grant the user INSERT and SELECT on database frwatch"),
    516: Meaning("AUTHENTICATION_FAILED", _STOP, "mend FRWATCH_CLICKHOUSE"),
}
"""Codes as `src/Common/ErrorCodes.cpp` of ClickHouse numbers them."""

_CODE = re.compile(r"(?:Code: |error code )(\d+)")


def error_code(error: BaseException) -> int | None:
    """Return the ClickHouse code of a driver's error; None where the server did not answer with one."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    found = _CODE.search(str(error))
    return int(found[1]) if found else None


def what_then(error: BaseException) -> Then:
    """Return what is done after an insert has failed with this error."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError | aiohttp.ClientError | OSError):
        return Then.AGAIN
    if not isinstance(error, DriverError):
        return Then.STOP
    code = error_code(error)
    if code is None:
        return Then.AGAIN
    meaning = TABLE.get(code)
    return Then.STOP if meaning is None else meaning.then


def reason_of(error: BaseException) -> str:
    """Return a line on an error that quotes no value: its code and name, why, and what to do."""
    code = error_code(error)
    if code is None:
        return type(error).__name__
    meaning = TABLE.get(code)
    return f"ClickHouse error {code}" if meaning is None else f"{meaning.name} ({code}): {meaning.reason}"
