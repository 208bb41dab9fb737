"""Who used which service, and what came of it: the answers, worked out from what was sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from deploy.demo.cast import BAN
from tests.sinks.reports.sent import ACTED, GRAVEST, OPERATORS, Rows, Sent
from tests.support.worker import KEY

SEARCHES = pl.len().alias("searches")
PEOPLE = pl.col("officer").drop_nulls().n_unique().alias("people")
CASES = pl.col("case_number").drop_nulls().n_unique().alias("cases")
NO_CASE = pl.col("case_number").is_null().sum().alias("no_case")
TRIALS = (pl.col("account") == "trial").sum().alias("trials")
BROKEN = pl.col("broken").sum()
BEFORE = (pl.col("occurred_at") < BAN).sum().alias("before")
AFTER = (pl.col("occurred_at") >= BAN).sum().alias("after")
FIRST, LAST = pl.col("day").min().alias("first"), pl.col("day").max().alias("last")
NOWHERE = "in no catalogue"
Expected = Callable[["Seen"], Rows]


class Seen:
    """What was sent, in the words of the book: `every` event and the `counted` searches of one agency or all.

    Days are those of `zone`. `broken` says whether a search breaks a rule, `conflict` what a client claimed.
    """

    def __init__(self, scenario: Any, agency: str | None = None, zone: str = "America/Los_Angeles") -> None:
        whole = (date(2000, 1, 1), date(2100, 1, 1))
        self.sent = Sent(scenario, *whole, zone, agency, KEY.encode())
        self.findings = self._named(self.sent.findings)
        self.told = self.sent.told
        self.counted = self._named(self.sent.counted)
        self.every = self._named(self.sent.period)
        self.scenario = scenario

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        broken = self.sent.findings["event_id"]
        return frame.with_columns(
            person=pl.col("officer").str.slice(0, 12),
            service=pl.col("true_provider").fill_null(NOWHERE),
            host=pl.col("endpoint").str.extract(r"^(?:\w+://)?([^/]+)").fill_null(""),
            broken=pl.col("event_id").is_in(broken.implode()),
            conflict=pl.when(pl.col("part") == "misnamed").then(pl.lit("lacris")),
        )


def grouped(frame: pl.DataFrame, keys: list[str], *measures: pl.Expr) -> Rows:
    """Groups and their measures, in no order."""
    return frame.group_by(keys).agg(*measures).rows()


def share(part: int, whole: int, of: int = 100) -> float:
    """A share of a hundred, or a thousand, with one decimal; a half goes to the even one."""
    return round(of * part / whole * 10) / 10


def commercial(seen: Seen) -> pl.DataFrame:
    return seen.counted.filter(pl.col("true_class") == "commercial")


def commercial_around_the_ban(seen: Seen) -> Rows:
    personal = (pl.col("account") == "personal").sum().alias("personal")
    sides = commercial(seen).with_columns(pl.col("side").str.replace(" the ban", ""))
    arrested = pl.col("arrested").sum()
    rows = grouped(sides, ["side"], SEARCHES, PEOPLE, TRIALS, personal, CASES, NO_CASE, arrested, BROKEN)
    return sorted(rows, key=lambda row: row[0], reverse=True)


def commercial_people(seen: Seen) -> Rows:
    rows = grouped(commercial(seen), ["person"], BEFORE, AFTER, TRIALS, CASES, NO_CASE, FIRST, LAST)
    return sorted(rows, key=lambda row: (-row[1] - row[2], row[0]))[:40]


def commercial_cases(seen: Seen) -> Rows:
    kinds = seen.told.group_by("event_id").agg(pl.col("kind").unique())
    rows = []
    cased = (
        commercial(seen).filter(pl.col("case_number").is_not_null()).join(kinds, on="event_id", how="left")
    )
    for (case,), group in cased.group_by("case_number"):
        crimes = sorted({crime or "not stated" for crime in group["crime_type"]})
        told = {
            kind.lower().replace("_", " ") for found in group["kind"] if found is not None for kind in found
        }
        people = group["officer"].n_unique()
        rows.append((case, group.height, people, ", ".join(crimes), ", ".join(sorted(told))))
    grave = sorted(rows, key=lambda row: ("arrest" not in row[4].split(", "), row[4] == "", -row[1], row[0]))
    return grave[:40]


def outcomes_by_class(seen: Seen) -> Rows:
    rows = grouped(seen.counted, ["true_class", "worst"], SEARCHES, PEOPLE)
    words = [*(kind.lower().replace("_", " ") for kind in GRAVEST), "nothing told"]
    ordered = sorted(rows)
    return [(kind, words[worst], count, people) for kind, worst, count, people in ordered]


def went_on_after_the_ban(seen: Seen) -> Rows:
    later = commercial(seen).filter(pl.col("occurred_at") >= BAN)
    days = (pl.col("local").dt.date().min() - pl.lit(date(2020, 11, 13))).dt.total_days()
    posing = pl.col("conflict").is_not_null().sum()
    return sorted(
        grouped(later, ["person"], SEARCHES, days.alias("days"), LAST, posing, CASES),
        key=lambda row: (row[2], row[0]),
    )


def services_in_use(seen: Seen) -> Rows:
    seen = Seen(seen.scenario, zone="UTC")
    rows = grouped(seen.counted, ["agency", "service", "true_class"], SEARCHES, PEOPLE, FIRST, LAST)
    named = [(*row[:3], OPERATORS["" if row[1] == NOWHERE else row[1]], *row[3:]) for row in rows]
    return sorted(named, key=lambda row: (row[0], -row[4], row[1]))


def commercial_share_by_month(seen: Seen) -> Rows:
    rows = grouped(seen.counted, ["month"], SEARCHES, (pl.col("true_class") == "commercial").sum().alias("c"))
    return sorted((month, count, some, share(some, count)) for month, count, some in rows)


def trial_and_personal_accounts(seen: Seen) -> Rows:
    chosen = Seen(seen.scenario, zone="UTC").counted.filter(pl.col("account").is_in(["trial", "personal"]))
    rows = grouped(chosen, ["agency", "account", "service"], SEARCHES, PEOPLE, NO_CASE, LAST)
    return sorted(rows, key=lambda row: (-row[3], *row[:3]))[:40]


def unlisted_services(seen: Seen) -> Rows:
    chosen = Seen(seen.scenario, zone="UTC").every.filter(pl.col("true_class") == "unknown")
    agencies = pl.col("agency").n_unique().alias("agencies")
    named = chosen.with_columns(pl.col("provider").fill_null(""))
    rows = grouped(named, ["provider", "host", "evidence"], SEARCHES, agencies, PEOPLE, LAST)
    return sorted(rows, key=lambda row: (-row[3], *row[:3]))[:40]


def another_service_than_claimed(seen: Seen) -> Rows:
    chosen = Seen(seen.scenario, zone="UTC").every.filter(pl.col("conflict").is_not_null())
    rows = grouped(chosen, ["agency", "conflict", "service", "host"], SEARCHES, PEOPLE, BROKEN, FIRST)
    return sorted(rows, key=lambda row: (-row[4], *row[:4]))


def crimes(seen: Seen) -> Rows:
    named = seen.counted.with_columns(pl.col("crime_type").fill_null("not stated"))
    matched = (pl.col("candidates") > 0).sum().alias("matched")
    rows = grouped(named, ["crime_type"], SEARCHES, matched, pl.col("acted").sum())
    return [(*row, share(row[3], row[1])) for row in sorted(rows, key=lambda row: (-row[1], row[0]))[:40]]


def outcomes_told(seen: Seen) -> Rows:
    first = seen.told.group_by("event_id").agg(pl.col("recorded_at").min())
    joined = seen.counted.join(first, on="event_id", how="left").with_columns(
        told=pl.col("recorded_at").is_not_null(),
        soon=pl.col("recorded_at") < pl.col("occurred_at").dt.offset_by("30d"),
    )
    rows = grouped(joined, ["agency"], SEARCHES, pl.col("told").sum(), pl.col("soon").sum())
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))[:40]
    return [(agency, n, told, share(told, n), soon) for agency, n, told, soon in ordered]


def arrests_without_candidates(seen: Seen) -> Rows:
    grave = seen.told.filter(pl.col("kind").is_in(["ARREST", "CHARGE", "CONVICTION"]))
    kinds = grave.group_by("event_id").agg(pl.col("kind").unique().sort().str.to_lowercase())
    found = (
        seen.counted.filter(pl.col("candidates") == 0)
        .join(kinds, on="event_id")
        .with_columns(pl.col("case_number").fill_null(""), pl.col("kind").list.join(", "))
        .sort("occurred_at", "agency", "case_number", "event_id")
    )
    return found.select("agency", "case_number", "day", "service", "person", "kind").rows()[:40]


def exonerations(seen: Seen) -> Rows:
    freed = (
        seen.told.filter(pl.col("kind") == "EXONERATION")
        .group_by("event_id")
        .agg(pl.col("recorded_at").min())
    )
    zone = seen.sent.zone
    found = (
        seen.counted.join(freed, on="event_id")
        .with_columns(
            pl.col("case_number").fill_null(""),
            freed=pl.col("recorded_at").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d"),
            approved=pl.col("approved_by").is_not_null(),
        )
        .sort("day", "agency", "case_number", "event_id")
    )
    columns = ["agency", "case_number", "day", "freed", "service", "top_score", "candidates", "approved"]
    return found.select(columns).rows()[:40]


def faces_of_matches(seen: Seen) -> Rows:
    acted = seen.told.filter(pl.col("kind").is_in(ACTED)).with_columns(
        pl.col("age_band", "race", "gender").fill_null("not stated")
    )
    rows = grouped(acted, ["age_band", "race", "gender"], pl.col("event_id").n_unique())
    return [(*row[:3], None if row[3] < 10 else row[3]) for row in sorted(rows)]


def kinds_of_faces_searched(seen: Seen) -> Rows:
    kinds = seen.counted.explode("kinds").with_columns(pl.col("kinds").replace("", "not stated"))
    return sorted(grouped(kinds, ["agency", "kinds"], SEARCHES, PEOPLE), key=lambda row: (-row[2], *row[:2]))[
        :40
    ]


USE: dict[str, tuple[str | None, Expected]] = {
    "commercial_around_the_ban": ("lapd", commercial_around_the_ban),
    "commercial_people": ("lapd", commercial_people),
    "commercial_cases": ("lapd", commercial_cases),
    "outcomes_by_class": ("lapd", outcomes_by_class),
    "went_on_after_the_ban": ("lapd", went_on_after_the_ban),
    "services_in_use": (None, services_in_use),
    "commercial_share_by_month": ("lapd", commercial_share_by_month),
    "trial_and_personal_accounts": (None, trial_and_personal_accounts),
    "unlisted_services": (None, unlisted_services),
    "another_service_than_claimed": (None, another_service_than_claimed),
    "crimes": (None, crimes),
    "outcomes_told": (None, outcomes_told),
    "arrests_without_candidates": (None, arrests_without_candidates),
    "exonerations": (None, exonerations),
    "faces_of_matches": (None, faces_of_matches),
    "kinds_of_faces_searched": (None, kinds_of_faces_searched),
}
"""The agency that each question is about by default, and its answer."""
