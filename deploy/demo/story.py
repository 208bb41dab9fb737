"""The story of the scenario: what the LAPD did outside the routine, and what nobody had listed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from deploy.demo.cast import (
    BAN,
    COMMERCIAL_PEOPLE,
    COMMERCIAL_SEARCHES,
    CRIMES,
    FIRST,
    LAST,
    LOS_ANGELES,
    TROUPES,
    event_ids,
    moments,
    officer,
)
from deploy.demo.routine import SEARCH, fill

REPEATED_COMMERCIAL, REPEATERS = 38, 9
OUTSIDE_BEFORE, REPEATED_OUTSIDE = 110, 40
MISNAMED, UNLISTED = 4, 160
SIGNS_BEFORE, SIGNS_AFTER = 6, 12
SYSTEMS_BEFORE, SYSTEMS_AFTER = 6, 14

_LAPD = TROUPES[0]
_APP = "https://app.clearview.ai/search"
Row = dict[str, Any]


def story_searches(rng: np.random.Generator) -> pl.DataFrame:
    """Return every search that is not routine, with the columns of `routine.SEARCH`, in no order.

    The 475 commercial searches by 27 people all lie before the ban. 38 of them, by 9 people, come again
    after it, the same but for `event_id` and `occurred_at`; so do 40 of the searches for outside agencies.
    """
    before = _commercial(rng)
    outside = _outside(rng)
    rows = [
        *before,
        *_repeat(rng, _by_few(before), "commercial-after", first_pair=1),
        *outside,
        *_repeat(rng, outside[:REPEATED_OUTSIDE], "outside-after", first_pair=1_001),
        *_misnamed(rng, before),
        *_signs(rng),
        *_other_systems(rng),
        *_unlisted(rng),
    ]
    # Two searches a microsecond apart, on the two sides of the midnight that counts.
    midnight = [row for row in rows if row["part"] == "outside-after"][0]
    last_before = [row for row in rows if row["pair"] == midnight["pair"]][0]
    midnight["occurred_at"], last_before["occurred_at"] = BAN, BAN - timedelta(microseconds=1)
    ids = event_ids(rng, len(rows))
    columns: dict[str, object] = {
        name: pl.Series([row.get(name) for row in rows], dtype=SEARCH[name]) for name in rows[0]
    }
    return fill({**columns, "event_id": ids}, len(rows))


def _commercial(rng: np.random.Generator) -> list[Row]:
    people = [
        officer(_LAPD, int(number)) for number in rng.choice(_LAPD.officers, COMMERCIAL_PEOPLE, replace=False)
    ]
    # Each at least once, a few very often.
    weights = 1 / np.arange(1, COMMERCIAL_PEOPLE + 1) ** 0.8
    rest = rng.choice(COMMERCIAL_PEOPLE, COMMERCIAL_SEARCHES - COMMERCIAL_PEOPLE, p=weights / weights.sum())
    who = [*range(COMMERCIAL_PEOPLE), *map(int, rest)]
    when = moments(rng, len(who), _local(2019, 10, 1), _local(2020, 3, 16))
    return [
        _base(
            rng,
            part="commercial-before",
            occurred_at=moment,
            agency_id="LAPD",
            officer_id=people[person],
            source="clearview-history",
            source_version=None,
            provider=str(rng.choice(["Clearview AI", "Clearview", "clearview ai"])),
            endpoint=_APP if rng.random() < 0.5 else None,
            account="trial" if rng.random() < 0.85 else "personal",
            galleries=["web"],
            case_number=f"{moment.year % 100}-{rng.integers(1, 400_000):06d}" if rng.random() < 0.4 else None,
            crime_type=str(rng.choice(CRIMES)) if rng.random() < 0.5 else None,
            training_cert=None,
            true_provider="clearview-ai",
            true_class="commercial",
        )
        for person, moment in zip(who, when, strict=True)
    ]


def _by_few(before: list[Row]) -> list[Row]:
    """38 of the searches, by nine of the people: by turns, so that each of the nine is there."""
    people = list(dict.fromkeys(row["officer_id"] for row in before))[:REPEATERS]
    theirs = {person: [row for row in before if row["officer_id"] == person] for person in people}
    turns = [row for turn in range(len(before)) for rows in theirs.values() for row in rows[turn : turn + 1]]
    return turns[:REPEATED_COMMERCIAL]


def _repeat(rng: np.random.Generator, rows: list[Row], part: str, first_pair: int) -> list[Row]:
    """The same searches again after the ban; the pairs are numbered from `first_pair`."""
    when = sorted(moments(rng, len(rows), BAN, LAST))
    repeated = []
    for pair, (row, moment) in enumerate(zip(rows, when, strict=True), start=first_pair):
        row["pair"] = pair
        repeated.append({**row, "part": part, "occurred_at": moment})
    return repeated


def _outside(rng: np.random.Generator) -> list[Row]:
    """LACRIS searches that the LAPD ran for others: by the field, the asker's address or the form."""
    rows = []
    for number, moment in enumerate(moments(rng, OUTSIDE_BEFORE, FIRST, _local(2020, 11, 12))):
        way, asking = number % 3, str(rng.choice(["lasd", "lbpd", "burbank-pd"]))
        rows.append(
            _base(
                rng,
                part="outside-before",
                occurred_at=moment,
                officer_id=officer(_LAPD, int(rng.integers(0, 60))),
                requesting_agency_id=asking if way == 0 else None,
                requester=f"desk{rng.integers(1, 9)}@lasd.org" if way == 1 else None,
                request_ref=f"LBPD form {rng.integers(1_000, 9_999)}" if way == 2 else None,
                true_outside=(asking, "lasd", "lbpd")[way],
            )
        )
    return rows


def _misnamed(rng: np.random.Generator, before: list[Row]) -> list[Row]:
    """The record says LACRIS, the host that was reached says otherwise."""
    people = list(dict.fromkeys(row["officer_id"] for row in before))[:REPEATERS]
    return [
        _base(
            rng,
            part="misnamed",
            occurred_at=moment,
            officer_id=str(rng.choice(people)),
            source="desktop-agent",
            provider="LACRIS",
            endpoint=_APP,
            true_provider="clearview-ai",
            true_class="commercial",
        )
        for moment in moments(rng, MISNAMED, BAN + timedelta(days=30), LAST)
    ]


def _signs(rng: np.random.Generator) -> list[Row]:
    """The app's site was reached, or only looked up: no search is proved, and no person is named."""
    when = moments(rng, SIGNS_BEFORE, _local(2019, 10, 1), _local(2020, 3, 1))
    when += moments(rng, SIGNS_AFTER, BAN + timedelta(days=1), LAST)
    rows = []
    for number, moment in enumerate(when):
        seen = number % 2 == 0
        row = _base(
            rng,
            part="sign",
            occurred_at=moment,
            evidence="ACCESS" if seen else "LOOKUP",
            source="zeek/lapd-egress-2" if seen else "umbrella",
            endpoint="app.clearview.ai",
            client_ip=f"10.40.7.{rng.integers(2, 250)}",
            true_provider="clearview-ai",
            true_class="commercial",
        )
        unseen = ("officer_id", "provider", "account", "case_number", "crime_type", "purpose", "probe_hash")
        rows.append(row | dict.fromkeys((*unseen, "probe_kind", "candidates", "top_score", "training_cert")))
        rows[-1]["galleries"] = []
    return rows


def _other_systems(rng: np.random.Generator) -> list[Row]:
    when = moments(rng, SYSTEMS_BEFORE, FIRST, _local(2020, 11, 1))
    when += moments(rng, SYSTEMS_AFTER, BAN + timedelta(days=1), LAST)
    systems = [("FBI NGI-IPS", "fbi-ngi-ips"), ("California DOJ face recognition", "cal-doj-neoface")]
    return [
        _base(
            rng,
            part="other-system",
            occurred_at=moment,
            officer_id=officer(_LAPD, int(rng.integers(0, 60))),
            source="cal-id",
            provider=systems[number % 2][0],
            galleries=[],
            true_provider=systems[number % 2][1],
        )
        for number, moment in enumerate(when)
    ]


def _unlisted(rng: np.random.Generator) -> list[Row]:
    """Services in no catalogue, at names that are reserved for examples."""
    services = [
        ("FaceTracePro", "https://match.facetracepro.example/v1/search"),
        ("Kestrel Match", None),
        (None, "who-is-it.example"),
    ]
    rows = []
    for number, moment in enumerate(moments(rng, UNLISTED, FIRST, LAST)):
        troupe = TROUPES[int(rng.integers(0, len(TROUPES)))]
        provider, endpoint = services[number % 3]
        rows.append(
            _base(
                rng,
                part="unlisted",
                occurred_at=moment,
                evidence="SEARCH" if provider else "ACCESS",
                agency_id=troupe.written,
                officer_id=officer(troupe, int(rng.integers(0, troupe.officers))) if provider else None,
                source="desktop-agent" if provider else "zeek/county-egress-1",
                provider=provider,
                endpoint=endpoint,
                account="trial" if provider else None,
                galleries=[],
                training_cert=None,
                true_agency=troupe.agency,
                true_provider=None,
                true_class="unknown",
            )
        )
    return rows


def _base(rng: np.random.Generator, **given: Any) -> Row:
    """A certified LAPD search on LACRIS, with what is given in its place."""
    moment: datetime = given["occurred_at"]
    return {
        "evidence": "SEARCH",
        "source": "lacris-web",
        "source_version": "4.2",
        "agency_id": "lapd",
        "officer_id": None,
        "requesting_agency_id": None,
        "requester": None,
        "request_ref": None,
        "provider": "LACRIS",
        "endpoint": None,
        "account": "agency",
        "galleries": ["LACRIS"],
        "case_number": f"{moment.year % 100}-{rng.integers(400_000, 999_999):06d}",
        "crime_type": str(rng.choice(CRIMES)),
        "purpose": "investigation",
        "probe_hash": rng.bytes(16).hex(),
        "probe_kind": "cctv",
        "candidates": int(rng.integers(0, 25)),
        "top_score": float(rng.random().__round__(3)),
        "training_cert": f"LACRIS-2020-{rng.integers(0, 400):04d}",
        "client_ip": None,
        "true_agency": "lapd",
        "true_provider": "lacris",
        "true_class": "government",
        "true_outside": None,
        "pair": None,
        **given,
    }


def _local(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=LOS_ANGELES).astimezone(UTC)
