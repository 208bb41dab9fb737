from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.cli import main
from schemas.catalogue_files import load_catalogue
from schemas.settings import Settings
from streams.enrich import Enricher
from streams.explain import MISSES, Explainer, Reading
from tests.streams.searches import CATALOGUE, KEY, agencies, catalogue, searches

EXPLAINER = Explainer(catalogue())
SHIPPED = load_catalogue(Settings().catalogue)
SHIPPED_EXPLAINER = Explainer(SHIPPED)
ENRICHER = Enricher(SHIPPED, agencies(), KEY)


def found(reading: Reading) -> str | None:
    return reading.service.provider.id if reading.service.provider else None


def nearest(reading: Reading) -> list[tuple[str, str]]:
    return [(miss.text, miss.provider_id) for miss in reading.misses]


def test_a_host_is_explained_by_the_host_of_the_catalogue_that_decides() -> None:
    explained = EXPLAINER.explain("HTTPS://u:p@App.Clearview.AI.:443/search").endpoint
    assert found(explained) == "clearview-ai"
    assert explained.because == "app.clearview.ai is under its host clearview.ai"
    assert EXPLAINER.explain("clearview.ai").endpoint.because == "clearview.ai is its host"


def test_weak_evidence_says_why() -> None:
    public = EXPLAINER.explain("https://clearview.ai/help/x").endpoint
    assert public.service.weak
    assert public.because.endswith("anyone may read /help without searching, so it is weak evidence")
    assert (
        EXPLAINER.explain("www.clearview.ai").endpoint.because
        == "www.clearview.ai is its host; weak evidence"
    )


def test_a_name_is_explained_by_the_alias_that_it_is() -> None:
    explained = EXPLAINER.explain("CLEARVIEW, Inc.")
    assert found(explained.name) == "clearview-ai"
    assert explained.name.because == "it is 'Clearview', case, punctuation and company suffix aside"
    assert EXPLAINER.explain(" face++ ").name.because == "it is 'Face++', as written"
    assert [provider.id for provider in explained.providers] == ["clearview-ai"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("notclearview.ai", "ends alike, but not at a dot"),
        ("clearview.ai.example.com", "further to the left"),
        ("clearvew.ai", "96 % alike"),
        ("сlearview.ai", "other letters that may look the same"),
        ("https://evil.example/clearview.ai", None),
    ],
)
def test_a_host_that_only_looks_like_it_says_how_it_differs(text: str, why: str | None) -> None:
    explained = EXPLAINER.explain(text).endpoint
    assert found(explained) is None
    if why is None:
        assert explained.misses == ()
    else:
        assert nearest(explained)[0] == ("clearview.ai", "clearview-ai")
        assert why in explained.misses[0].why


def test_a_name_that_nearly_is_one_is_told_the_nearest() -> None:
    explained = EXPLAINER.explain("Clearviw").name
    assert (found(explained), nearest(explained)) == (None, [("Clearview", "clearview-ai")])
    assert EXPLAINER.explain("Face").name.misses[0].why == "it matches only as it is written"


def test_a_name_that_several_services_share_decides_nothing_and_names_them() -> None:
    explained = SHIPPED_EXPLAINER.explain("Face Search").name
    assert "decides nothing" in explained.because
    assert len(explained.misses) == MISSES
    assert len({miss.provider_id for miss in explained.misses}) == MISSES


TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(sorted({name for provider in SHIPPED for name in provider.names})),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "https://", "x.", "not", "HTTPS://u:p@", "//"]),
        st.sampled_from(sorted({host.host for provider in SHIPPED for host in provider.hosts})),
        st.sampled_from(["", ".", ":443", "/help", "/help/x?y", ".example", "\\x", "?z"]),
    ),
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(TEXTS)
def test_what_is_explained_is_what_a_search_would_get(text: str) -> None:
    explained = SHIPPED_EXPLAINER.explain(text)
    as_endpoint, as_name = ENRICHER.enrich(searches([{"endpoint": text}, {"provider": text}])).rows(
        named=True
    )
    for row, reading in ((as_endpoint, explained.endpoint), (as_name, explained.name)):
        assert row["provider_id"] == found(reading)
        assert row["evidence_strength"] == ("weak" if reading.service.weak else "full")
        assert reading.because
        assert not (reading.misses and found(reading))
    assert as_endpoint["endpoint_host"] == explained.endpoint.service.host


@pytest.mark.parametrize("unit", ["a", "a.", "\u0301", "ﷺ", "@", "%41", "clearview.ai."])
def test_a_monstrous_text_is_explained_at_once(unit: str) -> None:
    start = time.process_time()
    EXPLAINER.explain(unit * 100_000)
    assert time.process_time() - start < 2


def run(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(["catalogue", *arguments])
    return ended.value.code


def test_the_command_explains_and_its_status_is_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "app.clearview.ai") == 0
    said = capsys.readouterr().out
    assert said.startswith("as an endpoint: clearview-ai (commercial): app.clearview.ai is its host\n")
    assert "\n  operator        Clearview AI, Inc.\n" in said
    assert run("explain", "-nothing-such") == 1
    assert "as a name:      unknown: the catalogue has no such name\n" in capsys.readouterr().out
    assert run("explain", "notclearview.ai", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["endpoint"]["provider_id"] is None
    assert told["endpoint"]["misses"][0]["provider_id"] == "clearview-ai"


def test_the_command_lints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lint") == 0
    assert capsys.readouterr().out.startswith(f"no faults: {len(SHIPPED)} services, ")
    file = tmp_path / "faulty.yaml"
    file.write_text(
        CATALOGUE
        + "  - {id: x, name: Clearview, class: commercial, hosts: [clearview.ai, co.uk], as_of: 2020,"
        " status: active, confidence: read}\n"
        + "  - {id: y, name: Y One, class: commercial, hosts: [LACRIS.example.], as_of: 2020, status: active,"
        " sources: [{source: s, of: [name]}], operator_agency: nobody, confidence: read}\n"
    )
    assert run("lint", str(file), "--json") == 1
    told = [fault["text"].partition(";")[0] for fault in json.loads(capsys.readouterr().out)]
    assert told == [
        "hosts.1.host: 'co.uk' is a public suffix: anybody may register under it",
        "host 'lacris.example' is 'lacris''s too",
        "no source is one of class, hosts, status",
        "no agency has the id 'nobody'",
    ]
    file.write_text(file.read_text().replace(", co.uk", ""))
    assert run("lint", str(file)) == 1
    said = capsys.readouterr()
    assert "'Clearview' names 'clearview-ai' too" in said.out
    assert "host 'clearview.ai' is 'clearview-ai''s too; a host has one operator" in said.out
    assert "'x' has no source" in said.out
    assert said.err.endswith(" faults\n")
