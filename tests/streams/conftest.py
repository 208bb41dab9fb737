from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from schemas.contracts import contract
from schemas.wire import encode

MakeSearch = Callable[..., bytes]


@pytest.fixture
def make_search() -> MakeSearch:
    """A search as a Kafka value; whatever is said overrides a plain LACRIS search of the LAPD."""

    def make(*, schema_id: int | None = None, **fields: Any) -> bytes:
        record = {
            "event_id": str(uuid.uuid4()),
            "occurred_at": dt.datetime(2020, 11, 14, 12, tzinfo=dt.UTC),
            "source": "lacris-web",
            "agency_id": "lapd",
            "officer_id": "P1",
            "provider": "LACRIS",
            **fields,
        }
        return encode(contract("search"), record, schema_id=schema_id)

    return make
