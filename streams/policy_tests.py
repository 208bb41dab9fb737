"""A policy's own tests, run through the same enrichment and judging as live searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from schemas.agencies import AgencyRegister
from schemas.catalogue import Catalogue
from schemas.policies import EARLIEST_YEAR, LATEST_YEAR, Policy, PolicySet, PolicyTest
from schemas.yaml_file import Faults, Place
from streams.columns import DECODED
from streams.enrich import Enricher
from streams.judge import Judge

_KEY = b"the key of tests, which no person's pseudonym is made with"


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of one test: the rules found, beside those expected, both sorted."""

    __test__ = False

    policy_id: str
    name: str
    place: Place
    expected: tuple[str, ...]
    found: tuple[str, ...]
    expected_certainty: str | None
    found_certainty: str | None

    @property
    def passed(self) -> bool:
        """Whether the test holds."""
        certainty = self.expected_certainty in (None, self.found_certainty)
        return self.expected == self.found and certainty

    def __str__(self) -> str:
        if self.passed:
            return f"{self.place}: {self.policy_id}: {self.name}: passed"
        expected = _told(self.expected, self.expected_certainty)
        found = _told(self.found, self.found_certainty if self.expected_certainty else None)
        return f"{self.place}: {self.policy_id}: {self.name}: expected {expected}, found {found}"


def run_policy_tests(policies: PolicySet, catalogue: Catalogue, agencies: AgencyRegister) -> list[TestResult]:
    """Return the result of each test of each policy, in their order.

    A test meets its own version of its policy and no other. What its event leaves out is: a moment at which
    the policy is in force, evidence SEARCH, the first agency that the policy binds, an officer, a certificate
    of training; all else is null or empty. A rule that binds the requesting agency needs one in its event.

    Raises:
        WrongUse: a test's event has a field that searches do not have, or a value of another type; or a
            rule's SQL was refused. The text has a line for each, with file, line and column.
    """
    faults = Faults()
    events = collect_events(policies, agencies, faults)
    faults.raise_any()
    enricher = Enricher(catalogue, agencies, _KEY)
    return [
        result
        for policy, rows in events
        for result in _run(policy, rows, enricher, Judge(PolicySet([policy]), agencies))
    ]


def collect_events(
    policies: PolicySet, agencies: AgencyRegister, faults: Faults
) -> list[tuple[Policy, list[dict[str, Any]]]]:
    """Return the searches of each policy's tests, and note every fault of them."""
    return [
        (policy, [_event(policy, index, agencies, faults) for index in range(len(policy.tests))])
        for policy in policies
        if policy.tests
    ]


def _run(
    policy: Policy, events: Sequence[Mapping[str, Any]], enricher: Enricher, judge: Judge
) -> list[TestResult]:
    frame = pl.DataFrame(
        {name: pl.Series([event[name] for event in events], dtype=dtype) for name, dtype in DECODED.items()}
    )
    searches = judge.judge(enricher.enrich(frame), datetime.fromtimestamp(0, UTC)).searches
    return [
        TestResult(
            policy_id=policy.id,
            name=test.name,
            place=policy.document.place("tests", index, "name"),
            expected=tuple(sorted(test.expect)),
            found=tuple(label.partition("/")[2] for label in broken),
            expected_certainty=test.certainty,
            found_certainty=certainty,
        )
        for index, (test, broken, certainty) in enumerate(
            zip(policy.tests, searches["broken_rules"], searches["certainty"], strict=True)
        )
    ]


def _event(policy: Policy, index: int, agencies: AgencyRegister, faults: Faults) -> dict[str, Any]:
    bound = policy.agencies[0] if policy.agencies else next((agency.id for agency in agencies), "an-agency")
    event: dict[str, Any] = dict.fromkeys(DECODED) | {
        "event_id": index.to_bytes(16, "big"),
        "occurred_at": _moment_in_force(policy, agencies.timezone(bound)),
        "evidence": "SEARCH",
        "source": "policy-test",
        "agency_id": bound,
        "officer_id": "an-officer",
        "training_cert": "a-certificate",
        "galleries": [],
        "attributes": {},
    }
    test: PolicyTest = policy.tests[index]
    for name, value in test.event.items():
        place = policy.document.place_of_key("tests", index, "event", name)
        column = "occurred_at" if name == "at" else name
        if column not in DECODED or column == "event_id":
            known = ", ".join(sorted(DECODED.keys() - {"event_id"}))
            faults.add(place, f"a search has no field {name!r}; it has {known}")
            continue
        try:
            event[column] = _value(DECODED[column], value)
        except ValueError as error:
            faults.add(policy.document.place("tests", index, "event", name), f"{name}: {error}")
    if event["evidence"] not in {"SEARCH", "ACCESS", "LOOKUP"}:
        place = policy.document.place("tests", index, "event", "evidence")
        faults.add(place, f"evidence: {event['evidence']!r} is none; write SEARCH, ACCESS or LOOKUP")
    return event


def _value(dtype: pl.DataType, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(dtype, pl.Datetime):
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is None:
            raise ValueError(f"{value!r} has no offset; write a time such as 2020-11-13T00:00:00-08:00")
        if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
            raise ValueError(f"{value!r} is outside the years {EARLIEST_YEAR} to {LATEST_YEAR}")
        return moment.astimezone(UTC)
    if isinstance(dtype, pl.List):
        return _checked(value, list, all(isinstance(item, str) for item in value or ()), "a list of texts")
    if isinstance(dtype, pl.Map):
        texts = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        return _checked(value, dict, texts, "texts by name")
    if isinstance(dtype, pl.Int32):
        fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
        return _checked(value, int, fits, "a whole number")
    if isinstance(dtype, pl.Float32):
        number = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return _checked(number, float, True, "a number")
    return _checked(value, str, True, "a text; put it in quotes")


def _checked(value: Any, kind: type, fits: bool, wanted: str) -> Any:
    if not isinstance(value, kind) or not fits:
        raise ValueError(f"{value!r} is not {wanted}")
    return value


def _moment_in_force(policy: Policy, zone: ZoneInfo) -> datetime:
    start, until = policy.effective.bounds(zone)
    return start + (min(timedelta(days=1), (until - start) / 2) if until else timedelta(days=1))


def _told(rules: tuple[str, ...], certainty: str | None) -> str:
    return (", ".join(rules) or "nothing") + (f" ({certainty})" if certainty else "")
