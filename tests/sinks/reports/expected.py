"""Every cell of every report, worked out from what was sent.

Rows are tuples in the order of the report's columns.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from deploy.demo.cast import BAN
from tests.sinks.reports.sent import ACTED, CERTAINTIES, GRAVEST, TITLES, Rows, Sent, with_counted

LACKS = ("case_number", "crime_type", "purpose", "approved_by", "training_cert")
SEARCHES = pl.len().alias("searches")
LED = pl.col("acted").sum()
PEOPLE = pl.col("officer").n_unique().alias("people")
COUNTS = (SEARCHES, (pl.col("candidates") > 0).sum().alias("matched"), pl.col("candidates").sum())
MISSING = tuple(
    (pl.col(name).fill_null("").str.strip_chars() == "").sum().alias(f"no_{name}") for name in LACKS
)


def accountability(sent: Sent) -> dict[str, Rows]:
    return {
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
        "units": sent.by(["agency", "unit"], SEARCHES, *MISSING),
        "services": sent.by(["service"], SEARCHES, *MISSING),
        "months": sent.by(["month"], SEARCHES, *MISSING),
    }


def maryland(sent: Sent) -> dict[str, Rows]:
    people = sent.told.filter(pl.col("kind").is_in(ACTED)).select("event_id", "age_band", "race", "gender")
    # One line for each database of a search; [] is one empty name.
    databases = (
        sent.counted.select("event_id", "service", "galleries")
        .explode("galleries", empty_as_null=True)
        .join(people, on="event_id")
    )
    return {
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
        "systems": sent.services("galleries"),
        "crimes": sent.by(["service", "crime_type"], SEARCHES),
        "matches": sent.by(
            ["service", "galleries", "age_band", "race", "gender"],
            pl.col("event_id").n_unique(),
            frame=databases,
        ),
        "findings": sent.broken(),
        "agencies": sent.by(["agency"], SEARCHES, LED),
    }


def massachusetts(sent: Sent) -> dict[str, Rows]:
    each = sent.counted.sort("occurred_at", "event_id").select(
        "day",
        "agency",
        "service",
        pl.col("candidates").fill_null(-1),
        pl.col("crime_type", "purpose", "legal_basis").fill_null(""),
    )
    return {
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
        "agencies": sent.by(["agency"], SEARCHES, LED),
        "quarters": sent.by(["quarter", "agency"], *COUNTS[:2]),
        "searches": each.rows(),
    }


def detroit(sent: Sent) -> dict[str, Rows]:
    names = {"CONFIRMED": "proven", "SUSPECTED": "not proven"}
    findings = sent.findings.with_columns(said=pl.col("certainty").replace_strict(names))
    told = sent.by(["agency", "rule", "said"], pl.len(), frame=findings)
    return {
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
        "days": sent.by(["day"], SEARCHES, LED),
        "crimes": sent.by(["crime_type"], SEARCHES, LED),
        "images": sent.by(["probe_kind"], SEARCHES),
        "told": [(*row, 0, 0, row[-1]) for row in told],
    }


def lapd(sent: Sent) -> dict[str, Rows]:
    commercial = sent.counted.filter(pl.col("true_class") == "commercial")
    rules = sent.findings.filter(pl.col("rule").str.starts_with("lapd-fr/"))
    forbidden = commercial["event_id"].is_in(rules["event_id"].implode())
    cases = pl.col("case_number").drop_nulls().n_unique().alias("cases")
    no_case = pl.col("case_number").is_null().sum().alias("no_case")
    trials = (pl.col("account") == "trial").sum().alias("trials")
    kinds = sent.told.group_by("event_id").agg(pl.col("kind").unique())
    by_case = (
        commercial.join(kinds, on="event_id", how="left")
        .with_columns(pl.col("case_number").fill_null(""))
        .group_by("case_number")
        .agg(
            SEARCHES,
            PEOPLE,
            pl.col("crime_type").fill_null("not stated").unique(),
            pl.col("kind").list.explode(keep_nulls=False, empty_as_null=False),
        )
        .sort("case_number")
    )
    out = [*GRAVEST, "nothing told"]
    outside = sent.counted.filter(pl.col("true_outside").is_not_null())
    asked = sent.findings.filter(pl.col("rule") == "lapd-fr/outside-agency")["event_id"]
    order = ["before the ban", "after the ban"]
    sides = sent.by(
        ["side"],
        SEARCHES,
        PEOPLE,
        trials,
        cases,
        no_case,
        pl.col("arrested").sum(),
        pl.col("forbidden").sum(),
        frame=commercial.with_columns(forbidden=forbidden),
    )
    who = sent.by(
        ["officer"],
        (pl.col("occurred_at") < BAN).sum().alias("before"),
        (pl.col("occurred_at") >= BAN).sum().alias("after"),
        trials,
        cases,
        no_case,
        pl.col("arrested").sum(),
        pl.col("day").min().alias("first"),
        pl.col("day").max().alias("last"),
        frame=commercial,
    )
    outcomes = sent.by(["side", "worst"], SEARCHES, PEOPLE, frame=commercial)
    others = sent.by(
        ["side", "true_outside"],
        SEARCHES,
        PEOPLE,
        pl.col("asked").sum(),
        frame=outside.with_columns(asked=pl.col("event_id").is_in(asked.implode())),
    )
    return {
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
        "sides": sorted(sides, key=lambda row: order.index(row[0])),
        "who": sorted(who, key=lambda row: (-row[1] - row[2], row[0])),
        "cases": [
            (
                case,
                count,
                people,
                ", ".join(sorted(set(crimes))),
                ", ".join(sorted({kind.lower().replace("_", " ") for kind in found if kind}))
                or "nothing told",
            )
            for case, count, people, crimes, found in by_case.rows()
        ],
        "outcomes": [
            (side, out[worst].lower().replace("_", " "), count, people)
            for side, worst, count, people in sorted(outcomes, key=lambda row: (order.index(row[0]), row[1]))
        ],
        "outside": sorted(others, key=lambda row: (order.index(row[0]), row[1])),
        "findings": sent.broken(),
    }


def transparency(sent: Sent) -> dict[str, Rows]:
    run_by = {"commercial": "a company", "government": "a public body", "unknown": "not known"}
    kinds = sent.counted.explode("kinds").with_columns(pl.col("kinds").str.replace_all("_", " "))
    services = sent.by(["service"], pl.col("true_class").first(), SEARCHES)
    titled = sent.findings.with_columns(title=pl.col("rule").replace_strict(TITLES))
    out = [*GRAVEST, "nothing told"]
    return {
        "short": [
            ("agencies that searched", sent.counted["agency"].n_unique()),
            ("services that were used", sent.counted["service"].n_unique()),
            ("rules broken, proven", (sent.findings["certainty"] == "CONFIRMED").sum()),
            ("rules broken, not proven", (sent.findings["certainty"] == "SUSPECTED").sum()),
        ],
        "months": sent.by(["month"], SEARCHES),
        "agencies": most_first(sent.by(["agency"], SEARCHES)),
        "services": most_first([(name, run_by[kind], count) for name, kind, count in services]),
        "faces": most_first(sent.by(["kinds"], SEARCHES, frame=kinds)),
        "crimes": most_first(sent.by(["crime_type"], SEARCHES)),
        "outcomes": [
            (out[worst].lower().replace("_", " "), count) for worst, count in sent.by(["worst"], SEARCHES)
        ],
        "broken": sent.by(["agency", "title"], *CERTAINTIES, frame=titled),
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
    }


def utah(sent: Sent) -> dict[str, Rows]:
    return {
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
        "crimes": sent.by(["crime_type"], *COUNTS),
        "matches": [(str(count), n) for count, n in sent.by(["candidates"], SEARCHES)],
        "sources": sent.by(["kinds"], *COUNTS, frame=sent.counted.explode("kinds")),
        "probes": sent.by(["probe_kind"], *COUNTS),
        "agencies": sent.by(["agency"], *COUNTS),
    }


def virginia(sent: Sent) -> dict[str, Rows]:
    before = sent._own(sent.every.filter("counted"))
    ends = datetime.combine(sent.end, time(), tzinfo=ZoneInfo(sent.zone)).astimezone(UTC)
    ever = set(before.filter(pl.col("occurred_at") < ends)["agency"]) | (
        {sent.agency} if sent.agency else set()
    )
    found: dict[Any, Any] = dict(sent.by(["agency"], SEARCHES))
    said = {
        True: "Face recognition was used.",
        False: "No use of face recognition is recorded: zero searches.",
    }
    return {
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
        "use": [(each, found.get(each, 0), said[each in found]) for each in sorted(filter(None, ever))],
        "authorised": sent.by(["purpose"], SEARCHES, LED),
        "crimes": sent.by(["crime_type"], SEARCHES),
        "findings": sent.broken(),
    }


def washington(sent: Sent) -> dict[str, Rows]:
    named = (
        ("who searched", "officer_id"),
        ("a case number", "case_number"),
        ("the type of crime", "crime_type"),
        ("a purpose", "purpose"),
        ("a legal basis", "legal_basis"),
        ("who approved it", "approved_by"),
        ("a certificate of training", "training_cert"),
        ("how many candidates came back", "candidates"),
    )
    bases = dict.fromkeys(("consent", "court order", "emergency", "warrant"), (0, 0))
    bases |= {basis: (count, led) for basis, count, led in sent.by(["legal_basis"], SEARCHES, LED)}
    versioned = sent.counted.with_columns(version=pl.format("{} {}", "source", "source_version"))
    services = Sent.services(with_counted(sent, versioned), "version")
    words = sent.told.with_columns(word=pl.col("kind").str.to_lowercase().str.replace_all("_", " "))
    lacking = [sent.counted[column].is_null().sum() for _, column in named]
    return {
        "attribution": sent.attribution(),
        "gaps": sent.gaps(),
        "services": services,
        "bases": [(basis, *bases[basis]) for basis in sorted(bases)],
        "records": [
            (what, sent.counted.height - missing, missing)
            for (what, _), missing in zip(named, lacking, strict=True)
            if sent.counted.height
        ],
        "outcomes": sent.by(["word"], pl.col("event_id").n_unique(), frame=words),
        "findings": sent.broken(),
    }


def most_first(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: (-row[-1], row[0]))


EXPECTED: dict[str, Callable[[Sent], dict[str, Rows]]] = {
    each.__name__: each
    for each in (
        accountability,
        detroit,
        lapd,
        maryland,
        massachusetts,
        transparency,
        utah,
        virginia,
        washington,
    )
}
