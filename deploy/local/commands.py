"""`frwatch up`, `frwatch down`, `frwatch status`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.local.health import NEVER, READY, AlerterHealth, CollectorHealth, Health, examine
from deploy.local.jars import Tell
from deploy.local.locks import locked
from deploy.local.parts import ALERTER, COLLECTOR
from deploy.local.stack import LocalStack, Wish
from deploy.local.state import Home, Stack
from schemas.settings import load_settings

STRANGERS = 5
"""How many names that no agency has are shown to a person; --json has more."""
Port = Annotated[int | None, Parameter(validator=Number(gte=1, lte=65535))]
AsJson = Annotated[bool, Parameter("--json", negative=())]


def up(
    *,
    workers: Annotated[int | None, Parameter(validator=Number(gte=0, lte=64))] = None,
    registry: bool | None = None,
    fresh: Annotated[bool, Parameter(negative=())] = False,
    kafka_port: Port = None,
    clickhouse_port: Port = None,
    registry_port: Port = None,
    as_json: AsJson = False,
) -> int:
    """Start the local stack in the background, or mend it: Kafka, ClickHouse and workers, on loopback only.

    Where alert routes or clients of the collector are configured, an alerter or a collector is started too.
    It returns when all are ready, within some 10 s; the first time it fetches Kafka (45 MB). On a stack that
    runs it starts what has died and prints the addresses. Data and addresses outlive a restart; they are in
    the folder FRWATCH_HOME (default .frwatch), so several stacks run side by side.

        frwatch up
        frwatch up --workers 2 --registry
        FRWATCH_HOME=/tmp/other frwatch up --json

    Parameters
    ----------
    workers:
        How many workers run; 1 at first, later as many as before.
    registry:
        Run a schema registry too (Apicurio, 142 MB the first time); later as before.
    fresh:
        Stop the stack and delete its data and its pseudonym key first. There is no way back.
    kafka_port:
        Port of the broker; 9092 at first where that is free, later as before.
    clickhouse_port:
        Port of ClickHouse's HTTP interface; 8123 at first where that is free, later as before.
    registry_port:
        Port of the registry; 8081 at first where that is free, later as before. Implies --registry.
    as_json:
        Print the addresses as JSON; progress goes to standard error.
    """
    asked = {"kafka": kafka_port, "clickhouse": clickhouse_port, "registry": registry_port}
    ports = {name: port for name, port in asked.items() if port is not None}
    wish = Wish(workers, True if registry_port is not None and registry is None else registry, ports)
    home = Home(load_settings().home)
    with _progress() as tell:
        home.make()
        with _at_work(home, tell):
            stack = LocalStack(home, tell)
            if fresh:
                home.refuse_to_empty()
                stack.down()
                home.empty()
                home.make()
            changed = stack.up(wish)
    if as_json:
        _print_json(home, *examine(home))
        return 0
    state = stack.state
    rows = [("Kafka", state.kafka), ("ClickHouse", state.clickhouse), ("registry", state.schema_registry)]
    print("The stack is ready:" if changed else "The stack runs already:")
    for name, address in rows:
        if address:
            print(f"  {name:<11}{address}")
    print(f"  {'workers':<11}{state.workers_wanted}")
    if ALERTER in state.pids:
        print(f"  {'alerts':<11}on; `frwatch alerts list` has what was told")
    if COLLECTOR in state.pids:
        collector = examine(home)[1].collector
        print(f"  {'collector':<11}{(collector and collector.address) or 'on'}")
    print(f"  {'home':<11}{home}")
    print("Next: `frwatch status`, `frwatch demo`; `frwatch down` stops it and keeps the data.")
    return 0


def down(*, as_json: AsJson = False) -> int:
    """Stop the local stack: collector and workers first, then ClickHouse, registry and Kafka. The data stay.

    What does not stop in time is killed, and it says so. Where nothing runs, it does nothing.

        frwatch down

    Parameters
    ----------
    as_json:
        Print what was done as a JSON array of lines.
    """
    home = Home(load_settings().home)
    with _progress() as tell, contextlib.ExitStack() as held:
        if home.path.is_dir():
            home.refuse_strangers()
            held.enter_context(_at_work(home, tell))
        lines = LocalStack(home, tell).down()
    if as_json:
        print(json.dumps(lines))
    else:
        print("\n".join(lines) if lines else f"No stack of {home} runs.")
    return 0


def status(*, as_json: AsJson = False) -> int:
    """Show what of the local stack runs and how far each worker is behind; status 0 if all is ready, else 1.

        frwatch status
        frwatch status --json

    Parameters
    ----------
    as_json:
        Print it as JSON: `kafka`, `clickhouse`, `registry`, `workers` (`pid`, `policies`, `lag`), `ready`,
        `unknown_agencies` (how often names came that no agency of the register has), `alerts` (the alerter;
        null where no routes are configured), `collector` (null where no clients are configured).
    """
    home = Home(load_settings().home)
    state, health = examine(home)
    if as_json:
        _print_json(home, state, health)
    else:
        _print_table(home, health)
    return 0 if health.ready else 1


def _at_work(home: Home, tell: Tell) -> contextlib.AbstractContextManager[None]:
    return locked(home.lock, f"waiting for another frwatch that is at work on {home}", tell)


@contextlib.contextmanager
def _progress() -> Iterator[Tell]:
    """What is waited for: one moving line on a terminal, else a line each, always on standard error."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with console.status("starting") as spinner:
            yield lambda line: spinner.update(line)
    else:
        yield lambda line: print(f"frwatch: {line}", file=sys.stderr, flush=True)


def _print_json(home: Home, state: Stack, health: Health) -> None:
    found = {
        "kafka": state.kafka,
        "clickhouse": state.clickhouse,
        "registry": state.schema_registry,
        "ready": health.ready,
        "workers": [
            {
                "pid": each.pid,
                "policies": each.policies,
                "policies_refused": each.refused,
                "lag": each.lag,
                "name": each.name,
                "state": each.state,
                "partitions": each.partitions,
                "memory": each.memory,
            }
            for each in health.workers
        ],
        "parts": [
            {"name": each.name, "state": each.state, "pid": each.pid, "memory": each.memory}
            for each in health.parts
        ],
        "alerts": _alerts(health.alerter),
        "collector": _collector(health.collector),
        "unknown_agencies": health.unknown_agencies,
        "home": str(home),
    }
    print(json.dumps(found, indent=2))


def _alerts(alerter: AlerterHealth | None) -> dict[str, Any] | None:
    if alerter is None:
        return None
    names = ("active", "waiting", "given_up", "rows", "destinations")
    return {
        "pid": alerter.pid,
        "state": alerter.state,
        "memory": alerter.memory,
        "lag": alerter.lag,
        **{name: alerter.sign.get(name) for name in names},
        "canaries": alerter.canaries,
    }


def _collector(collector: CollectorHealth | None) -> dict[str, Any] | None:
    if collector is None:
        return None
    names = ("clients", "accepted", "refused", "unacknowledged", "foreign")
    return {
        "pid": collector.pid,
        "state": collector.state,
        "memory": collector.memory,
        "address": collector.address,
        **{name: collector.sign.get(name) for name in names},
    }


def _print_table(home: Home, health: Health) -> None:
    console = Console(highlight=False)
    if not health.parts:
        console.print(f"{NEVER}: no stack in {home}; `frwatch up` starts one", markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("part", "state", "pid", "MiB", "where"):
        table.add_column(name, justify="right" if name in ("pid", "MiB") else "left", overflow="fold")
    for part in health.parts:
        pid = "" if part.pid is None else str(part.pid)
        table.add_row(part.name, _coloured(part.state), pid, _mib(part.memory), part.address or "")
    for worker in health.workers:
        lag = "lag unknown" if worker.lag is None else f"lag {worker.lag:,}"
        policies = f", policies {worker.policies[:8]}" if worker.policies else ""
        where = f"{lag}, {worker.partitions} partitions{policies}"
        table.add_row(worker.name, _coloured(worker.state), str(worker.pid), _mib(worker.memory), where)
    if health.alerter is not None:
        _add_alerter(table, health.alerter)
    if health.collector is not None:
        _add_collector(table, health.collector)
    console.print(table)
    for worker in health.workers:
        if worker.refused:
            first = worker.refused.splitlines()[0]
            console.print(
                f"{worker.name} refused the policies published last: {first}", markup=False, soft_wrap=True
            )
    names = health.unknown_agencies
    if names:
        told = ", ".join(f"{name!r} ({count:,})" for name, count in list(names.items())[:STRANGERS])
        more = f" and {len(names) - STRANGERS} more" if len(names) > STRANGERS else ""
        console.print(f"names that no agency has: {told}{more}; add aliases or agencies", markup=False)
    if not health.ready:
        console.print(f"not ready; logs are in {home.path / 'logs'}; `frwatch up` mends it", soft_wrap=True)


def _add_alerter(table: Table, alerter: AlerterHealth) -> None:
    lag = "lag unknown" if alerter.lag is None else f"lag {alerter.lag:,}"
    found = [lag, f"{alerter.sign.get('waiting', 0):,} to send"]
    if given_up := alerter.sign.get("given_up"):
        found.append(f"{given_up:,} given up")
    for name, lane in alerter.sign.get("destinations", {}).items():
        if lane["circuit"] != "closed":
            found.append(f"{name} does not answer")
    if alerter.canaries:
        source, at = min(alerter.canaries.items(), key=lambda each: each[1])
        found.append(f"oldest canary {source} at {at[:19]}Z")
    where = escape(", ".join(found))
    table.add_row(ALERTER, _coloured(alerter.state), str(alerter.pid), _mib(alerter.memory), where)


def _add_collector(table: Table, collector: CollectorHealth) -> None:
    sign = collector.sign
    found = [collector.address or "address unknown", f"{sign.get('accepted', 0):,} accepted"]
    if refused := sign.get("refused"):
        found.append(f"{refused:,} refused")
    if foreign := sign.get("foreign"):
        found.append(f"{foreign:,} of them for agencies of others")
    where = escape(", ".join(found))
    table.add_row(COLLECTOR, _coloured(collector.state), str(collector.pid), _mib(collector.memory), where)


def _coloured(state: str) -> str:
    return f"[{'green' if state == READY else 'red'}]{state}[/]"


def _mib(value: int | None) -> str:
    return "" if value is None else f"{value >> 20}"
