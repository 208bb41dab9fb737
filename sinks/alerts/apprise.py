"""Whatever Apprise reaches: chat, mail, pagers, by the URL that it knows a service by."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from concurrent.futures import ThreadPoolExecutor

import apprise

from sinks.alerts.guard import REFUSED, watching
from sinks.alerts.outcome import Message, Outcome

_TYPES = {
    "CRITICAL": apprise.NotifyType.FAILURE,
    "HIGH": apprise.NotifyType.WARNING,
}


class AppriseChannel:
    """Sends messages to one Apprise URL, in threads of its own: its libraries block.

    They say that they failed, not why; and what they log may hold the URL, so they log nothing.
    """

    def __init__(self, url: str, *, timeout: float, at_once: int, allow_private: bool = False) -> None:
        """Take a URL.

        Raises:
            ValueError: Apprise knows no such URL.
        """
        for library in ("apprise", "urllib3", "requests", "requests_oauthlib"):
            logging.getLogger(library).disabled = True
            logging.getLogger(library).propagate = False
        logging.getLogger("urllib3.connectionpool").disabled = True
        self._asset = apprise.AppriseAsset(
            app_id="frwatch", app_desc="frwatch", app_url="", http_redirects=False, async_mode=False
        )
        self._url = url
        self._timeout = timeout
        self._allow_private = allow_private
        if apprise.Apprise.instantiate(url, asset=self._asset) is None:
            raise ValueError("no URL that Apprise knows")
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="apprise")

    async def send(self, message: Message) -> Outcome:
        """Send a message and say whether Apprise has delivered it."""
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        try:
            async with asyncio.timeout(self._timeout):
                return await loop.run_in_executor(self._threads, context.run, self._send, message)
        except TimeoutError:
            return Outcome("failed", "no answer in time")

    async def close(self) -> None:
        """Wait for nothing: what still runs ends with the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, message: Message) -> Outcome:
        with watching(allow_private=self._allow_private) as watch:
            try:
                service = apprise.Apprise(asset=self._asset)
                # Anew each time: some services keep what belongs to one message.
                delivered = service.add(self._url) and service.notify(
                    body=message.text,
                    title=message.title,
                    notify_type=_TYPES.get(message.severity, apprise.NotifyType.INFO),
                    body_format=apprise.NotifyFormat.TEXT,
                )
            except Exception as error:
                if not watch.refused:
                    return Outcome("failed", f"the service failed ({type(error).__name__})")
                delivered = False
        if delivered:
            return Outcome("delivered")
        return Outcome("failed", REFUSED if watch.refused else "the service did not take it")
