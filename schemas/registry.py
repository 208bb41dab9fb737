"""A Confluent-compatible schema registry, through the client of confluent-kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, Schema
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import HTTPError

from schemas.contracts import TOPICS, Contract, WriterSchema, contract, unreadable, writer_schema
from schemas.errors import NotThere
from schemas.settings import Settings

_NO_SUCH_SCHEMA = {404, 40401, 40403}


class RegistryAway(NotThere):
    """The registry does not answer. No value is bad for that: what depends on it is tried again."""


class Registry:
    """The writer schemas of a registry by their ids; each is asked for once.

    An id that the registry does not know is asked for again after `unknown_for` seconds: it may have been
    registered since.
    """

    def __init__(self, url: str, *, unknown_for: float = 5.0) -> None:
        self.url = url
        self._client = AsyncSchemaRegistryClient({"url": url, "timeout": 5, "max.retries": 1})
        self._known: dict[int, WriterSchema | str] = {}
        self._unknown: dict[int, float] = {}
        self._unknown_for = unknown_for

    async def close(self) -> None:
        """Close its connections."""
        await self._client.__aexit__(None, None, None)  # type: ignore[no-untyped-call]

    async def resolve(self, ids: Iterable[int], contract: Contract) -> dict[int, WriterSchema | str]:
        """Return for each id its schema, or the reason why values of it cannot be read as `contract`.

        Raises:
            RegistryAway: it does not answer; nothing is known of the ids then.
        """
        found: dict[int, WriterSchema | str] = {}
        for schema_id in ids:
            schema = await self._schema(schema_id)
            if isinstance(schema, WriterSchema) and (why := unreadable(schema, contract.current)):
                schema = f"schema {schema_id} of the registry is not readable as {contract.name}: {why}"[:500]
            found[schema_id] = schema
        return found

    async def register(self, subject: str, contract: Contract) -> int:
        """Register the contract's current schema under `subject` and return its id; again gives the same id.

        Raises:
            RegistryAway: it does not answer, or refuses.
        """
        try:
            return await self._client.register_schema(subject, Schema(contract.current.text, "AVRO"))
        except (SchemaRegistryError, HTTPError, OSError) as error:
            raise RegistryAway(f"schema registry {self.url} did not take {subject}: {error}") from error

    async def register_values(self, settings: Settings, names: Iterable[str]) -> dict[str, int]:
        """Register contracts by their names as the values of their topics, and return the id of each.

        Raises:
            RegistryAway: it does not answer, or refuses.
        """
        return {
            name: await self.register(f"{settings.topic(TOPICS[name])}-value", contract(name))
            for name in names
        }

    async def _schema(self, schema_id: int) -> WriterSchema | str:
        if schema_id in self._known:
            return self._known[schema_id]
        now = asyncio.get_running_loop().time()
        missing = f"schema id {schema_id} is not in the registry"
        if now - self._unknown.get(schema_id, float("-inf")) < self._unknown_for:
            return missing
        try:
            found = await self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.http_status_code == 404 or error.error_code in _NO_SUCH_SCHEMA:
                self._unknown[schema_id] = now
                return missing
            raise RegistryAway(f"schema registry {self.url} does not answer: {error}") from error
        except (HTTPError, OSError) as error:
            raise RegistryAway(f"schema registry {self.url} does not answer: {error}") from error
        self._known[schema_id] = self._read(schema_id, found)
        return self._known[schema_id]

    @staticmethod
    def _read(schema_id: int, found: Schema) -> WriterSchema | str:
        if (found.schema_type or "AVRO").upper() != "AVRO":
            return f"schema {schema_id} of the registry is {found.schema_type}, not Avro"
        try:
            return writer_schema(found.schema_str or "")
        except ValueError as error:
            return f"schema {schema_id} of the registry is broken: {error}"[:500]
