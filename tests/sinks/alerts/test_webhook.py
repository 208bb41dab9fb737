from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook, WebhookVerificationError

from sinks.alerts.outcome import Message
from sinks.alerts.webhook import WebhookChannel
from tests.support.receiver import Answer, Receiver, receiving

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def message(number: int = 0) -> Message:
    return Message(
        id=f"00000000-0000-0000-0000-{number:012}",
        kind="first",
        source="frwatch/alerts/lapd",
        subject="11111111-1111-1111-1111-111111111111",
        at=datetime(2026, 11, 25, 3, tzinfo=UTC),
        title="CRITICAL: “Third-party” service",
        text="What: a search.\nWho: officer 0f3a9c7e",
        severity="CRITICAL",
        data={"certainty": "CONFIRMED", "suppressed": 0},
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def channel(receiver: Receiver, *, timeout: float = 5) -> WebhookChannel:
    return WebhookChannel(
        f"{receiver.url}/hook-hunter2", SECRET, timeout=timeout, at_once=2, allow_private=True
    )


async def test_the_signature_verifies_with_the_standard_library_of_webhooks(receiver: Receiver) -> None:
    hook = channel(receiver)
    assert (await hook.send(message())).result == "delivered"
    await hook.close()
    (came,) = receiver.taken
    data = Webhook(SECRET).verify(came.body, came.headers)
    assert data["id"] == came.headers["webhook-id"] == message().id
    other = base64.b64encode(b"x" * 32).decode()
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(came.body, came.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(came.body.replace(b"first", b"third"), came.headers)


async def test_the_body_is_a_cloud_event_and_the_same_at_each_attempt(receiver: Receiver) -> None:
    hook = channel(receiver)
    for _ in range(2):
        await hook.send(message())
    await hook.close()
    first, second = receiver.taken
    assert first.body == second.body
    assert first.headers["content-type"] == "application/cloudevents+json"
    event = JSONFormat().read(CloudEvent, first.body)
    assert (event.get_specversion(), event.get_type()) == ("1.0", "frwatch.alert.first")
    assert event.get_source() == "frwatch/alerts/lapd"
    data = event.get_data()
    assert isinstance(data, dict)
    assert (data["title"], data["certainty"]) == (message().title, "CONFIRMED")
    assert json.loads(first.body)["time"] == "2026-11-25T03:00:00Z"


@pytest.mark.parametrize(
    ("answer", "result", "retry_after"),
    [
        ((204, {}, 0.0), "delivered", None),
        ((410, {}, 0.0), "refused", None),
        ((500, {"retry-after": "7"}, 0.0), "failed", None),
        ((400, {}, 0.0), "failed", None),
        ((429, {"retry-after": "7"}, 0.0), "failed", 7.0),
        ((503, {"retry-after": "-1"}, 0.0), "failed", 0.0),
        ((503, {"retry-after": "soon"}, 0.0), "failed", None),
        ((503, {"retry-after": "1e9"}, 0.0), "failed", 86_400.0),
        ((429, {"retry-after": "nan"}, 0.0), "failed", None),
    ],
)
async def test_what_an_answer_means(
    receiver: Receiver, answer: Answer, result: str, retry_after: float | None
) -> None:
    receiver.behave = lambda _: answer
    hook = channel(receiver)
    outcome = await hook.send(message())
    await hook.close()
    assert (outcome.result, outcome.http_status, outcome.retry_after) == (result, answer[0], retry_after)


async def test_a_date_says_when_to_come_again(receiver: Receiver) -> None:
    then = datetime.now(UTC) + timedelta(seconds=90)
    receiver.behave = lambda _: (503, {"retry-after": format_datetime(then, usegmt=True)}, 0.0)
    hook = channel(receiver)
    outcome = await hook.send(message())
    await hook.close()
    assert outcome.retry_after == pytest.approx(90, abs=5)


async def test_nothing_that_is_said_of_a_failure_tells_where_it_was(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.behave = lambda _: (200, {}, 3.0)
    hook = channel(receiver, timeout=0.2)
    assert (await hook.send(message())).error == "no answer in time"
    await hook.close()
    gone = WebhookChannel("http://127.0.0.1:1/hook-hunter2", SECRET, timeout=5, at_once=1, allow_private=True)
    assert (await gone.send(message())).error == "no connection"
    await gone.close()
    nowhere = WebhookChannel("https://nowhere.invalid/hook-hunter2", SECRET, timeout=5, at_once=1)
    assert (await nowhere.send(message())).error == "its name has no address"
    await nowhere.close()
    assert "hunter2" not in caplog.text + repr(vars(gone)["_webhook"])


def test_nothing_goes_in_the_clear_but_within_ones_own_network() -> None:
    with pytest.raises(ValueError, match="its URL must be https") as error:
        WebhookChannel("http://h.example/hunter2", SECRET, timeout=1, at_once=1)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "whsec_hunter2hunter2", "?" * 44])
def test_a_weak_secret_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="its secret must be base64") as error:
        WebhookChannel("https://h.example", secret, timeout=1, at_once=1)
    assert "hunter2" not in str(error.value)
