"""A worker with no more rights than the role `frwatch_writer` stores all that one with every right would."""

from __future__ import annotations

import asyncio
import json
import signal
import uuid
from datetime import UTC, datetime
from pathlib import Path

from schemas.contracts import contract
from schemas.wire import encode
from sinks.kafka.topics import ensure_topics
from tests.integration.conftest import fresh_prefix
from tests.streams.conftest import MakeSearch
from tests.support.clickhouse import running_clickhouse
from tests.support.roles import SPOOLS, AsRole, tables_of_operator, users_xml
from tests.support.worker import stack_for, until

CLEARVIEW = {"provider": "Clearview AI", "training_cert": "C-1"}
ROLE = ["frwatch_writer"]


def test_a_worker_needs_the_writers_role_and_nothing_else(
    kafka: str, tmp_path: Path, make_search: MakeSearch
) -> None:
    with tables_of_operator(tmp_path):
        pass
    users = users_xml(tmp_path / "writer.xml", ROLE, more=SPOOLS)
    twice = str(uuid.uuid4())
    with (
        running_clickhouse(tmp_path, users=users) as engine,
        stack_for(kafka, engine.url, tmp_path, fresh_prefix()) as stack,
    ):
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        worker = stack.start_worker()
        outcome = {"outcome_id": str(uuid.uuid4()), "agency_id": "lapd", "recorded_at": datetime.now(UTC)}
        stack.produce("outcomes", [encode(contract("outcome"), {**outcome, "kind": "LEAD"})])
        first = make_search(event_id=twice, training_cert="C-1")
        # The same event with another agency, and with a rule broken: neither may count.
        later = [make_search(event_id=twice, agency_id="lasd", provider="PimEyes")]
        later += [make_search(event_id=twice, **CLEARVIEW)]
        stack.produce("searches", [first, make_search(), b"junk", *later], 0)

        def settled() -> bool:
            assert worker.poll() is None, stack.worker_log()
            return "differing=2" in stack.worker_log()

        until(settled, "it has settled which copy counts")
        until(lambda: stack.scalar("SELECT count() FROM frwatch.search_arrivals") == 4, "all are stored")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0, stack.worker_log()
        log = stack.worker_log()
    assert "ACCESS_DENIED" not in log
    seen = AsRole(tmp_path / "data", tmp_path)(
        ["frwatch_auditor"],
        "SELECT agency_id, count() FROM frwatch.searches GROUP BY 1",
        "SELECT rule_id FROM frwatch.violations",
        "SELECT kind FROM frwatch.outcomes",
        "SELECT reason FROM frwatch.dead_letters",
        f"SELECT count() FROM frwatch.search_differences WHERE event_id = '{twice}'",
        "SELECT count() FROM frwatch.outcome_arrivals",
    )
    assert seen == [
        [["lapd", "2"]],
        [["training-certificate"]],
        [["LEAD"]],
        [["unknown_framing"]],
        [["2"]],
        [["1"]],
    ], json.dumps(seen)
