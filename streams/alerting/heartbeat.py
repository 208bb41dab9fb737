"""An alerter's sign of life for `frwatch status`: one small file, written every second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mode import Service

from schemas.settings import Settings
from streams.alerting.attempts import moment
from streams.sign import SECONDS, Sign

if TYPE_CHECKING:
    from streams.alerting.alerter import Alerter


class Heartbeat(Service):
    """Writes `HOME/alerts/PID.json` and removes it at the end.

    It has `pid`, `updated_at` (ISO 8601, UTC), `ready` (whether the group has answered), `active`, `waiting`
    (deliveries), `given_up` (alerts), `rows` (that ClickHouse has not yet), `unwritten` (entries of the
    state), `destinations` (the state of each circuit and how much waits) and `canaries` (when the last of
    each source came through).
    """

    def __init__(self, settings: Settings, alerter: Alerter, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._sign = Sign(settings.home, "alerts")
        self._alerter = alerter

    async def on_stop(self) -> None:
        """Take the sign away."""
        self._sign.take_away()

    @Service.timer(SECONDS)
    async def _beat(self) -> None:
        self.write()

    def write(self) -> None:
        """Write the file anew."""
        active = self._alerter.active
        lanes = active.lanes if active else {}
        self._sign.write(
            ready=self._alerter.joined,
            active=active is not None,
            waiting=sum(lane.waiting for lane in lanes.values()),
            given_up=sum(alert.failed for alert in active.book.alerts.values()) if active else 0,
            rows=len(active.book.rows) if active else 0,
            unwritten=len(active.book.changed) if active else 0,
            destinations={
                name: {"circuit": lane.circuit.state, "waiting": lane.waiting} for name, lane in lanes.items()
            },
            canaries={
                source: moment(came["arrived_at"]).isoformat()
                for source, came in (active.book.canaries.items() if active else ())
            },
        )
