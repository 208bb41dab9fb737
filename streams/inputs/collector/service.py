"""The collector as a running service: it listens, reads its clients anew when asked, and ends in peace."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable

import structlog

from schemas.agencies import AgencyRegister
from schemas.canary import CanaryKey
from schemas.collector_clients import Clients
from schemas.errors import FrwatchError, NotThere
from sinks.kafka.intake import Intake
from streams.inputs.collector.desk import Desk
from streams.inputs.collector.door import Door
from streams.inputs.collector.heartbeat import Heartbeat
from streams.inputs.collector.judge import Judge
from streams.inputs.collector.metrics import Metrics
from streams.sign import Sign

PARTING_SECONDS = 7.0
"""For so long, at the end, requests under way may take; an acknowledgement takes at most 5 s."""
HANDSHAKE_SECONDS = 10.0
READY_SECONDS = 1.0
"""For so long what Kafka answered last is taken for true."""
BACKLOG = 512

_log = structlog.get_logger()


class Service:
    """One collector, in the event loop that is running."""

    def __init__(
        self,
        agencies: AgencyRegister,
        clients: Clients,
        intake: Intake,
        sign: Sign,
        canary_key: CanaryKey | None,
    ) -> None:
        self.metrics = Metrics()
        self._heartbeat = Heartbeat(sign, self, self._is_ready)
        self._intake = intake
        self._stopped = asyncio.Event()
        self._asked_at = float("-inf")
        self._ready = False
        judge = Judge(agencies, intake.schema_ids)
        desk = Desk(judge, intake, self.metrics, canary_key)
        self._door = Door(desk, clients, self.metrics, self._is_ready)
        self.metrics.kafka_away.set_function(lambda: float(intake.away))

    def stop(self) -> None:
        """Ask it to end: nobody new is let in, and who is in gets an answer."""
        self._stopped.set()

    def reload(self, read: Callable[[], Clients]) -> None:
        """Take the clients anew; where they have faults, say so and keep those in force."""
        try:
            self._door.clients = read()
        except FrwatchError as error:
            _log.error("clients not taken; those in force stay", reason=str(error))
        else:
            _log.info("clients taken anew", clients=len(self._door.clients))

    async def run(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen until `stop` is called, and return once every request under way has its answer.

        Raises:
            NotThere: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        handshake = HANDSHAKE_SECONDS if tls else None
        try:
            listener = await loop.create_server(
                self._door, host, port, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=handshake
            )
        except OSError as error:
            raise NotThere(
                f"FRWATCH_COLLECT_LISTEN {host}:{port} cannot be listened on ({error.strerror or error}); "
                "name another address"
            ) from None
        shown = listener.sockets[0].getsockname()
        _log.info("collector listens", host=shown[0], port=shown[1], tls=tls is not None, pid=os.getpid())
        url = f"{'https' if tls else 'http'}://{f'[{shown[0]}]' if ':' in shown[0] else shown[0]}:{shown[1]}"
        heart = asyncio.create_task(self._heartbeat.beat(url))
        await self._stopped.wait()
        heart.cancel()
        listener.close()
        await self._door.end(PARTING_SECONDS)
        _log.info("collector ended")

    def summary(self) -> dict[str, int]:
        """Return how many clients it knows, and what became of events since the start."""
        return {"clients": len(self._door.clients), **self.metrics.since_start()}

    async def _is_ready(self) -> bool:
        loop = asyncio.get_running_loop()
        if loop.time() - self._asked_at > READY_SECONDS:
            self._asked_at = loop.time()
            self._ready = await self._intake.answers()
        return self._ready and not self._intake.away
