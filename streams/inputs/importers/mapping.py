"""Mapping files: how the columns of an export become the fields of an event.

mapping: flock-audit
format: csv                       # or ndjson
evidence: SEARCH                  # what a row proves; ACCESS or LOOKUP for logs
columns: [ID, Name, Search Time]  # the order, where the file has no header
id: [ID, Search Time]             # what tells one row from another; all columns where it is left out
times: [{format: "%m/%d/%Y, %I:%M:%S %p UTC", zone: UTC}, {format: iso}]
fields:
  occurred_at: Search Time        # a column by its name, by its number from 1,
  provider: {constant: LACRIS}    # or a constant
  account: {column: Licence, values: {T: trial, P: personal}}
  galleries: {column: Databases, transform: [split_semicolons]}
  attributes.filters: Filters
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.agencies import TimeZone
from schemas.contracts import contract
from schemas.errors import NotThere, WrongUse
from schemas.yaml_file import Faults, Source, build_model, read_documents, read_sources
from streams.inputs.importers.transforms import TRANSFORMS
from streams.withhold import is_image_name

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "mappings"
"""Where mappings that are ready to use are; `--mapping NAME` finds them."""
_NOT_MAPPED = frozenset({"event_id", "evidence", "attributes", "source"})
_ATTRIBUTE = re.compile(r"attributes\.[a-z][a-z0-9_]{0,63}")


def _transform(name: str) -> str:
    if name not in TRANSFORMS:
        raise ValueError(f"{name!r} is no transformation; known are {', '.join(sorted(TRANSFORMS))}")
    return name


def _field(value: Any) -> Any:
    return {"column": value} if isinstance(value, str | int) and not isinstance(value, bool) else value


Column = Annotated[str, Field(min_length=1, max_length=128)] | Annotated[int, Field(ge=1, le=1_000)]


class TimeFormat(BaseModel):
    """How times are written: `iso`, `epoch`, `epoch_ms`, or a pattern of `strptime`.

    `zone` is whose clocks they are, where they have no offset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Annotated[str, Field(min_length=1, max_length=64)]
    zone: TimeZone | None = None


class FieldSource(BaseModel):
    """Where a field comes from: a column or a constant.

    `transform` are applied in their order, then `values` puts words in the place of others (case aside);
    what is not among them is left out, unless `values` has `"*"`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: Column | None = None
    constant: str | None = None
    transform: tuple[Annotated[str, AfterValidator(_transform)], ...] = ()
    values: dict[str, str] | None = None

    @model_validator(mode="after")
    def _check(self) -> FieldSource:
        if (self.column is None) == (self.constant is None):
            raise ValueError("has both or neither of column and constant; write one")
        return self


class Mapping(BaseModel):
    """One mapping file. `keep` is which rows become events: all, or (`fr`) those that touch a service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mapping: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    title: str = ""
    format: Literal["csv", "ndjson"] = "csv"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    evidence: Literal["SEARCH", "ACCESS", "LOOKUP"] = "SEARCH"
    keep: Literal["all", "fr"] | None = None
    columns: tuple[Column, ...] = ()
    id: tuple[Column, ...] = ()
    times: tuple[TimeFormat, ...] = (TimeFormat(format="iso"),)
    fields: dict[str, Annotated[FieldSource, BeforeValidator(_field)]]

    @property
    def only_services(self) -> bool:
        """Whether rows become events only where they touch a service; for logs, unless it is said."""
        return (self.keep or ("all" if self.evidence == "SEARCH" else "fr")) == "fr"

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that are read."""
        read = (each.column for each in self.fields.values() if each.column is not None)
        return tuple(dict.fromkeys([*read, *self.id]))

    @model_validator(mode="after")
    def _check(self) -> Mapping:
        known = {field["name"] for field in contract("search").fields} - _NOT_MAPPED
        for name in self.fields:
            if is_image_name(name.removeprefix("attributes.")):
                raise ValueError(
                    f"fields: {name!r} is named as an image, and no image is ever taken; leave it out"
                )
            if name not in known and not _ATTRIBUTE.fullmatch(name):
                raise ValueError(
                    f"fields: {name!r} is no field of a search that may be mapped; "
                    "what has none goes into attributes.some_name"
                )
        if "occurred_at" not in self.fields:
            raise ValueError("fields: occurred_at is missing; say which column has the time")
        return self


def load_mapping(text: str) -> Mapping:
    """Return the mapping in a YAML file, or the shipped one of that name.

    Raises:
        NotThere: there is neither.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    path = Path(text)
    shipped = SHIPPED / f"{text}.yaml"
    if not path.is_file() and re.fullmatch(r"[a-z0-9-]+", text) and shipped.is_file():
        path = shipped
    if not path.is_file():
        names = ", ".join(sorted(each.stem for each in SHIPPED.glob("*.yaml")))
        raise NotThere(f"--mapping: {text} is no file and no shipped mapping; shipped are {names}")
    return parse_mapping(read_sources(path))


def parse_mapping(sources: Iterable[Source]) -> Mapping:
    """Return the one mapping in the sources; see `load_mapping`."""
    faults = Faults()
    found = [
        build_model(Mapping, document, (), faults)
        for source in sources
        for document in read_documents(source, faults)
    ]
    faults.raise_any()
    if len(found) != 1 or found[0] is None:
        raise WrongUse("a mapping file has one mapping; write `mapping: name` and `fields:`")
    return found[0]
