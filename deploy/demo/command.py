"""`frwatch demo`."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from deploy.demo.scenario import MIN_EVENTS
from schemas.errors import WrongUse

EVENTS, SEED, RATE = 210_000, 20_201_113, 1_000
PACED = 20_000
"""How many messages at the end are sent at `RATE`, to measure how fast findings are told."""


def demo(
    *,
    events: int = EVENTS,
    seed: int = SEED,
    keep: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> int:
    """Play a statewide scenario through Kafka and ClickHouse, show what is found, and check every event.

    It starts a stack of its own beside yours, in the folder that FRWATCH_HOME names with `-demo` behind it
    (.frwatch-demo), and removes it at the end. It takes a minute or two. Status 0: every event is accounted
    for; 1: one is lost, counted twice or judged wrongly, and the stack's data stay for a look.

        frwatch demo
        frwatch demo --keep
        frwatch demo --events 1000000 --json > demo.json

    Parameters
    ----------
    events:
        How many distinct searches are played, 2,000 or more. Copies, malformed records and outcomes come
        on top.
    seed:
        Another seed gives another scenario; the same seed gives the same one, to the byte.
    keep:
        Leave the stack up at the end, and print how to query it.
    as_json:
        Print the result as JSON; what people read goes to standard error.
    """
    if events < MIN_EVENTS:
        raise WrongUse(f"--events {events} is too few: the story alone needs {MIN_EVENTS}; ask for more")
    from deploy.demo.run import run
    from deploy.demo.screen import Screen
    from deploy.demo.show import console_for, show
    from deploy.demo.stack import DemoStack, demo_home, shown

    console = console_for(error=as_json)
    began = time.monotonic()
    console.print(
        "[bold]frwatch demo[/]: ten agencies, three years, one ban. [dim]A scenario, not a record.[/]"
    )
    screen = Screen(console)
    stack = DemoStack(demo_home(), screen.tell)
    left_up = forget = False
    with _terminable():
        try:
            with screen:
                screen.phase("starting Kafka, ClickHouse and a worker")
                settings = stack.start()
                result = run(stack, settings, screen, events, seed, PACED, RATE, began)
            if as_json:
                print(json.dumps(result.as_json(), indent=2, default=str), flush=True)
            else:
                show(console, result)
            if keep:
                binaries = shown(Path(sys.executable).parent)
                _how_to_query(console, settings.clickhouse.get_secret_value(), stack.shown(), binaries)
            elif result.faults:
                console.print(f"The data of the stack are kept in {stack.shown()}.", soft_wrap=True)
            left_up, forget = keep, not result.faults
        except KeyboardInterrupt:
            forget = True
            raise
        finally:
            if stack.started and not left_up:
                with screen:
                    screen.phase("stopping")
                    stack.stop(forget=forget)
    return 1 if result.faults else 0


def _how_to_query(console: Console, clickhouse: str, home: str, binaries: str) -> None:
    question = "SELECT count(), uniqExact(event_id) FROM frwatch.searches"
    client = f"clickhouse_connect.get_client(dsn='{clickhouse}')"
    python = f"import clickhouse_connect; print({client}.query('{question}').result_rows)"
    console.print("\n[bold]The stack is still up.[/] Ask it yourself:")
    for line in (
        f'curl -s {clickhouse} --data-binary "{question}"',
        f'{binaries}/python -c "{python}"',
        f"FRWATCH_HOME={home} {binaries}/frwatch status",
        f"FRWATCH_HOME={home} {binaries}/frwatch down",
    ):
        console.print(f"  {line}", soft_wrap=True, markup=False)
    console.print("[dim]The questions of this demo are in deploy/demo/queries.[/]")


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does: the stack is stopped first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
