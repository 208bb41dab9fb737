"""As much of a statement as the HTTP interface has to know: its kind, its format, where its data begin.

What a statement means is the engine's business. The scanner knows comments, strings, quoted names, heredocs
and brackets, so that a word in one of them is never taken for a clause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""
      (?P<space>\s+|--[^\n]*\n?|\#[ !][^\n]*\n?|/\*.*?\*/)
    | (?P<quoted>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`)
    | (?P<heredoc>(?P<tag>\$\w*\$).*?(?P=tag))
    | (?P<cut>(?:/\*|'|"|`|\$\w*\$).*)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | (?P<end>;)
    | (?P<other>[0-9][A-Za-z0-9_.]*|.)
    """,
    re.DOTALL | re.VERBOSE,
)
_READS = frozenset(
    {b"SELECT", b"WITH", b"SHOW", b"DESCRIBE", b"DESC", b"EXISTS", b"EXPLAIN", b"FROM", b"VALUES"}
)


@dataclass(frozen=True, slots=True)
class Statement:
    """`head` is what the engine is given; `data` what stood behind an INSERT's format in the same text.

    `kind` is `read` (it gives rows and may be streamed), `insert` (data follow) or `other`. `format` is the
    one that the statement names, if any. For an insert `head` has no format any more.
    """

    kind: str
    head: bytes
    format: str | None = None
    data: bytes = b""
    outfile: bool = False


@dataclass(frozen=True, slots=True)
class _Word:
    text: bytes
    start: int
    end: int


def parse(text: bytes) -> Statement:
    """Return what the interface has to know of a statement."""
    words = _top_words(text)
    first = next(words, None)
    if first is None:
        return Statement("other", text)
    if first.text == b"INSERT":
        return _insert(text, words)
    found, into, previous = None, False, first
    for word in words:
        into = into or (previous.text == b"INTO" and word.text == b"OUTFILE")
        if previous.text == b"FORMAT":
            found = text[word.start : word.end]
        previous = word
    kind = "read" if first.text in _READS or first.text == b"(" else "other"
    return Statement(kind, text, found.decode() if found else None, outfile=into)


def data_begin(text: bytes) -> bool:
    """Return whether this beginning of a body is an INSERT whose data have certainly begun.

    Where a word, a string or a comment is cut off at its end, nothing is certain yet.
    """
    words = _top_words(text)
    first = next(words, None)
    if first is None or first.text != b"INSERT":
        return False
    for word in words:
        if word.text in {b"SELECT", b"WITH", b"FROM"}:
            return False
        if word.text == b"VALUES":
            return word.end < len(text)
        if word.text == b"FORMAT":
            name = next(words, None)
            return name is not None and name.end < len(text)
    return False


def _insert(text: bytes, words: Iterator[_Word]) -> Statement:
    for word in words:
        if word.text in {b"SELECT", b"WITH", b"FROM"}:
            return Statement("other", text, outfile=b"INFILE" in text[word.end : word.end + 32].upper())
        if word.text == b"VALUES":
            return Statement("insert", text[: word.start], "Values", text[word.end :])
        if word.text == b"FORMAT":
            name = next(words, None)
            if name is None:
                break
            if name.text == b"VALUES":
                return Statement("insert", text[: word.start], "Values", text[name.end :])
            data = re.sub(rb"\A[ \t\f\r]*(?:;[ \t]*)?\r?\n?", b"", text[name.end :], count=1)
            return Statement("insert", text[: word.start], text[name.start : name.end].decode(), data)
    return Statement("insert", re.sub(rb";\s*\Z", b"", text))


def _top_words(text: bytes) -> Iterator[_Word]:
    """The words outside all brackets, in upper case; an opening bracket of the whole comes as `(`."""
    depth, first = 0, True
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "space":
            continue
        if kind == "cut":
            return
        if kind == "open":
            if first:
                yield _Word(b"(", match.start(), match.end())
            depth += 1
        elif kind == "close":
            depth = max(0, depth - 1)
        elif kind == "word" and depth == 0:
            yield _Word(match[0].upper(), match.start(), match.end())
        first = False
