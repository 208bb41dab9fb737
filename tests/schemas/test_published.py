from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.agencies import load_agencies
from schemas.policies import load_policies
from schemas.published import BadRecord, from_record, to_record
from schemas.settings import Settings

AGENCIES = load_agencies(Settings().agencies)
POLICIES = load_policies(Settings().policies, AGENCIES)
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def change(**parts: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda data: data | parts


def test_what_was_published_is_read_back() -> None:
    key, value = to_record(POLICIES, AT)
    published = from_record(key, value, AGENCIES, "here")
    assert published.version == POLICIES.version == key.decode()
    assert published.at == AT
    assert [each.version for each in published.policies] == [each.version for each in POLICIES]
    assert b"tests" not in value


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda data: "no mapping", "not a set of policies"),
        (change(format=2), "newer frwatch"),
        (change(policies=[]), "forbid nothing"),
        (change(policies={}), "another type"),
        (change(published_at="2026-11-23"), "no offset"),
        (change(published_at="soon"), "no time"),
        (change(version="0" * 64), "is said to be"),
        (lambda data: data | {"policies": data["policies"][:1]}, "is said to be"),
        (lambda data: data | {"policies": [{**data["policies"][0], "agencies": ["nobody"]}]}, "no agency"),
        (lambda data: data | {"policies": [17]}, "valid dictionary"),
    ],
)
def test_a_record_that_is_no_set_is_refused_with_its_reason(spoil: Callable[[Any], Any], word: str) -> None:
    key, value = to_record(POLICIES, AT)
    with pytest.raises(BadRecord, match=word):
        from_record(key, json.dumps(spoil(json.loads(value))).encode(), AGENCIES, "here")


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[" * 100_000, b'"' + b"x" * 2_000_000 + b'"'])
def test_bytes_that_are_no_record_are_refused(value: bytes | None) -> None:
    with pytest.raises(BadRecord, match="here"):
        from_record(b"key", value, AGENCIES, "here")


def test_a_record_under_another_key_is_refused() -> None:
    _, value = to_record(POLICIES, AT)
    with pytest.raises(BadRecord, match="in the key"):
        from_record(b"policies", value, AGENCIES, "here")
