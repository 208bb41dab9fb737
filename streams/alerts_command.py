"""`frwatch alerts`: run the alerter, and what people ask and say of alerts."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from schemas.agencies import AgencyRegister, load_agencies
from schemas.alert_routes import Routes, collect_routes, load_routes
from schemas.canary import MAX_SOURCE
from schemas.errors import FrwatchError, NotThere, WrongUse
from schemas.policies import PolicySet, load_policies
from schemas.settings import Settings, load_settings
from schemas.yaml_file import Faults, read_sources
from streams.alerting.orders import Acknowledge, Order, Retry, to_value
from streams.alerting.text import line
from streams.lint_report import print_faults
from streams.log import set_up_logs
from streams.moments import moment_of

AsJson = Annotated[bool, Parameter("--json", negative=())]
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def run_command() -> None:
    """Tell the people who must know of violations, until told to stop.

    Start several: one is active, the others stand by. SIGTERM and SIGINT stop one within 10 s. It ends with
    status 2 where the routes have faults or a secret is missing, with 3 where Kafka is not there.
    """
    import uvloop

    settings = load_settings()
    set_up_logs(settings.log_format)
    # While a transaction is being finished the broker refuses the next; that is tried again, and no news.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    uvloop.run(_run(settings))


def lint_command(*paths: Path, as_json: AsJson = False) -> int:
    """Say every fault of alert routes, with file, line, column and remedy; exit status 1 if there is one.

    Parameters
    ----------
    paths:
        Files and folders of routes, read as one set; FRWATCH_ALERTS where none is given.
    as_json:
        Print the faults as a JSON array of `file`, `line`, `column` and `text`.
    """
    settings = load_settings()
    agencies, faults = load_agencies(settings.agencies), Faults()
    sources = [source for path in paths or (settings.alerts,) for source in read_sources(path)]
    routes = collect_routes(sources, agencies, _rules(settings, agencies), faults)
    fine = f"no faults: {len(routes.destinations)} destinations, {len(routes.routes)} routes"
    return print_faults(faults.told(), fine, as_json=as_json)


def list_command(
    *,
    unacknowledged: Annotated[bool, Parameter("--open", negative=())] = False,
    failed: Annotated[bool, Parameter(negative=())] = False,
    since: str | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))] = 50,
    as_json: AsJson = False,
) -> None:
    """List alerts, the latest first: each with every destination, what came of it and who has it.

    Parameters
    ----------
    unacknowledged:
        Only those that nobody has acknowledged.
    failed:
        Only those that were given up; `frwatch alerts retry` sends them again.
    since:
        Only those decided from then on: a date (midnight UTC) or a time with its offset.
    limit:
        At most so many.
    as_json:
        Print them as a JSON array.
    """
    from sinks.clickhouse.alerts import find_alerts

    if unacknowledged and failed:
        raise WrongUse("--open and --failed exclude each other; name one")
    start = moment_of("--since", since) if since else None
    state = "open" if unacknowledged else "failed" if failed else None
    found = find_alerts(load_settings(), state=state, since=start, limit=limit)
    if as_json:
        print(json.dumps(found, default=lambda moment: moment.isoformat()))
        return
    if not found:
        print("no alerts")
        return
    for each in found:
        print("\n    ".join(_lines(each)))


def retry_command(*ids: str, destination: str | None = None, as_json: AsJson = False) -> None:
    """Send alerts again that were given up, or that wait for their next attempt.

    Parameters
    ----------
    ids:
        Alerts, as `frwatch alerts list` has them.
    destination:
        All alerts of this destination; with ids, only those, there.
    as_json:
        Print what was asked as JSON.
    """
    from streams.alerting.clock import now_micros

    if not ids and destination is None:
        raise WrongUse("say which alerts: name ids, or --destination NAME")
    settings = load_settings()
    if destination is not None:
        _destination(_routes(settings), destination)
    order = Retry(alert_ids=tuple(map(_id, ids)), destination=destination, at=now_micros())
    _send(settings, order)
    if as_json:
        print(order.model_dump_json())
        return
    print("asked the alerter to send again; `frwatch alerts list` says what came of it")


def try_command(destination: str, *, as_json: AsJson = False) -> int:
    """Send a test to a destination, once, and say what came of it; exit status 1 if it was not delivered.

    Parameters
    ----------
    destination:
        Its name in the routes.
    as_json:
        Print `delivered`, `http_status`, `error` and `seconds` as JSON.
    """
    settings = load_settings()
    routes = _routes(settings)
    _destination(routes, destination)
    from streams.alerting.trial import try_destination

    outcome, seconds = asyncio.run(try_destination(settings, routes, destination))
    delivered = outcome.result == "delivered"
    if as_json:
        told = {
            "delivered": delivered,
            "http_status": outcome.http_status,
            "error": outcome.error,
            "seconds": seconds,
        }
        print(json.dumps(told))
    elif delivered:
        print(f"delivered to {destination} in {seconds * 1000:.0f} ms")
    else:
        status = f" (HTTP {outcome.http_status})" if outcome.http_status else ""
        print(f"not delivered to {destination}: {outcome.error}{status}")
    return 0 if delivered else 1


def ack_command(
    alert: str, *, by: Annotated[str, Parameter(name="--by")], note: str = "", as_json: AsJson = False
) -> None:
    """Say that somebody has taken an alert on: it is escalated no further, and `alerts list` says who has it.

    Parameters
    ----------
    alert:
        The alert, as it was told.
    by:
        Who has it.

    Note:
        What they say about it.
    as_json:
        Print it as JSON.
    """
    from sinks.clickhouse.alerts import known_alert
    from streams.alerting.clock import now_micros

    settings, alert_id = load_settings(), _id(alert)
    if not by.strip():
        raise WrongUse("--by is empty; say who has it")
    try:
        known = known_alert(settings, str(alert_id))
    except NotThere as error:
        # What somebody says must count also while nobody can look it up.
        print(f"frwatch: {error}; the alert is acknowledged unseen", file=sys.stderr)
        known = True
    if not known:
        raise FrwatchError(f"there is no alert {alert_id}; `frwatch alerts list` has them")
    order = Acknowledge(alert_id=alert_id, by=by.strip(), note=note, at=now_micros())
    _send(settings, order)
    print(order.model_dump_json() if as_json else f"acknowledged by {order.by}")


def canary_command(*sources: str, as_json: AsJson = False) -> None:
    """Send a canary for each source: a search that nobody ran, to see that it comes through.

    It alerts nobody and is in no table; `frwatch status` and a metric say when the last of each source came.

    Parameters
    ----------
    sources:
        Names, such as lacris-web; where none is given, those of the routes.
    as_json:
        Print the sources as a JSON array.
    """
    from streams.alerting.canary_schedule import send_canaries

    settings = load_settings()
    schedule = _routes(settings).canaries
    chosen = sources or (schedule.sources if schedule else ())
    if not chosen:
        raise WrongUse("name a source, or sources under `canaries` in the routes")
    if any(not 0 < len(source) <= MAX_SOURCE for source in chosen):
        raise WrongUse(f"a source has 1 to {MAX_SOURCE} characters")
    asyncio.run(send_canaries(settings, chosen))
    print(json.dumps(list(chosen)) if as_json else f"sent {len(chosen)}: {', '.join(chosen)}")


async def _run(settings: Settings) -> None:
    from sinks.alerts.channels import open_channels
    from sinks.alerts.guard import arm
    from sinks.kafka.topics import ensure_topics
    from streams.alerting.alerter import Alerter
    from streams.alerting.words import load_words

    words = await asyncio.to_thread(load_words, settings)
    routes = load_routes(settings.alerts, words.agencies)
    if not settings.alerts_allow_private:
        arm()
    channels = open_channels(routes.destinations, allow_private=settings.alerts_allow_private)
    if routes.canaries is not None:
        settings.require_key()
    await ensure_topics(settings)
    alerter = Alerter(settings, routes, channels, words)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, alerter.stop)
    await alerter.run()


def _rules(settings: Settings, agencies: AgencyRegister) -> dict[str, set[str]]:
    """The rules that routes may name: of the files, and of what is published, where that can be read."""
    from streams.in_force import history, last_good

    policies: list[PolicySet] = [load_policies(settings.policies, agencies)]
    try:
        published = last_good(asyncio.run(history(settings, agencies)))
    except NotThere:
        published = None
    if published is not None:
        policies.append(published.policies)
    found: dict[str, set[str]] = {}
    for policy in (each for group in policies for each in group):
        found.setdefault(policy.id, set()).update(rule.id for rule in policy.rules)
    return found


def _routes(settings: Settings) -> Routes:
    return load_routes(settings.alerts, load_agencies(settings.agencies))


def _destination(routes: Routes, name: str) -> None:
    if name not in routes.destinations:
        known = ", ".join(sorted(routes.destinations)) or "none"
        raise WrongUse(f"there is no destination {name!r}; there are {known}")


def _send(settings: Settings, order: Order) -> None:
    from sinks.kafka.resend import Outgoing, resend
    from sinks.kafka.topics import ensure_topics

    async def send() -> None:
        await ensure_topics(settings)
        await resend(settings, [Outgoing(settings.topic("alert-commands"), None, to_value(order), ())])

    asyncio.run(send())


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise WrongUse(f"{text!r} is no alert's id; `frwatch alerts list` has them") from None


def _lines(each: dict[str, Any]) -> list[str]:
    sure = "" if each["certainty"] == "CONFIRMED" else ", not proven"
    more = f", {each['suppressed']:,} more" if each["suppressed"] else ""
    tried = f", attempt {each['attempts']}" if each["attempts"] > 1 else ""
    why = f" ({each['error']})" if each["error"] else ""
    lines = [
        f"{each['alert_id']}  {each['decided_at']:%Y-%m-%d %H:%M:%S} UTC  {each['kind']}{more}",
        f"{each['severity']} {each['policy_id']}/{each['rule_id']} of {each['agency_id']}{sure}",
        f"{each['destination']}: {each['outcome']}{tried}{why}",
    ]
    if each["acknowledged_by"]:
        note = f": {each['note']}" if each["note"] else ""
        lines.append(line(f"acknowledged by {each['acknowledged_by']}{note}"))
    return lines
