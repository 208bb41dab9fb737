"""The prompt: statements of many lines with colours, completion and history, and their answers."""

from __future__ import annotations

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import ColorDepth
from pygments.lexers.sql import SqlLexer
from rich.console import Console
from rich.markup import escape

from schemas.errors import FrwatchError, WrongUse
from schemas.settings import Settings
from sinks.console.book import find_question, read_book
from sinks.console.catalog import read_catalog
from sinks.console.command import list_book, parameters
from sinks.console.completion import SqlCompleter
from sinks.console.history import SafeHistory, history_file, secrets_of
from sinks.console.outlet import Format, known_format
from sinks.console.pages import Pages
from sinks.console.runner import Done, run
from sinks.console.session import Session
from sinks.console.statement import Statement, statements
from sinks.console.words import HELP, WORDS, describe, is_typed_out, settings_of, tables, word_of


def prompt(settings: Settings, *, form: Format, limit: int, write: bool, database: str) -> None:
    """Ask and answer until the user leaves.

    Raises:
        NotThere: ClickHouse does not answer.
    """
    session = Session(settings, write=write, database=database)
    try:
        Prompt(settings, session, form=form, limit=limit).talk()
    finally:
        session.close()


class Prompt:
    """A conversation with a terminal."""

    def __init__(self, settings: Settings, session: Session, *, form: Format, limit: int) -> None:
        self._settings = settings
        self._session = session
        self._form = form
        self._console = Console(highlight=False)
        self._outlet = Pages(self._console, limit=limit)
        self._completer = SqlCompleter(read_catalog(session), WORDS, read_book(settings.queries))
        self._reader: PromptSession[str] = PromptSession(
            history=SafeHistory(history_file(settings), secrets_of(settings)),
            completer=self._completer,
            lexer=PygmentsLexer(SqlLexer),
            auto_suggest=AutoSuggestFromHistory(),
            key_bindings=_keys(),
            multiline=True,
            prompt_continuation="      … ",
            color_depth=ColorDepth.MONOCHROME if self._console.no_color else None,
        )

    def talk(self) -> None:
        """Take what is typed until Ctrl-D or `quit`."""
        may = "may change data" if self._session.write else "reads only"
        self._console.print(
            f"ClickHouse {self._session.version} at {self._session.place}; {may}.",
            "`help` says more, Ctrl-D leaves.",
        )
        while True:
            try:
                text = self._reader.prompt("frwatch> ")
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if word_of(text) == ("quit", ""):
                return
            try:
                self._take(text)
            except KeyboardInterrupt:
                self._console.print("cancelled")
            except FrwatchError as error:
                self._console.print(f"[bold red]{escape(str(error))}[/]", soft_wrap=True)

    def _take(self, text: str) -> None:
        if (word := word_of(text)) is not None:
            self._word(*word)
            return
        for statement in statements(text):
            if (chosen := settings_of(statement.text)) is not None:
                self._session.set(chosen)
            elif (database := statement.text.split()) and database[0].upper() == "USE" and len(database) == 2:
                self._session.use(database[1].strip('`"'))
                self._completer.catalog = read_catalog(self._session)
            else:
                self._answer(statement, {})

    def _answer(self, statement: Statement, values: dict[str, str], source: str = "") -> None:
        done = run(
            self._session,
            statement,
            self._outlet,
            self._form,
            values=values,
            notes=self._console,
            source=source,
        )
        self._console.print(_footer(done), style="dim")

    def _word(self, word: str, rest: str) -> None:
        if word == "help":
            self._console.print(escape(HELP), soft_wrap=True)
        elif word == "tables":
            self._outlet.show(tables(self._session))
        elif word == "describe":
            self._outlet.show(describe(self._session, rest))
        elif word == "format":
            self._form = known_format(rest) if rest else self._form
            self._console.print(f"format {self._form}")
        elif word == "limit":
            if rest and not rest.isdecimal():
                raise WrongUse(f"limit {rest!r} is no number; 0 shows all rows")
            self._outlet.limit = int(rest) if rest else self._outlet.limit
            self._console.print(f"limit {self._outlet.limit}")
        elif word == "book":
            self._book(rest.split())

    def _book(self, said: list[str]) -> None:
        if not said:
            list_book(self._settings, as_json=False, out=self._console)
            return
        question = find_question(self._settings.queries, said[0])
        values = question.values(parameters(tuple(said[1:])))
        self._console.print(escape(question.question), style="bold")
        self._answer(statements(question.sql)[0], values, f"{question.name}.sql")


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None
        elif is_typed_out(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys


def _footer(done: Done) -> str:
    seconds = f"{done.seconds:.3f} s"
    if done.shown is None or not done.shown.names:
        return f"done, {seconds}"
    rows = len(done.shown.rows)
    note = done.shown.note("`limit 0` shows all")
    return f"{note or ('1 row' if rows == 1 else f'{rows:,} rows')}, {seconds}"
