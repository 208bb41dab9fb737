"""Images and templates are refused with an explanation, whoever sends them, and nothing of them is kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.streams.images import IMAGES
from tests.support.bodies import FORMATS
from tests.support.collector import Collector, search

SIZE = 1900


def traces(image: bytes) -> list[bytes]:
    """What would show that a part of it was kept: some of its bytes, as they are and as texts carry them."""
    middle = image[600:660]
    text = base64.b64encode(image)
    return [middle, middle[:12], middle.hex().encode(), text[400:440], text[800:830]]


def kept(collector: Collector, image: bytes) -> list[bytes]:
    """The traces that are anywhere under the stack's home, or in a topic."""
    held = [path.read_bytes() for path in collector.stack.home.rglob("*") if path.is_file()]
    for topic in ("searches", "outcomes", "dead"):
        held += [record.value() or b"" for record in collector.stack.consume(topic)]
    return [trace for trace in traces(image) if any(trace in each for each in held)]


def refused(told: dict[str, Any], image: bytes) -> None:
    assert "image" in json.dumps(told)
    assert not any(trace.decode("latin-1") in json.dumps(told) for trace in traces(image))


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_in_a_field_is_refused_and_kept_nowhere(running: Collector, kind: str) -> None:
    image = IMAGES[kind](SIZE, 7)
    text = base64.b64encode(image).decode()
    for fields in (
        {"purpose": text},
        {"attributes": {"note": text}},
        {"galleries": [text]},
        {"attributes": {"probe_image": "x"}},
        {"image": text},
        {"attributes": {"note": f"data:image/png;base64,{text}"}},
    ):
        for form in ("object", "structured", "binary"):
            body = FORMATS[form]("search", [json.dumps(search(**fields))], {})
            status, told, _ = running.post(body.data, content_type=body.content_type, **body.headers)
            assert (status, [error["code"] for error in told["errors"]]) == (422, ["image"]), fields.keys()
            refused(told, image)
    assert kept(running, image) == []


@pytest.mark.parametrize(
    "media", ["image/jpeg", "multipart/form-data; boundary=b", "application/octet-stream"]
)
def test_an_image_as_the_body_is_refused_and_kept_nowhere(running: Collector, media: str) -> None:
    image = IMAGES["jpeg"](SIZE, 8)
    status, told, _ = running.post(image, content_type=media)
    assert status == 415
    refused(told, image)
    status, told, _ = running.post(image)
    assert status == 400
    assert kept(running, image) == []


def test_bytes_in_an_envelope_are_refused(running: Collector) -> None:
    image = IMAGES["png"](SIZE, 9)
    envelope = {
        "specversion": "1.0",
        "id": "1",
        "source": "lacris-web",
        "type": "frwatch.search",
        "data_base64": base64.b64encode(image).decode(),
    }
    status, told, _ = running.post(envelope, content_type="application/cloudevents+json")
    assert (status, told["errors"][0]["pointer"]) == (422, "/data_base64")
    assert kept(running, image) == []


def test_an_image_in_headers_or_the_path_is_kept_nowhere(running: Collector) -> None:
    image = IMAGES["png"](SIZE, 10)
    text = base64.b64encode(image).decode()
    headers = {"ce-id": text[:900], "ce-source": "s", "ce-type": "frwatch.search", "ce-specversion": "1.0"}
    running.post(search(), **headers)
    running.post(search(), **{"X-Note": text})
    running.post(search(), path=f"/v1/{text[:900].replace('+', 'x')}")
    running.post(search(), client=None, Authorization=f"Bearer frw_{text[:900]}")
    assert kept(running, image) == []
