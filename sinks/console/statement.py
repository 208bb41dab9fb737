"""A text taken apart into statements: each ends at a `;` that stands in no string, name or comment."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PIECE = re.compile(
    r"""
      (?P<comment>--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
    | (?P<quoted>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`)
    | (?P<heredoc>(?P<tag>\$\w*\$).*?(?P=tag))
    | (?P<cut>(?:/\*|'|"|`).*)
    | (?P<end>;)
    | (?P<space>\s+)
    | (?P<code>[A-Za-z_0-9]+|.)
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """`text` without its `;`, the place of its first character (both from 1), and whether a `;` ended it."""

    text: str
    line: int = 1
    column: int = 1
    ended: bool = True

    def place(self, line: int, column: int) -> tuple[int, int]:
        """The place in the whole text of a place in this statement; all count from 1."""
        return self.line + line - 1, column + self.column - 1 if line == 1 else column

    def takes(self, name: str) -> bool:
        """Whether a value is put in by this name: `{name:Type}` stands in the text."""
        return re.search(rf"\{{\s*{re.escape(name)}\s*:", self.text) is not None


def statements(text: str) -> list[Statement]:
    """Return the statements of a text, in order; what has comments only is none."""
    found: list[Statement] = []
    start, code = 0, False
    for piece in _PIECE.finditer(text):
        if piece.lastgroup == "end":
            if code:
                found.append(_cut(text, start, piece.start(), ended=True))
            start, code = piece.end(), False
        else:
            code = code or piece.lastgroup not in ("space", "comment")
    if code:
        found.append(_cut(text, start, len(text), ended=False))
    return found


def is_whole(text: str) -> bool:
    """Whether a text that is being typed ends with a `;` outside strings, names and comments."""
    pieces = [
        piece.lastgroup for piece in _PIECE.finditer(text) if piece.lastgroup not in ("space", "comment")
    ]
    return bool(pieces) and pieces[-1] == "end"


def bare(text: str) -> str:
    """Return a text in which comments and what stands in quotes are blank, at the same places."""

    def blank(piece: re.Match[str]) -> str:
        if piece.lastgroup in ("space", "code", "end"):
            return piece[0]
        return re.sub(r"[^\n]", " ", piece[0])

    return _PIECE.sub(blank, text)


def _cut(text: str, start: int, end: int, *, ended: bool) -> Statement:
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    line = text.count("\n", 0, start) + 1
    return Statement(text[start:end].rstrip(), line, start - text.rfind("\n", 0, start), ended)
