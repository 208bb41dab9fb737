"""What is kept of a record that could not be stored: its value, its key and its headers, each by itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.kafka.publisher import DeadLetter
from streams.ledger import Partition
from streams.own_headers import MAX_HEADER, MAX_HEADERS, kept_headers, own_headers
from streams.pipeline import Batch, Judged, read_outcomes
from streams.withhold import MAX_VALUE
from tests.streams.images import IMAGES, embedding, noise

JPEG = IMAGES["jpeg"](600, 3)
HELD = [
    JPEG,
    base64.b64encode(JPEG),
    IMAGES["heic"](300, 1)[40:],
    embedding(64, 2),
    noise(200, 3),
    b'{"face_template": "AAEC"}',
    b"a" * (MAX_HEADER + 1),
]
OURS = ("reason", "detail", "topic", "partition", "offset", "withheld", "withheld-key", "withheld-headers")


@dataclass
class Record:
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = field(default_factory=list)
    offset: int = 7


def judged(record: Record) -> tuple[DeadLetter, dict[str, Any]]:
    """The dead letter that a record becomes, and its row."""
    batch = Batch.of({Partition("fr.outcomes", 2): [record]})
    found: Judged = read_outcomes(batch, {}, {"fr.outcomes": bytes(16)}, datetime(2026, 1, 1, tzinfo=UTC))
    return found.dead[0], found.chunks[0].tables["dead_letters"].row(0, named=True)


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def told(letter: DeadLetter) -> dict[str, bytes]:
    """The headers in fr.dead, no two of one name."""
    headers = letter.record_headers()
    assert len({name for name, _ in headers}) == len(headers)
    return dict(headers)


@pytest.mark.parametrize("held", HELD)
def test_a_key_that_may_hold_a_face_is_kept_as_its_hash(held: bytes) -> None:
    letter, row = judged(Record(b"junk", held, [("trace", b"t-1")]))
    assert (letter.key, letter.value) == (None, b"junk")
    assert told(letter)["withheld-key"] == digest(held)
    assert told(letter)["trace"] == b"t-1"
    assert row["headers"] == {b"withheld-key": digest(held), b"trace": b"t-1"}
    assert held[:24] not in repr(row).encode() + repr(letter).encode()


@pytest.mark.parametrize("held", HELD)
def test_a_header_that_may_hold_a_face_is_kept_as_its_hash(held: bytes) -> None:
    letter, row = judged(Record(b"junk", b"lapd/P1", [("a", b"1"), ("still", held), ("b", b"2")]))
    assert (letter.key, letter.value) == (b"lapd/P1", b"junk")
    assert dict(letter.headers) == {"a": b"1", "withheld-header-still": digest(held), "b": b"2"}
    assert row["value"] == b"junk"


@pytest.mark.parametrize("name", ["probe_image", "faceTemplate", "photo"])
def test_a_header_that_is_named_as_an_image_is_withheld(name: str) -> None:
    assert kept_headers([(name, b"x")]) == ((f"withheld-header-{name}", digest(b"x")),)


def test_a_name_that_holds_an_image_is_not_kept_either() -> None:
    assert kept_headers([("a", b"1"), (base64.b64encode(JPEG).decode(), b"x")]) == (
        ("a", b"1"),
        ("withheld-header-#2", digest(b"x")),
    )


def test_of_too_many_headers_none_is_kept() -> None:
    (kept,) = kept_headers([(f"h{n}", b"x y " * 200) for n in range(MAX_HEADERS // 800 + 1)])
    assert kept[0] == "withheld-headers"


def test_a_value_that_is_withheld_leaves_the_other_headers() -> None:
    letter, row = judged(Record(b"x" + JPEG, b"lapd/P1", [("trace", b"t-1")]))
    assert (letter.key, letter.value, row["value"]) == (b"lapd/P1", b"", b"")
    assert dict(letter.headers) == {"withheld": digest(b"x" + JPEG), "trace": b"t-1"}


@pytest.mark.parametrize("name", OURS)
def test_no_header_of_a_record_passes_for_one_of_ours(name: str) -> None:
    letter, row = judged(Record(b"junk", None, [(name, b"forged")]))
    assert told(letter).get(name) != b"forged"
    assert b"withheld" not in row["headers"]
    assert own_headers(row["headers"]) == [(name, b"forged")]


def test_no_header_hides_another_of_its_name() -> None:
    sent = [("a", b"1"), ("b", b"2"), ("a", b"3"), ("own-3-a", b"4"), ("a", None)]
    _, row = judged(Record(b"junk", None, sent))
    assert len(row["headers"]) == 5
    back = own_headers(row["headers"])
    assert [value for name, value in back if name == "a"] == [b"1", b"3", b""]
    assert ("own-3-a", b"4") in back


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "own-1-a", "own-", "b", *OURS]) | st.text(max_size=12),
            st.binary(max_size=8),
        ),
        max_size=12,
    )
)
def test_headers_that_are_kept_come_back(sent: list[tuple[str, bytes]]) -> None:
    kept = kept_headers(sent)
    if any(name.startswith("withheld-") for name, _ in kept):
        return
    assert sorted(own_headers({name.encode(): value for name, value in kept})) == sorted(sent)


def test_a_huge_value_is_kept_as_its_hash() -> None:
    value = "\u0301".encode() * MAX_VALUE
    letter, _ = judged(Record(value))
    assert (letter.reason, dict(letter.headers)) == ("too_large", {"withheld": digest(value)})


def test_detail_quotes_nothing_of_what_is_withheld() -> None:
    letter, _ = judged(Record(b"\xc3\x01" + JPEG))
    assert letter.reason == "unknown_schema"
    assert JPEG[:8].hex() not in letter.detail
