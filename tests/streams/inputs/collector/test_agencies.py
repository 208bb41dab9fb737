"""A client key of one agency cannot write for another: by any body, any spelling, any place to name one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from schemas.agencies import load_agencies
from schemas.collector_clients import Client
from schemas.settings import Settings
from streams.inputs.collector.body import Item
from streams.inputs.collector.judge import Judge
from streams.inputs.event import Kind
from streams.ledger import Partition
from streams.pipeline import Batch, judge_searches
from streams.rules import load_rules
from tests.support.bodies import FORMATS, IDENTITY, MANY, PATHS, outcome
from tests.support.collector import Collector, search, stored

AGENCIES = load_agencies(Settings().agencies)
# The client of the tests speaks for the LAPD alone. Each of these is the sheriff's, or nobody's.
OTHERS = {
    "id": "lasd",
    "alias": "LASD",
    "name": "Los Angeles County Sheriff's Department",
    "name in another punctuation": "los  angeles-county SHERIFFS department",
    "ORI": "CA0190000",
    "case": "LaSd",
    "whitespace": " \tlasd\u3000",
    "full width": "\uff4c\uff41\uff53\uff44",
    "mathematical letters": "\U0001d425\U0001d41a\U0001d42c\U0001d41d",
    "long s": "la\u017fd",
    "its parent": "los-angeles-county",
    "the client's own parent": "city-of-los-angeles",
    "Cyrillic look-alike of another": "l\u0430sd",
    "Cyrillic look-alike of its own": "l\u0430pd",
    "soft hyphen in another": "la\u00adsd",
    "two at once": "lapd,lasd",
    "two lines": "lapd\nlasd",
    "path": "lapd/../lasd",
    "every": "*",
    "nobody": "some-agency",
}
# Spellings of its own, one with a zero-width space.
OWN = (
    "lapd",
    "LAPD",
    "Los Angeles Police Department",
    "ca0194200",
    " lapd ",
    "\uff4c\uff41\uff50\uff44",
    "la\u200bpd",
)


@dataclass(frozen=True)
class Attempt:
    """One way to name another agency: the event's JSON, and what its envelope says beside that."""

    how: str
    identity: str
    text: str
    envelope: dict[str, str]


def event(kind: Kind, **fields: Any) -> dict[str, Any]:
    return search(**fields) if kind == "search" else outcome(**fields)


def attempts(kind: Kind) -> Iterator[Attempt]:
    """Every way."""

    def made(how: str, text: str = "", more: dict[str, str] | None = None, **fields: Any) -> Attempt:
        given = event(kind, **fields)
        plain = json.dumps(given)
        return Attempt(how, given[IDENTITY[kind]], text.replace("EVENT", plain[1:-1]) or plain, more or {})

    for how, name in OTHERS.items():
        yield made(how, agency_id=name)
    escaped = made("escaped", agency_id="lasd")
    yield Attempt("escaped", escaped.identity, escaped.text.replace('"lasd"', '"\\u006c\\u0061sd"'), {})
    yield made("twice, the other last", '{EVENT, "agency_id": "lasd"}')
    yield made("twice, the other first", '{"agency_id": "lasd", EVENT}')
    yield made("twice, once escaped", '{EVENT, "agency_\\u0069d": "lasd"}')
    yield made("twice, in another case", '{EVENT, "Agency_Id": "lasd"}')
    yield made("twice, with a look-alike", '{EVENT, "\\u0430gency_id": "lasd"}')
    yield made("twice, with a space", '{EVENT, "agency_id ": "lasd"}')
    yield made("twice, null last", '{EVENT, "agency_id": null}', agency_id="lasd")
    yield made("list", agency_id=["lapd", "lasd"])
    yield made("object", agency_id={"id": "lasd"})
    yield made("null", agency_id=None)
    yield made("attribute of the envelope", more={"agencyid": "lasd", "agency": "lasd"}, agency_id=None)
    yield made("subject of the envelope", more={"subject": "lasd"}, agency_id=None)
    yield made("dataschema of the envelope", more={"dataschema": "urn:agency:lasd"}, agency_id=None)


@pytest.mark.parametrize("kind", ["search", "outcome"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMATS)
def test_no_body_writes_for_another_agency(running: Collector, form: str, packed: bool, kind: Kind) -> None:
    tried = {}
    for attempt in attempts(kind):
        body = FORMATS[form](kind, [attempt.text], attempt.envelope)
        body = body.packed() if packed else body
        status, told, _ = running.post(body.data, PATHS[kind], content_type=body.content_type, **body.headers)
        assert status in (400, 403, 422), (attempt.how, status, told)
        assert "lasd" not in json.dumps(told), "an answer quotes nothing"
        tried[attempt.identity] = attempt.how
    # A companion that is taken shows that what is read is the topic.
    own = event(kind)
    body = FORMATS[form](kind, [json.dumps(own)], {"subject": "lasd", "agencyid": "lasd"})
    assert running.post(body.data, PATHS[kind], content_type=body.content_type, **body.headers)[0] == 202
    rows = {row[IDENTITY[kind]].hex(): row["agency_id"] for row in stored(running.stack, kind)}
    assert rows[own[IDENTITY[kind]].replace("-", "")] == "lapd"
    written = [how for identity, how in tried.items() if identity.replace("-", "") in rows]
    assert written == []
    assert {agency and agency.id for agency in map(AGENCIES.resolve, rows.values())} == {"lapd"}


@pytest.mark.parametrize("form", MANY)
def test_in_a_batch_what_is_for_another_agency_is_refused_alone(running: Collector, form: str) -> None:
    events = [search(agency_id=name) for name in ("lapd", "lasd", "LAPD", "nobody")]
    body = FORMATS[form]("search", [json.dumps(each) for each in events], {})
    status, told, _ = running.post(body.data, content_type=body.content_type)
    assert (status, told["accepted"], told["refused"]) == (207, 2, 2)
    assert [item["status"] for item in told["items"]] == ["accepted", "refused", "accepted", "refused"]
    (fault,) = told["items"][1]["problem"]["errors"]
    assert (fault["pointer"], fault["code"]) == ("/agency_id", "not_allowed")
    ids = {row["event_id"].hex() for row in stored(running.stack)}
    assert [each["event_id"].replace("-", "") in ids for each in events] == [True, False, True, False]


@pytest.mark.parametrize("name", OWN)
def test_any_spelling_of_its_own_is_taken(running: Collector, name: str) -> None:
    assert running.post(search(agency_id=name))[0] == 202


@pytest.mark.parametrize("source", ["lasd-web", "zeek/", "zeek", "lacris-web/x", "LACRIS-WEB", "*"])
def test_no_client_reports_as_the_source_of_another(running: Collector, source: str) -> None:
    given = search(source=source)
    status, told, _ = running.post(given)
    assert (status, told["errors"][0]["pointer"]) == (403, "/source")
    assert given["event_id"].replace("-", "") not in {row["event_id"].hex() for row in stored(running.stack)}


def test_the_refusal_is_recorded_without_what_the_client_wrote(running: Collector) -> None:
    running.post(
        [search(agency_id="LASD"), search(agency_id="Los Angeles Sheriff"), search(agency_id="Xq7z")]
    )
    said = [line for line in running.log().splitlines() if "event for another agency refused" in line]
    assert any(re.search(r"agency=lasd\b.*client=lacris-web.*count=1", line) for line in said)
    assert "Xq7z" not in running.log()
    assert "Los Angeles" not in running.log()


CLIENT = Client(id="c", keys=("0" * 64,), agencies=("lapd",), sources=("s",))
JUDGE = Judge(AGENCIES, {})
RULES = load_rules(Settings(pseudonym_key=SecretStr("k" * 32)))
NOW = datetime(2026, 11, 25, tzinfo=UTC)
NAMES = sorted(
    {name for agency in AGENCIES.by_id.values() for name in (agency.id, agency.name, *agency.aliases)}
)


@dataclass(frozen=True)
class Given:
    value: bytes
    offset: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@given(
    st.one_of(
        st.text(min_size=1, max_size=40),
        st.tuples(st.sampled_from(NAMES), st.text(max_size=4), st.integers(0, 20)).map(
            lambda drawn: drawn[0][: drawn[2]] + drawn[1] + drawn[0][drawn[2] :]
        ),
    )
)
@example("LA Police")
def test_what_is_taken_as_its_own_is_its_own_in_the_tables(name: str) -> None:
    """The collector and the workers must read a name alike, or a spelling would lead round the binding."""
    verdict = JUDGE.judge("search", CLIENT, Item(search(agency_id=name, source="s")))
    if verdict.faults:
        return
    batch = Batch.of({Partition("fr.searches", 0): [Given(verdict.value)]})
    (chunk,) = judge_searches(batch, RULES, {}, {}, NOW).chunks
    assert chunk.tables["searches"]["agency_id"].to_list() == ["lapd"]
