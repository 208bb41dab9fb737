"""A plan as a program: steps in rows of numbers, which compiled code goes through for each record.

A step is a row of `code`: the step itself, its number (see below), and where it leaves what it finds. What
stands once in a record at most has a slot, a row of a matrix with a column for each record; what stands in an
array or a map has an item number.

| step | its number | leaves |
|---|---|---|
| INT | 1 where 32 bits are all that it may have | its number in a slot, or as an item |
| ENUM | how many symbols there are | the symbol's index, so |
| BOOL | | 0 or 1, so |
| SKIP | how many bytes | the place of the first of them, so |
| BYTES | | |
| TEXT | | its view, in a slot of texts or as an item |
| UUID | where its 16 bytes go; -1 for nowhere | that it is there, in a slot |
| UNION | where its branches' steps stand in `branches` | |
| ENTER | | |
| BLOCK | the step behind the array or map | how many items it has, in a slot |
| SIZE, AGAIN, END | | |

UNION has in `COUNT` how many branches there are; BLOCK, and AGAIN, which ends an item, have there the first
step of an item.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from schemas.contracts import Contract, WriterSchema
from streams.interpreter import (
    AGAIN,
    BLOCK,
    BOOL,
    BYTES,
    COUNT,
    END,
    ENTER,
    ENUM,
    INT,
    JUMP,
    LOOPS,
    NOWHERE,
    NUMBER,
    SIZE,
    SKIP,
    STEP,
    TEXT,
    THEN,
    UNION,
    UUID,
)
from streams.shape import NO_COLUMN, Plan, Unresolvable, plan_of

MAX_SLOTS = 500
"""Slots of a program: each takes room for every record of a batch. Those of the contracts have some 30."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a plan says to do, and by which of its parts each slot and item is filled."""

    code: npt.NDArray[np.int64]
    branches: npt.NDArray[np.int64]
    slots: tuple[Plan, ...]
    texts: tuple[Plan, ...]
    items: tuple[Plan, ...]
    uuids: int


@lru_cache(maxsize=256)
def program_of(writer: WriterSchema, contract: Contract) -> Program:
    """Return how values of `writer` are walked and which columns of `contract` they feed.

    Raises:
        Unresolvable: they cannot be read as the contract, or their schema is recursive or too deep.
    """
    return _Compiler().program(plan_of(writer, contract))


class _Compiler:
    def __init__(self) -> None:
        self._code: list[list[int]] = []
        self._branches: list[int] = []
        self._slots: list[Plan] = []
        self._texts: list[Plan] = []
        self._items: list[Plan] = []
        self._uuids = 0
        self._loops = 0

    def program(self, plan: Plan) -> Program:
        self._compile(plan)
        self._step(END)
        if len(self._slots) + len(self._texts) > MAX_SLOTS:
            raise Unresolvable(f"its schema has more than {MAX_SLOTS} ways to fill columns")
        for place, step in enumerate(self._code[:-1]):
            step[THEN] = self._real(place + 1)
            if step[STEP] == BLOCK:
                step[NUMBER] = self._real(step[NUMBER])
        return Program(
            np.array(self._code, np.int64),
            np.array([self._real(place) for place in self._branches], np.int64),
            tuple(self._slots),
            tuple(self._texts),
            tuple(self._items),
            self._uuids,
        )

    def _step(
        self, step: int, number: int = 0, count: int = 0, slot: int = NOWHERE, item: int = NOWHERE
    ) -> int:
        self._code.append([step, number, count, slot, item, 0])
        return len(self._code) - 1

    def _real(self, place: int) -> int:
        """The step that a place leads to: no walk goes through a jump."""
        while self._code[place][STEP] == JUMP:
            place = self._code[place][NUMBER]
        return place

    def _compile(self, plan: Plan) -> None:
        match plan.kind:
            case "null":
                pass
            case "record":
                for field in plan.inner:
                    self._compile(field)
            case "union":
                self._union(plan)
            case "array" | "map":
                self._loop(plan)
            case "string":
                # Each is looked at: one that feeds no column must be UTF-8, too.
                if self._loops or plan.column == NO_COLUMN:
                    self._step(TEXT, item=self._new(self._items, plan))
                else:
                    self._step(TEXT, slot=self._new(self._texts, plan))
            case "bytes":
                self._step(BYTES)
            case "uuid":
                slot, _ = self._place(plan)
                self._step(UUID, self._uuids if slot != NOWHERE else NOWHERE, slot=slot)
                self._uuids += slot != NOWHERE
            case "int" | "long":
                self._value(plan, INT, int(plan.kind == "int"))
            case "enum":
                self._value(plan, ENUM, plan.size)
            case "boolean":
                self._value(plan, BOOL)
            case _:
                self._value(plan, SKIP, plan.size)

    def _value(self, plan: Plan, step: int, number: int = 0) -> None:
        slot, item = self._place(plan)
        self._step(step, number, slot=slot, item=item)

    def _place(self, plan: Plan) -> tuple[int, int]:
        """The slot or the item number of what feeds a column."""
        if plan.column == NO_COLUMN:
            return NOWHERE, NOWHERE
        if self._loops:
            return NOWHERE, self._new(self._items, plan)
        return self._new(self._slots, plan), NOWHERE

    @staticmethod
    def _new(places: list[Plan], plan: Plan) -> int:
        places.append(plan)
        return len(places) - 1

    def _union(self, plan: Plan) -> None:
        first = len(self._branches)
        self._step(UNION, first, len(plan.inner))
        self._branches += [0] * len(plan.inner)
        jumps = []
        for number, branch in enumerate(plan.inner):
            self._branches[first + number] = len(self._code)
            self._compile(branch)
            jumps.append(self._step(JUMP))
        for jump in jumps:
            self._code[jump][NUMBER] = len(self._code)

    def _loop(self, plan: Plan) -> None:
        if self._loops == LOOPS:
            raise Unresolvable(f"its schema has arrays and maps in each other, more than {LOOPS} deep")
        items, key = plan.inner
        slot, _ = self._place(plan)
        self._step(ENTER)
        block = self._step(BLOCK, slot=slot)
        self._step(SIZE)
        body = len(self._code)
        self._loops += 1
        if plan.kind == "map":
            self._compile(key)
        self._compile(items)
        self._loops -= 1
        self._step(AGAIN, count=body)
        self._step(JUMP, block)
        self._code[block][NUMBER] = len(self._code)
        self._code[block][COUNT] = body
