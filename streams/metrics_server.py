"""Where a process shows Prometheus its metrics: a port of loopback, unless a host is named."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, start_http_server

from schemas.errors import NotThere

LOOPBACK = "127.0.0.1"


def serve_metrics(registry: CollectorRegistry, where: str, setting: str) -> None:
    """Serve a registry on `port` of loopback, or on `host:port`; `setting` is the variable that says where.

    Raises:
        NotThere: it cannot be listened on.
    """
    host, _, port = where.rpartition(":")
    try:
        start_http_server(int(port), addr=host or LOOPBACK, registry=registry)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise NotThere(f"{setting} {where} cannot be listened on ({why}); name another port") from None
