"""Endpoints of log lines: what of them may be kept, and what they say of the account."""

from __future__ import annotations

import re
from urllib.parse import unquote

from streams.hosts import as_browsers_do, parse_endpoint
from streams.inputs.importers.sighting import Attempt, Sighting
from streams.inputs.importers.watch import Verdict, Watch, is_hidden

MAX_PATH = 200
"""How many characters of a path are kept."""

_URL = re.compile(r"(?i)(?P<scheme>[a-z][a-z0-9+.\-]*)://+[^/?#]*(?P<path>(?:/[^?#]*)?)")
_BEYOND = re.compile(r"[?#;]")
_USERINFO = re.compile(r"[^/\s]*@")
# Long runs of letters and digits in a path may be a token that lets somebody in.
_SECRET = re.compile(r"(?=[^/]*[0-9])[A-Za-z0-9_.=+~-]{24,}")
_TRIAL = frozenset({"trial", "trials", "free-trial", "freetrial", "start-trial"})
_PERSONAL = frozenset({"personal", "personal-account", "individual"})


def kept_endpoint(text: str, host: str) -> str:
    """Return what of an endpoint is kept: scheme, host and path.

    No user, password, port, query or fragment, and nothing in the path that may be a token. A host or
    host:port gives the host alone.
    """
    url = _URL.match(as_browsers_do(text))
    if url is None:
        return host
    path = _plain(url["path"])
    path = _SECRET.sub("…", _USERINFO.sub("…@", path))
    path = "".join(each if each.isprintable() else " " for each in path)[:MAX_PATH]
    shown = f"[{host}]" if ":" in host else host
    return f"{url['scheme'].lower()}://{shown}{path}"


def _plain(path: str) -> str:
    """A path without escapes, up to where something else than a path begins, escaped or not."""
    for _ in range(4):
        path = _BEYOND.split(path, maxsplit=1)[0]
        before, path = path, unquote(path, errors="replace")
        if path == before:
            return path
    return _BEYOND.split(path, maxsplit=1)[0].partition("%")[0]


def account_of(host: str, path: str) -> str | None:
    """Return `trial` or `personal` where a label of the host or a segment of the path says so."""
    words = {*host.split("."), *path.strip("/").split("/")}
    if words & _TRIAL:
        return "trial"
    return "personal" if words & _PERSONAL else None


def see(attempt: Attempt, watch: Watch) -> Sighting | None:
    """Return the attempt as a sighting of a service, or None where its host does not matter.

    A host that Encrypted Client Hello hides comes back with the status `hidden`: it proves nothing.
    """
    endpoint = parse_endpoint(attempt.endpoint)
    if endpoint is None:
        return None
    verdict: Verdict | None = watch.judge(endpoint)
    if verdict is None:
        if is_hidden(endpoint.host):
            return Sighting(attempt, endpoint.host, endpoint.host, "hidden", None, None)
        return None
    status = attempt.status or ("public_page" if verdict.public else None)
    return Sighting(
        attempt,
        endpoint.host,
        kept_endpoint(attempt.endpoint, endpoint.host),
        status,
        verdict.provider_id if verdict.look_alike else None,
        account_of(endpoint.host, endpoint.path),
    )
