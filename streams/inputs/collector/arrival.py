"""How a body arrives: within a time, within a size packed and unpacked, within what all may hold in hand."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from streams.inputs.collector.limits import InHand
from streams.inputs.collector.problem import Refused

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a body, as it is sent and as it is once unpacked."""
ARRIVAL_SECONDS = 15.0
"""Within so many a body is there."""


class Arrivals:
    """All bodies that are on their way, and how much of them is in hand."""

    def __init__(self, in_hand: InHand) -> None:
        self.in_hand = in_hand
        self._deadlines: set[asyncio.Timeout] = set()
        self._end: float | None = None

    @property
    def ending(self) -> bool:
        """Whether `end_by` was called."""
        return self._end is not None

    def end_by(self, when: float) -> None:
        """Wait for no body beyond a moment of the event loop's clock."""
        self._end = when
        for deadline in self._deadlines:
            deadline.reschedule(self._at_most(deadline.when()))

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Raise `TimeoutError` where what is done within takes longer than a body may."""
        when = asyncio.get_running_loop().time() + ARRIVAL_SECONDS
        async with asyncio.timeout_at(self._at_most(when)) as deadline:
            self._deadlines.add(deadline)
            try:
                yield
            finally:
                self._deadlines.discard(deadline)

    def _at_most(self, when: float | None) -> float | None:
        return when if self._end is None or when is None else min(when, self._end)


class Arrival:
    """The body of one request. What it holds counts as in hand until `close`."""

    def __init__(self, request: web.BaseRequest, arrivals: Arrivals) -> None:
        self._request = request
        self._arrivals = arrivals
        self._held = 0

    async def read(self) -> bytes:
        """Return the body, unpacked.

        Raises:
            Refused: it is too large, too slow or damaged, not packed with gzip, or there is no room.
        """
        unpack = self._unpacker()
        length = self._request.content_length
        if length is not None and length > MAX_BODY:
            raise _too_large()
        if self._request.headers.get("Expect", "").lower() == "100-continue":
            await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with self._arrivals.in_time():
                packed = await self._packed()
        except TimeoutError:
            if self._arrivals.ending:
                raise Refused("ending", "nothing was taken, send it again", retry_after=1) from None
            raise Refused(
                "too_slow", f"the body was not there within {ARRIVAL_SECONDS:.0f} s; send it again"
            ) from None
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError, EOFError):
            raise Refused("malformed", "the body broke off or is framed wrongly; send it again") from None
        return self._unpacked(packed) if unpack else packed

    def close(self) -> None:
        """Give back the room."""
        self._arrivals.in_hand.give_back(self._held)
        self._held = 0

    def _unpacker(self) -> bool:
        said = self._request.headers.get("Content-Encoding", "identity").strip().lower()
        if said in ("gzip", "x-gzip"):
            return True
        if said in ("identity", ""):
            return False
        raise Refused("media_type", "send the body as it is, or in gzip", Accept_Encoding="gzip")

    async def _packed(self) -> bytes:
        body = bytearray()
        while chunk := await self._request.content.readany():
            if len(body) + len(chunk) > MAX_BODY:
                raise _too_large()
            self._hold(len(chunk))
            body += chunk
        return bytes(body)

    def _unpacked(self, packed: bytes) -> bytes:
        body = bytearray()
        rest = packed
        try:
            # A gzip may be of several members, one after the other.
            while rest:
                member = zlib.decompressobj(wbits=31)
                left = MAX_BODY + 1 - len(body)
                body += member.decompress(rest, left)
                if len(body) > MAX_BODY:
                    raise _too_large()
                if not member.eof:
                    raise Refused("malformed", "the gzip breaks off; send it whole")
                rest = member.unused_data
        except zlib.error:
            raise Refused("malformed", "is no gzip; pack the body with gzip, or send it as it is") from None
        self._hold(len(body))
        return bytes(body)

    def _hold(self, size: int) -> None:
        if not self._arrivals.in_hand.take(size):
            raise Refused("busy", "the collector has as much in hand as it may; come again", retry_after=1)
        self._held += size


def _too_large() -> Refused:
    return Refused(
        "too_large", f"a body has at most {MAX_BODY} bytes, unpacked too; send fewer events at once"
    )
