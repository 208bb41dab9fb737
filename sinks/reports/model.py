"""What a report is: as it is defined, in SQL, and as it came out, in tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Kind = Literal["text", "number", "agency", "provider", "person"]
"""What the cells of a column are: `agency` and `provider` hold ids, `person` a keyed pseudonym."""
Chart = Literal["bars", "periods", "figures"]
"""A bar beside each row; a chart of months or days, which the first column holds; big figures in place of a table."""
Audience = Literal["public", "internal"]
WITHHELD = None
"""The value of a number that is withheld so that nobody is told apart; no other number is None."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in SQL, its heading, and what its cells are."""

    name: str
    title: str
    kind: Kind = "number"


@dataclass(frozen=True, slots=True)
class Question:
    """A table of a report: one SELECT over the sets that `common.sql` names, ordered to the last row.

    `chart` draws the column `charted`. `total` adds up the columns it names in a last row: only those whose
    rows share no search. `small` names the counts that tell of the people who were searched for; they are
    withheld below ten where that is asked for, and `margins` are the groupings whose sums stand elsewhere in
    the report, as sets of columns: the empty one is the whole. `exact` tables are left out then.
    """

    id: str
    title: str
    columns: tuple[Column, ...]
    sql: str
    note: str = ""
    chart: Chart | None = None
    charted: str = ""
    total: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    margins: tuple[tuple[str, ...], ...] = ((),)
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """A report: whose, by which statute or request, when it is due, and its questions.

    A `public` one has no column of persons. `agency` is the one it is about where nobody names another.
    """

    name: str
    title: str
    statute: str
    due: str
    audience: Audience
    intro: str
    questions: tuple[Question, ...]
    agency: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is asked about: the days `first` until before `end` in `zone`, one agency or all.

    `as_of` leaves out what frwatch took in from that moment on (ISO 8601, UTC); an empty one leaves out nothing.
    """

    first: date
    end: date
    zone: str
    agency: str | None = None
    as_of: str = ""
    suppress: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The answer to a question; `rows` have a cell for each column, `totals` one for each or none at all."""

    question: Question
    rows: tuple[tuple[Any, ...], ...]
    totals: tuple[Any, ...] = ()

    @property
    def id(self) -> str:
        """The question's id."""
        return self.question.id

    @property
    def columns(self) -> tuple[Column, ...]:
        """The question's columns."""
        return self.question.columns

    def at(self, name: str) -> int:
        """The place of a column."""
        return [column.name for column in self.columns].index(name)


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it came out. `counted` and `unattributed` are numbers of events; None where withheld.

    `names` has what agencies and services are called, by their ids.
    """

    definition: Definition
    scope: Scope
    counted: int | None
    unattributed: int | None
    tables: tuple[Table, ...]
    names: Mapping[str, str] = field(default_factory=dict)
