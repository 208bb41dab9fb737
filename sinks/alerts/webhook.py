"""Signed webhooks: Standard Webhooks headers around a CloudEvents 1.0 body.

The id of the event, of the webhook and of the alert are one: a receiver that keeps the ids it has had counts
each alert once, however often it is sent.
"""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook
from yarl import URL

from sinks.alerts.guard import REFUSED, AddressRefused, GuardedResolver, is_public
from sinks.alerts.outcome import Message, Outcome

LONGEST_WAIT = 86_400.0
"""Seconds: a receiver that asks for more patience gets no more."""
SHORTEST_KEY = 24
"""Bytes that Standard Webhooks asks of a secret at least."""
GONE = 410
BUSY = (429, 503)


class WebhookChannel:
    """Posts messages to one URL; it follows no redirect, and keeps connections for the next message."""

    def __init__(
        self, url: str, secret: str, *, timeout: float, at_once: int, allow_private: bool = False
    ) -> None:
        """`secret` is base64 of 24 bytes or more, with or without `whsec_`.

        Raises:
            ValueError: it is not, or the URL is none; the text quotes neither.
        """
        self._url = _url(url, allow_private=allow_private)
        self._webhook = Webhook(_key(secret))
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._at_once = at_once
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Outcome:
        """Post a message and say what came of it."""
        if not self._allow_private and _is_address(self._url) and not is_public(self._url.host or ""):
            return Outcome("failed", REFUSED)
        body = body_of(message)
        now = datetime.now(UTC)
        headers = {
            "content-type": JSONFormat.CONTENT_TYPE,
            "user-agent": "frwatch",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(message.id, now, body),
        }
        try:
            async with self._connected().post(
                self._url, data=body.encode(), headers=headers, allow_redirects=False, timeout=self._timeout
            ) as answer:
                return _outcome(answer.status, answer.headers.get("retry-after"))
        except TimeoutError:
            return Outcome("failed", "no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Their texts name the host: what they are is said in our own words.
            return Outcome("failed", _said(error))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = None if self._allow_private else GuardedResolver()
            connector = aiohttp.TCPConnector(
                limit=self._at_once, resolver=resolver, use_dns_cache=False, keepalive_timeout=60
            )
            # No proxy from the environment: behind one, nobody could say where a request ends.
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def body_of(message: Message) -> str:
    """Return the CloudEvent of a message as JSON; the same message gives the same bytes."""
    event = CloudEvent(
        {
            "specversion": "1.0",
            "id": message.id,
            "type": f"frwatch.alert.{message.kind}",
            "source": message.source,
            "subject": message.subject,
            "time": message.at,
            "datacontenttype": "application/json",
        },
        {"title": message.title, "text": message.text, **message.data},
    )
    return JSONFormat().write(event).decode()


def _url(text: str, *, allow_private: bool) -> URL:
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in (("http", "https") if allow_private else ("https",)) or not url.host:
        # What is sent is about people: in the clear it may go no further than one's own network.
        raise ValueError("its URL must be https; http is for destinations with allow_private alone")
    return url


def _key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) < SHORTEST_KEY:
        raise ValueError(
            f"its secret must be base64 of {SHORTEST_KEY} bytes or more: `openssl rand -base64 32` gives one"
        )
    return key


def _outcome(status: int, retry_after: str | None) -> Outcome:
    if 200 <= status < 300:
        return Outcome("delivered", "", status)
    if status == GONE:
        return Outcome("refused", "the receiver is gone for good", status)
    if 300 <= status < 400:
        return Outcome("failed", "a redirect, which is not followed", status)
    wait = _seconds(retry_after) if status in BUSY else None
    return Outcome("failed", "the receiver did not take it", status, wait)


def _seconds(text: str | None) -> float | None:
    """The seconds that a Retry-After header asks for, from a number or a date."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None


def _said(error: BaseException) -> str:
    causes = [error, getattr(error, "os_error", None), error.__cause__, error.__context__]
    if any(isinstance(cause, AddressRefused) for cause in causes):
        return REFUSED
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "TLS failed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name has no address"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    return f"the connection broke ({type(error).__name__})"


def _is_address(url: URL) -> bool:
    host = url.host or ""
    return ":" in host or host.replace(".", "").isdigit()
