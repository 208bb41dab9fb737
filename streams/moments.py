"""Moments as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from schemas.errors import WrongUse

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def moment_of(option: str, text: str) -> datetime:
    """Return a date (midnight UTC) or a time with its offset as a moment, UTC; `option` is what gave it.

    Raises:
        WrongUse: it is none, or a time without an offset.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"{option}: {text!r} is no date or time; write 2020-11-13 or add a time") from None
    if moment.tzinfo is None:
        if not _DATE.fullmatch(text):
            raise WrongUse(
                f"{option}: {text!r} has no offset; write a time such as 2020-11-13T00:00:00-08:00"
            )
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)
