from __future__ import annotations

import hashlib
import hmac
import time
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contracts import contract
from streams.columns import DECODED, ENRICHED
from streams.enrich import Enricher
from streams.shape import column_types
from tests.streams.searches import KEY, agencies, catalogue, searches

ENRICHER = Enricher(catalogue(), agencies(), KEY)


def enrich(**event: Any) -> dict[str, Any]:
    return ENRICHER.enrich(searches([event])).row(0, named=True)


def pseudonym(agency_id: str, person: str) -> str:
    return hmac.new(KEY, f"{agency_id}\0{person}".encode(), hashlib.sha256).hexdigest()


def test_the_columns_are_those_of_the_contract() -> None:
    assert column_types(contract("search")) == DECODED


def test_enrichment_gives_the_columns_that_it_says_and_passes_the_rest_through() -> None:
    frame = searches([{"attributes": {"a": "b"}, "galleries": ["x"], "candidates": 3}])
    enriched = ENRICHER.enrich(frame)
    assert {name: enriched.schema[name] for name in ENRICHED} == ENRICHED
    assert set(enriched.columns) == {*ENRICHED, "kafka_topic", "kafka_partition", "kafka_offset"}
    untouched = [name for name in frame.columns if name in enriched.columns and name != "agency_id"]
    assert enriched.select(untouched).equals(frame.select(untouched))


def test_an_empty_batch_stays_one() -> None:
    empty = ENRICHER.enrich(searches([]))
    assert empty.height == 0
    assert {name: empty.schema[name] for name in ENRICHED} == ENRICHED


def test_a_person_becomes_a_pseudonym_under_the_agencys_id() -> None:
    row = enrich(agency_id="L.A.P.D.", officer_id="12345")
    assert row["agency_id"] == "lapd"
    assert row["officer"] == pseudonym("lapd", "12345") == ENRICHER.pseudonym("lapd", "12345")
    assert "officer_id" not in row


def test_a_person_of_an_unknown_agency_has_the_pseudonym_of_its_name_as_it_came() -> None:
    row = enrich(agency_id="Springfield PD", officer_id="7")
    assert (row["agency_id"], row["agency_known"]) == ("Springfield PD", False)
    assert row["officer"] == pseudonym("Springfield PD", "7")


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\n\u2003"])
def test_nobody_stays_nobody(blank: str | None) -> None:
    row = enrich(officer_id=blank, requester=blank)
    assert (row["officer"], row["requester"], row["requester_domain"]) == (None, None, None)


@pytest.mark.parametrize(
    ("asking", "agency_id"), [("LASD", "lasd"), ("Springfield PD", ""), (None, ""), (" ", "")]
)
def test_a_requester_has_a_pseudonym_under_the_requesting_agency(asking: str | None, agency_id: str) -> None:
    row = enrich(requesting_agency_id=asking, requester="A@LASD.org")
    assert row["requester"] == pseudonym(agency_id, "A@LASD.org")


@pytest.mark.parametrize(
    ("requester", "domain"),
    [
        ("a@LASD.org", "lasd.org"),
        ("Det. A <a@bücher.example.>", "xn--bcher-kva.example"),
        ("mailto:a@lasd.org", "lasd.org"),
        ("Detective A", None),
        ("a@b@lasd.org", None),
        ("a@lasd", None),
        ("a@[10.0.0.1]", None),
        ("a@10.0.0.1", None),
        ("a@lasd.org/x", None),
        ("@lasd.org", None),
        ("a" * 1_000_000 + "@lasd.org", None),
    ],
)
def test_only_an_address_has_a_domain(requester: str, domain: str | None) -> None:
    assert enrich(requester=requester)["requester_domain"] == domain


@pytest.mark.parametrize(
    ("event", "outside"),
    [
        ({}, None),
        ({"requesting_agency_id": "LASD"}, "lasd"),
        ({"requesting_agency_id": "Springfield PD"}, "Springfield PD"),
        ({"requesting_agency_id": "l.a.p.d."}, None),
        ({"requesting_agency_id": "City of Los Angeles"}, None),
        ({"requesting_agency_id": " "}, None),
        ({"requesting_agency_id": "n/a"}, None),
        ({"requester": "a@lasd.org"}, "lasd"),
        ({"requester": "a@station.lasd.org"}, "lasd"),
        ({"requester": "a@x.lapd.online"}, None),
        ({"requester": "a@attorney.lacity.org"}, None),
        ({"requester": "a@gmail.com"}, None),
        ({"requester": "a@lasd.org.example"}, None),
        ({"request_ref": "LASD-2021-17"}, "lasd"),
        ({"request_ref": "lasd2021"}, "lasd"),
        ({"request_ref": "form of a@lasd.org"}, "lasd"),
        ({"request_ref": "LAPD 17, City of Los Angeles"}, None),
        ({"request_ref": "LAPD 17 for ICE"}, "ice"),
        ({"request_ref": "ice cream case"}, None),
        ({"request_ref": "PLASDX-1"}, None),
        ({"requesting_agency_id": "lapd", "requester": "a@lasd.org"}, "lasd"),
        ({"requesting_agency_id": "ICE", "requester": "a@lasd.org"}, "ice"),
        ({"agency_id": "city", "requesting_agency_id": "LAPD"}, "lapd"),
        ({"agency_id": "Foo P.D.", "requesting_agency_id": "foo pd"}, None),
        ({"agency_id": "Foo P.D.", "requesting_agency_id": "Bar PD"}, "Bar PD"),
        ({"agency_id": "Foo P.D.", "requester": "a@lasd.org"}, "lasd"),
    ],
)
def test_a_search_is_for_an_outside_agency_where_something_names_one(
    event: dict[str, Any], outside: str | None
) -> None:
    row = enrich(**event)
    assert (row["outside_agency"], row["outside_agency_id"]) == (outside is not None, outside)


def service(**event: Any) -> tuple[Any, ...]:
    row = enrich(**event)
    return tuple(
        row[name] for name in ("provider_id", "provider_class", "provider_basis", "provider_conflict")
    )


def test_the_host_decides_and_the_disagreement_is_kept() -> None:
    found = service(provider="LACRIS", endpoint="https://clearview.ai/")
    assert found == ("clearview-ai", "commercial", "host", "lacris")


def test_the_name_decides_where_the_host_says_nothing() -> None:
    assert service(provider="LACRIS", endpoint="https://x.example") == ("lacris", "government", "name", None)
    assert enrich(provider="LACRIS")["operator"] == "Sheriff"


def test_a_name_may_be_a_host() -> None:
    assert service(provider="app.clearview.ai") == ("clearview-ai", "commercial", "name", None)


def test_what_matches_nothing_is_unknown() -> None:
    for event in ({}, {"provider": "New"}, {"endpoint": "x.example"}, {"provider": "FaceSearch"}):
        assert service(**event) == (None, "unknown", "none", None)


def test_weak_places_are_weak_evidence() -> None:
    ends = ["https://clearview.ai/help/a?b", "www.clearview.ai", "clearview.ai/search", None]
    strengths = [enrich(endpoint=end, provider="Clearview")["evidence_strength"] for end in ends]
    assert strengths == ["weak", "weak", "full", "full"]


def test_the_host_is_kept_in_its_normal_form_whoever_it_is() -> None:
    assert enrich(endpoint="HTTPS://u:p@X.Example.:8443/y")["endpoint_host"] == "x.example"
    assert enrich(endpoint="no host")["endpoint_host"] is None


def kinds(**event: Any) -> list[str]:
    found: list[str] = enrich(**event)["gallery_kinds"]
    return found


def test_the_kinds_of_galleries_are_those_that_the_client_names_or_all_of_the_services() -> None:
    assert kinds(provider="LACRIS") == ["booking_photos"]
    assert kinds(provider="LACRIS", galleries=["scraped faces"]) == ["scraped_web"]
    assert kinds(provider="New", galleries=["LACRIS", "web"]) == ["booking_photos", "scraped_web"]
    assert kinds(provider="New", galleries=["who knows"]) == ["unknown"]
    assert kinds(provider="New") == kinds(provider="Clearview") == []


def test_an_outside_agency_says_what_named_it() -> None:
    field = {"requesting_agency_id": "ICE"}
    domain = {"requester": "a@lasd.org"}
    reference = {"request_ref": "LASD-17"}
    assert enrich(**field, **domain, **reference)["outside_agency_basis"] == "field"
    assert enrich(**domain, **reference)["outside_agency_basis"] == "domain"
    assert enrich(**reference)["outside_agency_basis"] == "reference"
    assert enrich()["outside_agency_basis"] is None


ANY = st.one_of(
    st.none(), st.text(max_size=40), st.sampled_from(["LASD", "clearview.ai", "a@lasd.org", "\0", "N/A"])
)
HOSTILE = ("officer_id", "requesting_agency_id", "requester", "request_ref", "provider", "endpoint")
EVENTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(HOSTILE, ANY)
    | {
        "agency_id": ANY.filter(lambda text: text is not None),
        "galleries": st.lists(
            st.one_of(st.text(max_size=20), st.sampled_from(["web", "LACRIS"])), max_size=3
        ),
    },
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_a_row_is_enriched_the_same_in_any_batch(events: list[dict[str, Any]]) -> None:
    frame = searches(events)
    together = ENRICHER.enrich(frame)
    fresh = Enricher(catalogue(), agencies(), KEY)
    assert together.height == len(events)
    for row in range(frame.height):
        assert fresh.enrich(frame[row]).equals(together[row], null_equal=True)


MONSTERS = ["a", "\0", "\u0301", "ﷺ", "@", "1", " ", "LASD ", "https://", "a.", "\U0001f600"]


@pytest.mark.parametrize("unit", MONSTERS)
def test_a_monstrous_value_neither_fails_nor_slows_a_batch(unit: str) -> None:
    monster = unit * (10_000_000 // len(unit.encode()))
    texts = [name for name, dtype in DECODED.items() if dtype == pl.String and name not in ("evidence",)]
    strange = dict.fromkeys(texts, monster) | {"galleries": [monster] * 3}
    frame = searches([strange, {"provider": "Clearview", "agency_id": "LAPD"}])
    start = time.process_time()
    rows = ENRICHER.enrich(frame).select("provider_id", "outside_agency", "agency_known").rows()
    assert time.process_time() - start < 2
    assert rows[0][0] is None
    assert rows[1] == ("clearview-ai", False, True)


def test_searches_of_any_year_pass() -> None:
    years = [{"occurred_at": datetime(year, 1, 1, tzinfo=UTC)} for year in (1900, 2299)]
    assert ENRICHER.enrich(searches(years))["occurred_at"].dt.year().to_list() == [1900, 2299]
