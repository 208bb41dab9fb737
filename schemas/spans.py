"""Spans of time and times of day, as people write them in YAML: `30m`, `1h`, `22:00`."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, model_validator

from schemas.agencies import TimeZone

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,6})([smhd])")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _span(value: Any) -> Any:
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no span of time; write one such as 30s, 15m, 1h or 2d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _clock(value: Any) -> Any:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no time of day; write one such as 22:00")
    return time(int(match[1]), int(match[2]))


Span = Annotated[InstanceOf[timedelta], BeforeValidator(_span)]
Clock = Annotated[InstanceOf[time], BeforeValidator(_clock)]


class Hours(BaseModel):
    """Hours of certain days, in a time zone: from `start` (key `from`) on and before `until`.

    Where `until` is not after `from` they end on the next day; the day they begin on is the one that counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Clock = Field(alias="from")
    until: Clock
    timezone: TimeZone
    days: tuple[Day, ...] = DAYS

    @model_validator(mode="after")
    def _some(self) -> Hours:
        if not self.days:
            raise ValueError("days is empty; name a day, or leave the key out for every day")
        return self

    def end_at(self, moment: datetime) -> datetime | None:
        """Return when the hours that `moment` is in end; None where it is in none."""
        zone = ZoneInfo(self.timezone)
        local = moment.astimezone(zone)
        for back in (0, 1):
            day = local.date() - timedelta(days=back)
            if DAYS[day.weekday()] not in self.days:
                continue
            over_midnight = self.until <= self.start
            last = day + timedelta(days=1) if over_midnight else day
            start = datetime.combine(day, self.start, tzinfo=zone).timestamp()
            end = datetime.combine(last, self.until, tzinfo=zone)
            # As moments: wall clocks of one zone compare wrongly across a change to summer time.
            if start <= moment.timestamp() < end.timestamp():
                return end.astimezone(moment.tzinfo)
        return None
