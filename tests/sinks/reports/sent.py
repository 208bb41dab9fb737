"""What was sent, as polars sees it: nothing here asks ClickHouse or uses the reports' SQL."""

from __future__ import annotations

import hmac
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
CERTAINTIES = (
    (pl.col("certainty") == "CONFIRMED").sum().alias("confirmed"),
    (pl.col("certainty") == "SUSPECTED").sum().alias("suspected"),
)


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
        """event_id, kind, time and person of each outcome that speaks of a counted search of the period."""
        facts = ["kind", "recorded_at", "age_band", "race", "gender"]
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


def with_counted(sent: Sent, counted: pl.DataFrame) -> Sent:
    """The same, seen with other searches as those that count."""
    other = Sent(sent.scenario, sent.first, sent.end, sent.zone, sent.agency, sent.key)
    other.__dict__["counted"] = counted
    return other


def flat(values: list[Any]) -> list[str]:
    """The texts of a list of texts, or of lists of them."""
    inside = (value if isinstance(value, list) else [value] for value in values)
    return [each for value in inside for each in value if each]
