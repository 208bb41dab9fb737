"""Exports as CSV and NDJSON: rows by a mapping, with the quirks of real ones."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import WrongUse
from streams.inputs.importers.identity import Identities, Identity
from tests.support.imports import AT, imported

FLOCK = [
    "ID",
    "Name",
    "Org Name",
    "Total Networks Searched",
    "Time Frame",
    "License Plate",
    "Reason",
    "Case #",
    "Filters",
    "Search Time",
    "Search Type",
    "Text Prompt",
    "Moderation",
]
ROW = {
    "ID": "17",
    "Name": "P12345",
    "Org Name": "Los Angeles Police Department",
    "Total Networks Searched": "80",
    "License Plate": "7ABC123",
    "Reason": "robbery",
    "Case #": "20-1",
    "Search Time": "04/10/2026, 05:01:33 AM UTC",
}
MICROS = (AT + 33) * 1_000_000


def table(*rows: dict[str, str], header: bool = True, columns: list[str] = FLOCK, **form: Any) -> str:
    """An export with these rows: what a row does not say is as in ROW."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", **form)
    if header:
        writer.writerow(columns)
    writer.writerows([[(ROW | row).get(column, "") for column in columns] for row in rows])
    return out.getvalue()


def one(text: str, **how: Any) -> dict[str, Any]:
    found = imported("csv", text, **how)
    assert len(found.records) == 1, (found.report, found.bad)
    return found.records[0]


def test_a_row_becomes_a_search_by_the_mapping() -> None:
    found = one(table({"Filters": "color: red"}))
    assert (found["evidence"], found["occurred_at"], found["provider"]) == ("SEARCH", MICROS, "Flock Safety")
    assert (found["officer_id"], found["agency_id"]) == ("P12345", "Los Angeles Police Department")
    assert (found["case_number"], found["purpose"], found["source"]) == ("20-1", "robbery", "csv/flock-audit")
    assert found["attributes"] == {
        "log": "csv/flock-audit",
        "networks": "80",
        "filters": "color: red",
        "identity": "export",
    }
    assert "7ABC123" not in repr(found)


@pytest.mark.parametrize("start", ["", "\ufeff", "\n", "\ufeff\n\n"])
@pytest.mark.parametrize("form", [{}, {"quoting": csv.QUOTE_ALL}])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_blank_lines_and_ends_of_any_kind_change_nothing(
    start: str, form: dict[str, Any], end: str
) -> None:
    text = start + table({}, {"ID": "18", "Reason": "two\nlines, and a comma"}, **form)
    found = imported("csv", text.replace("\n", end))
    assert [each["purpose"] for each in found.records] == ["robbery", "two lines, and a comma"]
    assert (found.report.malformed, found.counted()) == (0, True)


def test_a_cell_over_several_lines_is_one_row_however_it_is_cut() -> None:
    text = table({"Reason": 'first\n\n"second", third\n'}, {"ID": "18"}, {"ID": "19"}).encode()
    whole = imported("csv", text)
    assert [each["purpose"] for each in whole.records] == ['first "second", third', "robbery", "robbery"]
    for at in range(1, len(text), 7):
        assert imported("csv", [text[:at], text[at:]]).records == whole.records


def test_an_export_without_a_header_is_read_by_the_mappings_order() -> None:
    assert one(table({}, header=False)) == one(table({}))


def test_columns_in_another_order_of_another_spelling_and_without_a_label_are_found_by_name() -> None:
    columns = ["", "Search Time", "Org Name", "", "ID", "Name", "Reason"]
    text = (
        table({}, columns=columns).replace("Search Time", " search  time").replace("Org Name", "ORG NAME", 1)
    )
    found = one(text)
    assert (found["officer_id"], found["purpose"], found["case_number"]) == ("P12345", "robbery", None)


def test_redacted_cells_are_left_out_and_named() -> None:
    found = one(table({"Name": "A***", "Case #": "***", "Reason": "plate *** seen"}))
    assert (found["officer_id"], found["case_number"], found["purpose"]) == (None, None, "plate *** seen")
    assert found["attributes"]["redacted"] == "officer_id, case_number"
    assert found["attributes"]["identity"] == "none"


@pytest.mark.parametrize(
    "time",
    [
        "04/10/2026, 05:01:33 AM UTC",
        "4/10/2026, 5:01:33 AM UTC",
        "04/10/2026 05:01:33 AM",
        "2026-04-10T05:01:33Z",
        "2026-04-10 07:01:33+02:00",
        "2026-04-10T05:01:33",
        "04/10/2026,  05:01:33\u202fAM UTC",
    ],
)
def test_times_as_exports_write_them(time: str) -> None:
    assert one(table({"Search Time": time}))["occurred_at"] == MICROS


@pytest.mark.parametrize("time", ["", "13/10/2026, 05:01:33 AM UTC", "soon", "1969-01-01T00:00:00Z", "***"])
def test_a_row_without_a_time_is_malformed_and_costs_no_other(time: str) -> None:
    found = imported("csv", table({}, {"ID": "18", "Search Time": time}, {"ID": "19"}))
    assert len(found.records) == 2
    assert [each["line"] for each in found.bad] == [3]
    assert "P12345" not in repr(found.bad)


def test_what_looks_like_a_line_end_and_is_none_ends_no_row() -> None:
    for odd in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029":
        found = imported("csv", table({"Reason": f"rob{odd}bery"}, {"ID": "18"}))
        assert (len(found.records), found.report.malformed) == (2, 0), repr(odd)


def test_a_nul_byte_in_a_cell_says_nothing() -> None:
    found = imported(
        "csv", table({"Reason": "rob\0bery"}) + "\0" * 5000 + "\n" + table({"ID": "18"}, header=False)
    )
    assert [each["purpose"] for each in found.records] == ["robbery", "robbery"]
    assert found.report.malformed == 1


def test_a_quote_that_nobody_closes_costs_its_own_line() -> None:
    rows = [table({"ID": str(number)}, header=False) for number in range(700)]
    rows[3] = rows[3].replace("robbery", '"robbery')
    found = imported("csv", table() + "".join(rows))
    assert (len(found.records), [each["line"] for each in found.bad]) == (699, [5])
    assert found.counted()


def test_an_export_of_another_kind_is_refused_in_one_line() -> None:
    for text in ("a,b,c\n1,2,3\n", "1775797260.123 120 10.1.2.3 TCP_MISS/200 39 GET http://a/ - A/- -\n"):
        with pytest.raises(WrongUse, match="no export of the kind 'flock-audit'") as refused:
            imported("csv", text)
        assert "\n" not in str(refused.value)


def test_the_same_row_has_the_same_id_in_any_export_and_another_row_another() -> None:
    first = imported("csv", table({}, {"ID": "18"}, quoting=csv.QUOTE_ALL))
    again = imported("csv", table({"ID": "18"}, {}, {"ID": "19"}, columns=sorted(FLOCK)))
    assert len(again.by_id) == 3
    assert first.by_id.keys() < again.by_id.keys()


def test_the_identity_file_stands_in_the_place_of_what_the_export_calls_them() -> None:
    identities = Identities([Identity(user="p12345", agency="lapd", officer="S1", unit="RHD")])
    found = one(table({}), identities=identities)
    assert (found["officer_id"], found["agency_id"], found["unit"]) == ("S1", "lapd", "RHD")
    assert found["attributes"]["identity"] == "user"


LACRIS = "Search ID,Search Date,User ID,Agency,Candidates,Request Form\n"


@pytest.mark.parametrize(
    ("time", "moment", "said"),
    [
        ("07/01/2020 12:00:00", 1_593_630_000, False),
        ("12/01/2020 12:00:00", 1_606_852_800, False),
        ("11/01/2020 01:30:00", 1_604_219_400, True),
    ],
)
def test_times_without_an_offset_are_the_zones_of_the_mapping(time: str, moment: int, said: bool) -> None:
    found = one(f"{LACRIS}1,{time},P1,lapd,3,F-1\n", mapping="lacris")
    assert (found["occurred_at"], found["candidates"]) == (moment * 1_000_000, 3)
    assert ("time" in found["attributes"]) == said


def test_an_hour_that_the_clocks_left_out_is_no_time() -> None:
    found = imported("csv", f"{LACRIS}1,03/08/2020 02:30:00,P1,lapd,3,F\n2,03/08/2020 03:30:00,P1,lapd,x,F\n"
                            "3,03/08/2020 03:30:00,P1,lapd,,F\n", mapping="lacris")  # fmt: skip
    assert [each["line"] for each in found.bad] == [2, 3]
    assert len(found.records) == 1


NDJSON = """
mapping: app-audit
format: ndjson
evidence: ACCESS
times: [{format: epoch_ms}, {format: iso, zone: UTC}]
fields:
  occurred_at: at
  endpoint: request.url
  officer_id: who.id
  account: {column: plan, values: {T: trial, "*": agency}}
  client_ip: ip
  attributes.tags: tags
"""


@pytest.fixture
def app_audit(tmp_path: Path) -> str:
    path = tmp_path / "app-audit.yaml"
    path.write_text(NDJSON)
    return str(path)


def test_json_lines_are_read_by_the_paths_of_their_fields(app_audit: str) -> None:
    row = {
        "at": MICROS // 1000,
        "request": {"url": "https://u:secret-word@app.clearview.ai/search?token=secret-word"},
        "who": {"id": "P1"},
        "plan": "t",
        "ip": "::ffff:10.1.2.3",
        "tags": ["a", 2, {"b": None}],
    }
    text = "\n".join(json.dumps(row | more) for more in ({}, {"request": {"url": "https://example.org/"}}))
    found = imported("csv", text, mapping=app_audit, agency="lapd")
    record = found.records[0]
    assert (len(found.records), found.report.skipped) == (1, 1)
    assert (record["evidence"], record["endpoint"]) == ("ACCESS", "https://app.clearview.ai/search")
    assert (record["account"], record["officer_id"], record["client_ip"]) == ("trial", "P1", "10.1.2.3")
    assert record["attributes"]["tags"] == 'a;2;{"b": null}'
    assert "secret-word" not in repr(found)


def test_a_public_page_of_an_export_of_accesses_is_not_even_access(app_audit: str) -> None:
    row = {"at": MICROS // 1000, "request": {"url": "https://app.clearview.ai/help/a"}}
    found = one(json.dumps(row), mapping=app_audit)
    assert (found["evidence"], found["attributes"]["status"]) == ("LOOKUP", "public_page")


@pytest.mark.parametrize("line", ["[1]", "{", '"x"', "[" * 100_000, "{}"])
def test_what_is_no_such_object_is_malformed(app_audit: str, line: str) -> None:
    row = json.dumps({"at": MICROS // 1000, "request": {"url": "https://pimeyes.com/"}})
    found = imported("csv", f"{row}\n{line}\n{row}\n", mapping=app_audit)
    assert (len(found.by_id), [each["line"] for each in found.bad]) == (1, [2])


@pytest.mark.parametrize("depth", range(900, 1000, 10))
def test_a_value_nested_deep_is_an_event_or_malformed(app_audit: str, depth: int) -> None:
    row = {"at": MICROS // 1000, "request": {"url": "https://pimeyes.com/"}, "tags": 1}
    good = json.dumps(row)
    found = imported(
        "csv", f"{good}\n{good.replace(': 1}', ': ' + '[' * depth + ']' * depth + '}')}\n", mapping=app_audit
    )
    assert len(found.records) + found.report.malformed == 2


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=15)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(FLOCK[:-1]), CELL, max_size=4), max_size=8), st.booleans())
def test_whatever_the_cells_are_each_row_is_an_event_or_malformed(
    rows: list[dict[str, str]], quoted: bool
) -> None:
    numbered = [row | {"Moderation": f"row {number}"} for number, row in enumerate(rows)]
    text = table(*numbered, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    found = imported("csv", text)
    timed = [row for row in numbered if "Search Time" not in row]
    said = {each["attributes"]["moderation"] for each in found.records}
    assert {row["Moderation"] for row in timed} <= said
    assert len(found.records) + found.report.malformed == len(rows)
    assert {each["evidence"] for each in found.records} <= {"SEARCH"}
    assert found.counted()
