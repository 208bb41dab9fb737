"""Puts published policies in force: the last good record of `fr.policies`, from one batch to the next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from mode import Service

from schemas.errors import FrwatchError
from schemas.published import BadRecord, from_record
from schemas.settings import Settings
from sinks.kafka.policy_log import PolicyLog, PolicyRecord
from streams.rules import CompiledRules

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that was not put in force, and why."""

    offset: int
    reason: str


class PolicyFeed(Service):
    """Follows the topic; `take` is called with each set of rules that is to be in force, ready to run.

    A bad record is logged and kept in `refused` until a good one comes; the rules in force stay. `take` must
    only remember its argument: a batch is judged by the rules that were remembered when it began.
    """

    def __init__(
        self,
        settings: Settings,
        records: PolicyLog,
        rules: CompiledRules,
        take: Callable[[CompiledRules], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._settings = settings
        self.refused: Refusal | None = None
        self._records = records
        self._rules = rules
        self._take = take

    async def catch_up(self) -> None:
        """Take the last good set that was published; where there is none, the rules of the files stay.

        Raises:
            NotThere: the topic cannot be read.
        """
        records = await self._records.read_to_end()
        for record in reversed(records):
            if await self._apply(record):
                return

    @Service.task
    async def _follow(self) -> None:
        while not self.should_stop:
            for record in await self._records.next(POLL_SECONDS):
                await self._apply(record)

    async def _apply(self, record: PolicyRecord) -> bool:
        """Take a record, or refuse it; False where it was refused."""
        try:
            rules = await asyncio.to_thread(self._compile, record)
        except (BadRecord, FrwatchError) as error:
            reason = str(error)
            # While catching up, the newest comes first: what is wrong with it matters most.
            if self.refused is None or record.offset > self.refused.offset:
                self.refused = Refusal(record.offset, reason)
            log.error("published policies refused; those in force stay", offset=record.offset, reason=reason)
            return False
        if self.refused is not None and record.offset > self.refused.offset:
            self.refused = None
        self._take(rules)
        log.info("policies in force", version=rules.version, offset=record.offset)
        return True

    async def rules_of(self, version: str) -> CompiledRules | None:
        """Return the rules with a set of policies that was in force; None where no good record has it.

        Raises:
            NotThere: the topic cannot be read.
        """
        if version == self._rules.version:
            return self._rules
        async with PolicyLog(self._settings) as records:
            for record in reversed(await records.read_to_end()):
                if record.key == version.encode():
                    with contextlib.suppress(BadRecord, FrwatchError):
                        return await asyncio.to_thread(self._compile, record)
        return None

    def _compile(self, record: PolicyRecord) -> CompiledRules:
        name = f"fr.policies offset {record.offset}"
        published = from_record(record.key, record.value, self._rules.agencies, name)
        return self._rules.with_policies(published.policies)
