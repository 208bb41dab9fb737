"""What is sent to a destination, and what came of it. Nothing in it tells where that is, or a secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Result = Literal["delivered", "failed", "refused"]


@dataclass(frozen=True, slots=True)
class Message:
    """An alert as a destination gets it; `id` is the same at each attempt."""

    id: str
    kind: str
    source: str
    subject: str
    at: datetime
    title: str
    text: str
    severity: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: `failed` may succeed later, `refused` never will.

    `error` is a few words of ours, never the other side's; `retry_after` is in seconds, where it said so.
    """

    result: Result
    error: str = ""
    http_status: int | None = None
    retry_after: float | None = None


class Channel(Protocol):
    """A destination, ready to be sent to. What it sends again has the same key and bytes."""

    async def send(self, message: Message) -> Outcome:
        """Send a message once and say what came of it; raises nothing but cancellation."""

    async def close(self) -> None:
        """Let go of its connections."""
