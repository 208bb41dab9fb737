"""What a mapping may do to a value, by name: pure, and total over texts."""

from __future__ import annotations

import re
from collections.abc import Callable

Value = str | list[str]
_SPACES = re.compile(r"\s+")


def _each(change: Callable[[str], str]) -> Callable[[Value], Value]:
    def apply(value: Value) -> Value:
        return [change(item) for item in value] if isinstance(value, list) else change(value)

    return apply


def _split(separator: str) -> Callable[[Value], Value]:
    def apply(value: Value) -> Value:
        items = value if isinstance(value, list) else value.split(separator)
        return [item.strip() for item in items if item.strip()]

    return apply


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]


def _domain(text: str) -> str:
    return text.rpartition("@")[2]


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdigit() and each.isascii())


TRANSFORMS: dict[str, Callable[[Value], Value]] = {
    "strip": _each(str.strip),
    "lower": _each(str.lower),
    "upper": _each(str.upper),
    "one_line": _each(lambda text: _SPACES.sub(" ", text).strip()),
    "first_line": _each(_first_line),
    "digits": _each(_digits),
    "mail_domain": _each(_domain),
    "split_semicolons": _split(";"),
    "split_commas": _split(","),
    "split_lines": _split("\n"),
    "split_bars": _split("|"),
}
"""`mail_domain` is what follows the last @; `one_line` makes each run of white space a blank."""
