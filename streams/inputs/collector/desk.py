"""The desk: from a request with events to its answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import web

from schemas.canary import CanaryKey, canary, kafka_key
from schemas.collector_clients import Client
from schemas.contracts import contract
from schemas.wire import encode
from sinks.kafka.intake import Intake, KafkaAway
from streams.inputs.collector.arrival import Arrival, Arrivals
from streams.inputs.collector.body import Item, Parcel, media_of, take_apart
from streams.inputs.collector.judge import IDENTITY, Judge, Verdict, errors_of
from streams.inputs.collector.limits import Allowance, InHand
from streams.inputs.collector.metrics import Metrics
from streams.inputs.collector.problem import MEDIA_TYPE, Refused, code_of, problem
from streams.inputs.event import Kind
from streams.inputs.fault import MAX_FAULTS

AWAY_SECONDS = 2
"""When to come again, where Kafka is away."""
SLICE = 0.005
"""Seconds for which one request may have the event loop."""
MAX_IN_HAND = 64 * 1024 * 1024

_log = structlog.get_logger()


class Desk:
    """Takes events of known clients and answers once Kafka has them.

    An event for an agency that its client does not speak for is no record of what happened: it goes neither
    to `fr.searches` nor, as a dead letter that could be sent again, to `fr.dead`. Its refusal is recorded in
    the log (`event for another agency refused`: client, agency by its id in the register, how many) and
    counted in `frwatch_collect_foreign_agency_total`. Neither has anything that the client wrote.
    """

    def __init__(self, judge: Judge, intake: Intake, metrics: Metrics, canary_key: CanaryKey | None) -> None:
        self._judge = judge
        self._canary_key = canary_key
        self._intake = intake
        self._metrics = metrics
        self.arrivals = Arrivals(InHand(MAX_IN_HAND))
        self._allowances: dict[str, tuple[float, Allowance]] = {}

    async def take(self, kind: Kind, client: Client, request: web.BaseRequest) -> web.Response:
        """Take in a request and return the answer; see the OpenAPI page.

        Raises:
            Refused: it is refused as a whole.
        """
        if kind == "outcome" and not client.outcomes:
            raise Refused("not_allowed", f"{client.id} may not report outcomes; ask who runs the collector")
        allowance = self._let_in(client)
        media = media_of(request.headers.get("Content-Type"))
        arrival = Arrival(request, self.arrivals)
        try:
            body = await arrival.read()
            self._metrics.in_hand.set(self.arrivals.in_hand.bytes)
            parcel = take_apart(kind, media, request.headers, body)
            del body
            allowance.take(len(parcel.items))
            verdicts = await self._judged(kind, client, parcel.items)
            await self._send(kind, verdicts)
        finally:
            arrival.close()
            self._metrics.in_hand.set(self.arrivals.in_hand.bytes)
        self._record(kind, client, verdicts)
        return _answer(kind, parcel, verdicts)

    async def canary(self, client: Client) -> web.Response:
        """Send a canary for `collect/CLIENT` and return the answer.

        Raises:
            Refused: there is no key to sign it with, the client sends too much, or Kafka is away.
        """
        if self._canary_key is None:
            raise Refused(
                "not_found", "this collector signs no canaries; FRWATCH_CANARY_KEY is its key of them"
            )
        self._let_in(client).take(1)
        source = f"collect/{client.id}"
        record = canary(uuid4(), time.time_ns() // 1000, source, self._canary_key)
        value = encode(contract("search"), record, schema_id=self._intake.schema_ids.get("search"))
        try:
            (there,) = await self._intake.send("search", [(kafka_key(source), value)])
        except KafkaAway:
            there = False
        if not there:
            raise _away()
        return reply(202, {"source": source})

    def _let_in(self, client: Client) -> Allowance:
        allowance = self._allowance(client)
        if wait := allowance.wait():
            detail = f"more than {client.rate:g} events/s; wait {wait} s and send again"
            raise Refused("too_many", detail, retry_after=wait)
        if self._intake.away:
            raise _away()
        return allowance

    def _allowance(self, client: Client) -> Allowance:
        known = self._allowances.get(client.id)
        if known is None or known[0] != client.rate:
            known = self._allowances[client.id] = (client.rate, Allowance(client.rate))
        return known[1]

    async def _judged(self, kind: Kind, client: Client, items: Iterable[Item]) -> list[Verdict]:
        loop = asyncio.get_running_loop()
        began, verdicts = loop.time(), []
        for item in items:
            if loop.time() - began > SLICE:
                await asyncio.sleep(0)
                began = loop.time()
            verdicts.append(self._judge.judge(kind, client, item))
        return verdicts

    async def _send(self, kind: Kind, verdicts: list[Verdict]) -> None:
        fit = [verdict for verdict in verdicts if not verdict.faults]
        if not fit:
            return
        try:
            acknowledged = await self._intake.send(kind, [(verdict.key, verdict.value) for verdict in fit])
        except KafkaAway:
            raise _away() from None
        for verdict, there in zip(fit, acknowledged, strict=True):
            verdict.acknowledged = there

    def _record(self, kind: Kind, client: Client, verdicts: list[Verdict]) -> None:
        results = Counter(_status(verdict) for verdict in verdicts)
        for result, count in results.items():
            self._metrics.events.labels(client.id, kind, result).inc(count)
        for code, count in Counter(fault.code for verdict in verdicts for fault in verdict.faults).items():
            self._metrics.faults.labels(client.id, code).inc(count)
        foreign = Counter(verdict.foreign for verdict in verdicts if verdict.foreign is not None)
        for agency, count in foreign.items():
            self._metrics.foreign.labels(client.id, agency).inc(count)
            _log.warning(
                "event for another agency refused", client=client.id, agency=agency, kind=kind, count=count
            )


def _status(verdict: Verdict) -> str:
    if verdict.faults:
        return "refused"
    return "accepted" if verdict.acknowledged else "unacknowledged"


def _answer(kind: Kind, parcel: Parcel, verdicts: list[Verdict]) -> web.Response:
    """202 where all were accepted, 207 where some were, 503 where of some nobody knows, else their faults."""
    counts = Counter(map(_status, verdicts))
    items = [_told(kind, index, verdict) for index, verdict in enumerate(verdicts)]
    told: dict[str, Any] = {"accepted": counts["accepted"], "refused": counts["refused"], "items": items}
    if counts["unacknowledged"]:
        detail = "Kafka did not acknowledge all in time; send those again, or all: an event counts once"
        more = told if parcel.many else {}
        headers = {"Retry-After": str(AWAY_SECONDS)}
        return reply(503, problem("kafka_away", detail, **more), headers=headers)
    if not counts["refused"]:
        return reply(202, told)
    if counts["accepted"]:
        return reply(207, told)
    faults = list(errors_of(verdicts, many=parcel.many))
    code = code_of(faults)
    detail = "no event was taken; mend what `errors` names and send again"
    return reply(
        problem(code, detail)["status"],
        problem(code, detail, faults[:MAX_FAULTS], **(told if parcel.many else {})),
    )


def _told(kind: Kind, index: int, verdict: Verdict) -> dict[str, Any]:
    told: dict[str, Any] = {"index": index, "status": _status(verdict)}
    if verdict.identity is not None:
        told[IDENTITY[kind]] = verdict.identity
    if verdict.faults:
        told["problem"] = problem(code_of(verdict.faults), "mend what `errors` names", verdict.faults)
    elif not verdict.acknowledged:
        told["problem"] = problem("kafka_away", "nobody knows whether Kafka has it; send it again")
    return told


def reply(status: int, told: Any, *, headers: dict[str, str] | None = None) -> web.Response:
    """Return JSON; as problem details from status 400 on."""
    return web.Response(
        status=status,
        body=json.dumps(told, separators=(",", ":")).encode(),
        content_type="application/json" if status < 400 else MEDIA_TYPE,
        headers=headers,
    )


def _away() -> Refused:
    return Refused("kafka_away", "Kafka is away; nothing was taken, send it again", retry_after=AWAY_SECONDS)
