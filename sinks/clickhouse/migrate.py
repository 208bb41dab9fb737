"""Numbered migrations: the tables of database `frwatch`, brought up to what this version knows.

Files `migrations/NNNN_name.sql` are applied in the order of their numbers, each once, and noted in
`frwatch.migrations` with the SHA-256 of its text; then views take the comments of what they read. Every
statement can run twice (`IF NOT EXISTS`), so a migration that was cut off is simply run again, and two that
run at once do no harm.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources

from clickhouse_connect.driver import AsyncClient

from schemas.errors import FrwatchError
from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.describe import describe_views

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name, its statements and the SHA-256 of its text (hex)."""

    number: int
    name: str
    statements: tuple[str, ...]
    sha256: str


def shipped_migrations() -> list[Migration]:
    """Return the migrations of this version, lowest number first."""
    found = []
    for file in (resources.files("sinks.clickhouse") / "migrations").iterdir():
        if match := _NAME.fullmatch(file.name):
            text = file.read_text(encoding="utf-8")
            statements = tuple(part.strip() for part in re.split(r";[ \t]*(?:\n|\Z)", text) if part.strip())
            found.append(
                Migration(int(match[1]), match[2], statements, hashlib.sha256(text.encode()).hexdigest())
            )
    return sorted(found, key=lambda migration: migration.number)


async def migrate(settings: Settings, migrations: list[Migration] | None = None) -> list[Migration]:
    """Apply what is missing and return it, in order; nothing where the database is up to date.

    Raises:
        FrwatchError: the database has a migration that this version does not know, or knows with another
            text. Nothing is changed then.
        NotThere: ClickHouse does not answer.
    """
    known = shipped_migrations() if migrations is None else migrations
    async with connect(settings) as client:
        await client.command("CREATE DATABASE IF NOT EXISTS frwatch")
        await client.command(
            "CREATE TABLE IF NOT EXISTS frwatch.migrations"
            " (number UInt16, name String, sha256 String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6))"
            " ENGINE = ReplacingMergeTree(applied_at) ORDER BY number"
            " COMMENT 'Migrations that this database has had.'"
        )
        applied = await _applied(client)
        _refuse_strangers(known, applied)
        missing = [migration for migration in known if migration.number not in applied]
        for migration in missing:
            for statement in migration.statements:
                await client.command(statement)
            await client.insert(
                "frwatch.migrations",
                [(migration.number, migration.name, migration.sha256)],
                column_names=["number", "name", "sha256"],
            )
        await describe_views(client)
        return missing


async def _applied(client: AsyncClient) -> dict[int, str]:
    result = await client.query("SELECT number, sha256 FROM frwatch.migrations FINAL ORDER BY number")
    return {int(number): str(sha256) for number, sha256 in result.result_rows}


def _refuse_strangers(known: list[Migration], applied: dict[int, str]) -> None:
    texts = {migration.number: migration for migration in known}
    if newer := sorted(applied.keys() - texts.keys()):
        raise FrwatchError(
            f"database frwatch has migration {newer[-1]:04d}, and this version knows none above "
            f"{max(texts, default=0):04d}; it was made by a newer frwatch: upgrade this one"
        )
    for number, sha256 in applied.items():
        if texts[number].sha256 != sha256:
            raise FrwatchError(
                f"migration {number:04d}_{texts[number].name} was applied with another text than this "
                "version has; released migrations never change: use the frwatch that applied it"
            )
