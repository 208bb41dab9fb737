"""Texts that carry bytes: base64, base32, hex, lists of numbers, escapes; with breaks and separators."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

NUMBERS = 32
"""So many numbers in a row, in no order, are a template or the bytes of an image."""

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{28,}")
_BASE32 = re.compile(rb"[A-Z2-7]{48,}")
_HEX = re.compile(rb"(?<![A-WYZa-wyz])(?:[0-9A-Fa-f]{2}(?:[\s:,;_=|-]{0,3}(?:0[xX])?)){24,}")
_NO_DIGIT = re.compile(rb"0[xX]|[^0-9A-Fa-f]")
_NUMBER_RUN = re.compile(rb"[-+.0-9eE,;:|\"'\\\s\[\]()\0-\x1f]{63,}")
_BETWEEN = re.compile(rb"[,;:|\"'\\\s\[\]()\0-\x1f]+")
_ESCAPE = re.compile(rb"(?<!\\)\\+(?:(?:u00|x)([0-9A-Fa-f]{2})|([nrtbf/\"']))")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_BREAK = re.compile(rb"(?<![ \t])[ \t]*+[\r\n]++[ \t>]*+")
_UUID = re.compile(rb"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_HASHES = frozenset({32, 40, 56, 64, 96, 128})


@dataclass(frozen=True, slots=True)
class Run:
    """Characters in a row that may stand for bytes.

    `decoded` are the bytes, from each character that may be the first of a group; what stands before the run
    may have run into it. `is_hash` says that they are as many hex digits as a hash has.
    """

    length: int
    decoded: list[bytes]
    is_hash: bool = False


def unescaped(data: bytes) -> bytes:
    r"""Return the data with `\/`, `\n`, `\u00ff` and `\xff` replaced by the bytes they stand for."""
    return _ESCAPE.sub(_unescape, data) if b"\\" in data else data


def unquoted(data: bytes) -> bytes:
    """Return the data with `%ff` replaced by the byte it stands for, as in URLs."""
    return _PERCENT.sub(lambda match: bytes.fromhex(match[1].decode()), data) if b"%" in data else data


def carried(data: bytes) -> Iterator[Run]:
    """Yield what may stand for bytes in the data, which are unescaped; line breaks within it do not count."""
    plain = _UUID.sub(b".", data)
    if b"\n" in plain or b"\r" in plain:
        plain = _BREAK.sub(b"", plain)
    for match in _BASE64.finditer(plain):
        run = match.group().translate(_STANDARD)
        is_hash = len(run) in _HASHES and _NO_DIGIT.search(run) is None
        yield Run(len(run), [_base64(run[at:]) for at in range(4)], is_hash)
    for match in _BASE32.finditer(plain):
        run = match.group()
        starts = range(8)
        yield Run(len(run), [base64.b32decode(run[at : at + (len(run) - at) // 8 * 8]) for at in starts])
    for match in _HEX.finditer(plain):
        run = _NO_DIGIT.sub(b"", match.group())
        # Pairs of digits that stand apart are as long as they look.
        length = len(run) if len(run) == len(match.group()) else 2 * len(run)
        # A word such as "be" may have run into it, and floats have their places.
        decoded = [bytes.fromhex(run[at : at + (len(run) - at) // 2 * 2].decode()) for at in range(8)]
        yield Run(length, decoded, length in _HASHES)


def numbers_in_a_row(data: bytes) -> bool:
    """Return whether 32 or more numbers follow on each other, neither rising nor falling all the way.

    Scores and times of candidates come in their order; the numbers of a template do not.
    """
    for match in _NUMBER_RUN.finditer(data):
        found: list[float] = []
        for word in [*_BETWEEN.split(match.group()), b"."]:
            number = number_of(word)
            if number is not None:
                found.append(number)
            elif word:
                if len(found) >= NUMBERS and not is_ordered(found):
                    return True
                found.clear()
    return False


def number_of(word: bytes) -> float | None:
    """The number that a word is, or None."""
    try:
        return float(word)
    except ValueError:
        return None


def is_ordered(numbers: list[float]) -> bool:
    """Return whether the numbers never fall, or never rise."""
    rising = sorted(numbers)
    return numbers in (rising, rising[::-1])


def _base64(text: bytes) -> bytes:
    text = text[:-1] if len(text) % 4 == 1 else text
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode()) if match[1] else _LETTERS.get(match[2], match[2])
