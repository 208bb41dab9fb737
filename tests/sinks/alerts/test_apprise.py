"""Real services through Apprise: a mail server, and a receiver in the shape of Slack's webhooks."""

from __future__ import annotations

import email
import json
import logging
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from deploy.local.ports import free_ports
from sinks.alerts.apprise import AppriseChannel
from tests.sinks.alerts.test_webhook import message
from tests.support.receiver import Receiver, receiving

TOKEN = "hunter2hunter2hunter2hunt"


class Mailbox:
    """Takes mail, unless it is full."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.full = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.full:
            return "452 the mailbox is full"
        found = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        return "250 taken"


@pytest.fixture
def mail() -> Iterator[tuple[str, Mailbox]]:
    mailbox, port = Mailbox(), free_ports(1)[0]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"mailto://127.0.0.1:{port}?from=frwatch@lapd.example&to=duty@lapd.example&mode=insecure", mailbox
    controller.stop()


@pytest.fixture
def chat() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def channel(url: str, *, timeout: float = 20) -> AppriseChannel:
    return AppriseChannel(url, timeout=timeout, at_once=1, allow_private=True)


async def test_a_mail_server_gets_the_mail(mail: tuple[str, Mailbox]) -> None:
    url, mailbox = mail
    service = channel(url)
    assert (await service.send(message())).result == "delivered"
    (got,) = mailbox.mails
    assert got["subject"] == message().title
    assert "duty@lapd.example" in got["to"]
    body = got.get_body(("plain",)) or got
    assert "What: a search." in body.get_content()
    mailbox.full = True
    assert (await service.send(message())).result == "failed"
    await service.close()


async def test_a_receiver_that_is_shaped_as_slack_gets_the_message(chat: Receiver) -> None:
    host = chat.url.removeprefix("http://")
    service = channel(f"mmost://{host}/{TOKEN}")
    assert (await service.send(message())).result == "delivered"
    await service.close()
    (came,) = chat.taken
    assert came.path == f"/hooks/{TOKEN}"
    text = json.loads(came.body)["text"]
    assert message().title in text
    assert "Who: officer 0f3a9c7e" in text


async def test_what_fails_is_said_without_the_url(chat: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    chat.behave = lambda _: (500, {}, 0.0)
    host = chat.url.removeprefix("http://")
    for url in (f"mmost://{host}/{TOKEN}", f"mmost://127.0.0.1:1/{TOKEN}", f"json://me:{TOKEN}@{host}/"):
        service = channel(url)
        outcome = await service.send(message())
        await service.close()
        assert (outcome.result, outcome.error) == ("failed", "the service did not take it")
    assert "hunter2" not in caplog.text
    with pytest.raises(ValueError, match="no URL that Apprise knows") as error:
        channel(f"nothing://{TOKEN}")
    assert "hunter2" not in str(error.value) + caplog.text


async def test_a_service_that_hangs_holds_up_its_own_sender_alone(chat: Receiver) -> None:
    chat.behave = lambda came: (200, {}, 2.0 if came.number == 0 else 0.0)
    host = chat.url.removeprefix("http://")
    slow, other = channel(f"json://{host}/a", timeout=0.3), channel(f"json://{host}/b")
    assert (await slow.send(message())).error == "no answer in time"
    assert (await other.send(message(1))).result == "delivered"
    await slow.close()
    await other.close()
