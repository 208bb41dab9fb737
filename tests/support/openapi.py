"""Whether what the collector answers is what its OpenAPI document says that it answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from streams.inputs.collector.openapi import document


@cache
def _validator(path: str, status: int) -> tuple[str, Draft202012Validator]:
    """The media type of an answer, and what checks it."""
    told = document()
    (operation,) = told["paths"][path].values()
    answers = operation["responses"]
    assert str(status) in answers, f"{path} answers {status}, and the document does not say so"
    ((media, content),) = answers[str(status)]["content"].items()
    # The components are beside the schema, so that its references resolve.
    return media, Draft202012Validator({**content["schema"], "components": told["components"]})


def check_answer(path: str, status: int, body: Any, headers: Mapping[str, str]) -> None:
    """Check an answer of a documented path; of any other, that it is a problem of RFC 9457."""
    if path not in document()["paths"]:
        assert body.keys() >= {"type", "title", "status", "detail"}
        return
    media, validator = _validator(path, status)
    assert headers["Content-Type"].partition(";")[0] == media
    validator.validate(body)
    if status >= 400:
        assert body["status"] == status
    if status in (429, 503):
        assert int(headers["Retry-After"]) >= 1
