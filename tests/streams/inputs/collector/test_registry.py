"""With a schema registry behind it the collector writes the Confluent framing."""

from __future__ import annotations

import dataclasses
import io
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streams.inputs.event import Kind
from tests.streams.inputs.collector.conftest import topics_in
from tests.support.bodies import IDENTITY, PATHS, outcome
from tests.support.collector import Collector, search
from tests.support.registry import running_registry
from tests.support.worker import Stack


@pytest.fixture(scope="module")
def registered(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home: Path = tmp_path_factory.mktemp("registered")
    with running_registry(home / "registry") as registry, topics_in(broker, home) as stack:
        yield dataclasses.replace(stack, registry=registry)


@pytest.mark.slow  # The registry takes some 6 s to start, 20 beside other tests.
def test_values_are_framed_for_the_registry_and_read_by_its_schemas(registered: Stack) -> None:
    collector = Collector(registered)
    collector.start()
    events: dict[Kind, dict[str, Any]] = {"search": search(), "outcome": outcome()}
    for kind, event in events.items():
        assert collector.post([event, event], PATHS[kind])[0] == 202
        records = registered.consume("searches" if kind == "search" else "outcomes")
        assert len(records) == 2
        for record in records:
            value = record.value() or b""
            assert value[0] == 0
            number = int.from_bytes(value[1:5], "big")
            with urllib.request.urlopen(f"{registered.registry}/schemas/ids/{number}", timeout=10) as answer:
                schema = json.loads(json.loads(answer.read())["schema"])
            read: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
            assert str(read[IDENTITY[kind]]) == event[IDENTITY[kind]]
