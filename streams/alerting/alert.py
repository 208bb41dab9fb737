"""Violations, alerts and deliveries, as the alerter has them. Times are microseconds since 1970, UTC."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["first", "summary", "escalation", "test"]
Status = Literal["pending", "delivered", "given_up"]


@dataclass(frozen=True, slots=True)
class Violation:
    """What an alert needs of a record of `fr.violations`, where it stood, and its bytes.

    `evidence` stays behind: what people are sent names no person, probe or candidate.
    """

    violation_id: str
    event_id: str
    occurred_at: int
    detected_at: int
    agency_id: str
    officer: str | None
    policy_id: str
    policy_version: str
    rule_id: str
    severity: str
    certainty: str
    provider_id: str | None
    requesting_agency_id: str | None
    case_number: str | None
    title: str
    topic: str = ""
    partition: int = 0
    offset: int = 0
    value: bytes = field(default=b"", repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return _fields(self) | {"value": base64.b64encode(self.value).decode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Violation:
        """Return what `to_json` gave."""
        return cls(**data | {"value": base64.b64decode(data["value"])})


@dataclass(slots=True)
class Delivery:
    """Where an alert stands with a destination: tried `attempts` times, next at `due`, wanted since `since`.

    It is given up once it is wanted for as long as its destination says.
    """

    due: int
    since: int
    status: Status = "pending"
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """The words of an alert, and the data that programs get; the same at each attempt."""

    title: str
    text: str
    data: dict[str, Any]


@dataclass(slots=True)
class Alert:
    """Something to be told: `id` is its idempotency key, the same however often it is decided and sent.

    `suppressed` counts what a summary tells, from `first_at` to `last_at`. `of` is the alert that an
    escalation or a summary follows. `escalate_at` is when step `step` of the route's escalation is due.
    """

    id: str
    kind: Kind
    route: str
    group: str
    violation: Violation
    decided_at: int
    deliveries: dict[str, Delivery]
    suppressed: int = 0
    first_at: int = 0
    last_at: int = 0
    of: str | None = None
    step: int = 0
    escalate_at: int | None = None
    acknowledged: bool = False
    told: Told | None = None

    @property
    def pending(self) -> bool:
        """Whether it must still be sent somewhere, or may have to be told to others."""
        return self.escalate_at is not None or any(
            each.status == "pending" for each in self.deliveries.values()
        )

    @property
    def failed(self) -> bool:
        """Whether a destination was given up."""
        return any(each.status == "given_up" for each in self.deliveries.values())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return _fields(self) | {
            "violation": self.violation.to_json(),
            "deliveries": {name: _fields(each) for name, each in self.deliveries.items()},
            "told": _fields(self.told) if self.told else None,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Alert:
        """Return what `to_json` gave."""
        return cls(
            **data
            | {
                "violation": Violation.from_json(data["violation"]),
                "deliveries": {name: Delivery(**each) for name, each in data["deliveries"].items()},
                "told": Told(**data["told"]) if data["told"] else None,
            }
        )


@dataclass(slots=True)
class Window:
    """What comes of a group within `span` of its first alert, before and after it in event time.

    `untold` is how many were counted since the last summary, from `first_at` to `last_at`; `due` is when, by
    the clock, they are told at the latest. `opened` is when the first went out, by the clock; `over` is
    whether event time has passed the end. `check` is when, by the clock, it is looked at next.
    """

    route: str
    group: str
    anchor: int
    span: int
    opened: int
    alert_id: str
    violation: Violation
    due: int = 0
    untold: int = 0
    first_at: int = 0
    last_at: int = 0
    summaries: int = 0
    over: bool = False
    check: int = 0

    def covers(self, occurred_at: int) -> bool:
        """Whether a violation of the group at that time belongs to it."""
        return abs(occurred_at - self.anchor) < self.span

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return _fields(self) | {"violation": self.violation.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Window:
        """Return what `to_json` gave."""
        return cls(**data | {"violation": Violation.from_json(data["violation"])})


def _fields(of: Violation | Delivery | Told | Alert | Window) -> dict[str, Any]:
    """Its fields as they are; `asdict` copies what is in them, in most of the time that an alert takes."""
    return {name: getattr(of, name) for name in of.__slots__}
