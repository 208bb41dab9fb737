"""Every cell of every report, worked out by polars from the list of events that were sent.

Nothing here asks ClickHouse or uses the reports' SQL. Rows are tuples in the order of the report's columns.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from deploy.demo.cast import BAN
from deploy.demo.expectation import expect
from deploy.demo.scenario import Scenario

Rows = list[tuple[Any, ...]]
ACTED = ["LEAD", "IDENTIFICATION", "ARREST", "CHARGE", "CONVICTION", "EXONERATION"]
GRAVEST = ["EXONERATION", "CONVICTION", "CHARGE", "ARREST", "IDENTIFICATION", "LEAD", "NO_LEAD", "UNKNOWN"]
OPERATORS = {
    "lacris": "Los Angeles County Sheriff's Department, Records and Identification Bureau",
    "clearview-ai": "Clearview AI, Inc.",
    "fbi-ngi-ips": "FBI, CJIS Division",
    "cal-doj-neoface": "California Department of Justice",
    "": "",
}
TITLES = {
    "lapd-fr/commercial-service": "Third-party commercial FR service",
    "lapd-fr/outside-agency": "FR search for an outside agency",
    "lapd-fr/training-certificate": "FR search without a certificate of training",
    "lapd-fr/authorised-system": "FR system other than LACRIS",
    "statewide/unlisted-service": "A service that the catalogue does not know",
}
LACKS = ("case_number", "crime_type", "purpose", "approved_by", "training_cert")


@dataclass(frozen=True)
class Sent:
    """What was sent, seen from one period, zone and agency."""

    scenario: Scenario
    first: date
    end: date
    zone: str
    agency: str | None
    key: bytes

    def _period(self, frame: pl.DataFrame, column: str) -> pl.DataFrame:
        zone = ZoneInfo(self.zone)
        begins, ends = (
            datetime.combine(day, time(), tzinfo=zone).astimezone(UTC) for day in (self.first, self.end)
        )
        return frame.filter((pl.col(column) >= begins) & (pl.col(column) < ends))

    @cached_property
    def every(self) -> pl.DataFrame:
        """All searches, with what the reports call their columns."""
        kinds = (
            pl.when(pl.col("galleries").list.contains("LACRIS"))
            .then(pl.lit(["booking_photos"]))
            .when(pl.col("galleries").list.contains("web"))
            .then(pl.lit(["scraped_web"]))
            .when(pl.col("true_provider") == "fbi-ngi-ips")
            .then(pl.lit(["booking_photos"]))
            .when(pl.col("true_provider") == "cal-doj-neoface")
            .then(pl.lit(["unknown"]))
            .otherwise(pl.lit([""]))
        )
        local = pl.col("occurred_at").dt.convert_time_zone(self.zone)
        return self.scenario.searches.with_columns(
            agency=pl.col("true_agency"),
            service=pl.col("true_provider").fill_null(""),
            local=local,
            day=local.dt.strftime("%Y-%m-%d"),
            month=local.dt.strftime("%Y-%m"),
            quarter=pl.format("{}-Q{}", local.dt.year(), local.dt.quarter()),
            kinds=kinds,
            side=pl.when(pl.col("occurred_at") < BAN)
            .then(pl.lit("before the ban"))
            .otherwise(pl.lit("after the ban")),
            counted=(pl.col("evidence") == "SEARCH") & (pl.col("true_class") != "not_fr"),
            officer=pl.struct("true_agency", "officer_id").map_elements(self._pseudonym, pl.String),
        )

    def _pseudonym(self, who: dict[str, str | None]) -> str | None:
        if who["officer_id"] is None:
            return None
        message = f"{who['true_agency']}\0{who['officer_id']}".encode()
        return hmac.new(self.key, message, "sha256").hexdigest()

    def _own(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame if self.agency is None else frame.filter(pl.col("agency") == self.agency)

    @cached_property
    def period(self) -> pl.DataFrame:
        return self._own(self._period(self.every, "occurred_at"))

    @cached_property
    def told(self) -> pl.DataFrame:
        """event_id, kind and the person, for each outcome that speaks of a counted search of the period."""
        facts = ["kind", "age_band", "race", "gender"]
        outcomes = self.scenario.outcomes
        by_id = outcomes.filter(pl.col("event_id").is_not_null()).select("event_id", *facts)
        by_case = (
            self.every.filter(pl.col("case_number").is_not_null())
            .select("event_id", "agency", "case_number")
            .join(
                outcomes.filter(pl.col("event_id").is_null()).select(
                    "case_number", *facts, agency="agency_id"
                ),
                on=["agency", "case_number"],
            )
            .select("event_id", *facts)
        )
        ids = self.period.filter("counted").select("event_id")
        return pl.concat([by_id, by_case]).join(ids, on="event_id", how="semi")

    @cached_property
    def counted(self) -> pl.DataFrame:
        """The searches that count, with whether they led to action and what was the gravest told of them."""
        acted = self.told.filter(pl.col("kind").is_in(ACTED))["event_id"].unique()
        rank = pl.col("kind").replace_strict(GRAVEST, list(range(len(GRAVEST))), return_dtype=pl.Int64)
        gravest = self.told.group_by("event_id").agg(
            worst=rank.min(), arrested=(pl.col("kind") == "ARREST").any()
        )
        return (
            self.period.filter("counted")
            .with_columns(acted=pl.col("event_id").is_in(acted.implode()))
            .join(gravest, on="event_id", how="left")
            .with_columns(pl.col("worst").fill_null(len(GRAVEST)), pl.col("arrested").fill_null(False))
        )

    @cached_property
    def findings(self) -> pl.DataFrame:
        violations = expect(self.scenario).violations
        return self.period.join(violations, on="event_id", suffix="_of_rule").sort("agency", "rule")

    # -- tables ------------------------------------------------------------------------------------------

    def by(self, keys: list[str], *measures: pl.Expr, frame: pl.DataFrame | None = None) -> Rows:
        """Groups of the counted searches, in the order of the keys; a null key is an empty text."""
        chosen = self.counted if frame is None else frame
        texts = [key for key in keys if chosen.schema[key] == pl.String]
        filled = chosen.with_columns(pl.col(texts).fill_null(""))
        return filled.group_by(keys).agg(*measures).sort(keys).rows()

    def attribution(self) -> Rows:
        """As shared.ATTRIBUTION; every malformed search came after the period began."""
        period = self.period
        seen = self._period(self.every, "occurred_at").filter("counted")
        outcomes = self._own(
            self._period(self.scenario.outcomes, "recorded_at").with_columns(agency="agency_id")
        )
        cases = set(self.every.select("agency", "case_number").drop_nulls().rows())
        ids = set(self.every["event_id"])
        lost = [
            each
            for each in outcomes.iter_rows(named=True)
            if (
                each["event_id"] not in ids
                if each["event_id"]
                else (each["agency"], each["case_number"]) not in cases
            )
        ]
        unreadable = [bad for bad in self.scenario.malformed if bad.topic == "searches"]
        return [
            ("searches that are counted", self.counted.height),
            (
                "not counted: the site of a service was reached (ACCESS)",
                (period["evidence"] == "ACCESS").sum(),
            ),
            (
                "not counted: the name of a service was looked up (LOOKUP)",
                (period["evidence"] == "LOOKUP").sum(),
            ),
            (
                "not counted: searches in services that match no faces",
                period.filter((pl.col("evidence") == "SEARCH") & (pl.col("true_class") == "not_fr")).height,
            ),
            (
                "searches of an agency that no register has",
                seen.filter(pl.col("agency").str.starts_with("Nowhere")).height,
            ),
            ("records of searches that could not be read", len(unreadable)),
            ("outcomes that speak of no stored search", len(lost)),
        ]

    def gaps(self) -> Rows:
        """As shared.GAPS."""
        return [
            (
                "searches in a service that no catalogue has",
                self.counted["true_provider"].is_null().sum(),
            ),
            ("searches that name no person", self.counted["officer_id"].is_null().sum()),
        ]

    def broken(self) -> Rows:
        """As shared.FINDINGS."""
        return [
            (agency, rule, TITLES[rule], sure, unsure)
            for agency, rule, sure, unsure in self.by(["agency", "rule"], *CERTAINTIES, frame=self.findings)
        ]

    def services(self, column: str) -> Rows:
        """Services with operator, class and the sorted values of one more column."""
        rows = self.by(["service"], pl.col("true_class").min(), pl.col(column), pl.len())
        return [
            (
                service,
                OPERATORS[service],
                kind,
                ", ".join(sorted(set(flat(values)))),
                count,
            )
            for service, kind, values, count in rows
        ]


SEARCHES = pl.len().alias("searches")
LED = pl.col("acted").sum()
PEOPLE = pl.col("officer").n_unique().alias("people")
CERTAINTIES = (
    (pl.col("certainty") == "CONFIRMED").sum().alias("confirmed"),
    (pl.col("certainty") == "SUSPECTED").sum().alias("suspected"),
)
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
    found = dict(sent.by(["agency"], SEARCHES))
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
    services = Sent.services(_with(sent, versioned), "version")
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


def _with(sent: Sent, counted: pl.DataFrame) -> Sent:
    other = Sent(sent.scenario, sent.first, sent.end, sent.zone, sent.agency, sent.key)
    other.__dict__["counted"] = counted
    return other


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


def flat(values: list[Any]) -> list[str]:
    """The texts of a list of texts, or of lists of them."""
    inside = (value if isinstance(value, list) else [value] for value in values)
    return [each for value in inside for each in value if each]
