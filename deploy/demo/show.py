"""The result for people: three short chapters, in tables of at most 100 columns."""

from __future__ import annotations

import math
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.demo.findings import Answer
from deploy.demo.result import Result

WIDTH = 100
PSEUDONYM = 12
OFFICERS, CASES = 9, 6


def console_for(*, error: bool) -> Console:
    """Return a console of at most `WIDTH` columns, on standard output or standard error."""
    found = Console(stderr=error, highlight=False)
    return Console(
        stderr=error, highlight=False, width=min(WIDTH, found.width) if found.is_terminal else WIDTH
    )


def show(console: Console, result: Result) -> None:
    """Print what was found, what came after the ban, and the books."""
    _before(console, result)
    _after(console, result)
    _books(console, result)


def _before(console: Console, result: Result) -> None:
    total = result.answers["before_ban"].records()[0]
    _chapter(console, "1  Before the ban: what the LAPD would not say")
    console.print(
        f"[bold]{total['searches']} searches in a commercial service by {total['people']} people[/], "
        f"{total['on_a_trial']} of them on trial accounts. {total['without_a_case']} name no case; "
        f"the others name {total['cases']} cases. [bold]{total['led_to_arrests']} led to an arrest.[/] "
        f"{_count(total['break_a_rule'])} of them breaks a rule: the directive came later."
    )
    officers = result.answers["before_ban_officers"].records()
    table = _table(
        "Which officers",
        "officer",
        ">searches",
        ">on trial",
        ">cases",
        ">no case",
        ">arrests",
        "first",
        "last",
    )
    keys = ("searches", "on_a_trial", "cases", "without_a_case", "led_to_arrests")
    for row in officers[:OFFICERS]:
        table.add_row(
            _short(row["officer"]), *(str(row[key]) for key in keys), row["first_day"], row["last_day"]
        )
    if rest := officers[OFFICERS:]:
        sums = (str(sum(row[key] for row in rest)) for key in keys)
        table.add_row(f"{len(rest)} more", *sums, "", "", style="dim")
    _put(console, table)
    cases = result.answers["before_ban_cases"].records()
    table = _table(
        "Which cases (of those with an outcome)", "case", ">searches", "crime", "officer", "what came of it"
    )
    for row in cases[:CASES]:
        table.add_row(
            row["case_number"],
            str(row["searches"]),
            row["crime"] or "-",
            _short(row["officer"]),
            row["outcomes"].replace("_", " "),
        )
    if rest := cases[CASES:]:
        table.add_row(f"{len(rest)} more", str(sum(row["searches"] for row in rest)), "", "", "", style="dim")
    _put(console, table)
    _put(console, _plain("How many led to what", result.answers["before_ban_outcomes"], left=1))


def _after(console: Console, result: Result) -> None:
    _chapter(console, "2  The ban: 13 November 2020, 00:00 in Los Angeles")
    console.print("The same searches on both sides of it, equal in all but id and time:")
    table = _table(None, "LAPD searches", ">people", ">before", ">forbidden", ">after", ">forbidden")
    for row in result.answers["same_searches"].records():
        table.add_row(
            row["lapd_searches"],
            *(str(row[key]) for key in ("people", "before", "before_forbidden", "after", "after_forbidden")),
        )
    _put(console, table)
    table = _table(
        "What was found", "rule", "severity", ">confirmed", ">suspected", ">people", "first (Los Angeles)"
    )
    for row in result.answers["findings"].records():
        table.add_row(
            row["rule"],
            row["severity"],
            *(str(row[key]) for key in ("confirmed", "suspected", "people")),
            row["first"],
        )
    _put(console, table)
    people = result.answers["after_ban_officers"].records()
    searches, posing = (sum(row[key] for row in people) for key in ("searches", "said_to_be_another"))
    console.print(
        f"\n{len(people)} people went on in a commercial service: {searches} searches, {posing} of which "
        "claimed to be LACRIS and reached another host. A site that was only reached or looked up, or a "
        "service in no catalogue, is suspected and accuses no one."
    )
    speed = result.speed
    if not math.isnan(speed.p50):
        console.print(
            f"\n[bold]How fast:[/] half of the findings were on fr.violations {speed.p50:.1f} ms after the "
            f"search was sent, 99 % within {speed.p99:.1f} ms, all within {speed.worst:.0f} ms "
            f"({speed.findings} findings, at {speed.rate:,} events/s)."
        )


def _books(console: Console, result: Result) -> None:
    _chapter(console, "3  The books: sent, stored, once")
    table = _table(None, "", ">expected", ">sent again", ">stored", ">distinct", "")
    for row in result.books():
        right = row["expected"] == row["stored"] == row["distinct"]
        verdict = Text("every one, once", style="green") if right else Text("DIFFERS", style="bold red")
        again = f"{row['sent_again']:,}" if row["sent_again"] else ""
        numbers = (f"{row['expected']:,}", again, f"{row['stored']:,}", f"{row['distinct']:,}")
        table.add_row(row["what"].replace("_", " "), *numbers, verdict)
    _put(console, table)
    _put(
        console,
        _plain("Malformed records, kept as dead letters", result.answers["dead_letters"], left=1, cut=46),
    )
    console.print()
    for fault in result.faults:
        console.print(f"[bold red]wrong:[/] {fault}", soft_wrap=True)
    if result.faults:
        console.print("[bold red]The books do not balance.[/]")
    else:
        console.print(
            "[bold green]Every event is accounted for: none lost, none counted twice.[/] "
            f"All in {result.seconds:.0f} s."
        )
    console.print(
        "[dim]A scenario, not a record: the reporting of 2020 told of nearly 475 searches by more than 25 "
        "people, and all else is invented. Officers are keyed pseudonyms, shown by their first "
        f"{PSEUDONYM} of 64 digits.[/]"
    )


def _put(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _chapter(console: Console, title: str) -> None:
    console.print()
    console.rule(f"[bold]{title}[/]", align="left", characters="─")


def _table(title: str | None, *columns: str) -> Table:
    """A table; a column whose name begins with `>` is set to the right."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    return table


def _plain(title: str, answer: Answer, *, left: int, cut: int = WIDTH) -> Table:
    """A table of an answer as it is; all but the first `left` columns are numbers, where they are."""
    names = [name.replace("_", " ") for name in answer.columns]
    numeric = [
        index >= left and all(isinstance(row[index], int) for row in answer.rows)
        for index in range(len(names))
    ]
    table = _table(
        title, *(f">{name}" if number else name for name, number in zip(names, numeric, strict=True))
    )
    for row in answer.rows:
        table.add_row(*(_cell(value, cut) for value in row))
    return table


def _cell(value: Any, cut: int) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text if len(text) <= cut else f"{text[: cut - 1]}…"


def _short(pseudonym: str | None) -> str:
    return pseudonym[:PSEUDONYM] if pseudonym else "-"


def _count(number: int) -> str:
    return "None" if not number else f"{number}"
