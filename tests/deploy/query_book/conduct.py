"""How people search, what they leave out and break, what operators ask: the answers, from what was sent."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from deploy.demo.cast import BAN
from tests.deploy.query_book.use import (
    AFTER,
    BEFORE,
    BROKEN,
    CASES,
    FIRST,
    LAST,
    NO_CASE,
    PEOPLE,
    SEARCHES,
    Expected,
    Seen,
    grouped,
    share,
)
from tests.sinks.reports.sent import Rows

SEVERITIES = {
    "lapd-fr/commercial-service": "CRITICAL",
    "lapd-fr/outside-agency": "HIGH",
    "lapd-fr/training-certificate": "MEDIUM",
    "lapd-fr/authorised-system": "HIGH",
    "statewide/unlisted-service": "MEDIUM",
}
REASONS = {
    "foreign schema": "unknown_schema",
    "unknown schema id": "unknown_schema",
    "JSON": "unknown_framing",
    "image alone": "unknown_framing",
    "image in a field": "holds_image",
    "empty": "empty",
    "no value": "empty",
}
PROVEN = (pl.col("certainty") == "CONFIRMED").sum().alias("proven")
UNPROVEN = (pl.col("certainty") == "SUSPECTED").sum().alias("not_proven")
NIGHT = (pl.col("local").dt.hour() >= 22) | (pl.col("local").dt.hour() < 5)


def blank(column: str) -> pl.Expr:
    return (pl.col(column).fill_null("").str.strip_chars() == "").sum().alias(f"no_{column}")


def moment(value: Any) -> str:
    return str(value.strftime("%Y-%m-%d %H:%M:%S"))


def rules_broken(seen: Seen) -> Rows:
    spans = (pl.col("local").min().alias("first"), pl.col("local").max().alias("last"))
    rows = grouped(seen.findings, ["agency", "rule"], PROVEN, UNPROVEN, PEOPLE, *spans)
    return [
        (agency, rule, SEVERITIES[rule], sure, unsure, people, moment(first), moment(last))
        for agency, rule, sure, unsure, people, first, last in sorted(
            rows, key=lambda row: (-row[2] - row[3], row[0], row[1])
        )[:40]
    ]


def people_who_broke_rules(seen: Seen) -> Rows:
    findings = Seen(seen.scenario, "lapd", "UTC").findings
    proven = findings.filter((pl.col("certainty") == "CONFIRMED") & pl.col("officer").is_not_null())
    named = proven.with_columns(rule=pl.col("rule").str.extract("/(.*)"))
    rules = pl.col("rule").unique().sort().str.join(", ")
    rows = grouped(named, ["person"], SEARCHES, pl.col("event_id").n_unique(), rules, FIRST, LAST)
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:20]


def findings_by_month(seen: Seen) -> Rows:
    sure = seen.findings.group_by("event_id").agg(sure=(pl.col("certainty") == "CONFIRMED").any())
    joined = seen.counted.join(sure, on="event_id", how="left")
    rows = grouped(
        joined, ["month"], SEARCHES, pl.col("sure").sum(), pl.col("sure").not_().sum().alias("unsure")
    )
    return sorted((month, n, yes, no, share(yes, n, 1000)) for month, n, yes, no in rows)


def unaccounted_by_unit(seen: Seen) -> Rows:
    named = seen.counted.with_columns(pl.col("unit").fill_null("not stated"))
    missing = [blank(name) for name in ("case_number", "crime_type", "approved_by")]
    rows = grouped(named, ["agency", "unit"], SEARCHES, *missing)
    return [(*row, share(row[3], row[2])) for row in sorted(rows, key=lambda row: (-row[3], *row[:2]))[:40]]


def people_without_certificate(seen: Seen) -> Rows:
    since = seen.counted.filter((pl.col("occurred_at") >= BAN) & pl.col("officer").is_not_null())
    without = pl.col("training_cert").is_null()
    rows = grouped(
        since,
        ["person"],
        SEARCHES,
        without.sum().alias("without"),
        pl.col("training_cert").drop_nulls().n_unique().alias("certificates"),
        pl.col("day").filter(without).max().alias("last"),
    )
    return sorted((row for row in rows if row[2]), key=lambda row: (-row[2], -row[1], row[0]))[:40]


def shared_certificates(seen: Seen) -> Rows:
    chosen = Seen(seen.scenario, "lapd", "UTC").counted.filter(pl.col("training_cert").is_not_null())
    rows = grouped(chosen, ["training_cert"], PEOPLE, SEARCHES, FIRST, LAST)
    return sorted((row for row in rows if row[1] > 1), key=lambda row: (-row[1], -row[2], row[0]))[:20]


def night_searches(seen: Seen) -> Rows:
    named = seen.counted.with_columns(pl.col("unit").fill_null("not stated"), night=NIGHT)
    unapproved = (pl.col("night") & pl.col("approved_by").is_null()).sum().alias("unapproved")
    rows = grouped(named, ["agency", "unit"], SEARCHES, pl.col("night").sum(), unapproved)
    ordered = sorted((row for row in rows if row[3]), key=lambda row: (-row[3], *row[:2]))
    return [(*row, share(row[3], row[2])) for row in ordered[:40]]


def heaviest_searchers(seen: Seen) -> Rows:
    named = Seen(seen.scenario, zone="UTC").counted.filter(pl.col("officer").is_not_null())
    people = named.group_by("agency", "person").agg(SEARCHES, days=pl.col("day").n_unique())
    typical = people.group_by("agency").agg(
        typical=pl.col("searches").sort().get((pl.len() - 1) // 2)  # the lower of the two in the middle
    )
    rows = people.join(typical, on="agency").rows()
    times = [(*row, share(row[2], row[4], 1)) for row in rows]
    return sorted(times, key=lambda row: (-row[5], -row[2], row[1]))[:20]


def repeated_probes(seen: Seen) -> Rows:
    rows = grouped(
        seen.counted.filter(pl.col("probe_hash").is_not_null()).with_columns(
            utc=pl.col("occurred_at").dt.date()
        ),
        ["probe_hash"],
        SEARCHES,
        PEOPLE,
        pl.col("agency").n_unique().alias("agencies"),
        pl.col("service").unique().sort().str.join(", "),
        CASES,
        (pl.col("utc").max() - pl.col("utc").min()).dt.total_days().alias("days"),
    )
    short = [(row[0][:12], *row[1:]) for row in rows if row[1] > 1]
    return sorted(short, key=lambda row: (-row[1], -row[2], row[0]))[:40]


def most_searched_cases(seen: Seen) -> Rows:
    services = pl.col("true_provider").drop_nulls().n_unique().alias("services")
    images = pl.col("probe_hash").drop_nulls().n_unique().alias("images")
    cased = seen.counted.filter(pl.col("case_number").is_not_null())
    rows = grouped(cased, ["agency", "case_number"], SEARCHES, PEOPLE, services, images, BROKEN)
    return sorted(rows, key=lambda row: (-row[2], *row[:2]))[:20]


def outside_requests(seen: Seen) -> Rows:
    basis = (
        pl.when(pl.col("requesting_agency_id").is_not_null())
        .then(pl.lit("field"))
        .when(pl.col("requester").is_not_null())
        .then(pl.lit("domain"))
        .otherwise(pl.lit("reference"))
    )
    asked = seen.counted.filter(pl.col("true_outside").is_not_null()).with_columns(basis=basis)
    formless = pl.col("request_ref").is_null().sum().alias("formless")
    rows = grouped(asked, ["true_outside", "basis"], SEARCHES, AFTER, formless, PEOPLE)
    return sorted(rows, key=lambda row: (-row[2], *row[:2]))


def searches_run_by_others(seen: Seen) -> Rows:
    others = Seen(seen.scenario).counted.filter(pl.col("true_outside") == "lapd")
    rows = grouped(others, ["agency", "service", "true_class"], BEFORE, AFTER)
    return sorted(rows, key=lambda row: (-row[4], -row[3], *row[:2]))


def late_reports(seen: Seen) -> Rows:
    rows = [(source, n, 0, 0, 0, n) for source, n in grouped(seen.every, ["source"], SEARCHES)]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def silent_sources(seen: Seen) -> Rows:
    """As of 15 January 2022: the demo ended a fortnight before."""
    rows = []
    for (source,), group in seen.every.group_by("source"):
        days = sorted({local.date() for local in group["local"]})
        gaps = sorted((after - before).days for before, after in zip(days, days[1:], strict=False))
        usual, silent = gaps[(len(gaps) - 1) // 2], (date(2022, 1, 15) - days[-1]).days
        rows.append((source, len(days), days[-1], usual, silent, silent > 3 * usual))
    return sorted(rows, key=lambda row: (not row[5], -row[4], row[0]))


def what_sources_leave_out(seen: Seen) -> Rows:
    missing = [
        pl.col("officer_id").is_null().sum().alias("no_person"),
        (pl.col("provider").is_null() & pl.col("endpoint").is_null()).sum().alias("no_service"),
        NO_CASE,
        pl.col("candidates").is_null().sum().alias("no_result"),
        pl.col("probe_hash").is_null().sum().alias("no_hash"),
    ]
    rows = grouped(seen.every, ["source", "evidence"], SEARCHES, *missing)
    return sorted(rows, key=lambda row: (-row[2], *row[:2]))


def dead_letters_by_reason(seen: Seen) -> Rows:
    found: dict[tuple[str, str], list[int]] = {}
    for bad in seen.scenario.malformed:
        counts = found.setdefault((REASONS.get(bad.kind, "damaged"), bad.topic), [0, 0, 0])
        counts[0] += 1
        counts[1] += bad.holds_image
        counts[2] += 0 if bad.holds_image else len(bad.value or b"")
    return sorted(((*key, *counts) for key, counts in found.items()), key=lambda row: (-row[2], *row[:2]))


def unreported_access(seen: Seen) -> Rows:
    seen = Seen(seen.scenario, zone="UTC")
    access = seen.every.filter((pl.col("evidence") == "ACCESS") & (pl.col("true_class") != "not_fr"))
    told = seen.every.filter(pl.col("evidence") == "SEARCH").select(
        "agency", "officer_id", told_at="occurred_at", told_provider="true_provider"
    )
    near = access.join(told, on=["agency", "officer_id"]).filter(
        ((pl.col("occurred_at") - pl.col("told_at")).dt.total_seconds().abs() <= 3600)
        & (
            pl.col("true_provider").is_null()
            | pl.col("told_provider").is_null()
            | (pl.col("true_provider") == pl.col("told_provider"))
        )
    )
    left = access.join(near, on="event_id", how="anti")
    assert near.height > 0
    nobody = pl.col("officer_id").is_null().sum().alias("nobody")
    rows = grouped(left, ["agency", "service", "host", "source"], SEARCHES, PEOPLE, nobody, LAST)
    return sorted(rows, key=lambda row: (-row[4], *row[:4]))[:40]


def unregistered_agencies(seen: Seen) -> Rows:
    seen = Seen(seen.scenario, zone="UTC")
    strangers = seen.every.filter(pl.col("agency") == "Nowhere PD")
    return [("Nowhere PD", strangers.height, 0, strangers["day"].max())]


def one_case(seen: Seen, case: str) -> Rows:
    kinds = seen.told.group_by("event_id").agg(
        pl.col("kind").str.to_lowercase().str.replace_all("_", " ").unique().sort().str.join(", ")
    )
    rules = seen.findings.group_by("event_id").agg(pl.col("rule").sort().str.join(", "))
    mine = seen.counted.filter(pl.col("case_number") == case).join(kinds, on="event_id", how="left")
    named = mine.join(rules, on="event_id", how="left").sort("occurred_at", "event_id")
    return named.select(
        pl.col("local").dt.strftime("%Y-%m-%d %H:%M:%S"),
        "person",
        "service",
        pl.col("galleries").list.join(", "),
        "candidates",
        pl.col("probe_hash").str.slice(0, 12),
        pl.col("approved_by").is_not_null(),
        pl.col("rule").fill_null(""),
        pl.col("kind").fill_null(""),
    ).rows()


def one_person(seen: Seen, person: str) -> Rows:
    sure = seen.findings.filter(pl.col("certainty") == "CONFIRMED")["event_id"].implode()
    rows = grouped(
        seen.counted.filter(pl.col("person") == person),
        ["month", "agency"],
        SEARCHES,
        (pl.col("true_class") == "commercial").sum().alias("commercial"),
        CASES,
        NO_CASE,
        pl.col("event_id").is_in(sure).sum().alias("proven"),
    )
    return sorted(rows)


CONDUCT: dict[str, tuple[str | None, Expected]] = {
    "rules_broken": (None, rules_broken),
    "people_who_broke_rules": ("lapd", people_who_broke_rules),
    "findings_by_month": ("lapd", findings_by_month),
    "unaccounted_by_unit": ("lapd", unaccounted_by_unit),
    "people_without_certificate": ("lapd", people_without_certificate),
    "shared_certificates": ("lapd", shared_certificates),
    "night_searches": (None, night_searches),
    "heaviest_searchers": (None, heaviest_searchers),
    "repeated_probes": (None, repeated_probes),
    "most_searched_cases": (None, most_searched_cases),
    "outside_requests": ("lapd", outside_requests),
    "searches_run_by_others": ("lapd", searches_run_by_others),
    "late_reports": (None, late_reports),
    "silent_sources": (None, silent_sources),
    "what_sources_leave_out": (None, what_sources_leave_out),
    "dead_letters_by_reason": (None, dead_letters_by_reason),
    "unreported_access": (None, unreported_access),
    "unregistered_agencies": (None, unregistered_agencies),
}
"""The agency that each question is about by default, and its answer."""
