"""What is wrong with an event from the outside, said without any of what it holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.errors import FrwatchError

MAX_FAULTS = 100
"""So many faults of one event are told; one more says that there are others."""
_TELLABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .:@-]{0,47}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an event.

    `pointer` is the RFC 6901 pointer of the field, such as `/occurred_at`; "" is the event as a whole. `code`
    is one word, such as `missing` or `image`. `detail` says what is wrong and what to do, never the value.
    """

    pointer: str
    code: str
    detail: str


class BadEvent(FrwatchError):
    """An event that is refused, with all of its faults; nothing of what it holds is in the text."""

    exit_status = 1

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.pointer or 'the event'}: {fault.detail}" for fault in faults))
        self.faults = tuple(faults)


def pointer_to(*names: str | int) -> str | None:
    """Return the pointer to a field; None where a name is not one to be told: it is long, or no plain word.

    A name comes from the outside, like a value, and can hold as much.
    """
    if not all(isinstance(name, int) or _TELLABLE.fullmatch(name) for name in names):
        return None
    return "".join(f"/{name}" for name in names)
