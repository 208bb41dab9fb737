"""What a writer's schema means for the columns of a contract: Avro's rules of schema resolution, as a plan.

A plan is the writer's schema as the walk goes through it, with the column of the contract that each field
feeds. A field that the contract does not have is walked and let go; a column that the writer does not have
gets its default; an enum symbol that the contract does not know becomes the enum's default.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from schemas.contracts import Contract, WriterSchema

NO_COLUMN = -1
MAX_DEPTH = 32
"""How deep types may nest in a writer's schema; the contracts' own have three levels."""
MAX_TYPES = 10_000
"""Types of a writer's schema, each counted wherever it is used."""

_PRIMITIVES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int32(),
    "long": pl.Int64(),
    "float": pl.Float32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
}
# What of a writer can feed a column of each kind, and as what it is then walked.
_TEXT = {"string": "string", "bytes": "string", "uuid": "string"}
_FEEDS: dict[str, dict[str, str]] = {
    "string": _TEXT,
    "uuid": dict.fromkeys(_TEXT, "uuid"),
    "int": {"int": "int"},
    "long": {"int": "int", "long": "long"},
    "float": {"int": "int", "long": "long", "float": "float"},
    "double": {"int": "int", "long": "long", "float": "float", "double": "double"},
    "boolean": {"boolean": "boolean"},
    "enum": {"enum": "enum"},
    "array": {"array": "array"},
    "map": {"map": "map"},
}
_SCALES = {"timestamp-millis": (1000, 1), "timestamp-nanos": (1, 1000)}


class Unresolvable(ValueError):
    """Values of the writer's schema cannot be read as the contract; the text says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a contract: `kind` is the Avro type, `inner` that of the items of an array or map."""

    name: str
    kind: str
    dtype: pl.DataType
    default: Any
    symbols: tuple[str, ...] = ()
    timestamp: bool = False
    inner: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """One type of a writer's schema.

    `size` is in bytes (fixed, float, double) or the number of symbols (enum); `column` is what it feeds;
    `nested` says that it is an item of an array or a value of a map; `key` that it is the key of a map;
    `symbols` are the contract's for the writer's; a long is multiplied and divided by `scale`.
    """

    kind: str
    inner: tuple[Plan, ...] = ()
    size: int = 0
    column: int = NO_COLUMN
    nested: bool = False
    key: bool = False
    symbols: tuple[str | None, ...] = ()
    scale: tuple[int, int] = (1, 1)


@lru_cache(maxsize=16)
def columns(contract: Contract) -> tuple[Column, ...]:
    """Return the columns of the contract's current schema, in its order."""
    return tuple(_column(field) for field in contract.fields)


@lru_cache(maxsize=16)
def times(contract: Contract) -> tuple[str, ...]:
    """Return the names of the contract's columns that are times."""
    return tuple(column.name for column in columns(contract) if column.timestamp)


def column_types(contract: Contract) -> dict[str, pl.DataType]:
    """Return the contract's columns with the types that a decoded frame has."""
    return {column.name: column.dtype for column in columns(contract)}


def plan_of(writer: WriterSchema, contract: Contract) -> Plan:
    """Return how values of `writer` are walked and which columns of `contract` they feed.

    Raises:
        Unresolvable: they cannot be read as the contract, or their schema is recursive or too deep.
    """
    return _Planner(columns(contract)).record(json.loads(writer.text))


class _Planner:
    def __init__(self, wanted: tuple[Column, ...]) -> None:
        self._columns = wanted
        self._index = {column.name: number for number, column in enumerate(wanted)}
        self._named: dict[str, tuple[Any, str]] = {}
        self._types = 0

    def record(self, schema: Any) -> Plan:
        space = self._define(schema, "")
        fields = []
        for field in schema["fields"]:
            number = self._index.get(field["name"], NO_COLUMN)
            wanted = self._columns[number].kind if number != NO_COLUMN else ""
            plan = self._plan(field["type"], space, number, wanted, 1)
            fields.append(plan)
        return Plan("record", tuple(fields))

    def _plan(self, schema: Any, space: str, number: int, wanted: str, depth: int) -> Plan:
        self._types += 1
        if depth > MAX_DEPTH or self._types > MAX_TYPES:
            raise Unresolvable(f"its schema is recursive, nests deeper than {MAX_DEPTH}, or is too large")
        if isinstance(schema, list):
            branches = tuple(self._plan(branch, space, number, wanted, depth + 1) for branch in schema)
            return Plan("union", branches)
        if isinstance(schema, str) and (definition := self._find(schema, space)):
            return self._plan(*definition, number, wanted, depth + 1)
        if isinstance(schema, dict) and isinstance(schema["type"], dict | list):
            return self._plan(schema["type"], space, number, wanted, depth + 1)
        kind, logical = (
            (schema, "") if isinstance(schema, str) else (schema["type"], schema.get("logicalType"))
        )
        if kind == "null":
            return Plan("null")
        if kind in {"record", "enum", "fixed"}:
            space = self._define(schema, space)
        if kind == "string" and logical == "uuid":
            kind = "uuid"
        if number != NO_COLUMN:
            return self._feed(schema, kind, logical, space, number, wanted, depth)
        match kind:
            case "record":
                types = [field["type"] for field in schema["fields"]]
                return Plan("record", tuple(self._plan(each, space, number, "", depth + 1) for each in types))
            case "enum":
                return Plan("enum", size=len(schema["symbols"]))
            case "fixed":
                return Plan("fixed", size=schema["size"])
            case "array" | "map":
                inner = schema["items" if kind == "array" else "values"]
                return Plan(kind, (self._plan(inner, space, number, "", depth + 1), Plan("string")))
        if kind not in {"uuid", "bytes"} and kind not in _PRIMITIVES:
            raise Unresolvable(f"its schema has an unknown type {str(kind)[:60]!r}")
        return _sized(kind)

    def _feed(
        self, schema: Any, kind: str, logical: Any, space: str, number: int, wanted: str, depth: int
    ) -> Plan:
        column = self._columns[number]
        walked = _FEEDS[wanted].get(kind)
        if walked is None:
            raise Unresolvable(f"field {column.name} is written as {kind}, and read as {wanted}")
        nested = column.kind in {"array", "map"} and wanted == column.inner
        match walked:
            case "array" | "map":
                inner = schema["items" if kind == "array" else "values"]
                items = self._plan(inner, space, number, column.inner, depth + 1)
                key = Plan("string", column=number, nested=True, key=True)
                return Plan(kind, (items, key), column=number)
            case "enum":
                known = {symbol: symbol for symbol in column.symbols}
                symbols = tuple(known.get(symbol, column.default) for symbol in schema["symbols"])
                return Plan("enum", size=len(symbols), column=number, symbols=symbols)
        scale = _SCALES.get(str(logical), (1, 1)) if column.timestamp else (1, 1)
        plan = _sized(walked)
        return Plan(walked, size=plan.size, column=number, nested=nested, scale=scale)

    def _define(self, schema: Any, space: str) -> str:
        """Note a named type under its full name; return the namespace of what stands inside."""
        name = str(schema["name"])
        if "." in name:
            space, name = name.rsplit(".", 1)
        else:
            space = str(schema.get("namespace", space) or "")
        self._named[f"{space}.{name}" if space else name] = (schema, space)
        return space

    def _find(self, name: str, space: str) -> tuple[Any, str] | None:
        if "." not in name and space and (found := self._named.get(f"{space}.{name}")):
            return found
        return self._named.get(name)


def _sized(kind: str) -> Plan:
    return Plan(kind, size={"float": 4, "double": 8}.get(kind, 0))


def _column(field: dict[str, Any]) -> Column:
    name, kind = field["name"], field["type"]
    if isinstance(kind, list):
        kind = next(branch for branch in kind if branch != "null")
    default = field.get("default")
    if isinstance(kind, str):
        return Column(name, kind, _PRIMITIVES[kind], default)
    match kind["type"], kind.get("logicalType"):
        case _, "uuid":
            return Column(name, "uuid", pl.Binary(), default)
        case _, "timestamp-micros":
            return Column(name, "long", pl.Datetime("us", "UTC"), default, timestamp=True)
        case "enum", _:
            return Column(name, "enum", pl.String(), kind.get("default"), tuple(kind["symbols"]))
        case "array", _:
            return Column(name, "array", pl.List(_PRIMITIVES[kind["items"]]), default, inner=kind["items"])
        case "map", _:
            values = kind["values"]
            return Column(name, "map", pl.Map(pl.String(), _PRIMITIVES[values]), default, inner=values)
        case primitive, _:
            return Column(name, primitive, _PRIMITIVES[primitive], default)
