"""What an expungement erases, and what takes its place so that every count stays.

Erased is what names the case or the person. What is counted stays: when, by which agency, in which service,
by which evidence, against which rules, and of outcomes the kind. A case number or an officer gives way to a
token, the same wherever it stood: so many cases and so many people stay so many, and outcomes that speak of a
case still speak of its searches.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import fastavro

Kind = Literal["case", "probe", "officer"]

KEPT_ATTRIBUTES = ("lines", "duration_s", "look_alike")
"""What analysts count by, of what a source says beyond the schema; all else may name anybody."""
SUBJECT = ("probe_hash", "request_ref", "client_ip", "endpoint", "attributes")
"""Columns of a search that lead to whom it was about, beside the case number."""
STAFF = ("client_ip", "attributes", "training_cert")
"""Columns of a search that lead to who ran it, beside the pseudonym."""
DEMOGRAPHICS = ("age_band", "race", "gender")
"""What a statute's table counts of outcomes (Maryland §2-510): erased only where the order asks for it."""
ERASED = "expunged"
"""What stands in place of a value that must stay a value, as searches without one are counted."""


class Name(NamedTuple):
    """What is to be forgotten, by its keyed hash (hex). `agency_id` is empty for a probe and an officer."""

    kind: Kind
    agency_id: str
    hashed: str

    @property
    def token(self) -> str:
        """What stands in its place; of an officer it looks as a pseudonym does."""
        if self.kind == "officer":
            return hashlib.sha256(f"officer {self.hashed}".encode()).hexdigest()
        return f"{ERASED}-{self.hashed[:24]}"


def plain(text: str) -> str:
    """Return a name as it is compared: in lower case, without blanks around it. In SQL: `PLAIN`."""
    return text.strip(" ").lower()


def sql_plain(column: str) -> str:
    """Return the SQL of `plain` over a column that may be null."""
    return f"lowerUTF8(trim(ifNull({column}, '')))"


def name_of(key: bytes, kind: Kind, agency_id: str, text: str) -> Name:
    """Return a name by its hash under the pseudonym key."""
    agency_id = agency_id if kind == "case" else ""
    message = "\0".join(("expunged", kind, agency_id, plain(text)))
    return Name(kind, agency_id, hmac.digest(key, message.encode(), "sha256").hex())


def columns_of(kind: Kind) -> tuple[str, ...]:
    """Return the columns of a search that are erased with a name of this kind."""
    return {"case": ("case_number", *SUBJECT), "probe": SUBJECT, "officer": ("officer", *STAFF)}[kind]


def search_values(name: Name) -> dict[str, str]:
    """Return what the columns of a search become, as SQL."""
    values = dict.fromkeys(columns_of(name.kind), "NULL")
    values["attributes"] = f"mapFilter((name, _) -> name IN ({_list(KEPT_ATTRIBUTES)}), attributes)"
    if "endpoint" in values:
        values["endpoint"] = "endpoint_host"
    if "training_cert" in values:
        values["training_cert"] = f"if(isNull(training_cert), NULL, '{ERASED}')"
    if name.kind == "case":
        values["case_number"] = _token("case_number", name)
    if name.kind == "officer":
        values["officer"] = _token("officer", name)
    return values | {"expunged": "true"}


def violation_values(name: Name) -> dict[str, str]:
    """Return what the columns of a finding become, as SQL."""
    erased = _list(columns_of(name.kind))
    values = {"evidence": f"mapApply((name, held) -> (name, if(name IN ({erased}), '', held)), evidence)"}
    if name.kind == "case":
        values["case_number"] = _token("case_number", name)
    if name.kind == "officer":
        values["officer"] = _token("officer", name)
    return values | {"expunged": "true"}


def outcome_values(name: Name, *, demographics: bool) -> dict[str, str]:
    """Return what the columns of an outcome become, as SQL; an officer's outcomes name nobody."""
    values = {"note": "NULL"}
    if name.kind == "case":
        values["case_number"] = _token("case_number", name)
    if demographics:
        values |= dict.fromkeys(DEMOGRAPHICS, "NULL")
    return values | {"expunged": "true"}


def group_value(name: Name) -> str:
    """Return what the group of an alert becomes, as SQL: JSON with the token in place of the name."""
    field = {"case": "case_number", "officer": "officer", "probe": ""}[name.kind]
    if not field:
        return "group_key"
    pattern = f'"{field}":"(?:[^"\\\\\\\\]|\\\\\\\\.)*"'
    return f"""replaceRegexpAll(group_key, '{pattern}', '"{field}":"{name.token}"')"""


def differs(values: Mapping[str, str]) -> str:
    """Return the SQL condition on rows in which something is not yet what it becomes."""
    return f"toString(tuple({', '.join(values)})) != toString(tuple({', '.join(values.values())}))"


def holds_case(value: bytes, key: bytes | None, case: str, agency_names: Iterable[str]) -> bool:
    """Whether a record that could not be read is about a case of an agency, as far as its bytes say.

    The number must stand there whole, as Avro writes a text (its length before it) or between other
    characters than letters and digits; and one of the agency's names in the value or the key.
    """
    text, number = value.lower(), plain(case).encode()
    length = _written(len(number))
    at = text.find(number)
    while at >= 0:
        end = at + len(number)
        # As it came: of some lengths the byte is a letter.
        framed = value[:at].endswith(length)
        before, after = text[at - 1 : at] if at else b"", text[end : end + 1]
        if framed or not (before.isalnum() or after.isalnum()):
            break
        at = text.find(number, at + 1)
    else:
        return False
    around = text + b"\0" + (key or b"").lower()
    return any(name.lower().encode() in around for name in agency_names)


def _written(number: int) -> bytes:
    """An integer as Avro writes it."""
    written = io.BytesIO()
    fastavro.schemaless_writer(written, "long", number)
    return written.getvalue()


def _token(column: str, name: Name) -> str:
    return f"if(isNull({column}), NULL, '{name.token}')"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
