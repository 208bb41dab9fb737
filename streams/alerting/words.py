"""What texts are made of, kept up to date: the policies of the files, and those that are published."""

from __future__ import annotations

from typing import Any

import structlog
from mode import Service

from schemas.agencies import load_agencies
from schemas.catalogue_files import load_catalogue
from schemas.errors import FrwatchError
from schemas.policies import load_policies
from schemas.published import BadRecord, from_record
from schemas.settings import Settings
from sinks.kafka.policy_log import PolicyLog, PolicyRecord
from streams.alerting.reasons import Reasons
from streams.alerting.text import Words

log = structlog.get_logger(__name__)

POLL_SECONDS = 2.0


def load_words(settings: Settings) -> Words:
    """Return the words of the files that the settings name.

    Raises:
        WrongUse: a file has faults.
        NotThere: there is none.
    """
    agencies, reasons = load_agencies(settings.agencies), Reasons()
    reasons.learn(load_policies(settings.policies, agencies))
    services = {provider.id: provider.name for provider in load_catalogue(settings.catalogue)}
    return Words(reasons, agencies, services, settings.alerts_link)


class WordsFeed(Service):
    """Learns the titles and clauses of policies as they are published; a bad record teaches nothing."""

    def __init__(self, words: Words, records: PolicyLog, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._words = words
        self._records = records

    async def catch_up(self) -> None:
        """Learn all that was published.

        Raises:
            NotThere: the topic cannot be read.
        """
        for record in await self._records.read_to_end():
            self._learn(record)

    @Service.task
    async def _follow(self) -> None:
        while not self.should_stop:
            for record in await self._records.next(POLL_SECONDS):
                self._learn(record)

    def _learn(self, record: PolicyRecord) -> None:
        name = f"fr.policies offset {record.offset}"
        try:
            published = from_record(record.key, record.value, self._words.agencies, name)
        except (BadRecord, FrwatchError):
            # Workers say what is wrong with it.
            return
        self._words.reasons.learn(published.policies)
