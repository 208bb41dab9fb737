"""`frwatch worker`."""

from __future__ import annotations

import asyncio
import signal

from schemas.settings import Settings, load_settings
from streams.log import set_up_logs
from streams.memory import keep_memory_flat
from streams.threads import keep_threads_few


def worker() -> None:
    """Classify, judge and store searches until told to stop; start several to share the partitions.

    SIGTERM and SIGINT stop it within 10 s: what was judged is stored, the rest is another worker's. It ends
    with status 3 where Kafka, ClickHouse or the registry is not there, and with 1 where it cannot go on.

        frwatch worker
        FRWATCH_KAFKA=kafka.example:9092 FRWATCH_CLICKHOUSE=http://ch.example:8123 frwatch worker
    """
    keep_memory_flat()
    keep_threads_few()
    import uvloop

    settings = load_settings()
    set_up_logs(settings.log_format)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    from sinks.kafka.topics import ensure_topics
    from streams.app import Worker
    from streams.rules import load_rules

    rules = await asyncio.to_thread(load_rules, settings)
    await ensure_topics(settings)
    running = Worker(settings, rules)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.stop)
    await running.run()
