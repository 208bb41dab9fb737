from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse import running_clickhouse

AGENCIES = ["lapd", 'O\'Hara "PD"\n\\', "=cmd()", "\x1b[31mred"]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real engine with four searches, of agencies whose names are hard to write down; its URL."""
    with running_clickhouse(tmp_path_factory.mktemp("console")) as running:
        settings = Settings(clickhouse=SecretStr(running.url))
        asyncio.run(migrate(settings))
        names = ["event_id", "evidence", "agency_id", "provider_class", "candidates", "agency_known"]
        rows = [
            [uuid.UUID(int=number), "SEARCH", agency, "commercial", number or None, True]
            for number, agency in enumerate(AGENCIES)
        ]
        with asking(settings) as client:
            client.insert("frwatch.searches_raw", rows, column_names=names)
        yield running.url


@pytest.fixture
def surroundings(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a command that asks the engine; this process has it too."""
    home = tmp_path / "home"
    home.mkdir()
    variables = {"FRWATCH_CLICKHOUSE": engine, "FRWATCH_HOME": str(home), "NO_COLOR": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
