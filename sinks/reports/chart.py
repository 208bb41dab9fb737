"""The geometry of a chart of periods: what stands where, with axes that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sinks.reports.model import WITHHELD

TICKS = 4
"""The most steps that the axis of values has."""
SINGLE = 60
"""Up to so many periods have a bar each; more are drawn as one outline, or hairlines would blur."""

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: `left` in periods, `height` in hundredths of the highest tick; None where the count is withheld."""

    left: int
    height: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands below the axis of periods; `at` in hundredths of its width."""

    label: str
    at: float
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of `periods` equal steps, or their `outline` as the path of an SVG, 100 high; `ticks` from the top down."""

    periods: int
    bars: tuple[Bar, ...]
    outline: str
    ticks: tuple[str, ...]
    marks: tuple[Mark, ...]
    first: str
    last: str
    highest: str
    withheld: bool


def chart_of(labels: Sequence[str], values: Sequence[int | None]) -> Chart:
    """Return the chart of one value, or more, a period.

    `labels` are months (2020-01) or days (2020-01-31), in order. A period between the first and the last that has
    no label is drawn as 0, so that the axis is one of time.
    """
    found = dict(zip(labels, values, strict=True))
    every = _every(labels[0], labels[-1])
    if not found.keys() <= set(every):
        every = list(labels)
    heights = [found.get(label, 0) for label in every]
    most = max((value for value in heights if value is not WITHHELD), default=0)
    step = _step(most)
    top = step * max(1, -(-most // step))
    bars = tuple(
        Bar(at, None if value is WITHHELD else round(100 * value / top, 2), f"{label}: {_said(value)}")
        for at, (label, value) in enumerate(zip(every, heights, strict=True))
    )
    return Chart(
        periods=len(every),
        bars=bars if len(bars) <= SINGLE else tuple(bar for bar in bars if bar.height is None),
        outline="" if len(bars) <= SINGLE else _outline(bars),
        ticks=tuple(f"{tick:,}" for tick in range(top, -1, -step)),
        marks=_marks(every),
        first=every[0],
        last=every[-1],
        highest=f"{most:,} in {every[heights.index(most)]}" if most else "",
        withheld=any(value is WITHHELD for value in heights),
    )


def _said(value: int | None) -> str:
    return "withheld" if value is WITHHELD else f"{value:,}"


def _every(first: str, last: str) -> list[str]:
    """Each month or day from the first to the last; the two alone where they are neither."""
    try:
        if len(first) == len("2020-01"):
            begin, end = date.fromisoformat(f"{first}-01"), date.fromisoformat(f"{last}-01")
            months = range(12 * begin.year + begin.month - 1, 12 * end.year + end.month)
            return [f"{month // 12:04}-{month % 12 + 1:02}" for month in months]
        day, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return [first, last]
    return [(day + timedelta(number)).isoformat() for number in range((end - day).days + 1)]


def _step(most: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, … of which `TICKS` reach the highest value."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if step * TICKS >= most:
                return step
        power *= 10


def _outline(bars: Sequence[Bar]) -> str:
    steps = (f"V{100 - (bar.height or 0):g}H{bar.left + 1}" for bar in bars)
    return f"M0 100{''.join(steps)}V100Z"


def _marks(every: Sequence[str]) -> tuple[Mark, ...]:
    """A label for each period where there are few, or three in equal steps: so many fit on a telephone."""
    months = len(every[0]) <= len("2020-01")
    stride = 1 if len(every) <= (4 if months else 3) else -(-len(every) // 3)
    room = 12 if months else 18
    return tuple(_mark(every, at, room) for at in range(0, len(every), stride))


def _mark(every: Sequence[str], at: int, room: int) -> Mark:
    """A label below the middle of its period, if it has `room` there on both sides."""
    left, middle, right = (round(100 * (at + part) / len(every), 2) for part in (0, 0.5, 1))
    if middle < room:
        return Mark(every[at], left, "start")
    if middle > 100 - room:
        return Mark(every[at], right, "end")
    return Mark(every[at], middle, "middle")
