"""What must be in the tables at the end, worked out from what was sent and not by the pipeline.

The rules are said here a second time, in other words than in the shipped policies, so that the one checks
the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from deploy.demo.cast import BAN
from deploy.demo.encode import Malformed
from deploy.demo.scenario import MALFORMED, OUTCOME_RESENT, RESENT, Scenario

SEARCH_FACTS = ("event_id", "agency_id", "provider_id", "provider_class", "outside_agency_id", "broken_rules")
VIOLATION_FACTS = ("event_id", "rule", "certainty")


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """`searches` has `SEARCH_FACTS`, `violations` has `VIOLATION_FACTS` (`rule` is `policy_id/rule_id`).

    `outcome_ids` are distinct. Of the commercial searches before the ban: how many, by how many people, and
    how many of them an arrest followed.
    """

    searches: pl.DataFrame
    violations: pl.DataFrame
    outcome_ids: pl.Series
    malformed: list[Malformed]
    resent: int
    outcomes_resent: int
    commercial_searches: int
    commercial_people: int
    commercial_arrests: int

    @property
    def event_ids(self) -> frozenset[str]:
        """The ids of the searches that break a rule."""
        return frozenset(self.violations["event_id"])


def expect(scenario: Scenario) -> Expectation:
    """Return what the scenario must come to."""
    sent = scenario.searches
    violations = _violations(sent)
    broken = violations.group_by("event_id").agg(pl.col("rule").sort().alias("broken_rules"))
    searches = (
        sent.select(
            "event_id",
            agency_id="true_agency",
            provider_id="true_provider",
            provider_class="true_class",
            outside_agency_id="true_outside",
        )
        .join(broken, on="event_id", how="left", maintain_order="left")
        .with_columns(pl.col("broken_rules").fill_null(pl.lit([], pl.List(pl.String))))
    )
    commercial = sent.filter(
        (pl.col("true_agency") == "lapd")
        & (pl.col("true_class") == "commercial")
        & (pl.col("evidence") == "SEARCH")
        & (pl.col("occurred_at") < BAN)
    )
    return Expectation(
        searches=searches,
        violations=violations,
        outcome_ids=scenario.outcomes["outcome_id"],
        malformed=scenario.malformed,
        resent=scenario.count(RESENT),
        outcomes_resent=scenario.count(OUTCOME_RESENT),
        commercial_searches=commercial.height,
        commercial_people=commercial["officer_id"].n_unique(),
        commercial_arrests=_arrests(commercial, scenario.outcomes),
    )


def sent_until(scenario: Scenario, message: int) -> dict[str, int]:
    """Return how many distinct searches, outcomes and malformed values the first `message` messages hold."""
    kinds = scenario.order["kind"][:message]
    return {
        "searches": int((kinds == 0).sum()),
        "outcomes": int((kinds == 2).sum()),
        "dead_letters": int((kinds == MALFORMED).sum()),
    }


def _violations(sent: pl.DataFrame) -> pl.DataFrame:
    searched = pl.col("evidence") == "SEARCH"
    bound = (pl.col("true_agency") == "lapd") & (pl.col("occurred_at") >= BAN)
    elsewhere = pl.col("true_class").is_in(["government", "agency"]) & (pl.col("true_provider") != "lacris")
    rules = {
        "lapd-fr/commercial-service": bound & (pl.col("true_class") == "commercial"),
        "lapd-fr/outside-agency": bound & pl.col("true_outside").is_not_null(),
        "lapd-fr/training-certificate": bound & searched & pl.col("training_cert").is_null(),
        "lapd-fr/authorised-system": bound & elsewhere,
        "statewide/unlisted-service": pl.col("true_class") == "unknown",
    }
    proved = searched & (pl.col("true_class") != "unknown")
    certainty = pl.when(proved).then(pl.lit("CONFIRMED")).otherwise(pl.lit("SUSPECTED"))
    parts = [
        sent.filter(broken).select("event_id", rule=pl.lit(rule), certainty=certainty)
        for rule, broken in rules.items()
    ]
    return pl.concat(parts)


def _arrests(searches: pl.DataFrame, outcomes: pl.DataFrame) -> int:
    arrests = outcomes.filter(pl.col("kind") == "ARREST")
    told = arrests.filter(pl.col("event_id").is_not_null())["event_id"]
    cases = arrests.filter(pl.col("event_id").is_null()).select("agency_id", "case_number").unique()
    by_case = searches.join(
        cases, left_on=["true_agency", "case_number"], right_on=["agency_id", "case_number"], how="semi"
    )
    by_id = searches.filter(pl.col("event_id").is_in(told.implode()))
    return pl.concat([by_id["event_id"], by_case["event_id"]]).n_unique()
