"""The emitter never breaks or blocks the search that it reports, and says what it refuses; Kafka is away."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr

from deploy.local.ports import free_ports
from schemas.contracts import contract
from schemas.errors import FrwatchError, WrongUse
from schemas.settings import Settings
from streams.decode import decode
from streams.inputs.emitter import AsyncEmitter, Emitter, FrwatchHandler, probe_hash
from streams.inputs.emitter.slots import Slots
from streams.inputs.emitter.spool import Limits
from streams.values import Values
from tests.streams.images import png

KEY = "k" * 32
PROBE = png(2000, 5)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    kafka = f"127.0.0.1:{free_ports(1)[0]}"
    return Settings(home=tmp_path, kafka=kafka, probe_key=SecretStr(KEY), spool=tmp_path / "spool")


@pytest.fixture
def emitter(settings: Settings) -> Iterator[Emitter]:
    made = Emitter(settings=settings, source="test", agency_id="lapd", provider="LACRIS")
    yield made
    made.close(0)


def spooled(emitter: Emitter | AsyncEmitter | None, settings: Settings) -> list[dict[str, Any]]:
    """What the emitter accepted, as workers read it, once it is closed."""
    if isinstance(emitter, Emitter):
        emitter.close(0)
    slot, spool = Slots(settings.spool_folder, Limits()).own()
    values = [event.value for event in spool.first(1000)]
    spool.close()
    slot.leave()
    decoded = decode(Values(values), contract("search"), {})
    assert not decoded.bad
    return decoded.frame.to_dicts() if values else []


def test_a_search_is_accepted_at_once_while_kafka_is_away(emitter: Emitter, settings: Settings) -> None:
    event_id = emitter.emit(officer_id="P1", candidates=3)
    assert event_id
    assert emitter.counts().waiting == 1
    [row] = spooled(emitter, settings)
    assert row["event_id"].hex() == event_id.replace("-", "")
    assert (row["source"], row["agency_id"], row["officer_id"], row["candidates"]) == (
        "test",
        "lapd",
        "P1",
        3,
    )


def test_a_bad_event_is_refused_counted_and_logged_without_its_values(
    emitter: Emitter, caplog: pytest.LogCaptureFixture
) -> None:
    assert emitter.emit(candidates="SECRET-VALUE") is None
    assert emitter.emit(candidates="SECRET-VALUE", nonsense=object()) is None
    assert emitter.emit(case_number="1")
    assert emitter.counts().refused == {"invalid": 2}
    assert "/candidates" in caplog.text
    assert "SECRET-VALUE" not in caplog.text


def test_a_strict_emitter_raises(settings: Settings) -> None:
    with Emitter(settings=settings, strict=True, source="test") as emitter, pytest.raises(FrwatchError):
        emitter.emit()


def test_a_full_spool_refuses_the_newest_and_the_search_goes_on(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    small = settings.model_copy(update={"spool_events": 2})
    emitter = Emitter(settings=small, source="test", agency_id="lapd")
    ids = [emitter.emit(case_number=str(number)) for number in range(5)]
    assert [bool(each) for each in ids] == [True, True, False, False, False]
    assert emitter.counts().refused == {"full": 3}
    assert caplog.text.count("is full") == 1
    assert [row["case_number"] for row in spooled(emitter, settings)] == ["0", "1"]


@pytest.mark.parametrize("fault", ["a file in its place", "others may read it"])
def test_without_a_usable_folder_searches_go_on_unreported_and_counted(
    settings: Settings, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    if fault == "a file in its place":
        settings.spool_folder.write_text("")
    else:
        settings.spool_folder.mkdir()
        os.chmod(settings.spool_folder, 0o755)
    emitter = Emitter(settings=settings, source="test", agency_id="lapd")
    assert emitter.emit() is None
    assert emitter.counts().refused == {"spool": 1}
    assert "FRWATCH_SPOOL" in caplog.text or "chmod 700" in caplog.text
    assert emitter.close(0)


def test_settings_that_are_wrong_break_no_client(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FRWATCH_SPOOL_EVENTS", "many")
    emitter = Emitter(source="test", agency_id="lapd")
    assert emitter.emit() is None
    assert "FRWATCH_SPOOL_EVENTS" in caplog.text


def test_a_probe_becomes_its_keyed_hash(emitter: Emitter, settings: Settings) -> None:
    emitter.emit(probe=PROBE)
    emitter.emit(probe=np.frombuffer(PROBE, np.uint8))
    expected = hmac.new(KEY.encode(), PROBE, hashlib.sha256).hexdigest()
    assert [row["probe_hash"] for row in spooled(emitter, settings)] == [expected, expected]


def test_without_a_key_a_search_is_reported_without_its_probe(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    keyless = settings.model_copy(update={"probe_key": None})
    emitter = Emitter(settings=keyless, source="test", agency_id="lapd")
    assert emitter.emit(probe=PROBE)
    assert emitter.emit(probe="no bytes")
    assert "FRWATCH_PROBE_KEY is not set" in caplog.text
    assert [row["probe_hash"] for row in spooled(emitter, settings)] == [None, None]


def test_a_hash_wants_a_long_key_and_bytes() -> None:
    with pytest.raises(WrongUse, match="FRWATCH_PROBE_KEY"):
        probe_hash(PROBE, "short")
    with pytest.raises(WrongUse, match="no bytes"):
        probe_hash("text", KEY)
    assert probe_hash(PROBE, KEY) != probe_hash(PROBE, "l" * 32)


def test_a_decorated_function_is_reported_and_left_as_it_was(emitter: Emitter, settings: Settings) -> None:
    @emitter.reports(
        officer_id=lambda call: call.arguments["officer"],
        candidates=lambda call: len(call.result),
        case_number=lambda call: call.arguments["case"],
        purpose=lambda call: type(call.error).__name__ if call.error else None,
    )
    def search(image: bytes, officer: str, case: str = "none") -> list[int]:
        """Looks for somebody."""
        if not image:
            raise LookupError("no image")
        return [1, 2, 3]

    assert search.__doc__ == "Looks for somebody."
    assert search(b"x", officer="P1") == [1, 2, 3]
    with pytest.raises(LookupError):
        search(b"", "P2", case="7")
    with pytest.raises(TypeError, match="officer"):
        search(b"x")  # type: ignore[call-arg]
    rows = spooled(emitter, settings)
    told = [
        tuple(row[name] for name in ("officer_id", "candidates", "case_number", "purpose")) for row in rows
    ]
    assert told == [
        ("P1", 3, "none", None),
        ("P2", None, "7", "LookupError"),
        (None, None, None, "TypeError"),
    ]


def test_a_field_whose_function_fails_is_left_out_and_said(
    emitter: Emitter, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    @emitter.reports(candidates=lambda call: len(call.result), case_number="1")
    def search() -> int:
        return 7

    assert search() == 7
    assert "without candidates" in caplog.text
    assert [(row["candidates"], row["case_number"]) for row in spooled(emitter, settings)] == [(None, "1")]


async def test_an_async_function_is_reported_also_where_it_is_cancelled(settings: Settings) -> None:
    async with AsyncEmitter(settings=settings, source="test", agency_id="lapd") as emitter:

        @emitter.reports(candidates=lambda call: call.result)
        async def search(seconds: float) -> int:
            await asyncio.sleep(seconds)
            return 4

        assert await search(0) == 4
        task = asyncio.create_task(search(60))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert emitter.counts().accepted == 2
        assert not await emitter.drain(0.01)
        await emitter.close(0)
    assert [row["candidates"] for row in spooled(emitter, settings)] == [4, None]


def test_a_log_record_with_fields_is_a_search_and_one_without_is_none(
    emitter: Emitter, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logging.getLogger("test.client")
    handler = FrwatchHandler(emitter)
    log.addHandler(handler)
    try:
        log.warning("searched", extra={"frwatch": {"officer_id": "P9"}})
        log.warning("nothing")
        log.warning("something else", extra={"frwatch": "text"})
        log.warning("bad", extra={"frwatch": {"vendor": 1}})
    finally:
        log.removeHandler(handler)
    assert emitter.counts().refused == {"invalid": 1}
    assert "Logging error" not in capsys.readouterr().err
    [row] = spooled(emitter, settings)
    assert row["officer_id"] == "P9"
    assert abs(row["occurred_at"].timestamp() - time.time()) < 60


def test_outcomes_are_accepted(emitter: Emitter) -> None:
    event_id = emitter.emit()
    assert emitter.emit_outcome(event_id=event_id, kind="NO_LEAD")
    assert emitter.emit_outcome(kind="LEADS") is None


def test_prometheus_may_collect_what_became_of_events(emitter: Emitter) -> None:
    emitter.emit()
    emitter.emit(x=1)
    registry = CollectorRegistry()
    registry.register(emitter.metrics)
    told = generate_latest(registry).decode()
    assert 'frwatch_emitter_events_total{result="accepted"} 1.0' in told
    assert 'frwatch_emitter_events_total{result="refused_invalid"} 1.0' in told
    assert "frwatch_emitter_waiting 1.0" in told


def test_many_threads_report_at_once(emitter: Emitter, settings: Settings) -> None:
    threads = [
        threading.Thread(target=lambda: [emitter.emit(officer_id="P") for _ in range(100)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert emitter.counts().accepted == 800
    assert len(spooled(emitter, settings)) == 800


def test_an_emitter_that_was_closed_opens_again(emitter: Emitter, settings: Settings) -> None:
    emitter.emit(case_number="1")
    assert not emitter.close(0)
    emitter.emit(case_number="2")
    assert [row["case_number"] for row in spooled(emitter, settings)] == ["1", "2"]


def test_no_event_is_refused_because_another_thread_closes(settings: Settings) -> None:
    emitter = Emitter(settings=settings, strict=True, source="test", agency_id="lapd")
    ids: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: ids.extend(emitter.emit() for _ in range(200))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        emitter.close(0)
    emitter.close(0)
    assert len(ids) == len(set(ids)) == 800
    held = sum(state.held.events for state in Slots(settings.spool_folder, Limits()).states())
    assert held == 800


FORKING = """
import os, sys, warnings
from pathlib import Path
from schemas.settings import Settings
from streams.inputs.emitter import Emitter

warnings.simplefilter("ignore", DeprecationWarning)
settings = Settings(kafka=sys.argv[1], spool=Path(sys.argv[2]))
emitter = Emitter(settings=settings, source="test", agency_id="lapd", provider="LACRIS")
emitter.emit(case_number="parent")
pid = os.fork()
if pid == 0:
    done = emitter.emit(case_number="child") and not emitter.close(0)
    os._exit(0 if done else 1)
ended = os.waitpid(pid, 0)[1]
emitter.emit(case_number="parent again")
emitter.close(0)
sys.exit(bool(ended))
"""


def test_a_forked_child_reports_into_a_spool_of_its_own(settings: Settings) -> None:
    """In a process of its own: this one has threads of other tests, whose locks a child would inherit."""
    command = [sys.executable, "-c", FORKING, settings.kafka, str(settings.spool_folder)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
    states = {state.file.name: state for state in Slots(settings.spool_folder, Limits()).states()}
    assert {name: (state.in_use, state.held.events) for name, state in states.items()} == {
        "spool-0.sqlite": (False, 2),
        "spool-1.sqlite": (False, 1),
    }
    assert [row["case_number"] for row in spooled(None, settings)] == ["parent", "parent again"]
