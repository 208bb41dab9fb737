"""Which values of a batch are whole: every record's encoding proved, all records side by side.

The readers that are fast are lenient. polars-avro 0.13 takes any number for the branch of a union with
null, and never comes back from some damaged maps; fastavro 1.13 takes an enum index of -1 and integers with
needless bytes. A damaged record that is read all the same would be a false entry, so nothing is decoded
before it has been walked here, strictly: each branch and symbol exists, each integer is in range and in its
shortest form, each length lies inside the value, strings are UTF-8, uuids are uuids, and the record ends
where the value ends.

The walk goes field by field over all records at once: its state is one position a record.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.contracts import WriterSchema

Ints = npt.NDArray[np.int64]
Data = npt.NDArray[np.uint8]

MAX_ITEMS = 1024
"""Entries of one array or map; a record of a search has a handful."""

_HEX = np.zeros(256, dtype=bool)
_HEX[list(b"0123456789abcdefABCDEF")] = True
_HYPHENS = np.array([8, 13, 18, 23])
_DIGITS = np.setdiff1d(np.arange(36), _HYPHENS)

FAULTS = (
    "",
    "ends too early",
    "an integer is out of range or not in its shortest form",
    "a union has no such branch",
    "an enum has no such symbol",
    "a length is negative",
    f"an array or map has more than {MAX_ITEMS} entries, or a block of another size than it says",
    "a boolean is neither 0 nor 1",
    "a string is not UTF-8",
    "a uuid is none",
    "bytes follow the end of the record",
)
SOUND, SHORT, INTEGER, BRANCH, SYMBOL, LENGTH, ITEMS, BOOLEAN, UTF8, UUID, REST = range(len(FAULTS))


@dataclass(frozen=True, slots=True)
class Verdicts:
    """For each value the number of its fault in `FAULTS` (0: it is sound), and the byte where it was seen."""

    faults: npt.NDArray[np.uint8]
    at: Ints

    def detail(self, row: int, size: int) -> str:
        """What is wrong with one value of `size` bytes, without any of its content."""
        return f"{FAULTS[int(self.faults[row])]}, at byte {int(self.at[row])} of {size}"


def validate(data: Data, starts: Ints, ends: Ints, writer: WriterSchema, head_size: int) -> Verdicts:
    """Return a verdict on each value: bytes `starts[i]` to `ends[i]` of `data`, framing included."""
    walk = _Walk(data, starts + head_size, ends)
    everyone = np.arange(len(starts), dtype=np.int64)
    walk.blame(everyone[starts + head_size > ends], SHORT)
    walk.visit(_plan(writer), walk.sound(everyone))
    walk.check_text()
    who = walk.sound(everyone)
    walk.blame(who[walk.at[who] != ends[who]], REST)
    return Verdicts(walk.faults, walk.at - starts)


class _Walk:
    """The state of one walk: where each record is, and the first fault of each."""

    def __init__(self, data: Data, starts: Ints, ends: Ints) -> None:
        # Ten bytes beyond the end: an integer that is cut off is read past it, and then blamed.
        self.data = np.concatenate([data, np.zeros(10, np.uint8)])
        self.at = starts.copy()
        self.ends = ends
        self.faults = np.zeros(len(starts), dtype=np.uint8)
        self._texts: list[tuple[Ints, Ints, Ints]] = []

    def sound(self, who: Ints) -> Ints:
        faults = self.faults[who]
        return who[faults == SOUND] if faults.any() else who

    def blame(self, who: Ints, fault: int) -> None:
        self.faults[who] = fault

    def visit(self, plan: _Plan, who: Ints) -> Ints:
        """Walk one type for these records and return those that are still sound."""
        if not len(who):
            return who
        match plan.kind:
            case "record":
                for field in plan.inner:
                    who = self.visit(field, who)
                return who
            case "union":
                return self._union(plan, who)
            case "array" | "map":
                return self._blocks(plan, who)
            case "string" | "bytes" | "uuid":
                return self._text(plan.kind, who)
            case "int" | "long":
                return self._integer(who, narrow=plan.kind == "int")[0]
            case "enum":
                who, index = self._integer(who)
                return self._drop(who, (index < 0) | (index >= plan.size), SYMBOL)
            case "boolean":
                who = self._skip(who, np.ones(len(who), np.int64))
                return self._drop(who, self.data[self.at[who] - 1] > 1, BOOLEAN)
            case _:
                return self._skip(who, np.full(len(who), plan.size, np.int64))

    def check_text(self) -> None:
        """Blame every record with a string that is not UTF-8; only strings beyond ASCII are looked at."""
        if not self._texts:
            return
        beyond = np.concatenate([[0], np.cumsum(self.data >= 0x80, dtype=np.int32)])
        for who, starts, ends in self._texts:
            for number in np.flatnonzero(beyond[ends] != beyond[starts]):
                try:
                    self.data[starts[number] : ends[number]].tobytes().decode()
                except UnicodeDecodeError:
                    self.blame(who[number : number + 1], UTF8)
                    self.at[who[number]] = starts[number]

    def _drop(self, who: Ints, wrong: npt.NDArray[np.bool_], fault: int) -> Ints:
        if not wrong.any():
            return who
        self.blame(who[wrong], fault)
        return who[~wrong]

    def _skip(self, who: Ints, sizes: Ints) -> Ints:
        after = self.at[who] + sizes
        wrong = after > self.ends[who]
        if wrong.any():
            self.blame(who[wrong], SHORT)
            who, after = who[~wrong], after[~wrong]
        self.at[who] = after
        return who

    def _integer(self, who: Ints, *, narrow: bool = False) -> tuple[Ints, Ints]:
        """Read a zigzag integer of each; return who is still sound, and their integers."""
        at = self.at[who]
        byte = self.data[np.minimum(at, len(self.data) - 1)]
        more = np.flatnonzero(byte >= 0x80)
        if not len(more):
            number = (byte >> 1).astype(np.int64) ^ -(byte & 1).astype(np.int64)
            short = at >= self.ends[who]
            if short.any():
                self.blame(who[short], SHORT)
                who, at, number = who[~short], at[~short], number[~short]
            self.at[who] = at + 1
            return who, number
        raw = (byte & 0x7F).astype(np.uint64)
        size = np.ones(len(who), np.int64)
        wrong = np.zeros(len(who), dtype=bool)
        for length in range(1, 10):
            if not len(more):
                break
            byte = self.data[np.minimum(at[more] + length, len(self.data) - 1)]
            raw[more] |= (byte & 0x7F).astype(np.uint64) << np.uint64(7 * length)
            size[more] += 1
            # A last byte of 0 adds nothing: the integer has a shorter form. The tenth has one bit.
            wrong[more] |= (byte == 0) | ((byte > 1) if length == 9 else False)
            more = more[byte >= 0x80]
        number = (raw >> np.uint64(1)).astype(np.int64) ^ -(raw & np.uint64(1)).astype(np.int64)
        if narrow:
            wrong |= (number < -(2**31)) | (number >= 2**31)
        short = at + size > self.ends[who]
        if short.any() or wrong.any():
            self.blame(who[wrong], INTEGER)
            self.blame(who[short], SHORT)
            kept = ~(short | wrong)
            who, at, size, number = who[kept], at[kept], size[kept], number[kept]
        self.at[who] = at + size
        return who, number

    def _text(self, kind: str, who: Ints) -> Ints:
        who, length = self._integer(who)
        negative = length < 0
        if negative.any():
            self.blame(who[negative], LENGTH)
            who, length = who[~negative], length[~negative]
        starts = self.at[who]
        # An absurd length must not overflow the position.
        who_after = self._skip(who, np.minimum(length, 1 << 40))
        if len(who_after) != len(who):
            starts = starts[self.faults[who] == SOUND]
        if kind == "uuid":
            return self._uuid(who_after, starts)
        if kind == "string":
            self._texts.append((who_after, starts, self.at[who_after].copy()))
        return who_after

    def _uuid(self, who: Ints, starts: Ints) -> Ints:
        right_size = self.at[who] - starts == 36
        wrong = ~right_size
        text = self.data[starts[right_size][:, None] + np.arange(36)]
        wrong[right_size] = ~(_HEX[text[:, _DIGITS]].all(axis=1) & (text[:, _HYPHENS] == 0x2D).all(axis=1))
        return self._drop(who, wrong, UUID)

    def _union(self, plan: _Plan, who: Ints) -> Ints:
        who, branch = self._integer(who)
        wrong = (branch < 0) | (branch >= len(plan.inner))
        if wrong.any():
            self.blame(who[wrong], BRANCH)
            who, branch = who[~wrong], branch[~wrong]
        for number, inner in enumerate(plan.inner):
            if inner.kind != "null":
                self.visit(inner, who[branch == number])
        return self.sound(who)

    def _blocks(self, plan: _Plan, who: Ints) -> Ints:
        """Walk arrays and maps: blocks of a count and that many items, up to a block of none.

        A negative count is followed by the block's size in bytes, which must be true.
        """
        seen = np.zeros(len(self.at), np.int64)
        turn = who
        while len(turn):
            turn, count = self._integer(turn)
            sized = turn[count < 0]
            until = np.full(len(self.at), -1, np.int64)
            if len(sized):
                sized, size = self._integer(sized)
                until[sized] = self.at[sized] + size
                sound = self.faults[turn] == SOUND
                turn, count = turn[sound], count[sound]
            count = np.abs(count)
            # The least integer has no absolute value; it is negative still.
            seen[turn] += np.where(count < 0, MAX_ITEMS + 1, np.minimum(count, MAX_ITEMS + 1))
            over = seen[turn] > MAX_ITEMS
            self.blame(turn[over], ITEMS)
            turn, count = turn[~over & (count > 0)], count[~over & (count > 0)]
            left = np.zeros(len(self.at), np.int64)
            left[turn] = count
            items = turn
            while len(items):
                if plan.kind == "map":
                    items = self._text("string", items)
                items = self.visit(plan.inner[0], items)
                left[items] -= 1
                items = items[left[items] > 0]
            turn = self.sound(turn)
            lied = (until[turn] >= 0) & (until[turn] != self.at[turn])
            turn = self._drop(turn, lied, ITEMS)
        return self.sound(who)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One type of a schema: its kind, the types inside it, and its size (bytes, or symbols of an enum)."""

    kind: str
    inner: tuple[_Plan, ...] = ()
    size: int = 0


@lru_cache(maxsize=256)
def _plan(writer: WriterSchema) -> _Plan:
    return _plan_of(json.loads(writer.text), {})


def _plan_of(kind: Any, named: dict[str, _Plan]) -> _Plan:
    if isinstance(kind, list):
        return _Plan("union", tuple(_plan_of(branch, named) for branch in kind))
    if isinstance(kind, str):
        return named.get(kind) or _Plan(kind, size={"float": 4, "double": 8}.get(kind, 0))
    match kind["type"]:
        case "record":
            plan = _Plan("record", tuple(_plan_of(field["type"], named) for field in kind["fields"]))
        case "enum":
            plan = _Plan("enum", size=len(kind["symbols"]))
        case "fixed":
            plan = _Plan("fixed", size=kind["size"])
        case "array":
            return _Plan("array", (_plan_of(kind["items"], named),))
        case "map":
            return _Plan("map", (_plan_of(kind["values"], named),))
        case "string" if kind.get("logicalType") == "uuid":
            return _Plan("uuid")
        case inner:
            return _plan_of(inner, named)
    named[kind["name"]] = plan
    if namespace := kind.get("namespace"):
        named[f"{namespace}.{kind['name']}"] = plan
    return plan
