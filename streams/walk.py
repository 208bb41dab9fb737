"""A walk through the records of a batch, side by side: each one's encoding proved, each value's place found.

The readers that are fast are lenient. polars-avro 0.13 takes any number for the branch of a union with
null, and never comes back from some damaged maps; fastavro 1.13 takes an enum index of -1 and integers with
needless bytes. A damaged record that is read all the same would be a false entry, so records are walked here,
strictly: each branch and symbol exists, each integer is in range and in its shortest form, each length lies
inside the value, strings are UTF-8, uuids are uuids, and the record ends where the value ends.

The walk goes field by field over all records at once: its state is one position a record. What it finds on
its way of a field that feeds a column, it notes as `Cells`; `streams.cells` makes columns of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streams.shape import NO_COLUMN, Plan
from streams.views import all_utf8, views_of

Ints = npt.NDArray[np.int64]
Data = npt.NDArray[np.uint8]

MAX_ITEMS = 1024
"""Entries of one array or map; a record of a search has a handful."""

_HEX = np.full(256, 0xFF, dtype=np.uint8)
_HEX[list(b"0123456789abcdefABCDEF")] = [*range(16), *range(10, 16)]
# What an integer of one byte is.
_ZIGZAG = np.array([byte >> 1 ^ -(byte & 1) for byte in range(0x80)], dtype=np.int64)
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
class Cells:
    """What the records `who` have for one column, where they were walked by one plan.

    `values` are the numbers, the indices of enum symbols, the places of floats in the data, the 16 bytes of
    each uuid, the views of texts, or how many items each array or map has. `items` are the places of nested
    values among those of their record.
    """

    plan: Plan
    who: Ints
    values: npt.NDArray[Any]
    items: Ints | None = None


class Walk:
    """Values walked by a plan: `faults[i]` is the number in `FAULTS` of what is wrong with value i.

    `data` are the bytes of all values and `views.PADDING` more; value i are bytes `starts[i]` to `ends[i]` of
    it, framing of `head_size` bytes included. `cells` are what was found, by column.
    """

    def __init__(self, data: Data, starts: Ints, ends: Ints, plan: Plan, head_size: int) -> None:
        self.data = data
        self.ends = ends
        self.at = starts + head_size
        self.faults = np.zeros(len(starts), dtype=np.uint8)
        self.cells: dict[int, list[Cells]] = defaultdict(list)
        self._starts = starts
        self.buffer = pa.py_buffer(data)
        self._texts: list[tuple[Plan, Ints, Ints, Ints, Ints | None]] = []
        self._longest = 0
        # Of each column of arrays or maps, how many items one of them has at most.
        self._most: dict[int, int] = {}
        self._item = np.zeros(0, np.int64)
        everyone = np.arange(len(starts), dtype=np.int64)
        self._blame(everyone[self.at > ends], SHORT)
        self._visit(plan, self._sound(everyone))
        self._read_texts()
        who = self._sound(everyone)
        self._blame(who[self.at[who] != ends[who]], REST)

    def detail(self, row: int) -> str:
        """What is wrong with one value, without any of its content."""
        start = self._starts[row]
        fault = FAULTS[int(self.faults[row])]
        return f"{fault}, at byte {int(self.at[row] - start)} of {int(self.ends[row] - start)}"

    def large(self, longest: int, most: int) -> set[int]:
        """The columns with a text of so many bytes, or an array or a map of so many items."""
        found = {column for column, items in self._most.items() if items >= most}
        if self._longest >= longest:
            for plan, who, starts, ends, _ in self._texts:
                if len(who) and int((ends - starts).max()) >= longest:
                    found.add(plan.column)
        return found - {NO_COLUMN}

    def _sound(self, who: Ints) -> Ints:
        faults = self.faults[who]
        return who[faults == SOUND] if faults.any() else who

    def _blame(self, who: Ints, fault: int) -> None:
        self.faults[who] = fault

    def _visit(self, plan: Plan, who: Ints) -> Ints:
        """Walk one type for these records and return those that are still sound."""
        if not len(who):
            return who
        match plan.kind:
            case "null":
                return who
            case "record":
                for field in plan.inner:
                    who = self._visit(field, who)
                return who
            case "union":
                return self._union(plan, who)
            case "array" | "map":
                return self._blocks(plan, who)
            case "string" | "bytes" | "uuid":
                return self._text(plan, who)
            case "int" | "long":
                who, number = self._integer(who, narrow=plan.kind == "int")
                return self._note(plan, who, number)
            case "enum":
                who, index = self._integer(who)
                wrong = (index < 0) | (index >= plan.size)
                if wrong.any():
                    index = index[~wrong]
                    who = self._drop(who, wrong, SYMBOL)
                return self._note(plan, who, index)
            case "boolean":
                who = self._skip(who, np.ones(len(who), np.int64))
                who = self._drop(who, self.data[self.at[who] - 1] > 1, BOOLEAN)
                return self._note(plan, who, self.data[self.at[who] - 1])
            case _:
                who = self._skip(who, np.full(len(who), plan.size, np.int64))
                return self._note(plan, who, self.at[who] - plan.size)

    def _read_texts(self) -> None:
        """Make the views of all texts at once, and blame every record with one that is not UTF-8."""
        if not self._texts:
            return
        starts = np.concatenate([starts for _, _, starts, _, _ in self._texts])
        ends = np.concatenate([ends for _, _, _, ends, _ in self._texts])
        self._longest = int((ends - starts).max(initial=0))
        views = views_of(self.data, starts, ends)
        if not all_utf8(views, self.buffer):
            self._blame_texts()
        first = 0
        for plan, who, _, _, items in self._texts:
            if plan.column != NO_COLUMN:
                part = views[first : first + len(who)]
                self.cells[plan.column].append(Cells(plan, who, part, items))
            first += len(who)

    def _blame_texts(self) -> None:
        for _, who, starts, ends, _ in self._texts:
            for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
                try:
                    self.data[start:end].tobytes().decode()
                except UnicodeDecodeError:
                    self._blame(who[number : number + 1], UTF8)
                    self.at[who[number]] = start

    def _note(self, plan: Plan, who: Ints, values: npt.NDArray[Any]) -> Ints:
        if plan.column != NO_COLUMN:
            self.cells[plan.column].append(Cells(plan, who, values, self._items(plan, who)))
        return who

    def _items(self, plan: Plan, who: Ints) -> Ints | None:
        return self._item[who] if plan.nested else None

    def _drop(self, who: Ints, wrong: npt.NDArray[np.bool_], fault: int) -> Ints:
        if not wrong.any():
            return who
        self._blame(who[wrong], fault)
        return who[~wrong]

    def _skip(self, who: Ints, sizes: Ints) -> Ints:
        after = self.at[who] + sizes
        wrong = after > self.ends[who]
        if wrong.any():
            self._blame(who[wrong], SHORT)
            who, after = who[~wrong], after[~wrong]
        self.at[who] = after
        return who

    def _integer(self, who: Ints, *, narrow: bool = False) -> tuple[Ints, Ints]:
        """Read a zigzag integer of each; return who is still sound, and their integers."""
        at = self.at[who]
        byte = self.data[at]
        if byte.max(initial=0) < 0x80:
            number = _ZIGZAG[byte]
            short = at >= self.ends[who]
            if short.any():
                self._blame(who[short], SHORT)
                who, at, number = who[~short], at[~short], number[~short]
            self.at[who] = at + 1
            return who, number
        more = np.flatnonzero(byte >= 0x80)
        raw = (byte & 0x7F).astype(np.uint64)
        size = np.ones(len(who), np.int64)
        wrong = np.zeros(len(who), dtype=bool)
        for length in range(1, 10):
            if not len(more):
                break
            byte = self.data[at[more] + length]
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
            self._blame(who[wrong], INTEGER)
            self._blame(who[short], SHORT)
            kept = ~(short | wrong)
            who, at, size, number = who[kept], at[kept], size[kept], number[kept]
        self.at[who] = at + size
        return who, number

    def _text(self, plan: Plan, who: Ints) -> Ints:
        who, length = self._integer(who)
        negative = length < 0
        if negative.any():
            self._blame(who[negative], LENGTH)
            who, length = who[~negative], length[~negative]
        starts = self.at[who]
        # An absurd length must not overflow the position.
        after = self._skip(who, np.minimum(length, 1 << 40))
        if len(after) != len(who):
            starts = starts[self.faults[who] == SOUND]
        ends = self.at[after]
        if plan.kind == "uuid":
            return self._uuid(plan, after, starts, ends)
        if plan.kind == "bytes":
            return after
        self._texts.append((plan, after, starts, ends, self._items(plan, after)))
        return after

    def _uuid(self, plan: Plan, who: Ints, starts: Ints, ends: Ints) -> Ints:
        wrong = ends - starts != 36
        # One that is too short may end the data, and is not looked at.
        text = (
            self.data[np.where(wrong, 0, starts)[:, None] + np.arange(36)] if len(self.data) >= 36 else None
        )
        if text is None:
            return self._drop(who, wrong, UUID)
        digits = _HEX[text[:, _DIGITS]]
        wrong |= (digits == 0xFF).any(axis=1) | (text[:, _HYPHENS] != 0x2D).any(axis=1)
        number = digits[:, ::2] << 4 | digits[:, 1::2]
        if wrong.any():
            number = number[~wrong]
            who = self._drop(who, wrong, UUID)
        return self._note(plan, who, number)

    def _union(self, plan: Plan, who: Ints) -> Ints:
        who, branch = self._integer(who)
        wrong = (branch < 0) | (branch >= len(plan.inner))
        if wrong.any():
            self._blame(who[wrong], BRANCH)
            who, branch = who[~wrong], branch[~wrong]
        if len(who) and (branch == branch[0]).all():
            return self._visit(plan.inner[branch[0]], who)
        for number, inner in enumerate(plan.inner):
            if inner.kind != "null":
                self._visit(inner, who[branch == number])
        return self._sound(who)

    def _blocks(self, plan: Plan, who: Ints) -> Ints:
        """Walk arrays and maps: blocks of a count and that many items, up to a block of none.

        A negative count is followed by the block's size in bytes, which must be true.
        """
        seen = np.zeros(len(self.at), np.int64)
        read = np.zeros(len(self.at), np.int64)
        items_of, key = plan.inner
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
            self._blame(turn[over], ITEMS)
            turn, count = turn[~over & (count > 0)], count[~over & (count > 0)]
            left = np.zeros(len(self.at), np.int64)
            left[turn] = count
            items = turn
            while len(items):
                self._item = read
                if plan.kind == "map":
                    items = self._text(key, items)
                items = self._visit(items_of, items)
                read[items] += 1
                left[items] -= 1
                items = items[left[items] > 0]
            turn = self._sound(turn)
            lied = (until[turn] >= 0) & (until[turn] != self.at[turn])
            turn = self._drop(turn, lied, ITEMS)
        who = self._sound(who)
        self._most[plan.column] = max(self._most.get(plan.column, 0), int(read.max(initial=0)))
        return self._note(plan, who, read[who])
