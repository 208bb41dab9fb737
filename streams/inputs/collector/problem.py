"""What the collector refuses with: problem details of RFC 9457, with a pointer to each faulty field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import FrwatchError
from streams.inputs.fault import Fault

MEDIA_TYPE = "application/problem+json"

TITLES = {
    "malformed": (400, "The body cannot be read"),
    "unauthenticated": (401, "Nobody knows who you are"),
    "not_allowed": (403, "You may not report this"),
    "not_found": (404, "There is nothing here"),
    "wrong_method": (405, "This is asked in another way"),
    "too_slow": (408, "The request took too long to arrive"),
    "too_large": (413, "The request is too large"),
    "media_type": (415, "This kind of content is not taken"),
    "invalid": (422, "The event does not fit its contract"),
    "too_many": (429, "You send more than was agreed"),
    "fault": (500, "The collector has a fault"),
    "busy": (503, "The collector has its hands full"),
    "ending": (503, "The collector is ending"),
    "kafka_away": (503, "Kafka does not acknowledge"),
}
"""The problems by their code: HTTP status and title. Their type is `urn:frwatch:problem:CODE`."""


class Refused(FrwatchError):
    """A request that is refused as a whole, with the problem that its answer holds; no value is in it."""

    exit_status = 1

    def __init__(self, code: str, detail: str, *, retry_after: int | None = None, **headers: str) -> None:
        """`headers` go with the answer, `_` for `-`; `retry_after` is in seconds."""
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    @property
    def status(self) -> int:
        """The status of the answer."""
        return TITLES[self.code][0]


def problem(code: str, detail: str, faults: Sequence[Fault] = (), **more: Any) -> dict[str, Any]:
    """Return a problem as JSON: type, title, status, detail and, where there are faults, `errors`."""
    status, title = TITLES[code]
    told: dict[str, Any] = {
        "type": f"urn:frwatch:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if faults:
        told["errors"] = [
            {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail} for fault in faults
        ]
    return told | more


def code_of(faults: Sequence[Fault]) -> str:
    """Return the code of the problem that one event's faults are."""
    codes = {fault.code for fault in faults}
    if codes == {"malformed"}:
        return "malformed"
    return "not_allowed" if codes == {"not_allowed"} else "invalid"


def is_json(media: str) -> bool:
    """Whether a media type, without parameters, is JSON."""
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


Headers = Mapping[str, str]
