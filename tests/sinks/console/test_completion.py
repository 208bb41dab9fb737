from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from sinks.console.catalog import Catalog
from sinks.console.completion import SqlCompleter

CATALOG = Catalog(
    tables={
        "searches": {
            "event_id": "UUID",
            "agency_id": "LowCardinality(String)",
            "officer": "Nullable(String)",
        },
        "searches_raw": {"event_id": "UUID", "precedence": "UInt64"},
        "outcomes": {"outcome_id": "UUID", "kind": "String"},
        "system.processes": {"query_id": "String"},
    },
    functions={"uniqExact": True, "upper": False},
    keywords=("SELECT", "UNION ALL", "FROM"),
)
COMPLETER = SqlCompleter(CATALOG, ["tables", "quit"], ["commercial_people", "crimes"])


def offered(text: str) -> dict[str, str]:
    """What is offered at the `|` of a text, with what it is said to be."""
    before, _, after = text.partition("|")
    document = Document(before + after, len(before))
    found = COMPLETER.get_completions(document, CompleteEvent())
    return {each.text: each.display_meta_text for each in found}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT 1 FROM se|", ["searches", "searches_raw"]),
        ("SELECT 1 FROM |", ["outcomes", "searches", "searches_raw", "system.processes"]),
        ("SELECT 1\nFROM searches AS s\nJOIN ou|", ["outcomes"]),
        ("SELECT 1 FROM system.pr|", ["system.processes"]),
        ("\\d out|", ["outcomes"]),
        ("describe out|", ["outcomes"]),
        ("SELECT s.of| FROM searches AS s", ["s.officer"]),
        ("SELECT o.k| FROM searches s JOIN outcomes o ON 1", ["o.kind"]),
        ("SELECT searches.ag| FROM searches WHERE 1", ["searches.agency_id"]),
        ("SELECT of| FROM searches", ["officer"]),
        ("SELECT ev| FROM searches JOIN outcomes USING (x)", ["event_id"]),
        ("SELECT u|", ["UNION ALL", "uniqExact(", "upper("]),
        ("book c|", ["commercial_people", "crimes"]),
        ("tab|", ["tables"]),
        ("SELECT 'se|'", []),
        ("SELECT 1 -- FROM se|", []),
        ("SELECT 1 /* FROM se|", []),
    ],
)
def test_what_may_come_next_is_offered(text: str, wanted: list[str]) -> None:
    assert list(offered(text)) == wanted


def test_columns_come_with_their_types() -> None:
    assert offered("SELECT | FROM searches")["agency_id"] == "LowCardinality(String)"
    assert offered("SELECT uni|")["uniqExact("] == "aggregate"
