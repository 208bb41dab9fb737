"""The program of a plan, carried out for each record of a batch: compiled, and strict.

Whatever a record holds, it is left at its first fault, with what it is and where, and none of what was found
in it is given out.

All constants that it is compiled with stand in this file, and must: what was compiled is kept for as long as
the file stays as it is, whatever others say.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.compiled import compiled
from streams.views import Views

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Data = npt.NDArray[np.uint8]

INT, ENUM, UNION, TEXT, BYTES, UUID, BLOCK, SIZE, BOOL, SKIP, ENTER, AGAIN, END, JUMP = range(14)
LAST_INTEGER = SIZE
"""The steps up to this one begin with an integer."""
STEP, NUMBER, COUNT, SLOT, ITEM, THEN = range(6)
"""The columns of a step; the last says which step is the next one."""
NOWHERE = -1
LOOPS = 40
"""How deep arrays and maps may stand in each other."""

MAX_ITEMS = 1024
"""Entries of one array or map; a record of a search has a handful."""

SHORT_TEXT = 12
"""Bytes of a text that a view has room for."""
# By a text's length up to 12: which bits of its bytes 0 to 3, and of 4 to 11, stand in its view.
_HEAD = np.array([(1 << 8 * min(size, 4)) - 1 for size in range(SHORT_TEXT + 1)], dtype=np.uint64)
_TAIL = np.array([(1 << 8 * max(size - 4, 0)) - 1 for size in range(SHORT_TEXT + 1)], dtype=np.uint64)
_HEX = np.full(256, 0xFF, dtype=np.uint8)
_HEX[list(b"0123456789abcdefABCDEF")] = [*range(16), *range(10, 16)]

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
SOUND, SHORT, INTEGER, BRANCH, SYMBOL, LENGTH, ITEMS, BOOLEAN, UTF8, NO_UUID, REST = range(len(FAULTS))

PART, WHO, ENTRY, VALUE = range(4)
"""The columns of an item: which part of the program found it, in which record, as which entry, and what."""


def _walk_records(
    data: Data,
    heads: npt.NDArray[np.uint32],
    tails: npt.NDArray[np.uint64],
    ends: Ints,
    code: Ints,
    branches: Ints,
    first: int,
    found: int,
    places: Ints,
    faults: npt.NDArray[np.uint8],
    slots: Ints,
    there: Flags,
    views: npt.NDArray[np.uint64],
    views_there: Flags,
    uuids: npt.NDArray[np.uint8],
    items: Ints,
    item_views: Views,
) -> tuple[int, int, np.uint64]:
    """Walk the records from `first` on, until one has more items than there is room for.

    Returns the record to go on with, how many items were found in those before it, and all bits of texts that
    it saw, on top of each other. It is one function, as to hand arrays to another, or parts of them, took
    three quarters of the time.
    """
    seen = np.zeros(LOOPS, np.int64)
    read = np.zeros(LOOPS, np.int64)
    left = np.zeros(LOOPS, np.int64)
    until = np.zeros(LOOPS, np.int64)
    sized = np.zeros(LOOPS, np.bool_)
    bits = np.uint64(0)
    for who in range(first, len(places)):
        at, end, begun = places[who], ends[who], found
        pc, depth, fault = 0, -1, SOUND
        if at > end:
            faults[who] = SHORT
            continue
        while True:
            step, number, count = code[pc, STEP], code[pc, NUMBER], code[pc, COUNT]
            slot, item, pc = code[pc, SLOT], code[pc, ITEM], code[pc, THEN]
            if item != NOWHERE and found == len(items):
                there[:, who] = False
                views_there[:, who] = False
                return who, begun, bits
            value = np.int64(0)
            if step <= LAST_INTEGER:
                # A zigzag integer, which the step begins with.
                byte = data[at]
                if byte < 0x80 and at < end:
                    value = np.int64(byte >> 1) ^ -np.int64(byte & 1)
                    after = at + 1
                else:
                    raw, after = np.uint64(0), at
                    for length in range(10):
                        if after >= end:
                            fault = SHORT
                            break
                        byte = data[after]
                        after += 1
                        # A last byte of 0 adds nothing: there is a shorter form. The tenth has one bit.
                        if length > 0 and (byte == 0 or (length == 9 and byte > 1)):
                            fault = INTEGER
                            break
                        raw |= np.uint64(byte & 0x7F) << np.uint64(7 * length)
                        if byte < 0x80:
                            break
                    value = np.int64(raw >> np.uint64(1)) ^ -np.int64(raw & np.uint64(1))
                    if step == INT and number > 0 and (value < -(2**31) or value >= 2**31):
                        fault = INTEGER
                    if fault != SOUND:
                        break
                at = after
                if step == UNION:
                    if value < 0 or value >= count:
                        fault = BRANCH
                        break
                    pc = branches[number + value]
                    continue
                if step == ENUM:
                    if value < 0 or value >= number:
                        fault = SYMBOL
                        break
                elif step == BLOCK:
                    sized[depth] = value < 0
                    value = abs(value)
                    # The least integer has no absolute value; it is negative still.
                    if value < 0 or value > MAX_ITEMS - seen[depth]:
                        fault = ITEMS
                        break
                    if value > 0:
                        seen[depth] += value
                        left[depth] = value
                        if not sized[depth]:
                            pc = count
                        continue
                    pc, value = number, read[depth]
                    depth -= 1
                elif step == SIZE:
                    until[depth] = at + value
                    continue
                elif step != INT:
                    # The length of what follows.
                    if value < 0:
                        fault = LENGTH
                        break
                    if value > end - at:
                        fault = SHORT
                        break
                    start = at
                    at += value
                    if step == TEXT:
                        # Its view, as `streams.views` says what that is.
                        inside = value if value < SHORT_TEXT else SHORT_TEXT
                        low = np.uint64(value) | np.uint64(heads[start] & _HEAD[inside]) << np.uint64(32)
                        high = tails[start + 4] & _TAIL[inside]
                        if value > SHORT_TEXT:
                            for place in range(start, at - 7, 8):
                                bits |= tails[place]
                            bits |= tails[at - 8]
                            high = np.uint64(start) << np.uint64(32)
                        else:
                            bits |= high | np.uint64(heads[start] & _HEAD[inside])
                        if slot != NOWHERE:
                            views[slot, who, 0] = low
                            views[slot, who, 1] = high
                            views_there[slot, who] = True
                            continue
                        item_views[found, 0] = low
                        item_views[found, 1] = high
                    elif step == UUID:
                        wrong = value != 36
                        for place in range(0 if wrong else 16):
                            # A hyphen stands before the bytes 4, 6, 8 and 10.
                            hyphens = min(max(place // 2 - 1, 0), 4)
                            digits = start + 2 * place + hyphens
                            if 4 <= place <= 10 and place % 2 == 0:
                                wrong |= data[digits - 1] != 0x2D
                            left_half, right_half = _HEX[data[digits]], _HEX[data[digits + 1]]
                            wrong |= (left_half | right_half) == 0xFF
                            if number != NOWHERE:
                                uuids[number, who, place] = left_half << 4 | right_half
                        if wrong:
                            fault = NO_UUID
                            break
            elif step == ENTER:
                depth += 1
                seen[depth] = read[depth] = 0
                continue
            elif step == AGAIN:
                read[depth] += 1
                left[depth] -= 1
                if left[depth] > 0:
                    pc = count
                elif sized[depth] and at != until[depth]:
                    fault = ITEMS
                    break
                continue
            elif step == END:
                if at != end:
                    fault = REST
                break
            else:
                size = number if step == SKIP else 1
                if size > end - at:
                    fault = SHORT
                    break
                value = at
                at += size
                if step == BOOL:
                    value = np.int64(data[value])
                    if value > 1:
                        fault = BOOLEAN
                        break
            if slot != NOWHERE:
                slots[slot, who] = value
                there[slot, who] = True
            elif item != NOWHERE:
                items[found, 0] = item
                items[found, 1] = who
                items[found, 2] = read[depth]
                items[found, 3] = value
                if step != TEXT:
                    item_views[found, 0] = item_views[found, 1] = 0
                found += 1
        places[who] = at
        if fault != SOUND:
            faults[who] = fault
            found = begun
            there[:, who] = False
            views_there[:, who] = False
    return len(places), found, bits


walk_records = compiled(_walk_records)
