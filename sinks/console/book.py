"""The query book: questions in plain words, each a file `NAME.sql` with the SQL that answers it.

The first line is the question, as a comment. Lines `-- param NAME=DEFAULT` follow for what may be chosen,
and `-- param NAME` for what must be; the SQL takes each as `{NAME:Type}`, so that no value is ever part of
its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import NotThere, WrongUse

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_QUESTION = re.compile(r"-- (\S.*\?(?: \(.+\))?)")
_PARAMETER = re.compile(r"-- param ([A-Za-z_]\w*)(?:=(.*))?")
_PLACE = re.compile(r"\{\s*([A-Za-z_]\w*)\s*:[^{}]+\}")


@dataclass(frozen=True, slots=True)
class Question:
    """A file of the book. `parameters` have their defaults, None where a value must be given.

    `sql` is the whole text: the lines above the statement are comments to ClickHouse too.
    """

    name: str
    question: str
    parameters: Mapping[str, str | None]
    sql: str

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return a value for each parameter.

        Raises:
            WrongUse: a parameter is unknown, or one that must be given is missing.
        """
        known = ", ".join(self.parameters) or "none"
        for name in given:
            if name not in self.parameters:
                raise WrongUse(f"question {self.name} has no parameter {name!r}; it has: {known}")
        for name, default in self.parameters.items():
            if default is None and name not in given:
                raise WrongUse(f"question {self.name} needs a value: give --param {name}=…")
        return {name: given.get(name, default or "") for name, default in self.parameters.items()}


def read_book(folder: Path) -> dict[str, Question]:
    """Return the questions of a folder, by name and in the order of their names.

    Raises:
        NotThere: there is no such folder.
        WrongUse: a file is no question of the book; the text names it, the line and the remedy.
    """
    if not folder.is_dir():
        raise NotThere(f"the query book is not at {folder}; set FRWATCH_QUERIES to a folder of .sql files")
    return {file.stem: read_question(file) for file in sorted(folder.glob("*.sql"))}


def read_question(file: Path) -> Question:
    """Return the question in a file.

    Raises:
        NotThere: it cannot be read.
        WrongUse: it is no question of the book.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotThere(f"{file} cannot be read ({type(error).__name__}); mend or remove it") from None
    if not _NAME.fullmatch(file.stem):
        raise WrongUse(f"{file}: name it in small letters, digits and _, such as late_reports.sql")
    lines = text.splitlines()
    asked = _QUESTION.fullmatch(lines[0]) if lines else None
    if asked is None:
        raise WrongUse(f"{file}:1: begin with the question, such as `-- Which sources report late?`")
    parameters = _parameters(file, lines)
    used = set(_PLACE.findall(text))
    for name in sorted(used ^ parameters.keys()):
        what = "is not used" if name in parameters else "is not said"
        raise WrongUse(f"{file}: parameter {name} {what}; say `-- param {name}=…` and use {{{name}:Type}}")
    return Question(file.stem, asked[1], parameters, text)


def find_question(folder: Path, name: str) -> Question:
    """Return one question.

    Raises:
        WrongUse: the book has none of that name.
    """
    book = read_book(folder)
    if name not in book:
        from rapidfuzz import process

        near = [match for match, score, _ in process.extract(name, list(book), limit=3) if score >= 60]
        hint = f"; perhaps {' or '.join(near)}" if near else ""
        raise WrongUse(f"the query book has no question {name!r}{hint}; `frwatch sql --list` lists them")
    return book[name]


def _parameters(file: Path, lines: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for number, line in enumerate(lines, start=1):
        if not line.startswith("--"):
            break
        if line.startswith("-- param"):
            said = _PARAMETER.fullmatch(line)
            if said is None or said[1] in found:
                raise WrongUse(f"{file}:{number}: write `-- param NAME=DEFAULT`, each name once")
            found[said[1]] = said[2]
    return found
