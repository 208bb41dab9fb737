"""What may come next at the prompt, by what stands before the cursor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from sinks.console.catalog import Catalog
from sinks.console.statement import bare

_TYPED = re.compile(r"[\w.]*\Z")
_BEFORE = re.compile(r"(\w+)\s+\Z")
_SOURCES = re.compile(r"\b(?:FROM|JOIN)\s+([A-Za-z_][\w.]*)(?:\s+(?:AS\s+)?([A-Za-z_]\w*))?", re.IGNORECASE)
_TABLES_AFTER = frozenset({"FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "EXISTS"})
_NO_ALIAS = frozenset(
    {
        "WHERE",
        "GROUP",
        "ORDER",
        "LIMIT",
        "JOIN",
        "LEFT",
        "INNER",
        "RIGHT",
        "FULL",
        "ON",
        "USING",
        "FINAL",
        "UNION",
    }
    | {"SETTINGS", "FORMAT", "HAVING", "PREWHERE", "SAMPLE", "ARRAY", "ANY", "ASOF", "CROSS", "AS"}
)


class SqlCompleter(Completer):
    """Offers tables where a table belongs, else columns of the tables that are named, keywords and functions.

    `words` are those of the console itself, and `questions` the names of the query book.
    """

    def __init__(self, catalog: Catalog, words: Iterable[str], questions: Iterable[str]) -> None:
        self.catalog = catalog
        self._words = sorted(words)
        self._questions = sorted(questions)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield what may stand in the place of the word at the cursor."""
        before = document.text_before_cursor
        typed = match[0] if (match := _TYPED.search(before)) else ""
        ahead = before[: len(before) - len(typed)]
        if len(bare(before + "x").rstrip()) <= len(before):  # in a string, a quoted name or a comment
            return
        seen: set[str] = set()
        for text, meta in self._offers(bare(document.text), bare(ahead), typed):
            if text not in seen and text.lower().startswith(typed.lower()):
                seen.add(text)
                yield Completion(text, start_position=-len(typed), display_meta=meta)

    def _offers(self, text: str, ahead: str, typed: str) -> Iterator[tuple[str, str]]:
        if ahead.strip() in ("book",):
            yield from ((name, "question") for name in self._questions)
            return
        last = match[1].upper() if (match := _BEFORE.search(ahead)) else ""
        if last in _TABLES_AFTER or ahead.strip() in ("\\d", "describe"):
            yield from self._tables()
            return
        if "." in typed:
            owner = typed.rpartition(".")[0]
            columns = self.catalog.columns(_sources(text).get(owner, owner))
            yield from ((f"{owner}.{name}", kind) for name, kind in columns.items())
            yield from self._tables()
            return
        if not ahead.strip():
            yield from ((word, "console") for word in self._words)
        for table in dict.fromkeys(_sources(text).values()):
            yield from self.catalog.columns(table).items()
        yield from ((alias, "alias") for alias, table in _sources(text).items() if alias != table)
        if typed:
            yield from ((keyword, "keyword") for keyword in self.catalog.keywords)
            for name, aggregate in self.catalog.functions.items():
                yield f"{name}(", "aggregate" if aggregate else "function"

    def _tables(self) -> Iterator[tuple[str, str]]:
        plain = [name for name in self.catalog.tables if "." not in name]
        for name in sorted(plain, key=lambda each: (each.endswith("_raw"), each)):
            yield name, "table"
        yield from ((name, "table") for name in sorted(self.catalog.tables) if "." in name)


def _sources(text: str) -> dict[str, str]:
    """The tables that a statement names, by their names and aliases."""
    found: dict[str, str] = {}
    for table, alias in _SOURCES.findall(text):
        found[table] = table
        if alias and alias.upper() not in _NO_ALIAS:
            found[alias] = table
    return found
