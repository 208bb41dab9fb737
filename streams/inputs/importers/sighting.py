"""What a line of a log says of one attempt to reach or look up a host, before anybody judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tier = Literal["ACCESS", "LOOKUP"]
Status = Literal["blocked", "denied", "failed", "nxdomain", "public_page", "hidden"]
"""Why a line is not even access: a filter stopped it, a login or right was missing, the connection or the
server failed, the name does not exist, anyone may read the page, or the real host is hidden."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line. `moment` is microseconds since 1970, UTC; `endpoint` a host, host:port or URL as it came.

    `user` and `devices` are as the log has them: they are looked up in the identity file and kept nowhere.
    `said` is the log's own word for what came of it, such as `TCP_DENIED/407`.
    """

    log: str
    moment: int
    endpoint: str
    tier: Tier
    status: Status | None = None
    said: str | None = None
    client_ip: str | None = None
    user: str | None = None
    devices: tuple[str, ...] = ()
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """An attempt on a service. `endpoint` is without credentials, query and fragment.

    `look_alike` is the id of the provider whose host or name the host looks like, where it is not its own.
    """

    attempt: Attempt
    host: str
    endpoint: str
    status: Status | None
    look_alike: str | None
    account: str | None
