from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.service_name import MAX_NAME
from streams.names import NameMatch, NameMatcher
from tests.streams.searches import catalogue

NAMES = NameMatcher(catalogue())


@pytest.mark.parametrize(
    "text",
    [
        "Clearview AI",
        "clearview-ai",
        "CLEARVIEW",
        " Clearview  AI, Inc. ",
        "Clearview A.I. L.L.C.",
        "ClearView™",
        "Ｃｌｅａｒｖｉｅｗ",
        "'Clearview'",
        "Clearview Ltd. Co.",
    ],
)
def test_a_name_is_known_however_it_is_written(text: str) -> None:
    assert NAMES.match(text) == NameMatch("clearview-ai")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Clear",
        "Clearview2",
        "not Clearview",
        "Сlearview",
        "C l e",
        "Inc.",
        "\0Clearview\u0301x",
        "Clearcheck",
    ],
)
def test_another_name_is_nobodys(text: str) -> None:
    assert NAMES.match(text) == NameMatch(None)


@pytest.mark.parametrize(
    ("text", "provider"),
    [("Face++", "facepp"), (" FACE++ ", "facepp"), ("Face", None), ("face+", None), ("Face ++", None)],
)
def test_a_name_that_is_all_sign_matches_only_as_written(text: str, provider: str | None) -> None:
    assert NAMES.match(text).provider_id == provider


@pytest.mark.parametrize("text", ["FaceSearch", "face search", "FACE-SEARCH, Inc."])
def test_a_name_of_several_services_decides_nothing(text: str) -> None:
    assert NAMES.match(text) == NameMatch(None, ambiguous=True)


@settings(derandomize=True, deadline=None)
@given(
    st.sampled_from(["Clearview AI", "Clearview", "LACRIS", "Plate Reader"]),
    st.lists(st.sampled_from([" ", "-", ".", "_", "'", ",", "\u2014"]), max_size=3).map("".join),
    st.sampled_from([str.upper, str.lower, str.title, str]),
    st.sampled_from(["", " Inc.", ", LLC", " GmbH", " Corp. Ltd"]),
)
def test_case_punctuation_and_company_change_no_name(
    name: str, mark: str, case: object, company: str
) -> None:
    assert callable(case)
    written = mark + mark.join(case(name).split(" ")) + company
    assert NAMES.match(written) == NAMES.match(name)


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=MAX_NAME + 10))
def test_no_text_raises(text: str) -> None:
    NAMES.match(text)


@pytest.mark.parametrize("unit", ["a", "\u0301", "ﷺ", "Clearview ", "\0"])
def test_a_monstrous_name_is_nobodys_at_once(unit: str) -> None:
    text = unit * 5_000_000
    start = time.process_time()
    assert NAMES.match(text) == NameMatch(None)
    assert time.process_time() - start < 0.5
