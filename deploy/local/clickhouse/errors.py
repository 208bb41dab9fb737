"""Errors as ClickHouse says them: a code, a text that begins with it, and a status of HTTP."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\. ")
_PREFIX = re.compile(r"\A(?:Streaming (?:query|insert)(?: \w+)? failed: )?(?=Code: )")

_STATUS = {
    **dict.fromkeys((36, 38, 41, 43, 53, 62, 72, 27, 26, 70, 117, 130, 457, 386, 407, 636), 400),
    **dict.fromkeys((47, 46, 60, 63, 73, 81, 115, 218, 372), 404),
    **dict.fromkeys((192, 193, 497, 516), 403),
    194: 401,
    307: 413,
    164: 500,
    159: 408,
    202: 503,
    373: 423,
    48: 501,
    50: 501,
    411: 411,
    499: 499,
}


class QueryError(Exception):
    """A query failed: with the engine's own code, or with the one that ClickHouse's server would give."""

    def __init__(self, code: int, message: str, name: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.name = name

    @property
    def status(self) -> int:
        """The status of HTTP, as ClickHouse maps its codes; 500 where it has none."""
        return _STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """The body of the answer: one line, as the server has it."""
        message = str(self)
        if not message.startswith("Code: "):
            message = f"Code: {self.code}. DB::Exception: {message}." + (
                f" ({self.name})" if self.name else ""
            )
        return message if "(version " in message else f"{message} (version {version})"


def from_engine(error: BaseException) -> QueryError:
    """Return an exception of chDB as an error with its code; 1002 where it names none."""
    message = _PREFIX.sub("", str(error).strip())
    found = _CODE.search(message)
    return QueryError(int(found[1]) if found else 1002, message)
