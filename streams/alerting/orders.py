"""What people say about alerts, as records of `fr.alert-commands`: acknowledge one, send some again.

The active alerter alone writes the state, so what a person says reaches it by a record.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

MAX_TEXT = 2_000
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class Acknowledge(BaseModel):
    """Somebody has taken an alert on; `at` is microseconds since 1970."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: Literal["acknowledge"] = "acknowledge"
    alert_id: UUID
    by: Text
    note: str = Field(default="", max_length=MAX_TEXT)
    at: int


class Retry(BaseModel):
    """Send again what was given up or waits: these alerts, or all of a destination."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: Literal["retry"] = "retry"
    alert_ids: tuple[UUID, ...] = ()
    destination: str | None = None
    at: int


Order = Acknowledge | Retry
_ORDERS: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="order")])


class BadOrder(ValueError):
    """A record is no order."""


def to_value(order: Order) -> bytes:
    """Return an order as a Kafka value."""
    return order.model_dump_json().encode()


def from_value(value: bytes | None) -> Order:
    """Return the order in a Kafka value.

    Raises:
        BadOrder: there is none.
    """
    try:
        return _ORDERS.validate_json(value or b"")
    except ValidationError as error:
        raise BadOrder(f"no order that is known ({type(error).__name__})") from None
