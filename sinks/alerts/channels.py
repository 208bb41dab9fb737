"""Destinations as channels: where they are and their secrets are read from variables and files, once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from schemas.alert_routes import Destination
from schemas.errors import WrongUse
from sinks.alerts.outcome import Channel


def open_channels(
    destinations: Mapping[str, Destination], *, allow_private: bool = False
) -> dict[str, Channel]:
    """Return a channel for each destination, by name.

    Raises:
        WrongUse: a variable or a file is missing or holds no URL or secret; every fault is told, no value.
    """
    channels, faults = {}, []
    for name, destination in destinations.items():
        try:
            channels[name] = open_channel(name, destination, allow_private=allow_private)
        except WrongUse as error:
            faults.append(str(error))
    if faults:
        raise WrongUse("\n".join(faults))
    return channels


def open_channel(name: str, destination: Destination, *, allow_private: bool = False) -> Channel:
    """Return the channel of one destination.

    Raises:
        WrongUse: as `open_channels`.
    """
    private = allow_private or destination.allow_private
    timeout, at_once = destination.timeout.total_seconds(), destination.at_once
    url = destination.url or _secret(name, "url", destination.url_env, destination.url_file)
    if destination.kind == "apprise":
        # Apprise takes half a second to load.
        from sinks.alerts.apprise import AppriseChannel

        try:
            return AppriseChannel(url, timeout=timeout, at_once=at_once, allow_private=private)
        except ValueError:
            source = destination.url_env or str(destination.url_file)
            raise WrongUse(f"destination {name}: {source} holds no URL that Apprise knows") from None
    from sinks.alerts.webhook import WebhookChannel

    secret = _secret(name, "secret", destination.secret_env, destination.secret_file)
    try:
        return WebhookChannel(url, secret, timeout=timeout, at_once=at_once, allow_private=private)
    except ValueError as error:
        raise WrongUse(f"destination {name}: {error}") from None


def _secret(name: str, what: str, variable: str | None, file: Path | None) -> str:
    if variable is not None:
        found = os.environ.get(variable, "").strip()
        if not found:
            raise WrongUse(f"destination {name}: {variable} is not set; set it to the {what}")
        return found
    try:
        found = Path(file or "").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"destination {name}: {file} cannot be read ({type(error).__name__})") from None
    if not found:
        raise WrongUse(f"destination {name}: {file} is empty; put the {what} into it")
    return found
