"""The schema registry on loopback: Apicurio, which answers the Confluent API."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from deploy.local.jars import java_command
from deploy.local.ports import HOST

API = "/apis/ccompat/v7"


def url(port: int) -> str:
    """Where clients of the Confluent API reach the registry on a port."""
    return f"http://{HOST}:{port}{API}"


def command(jar: Path, port: int) -> list[str]:
    """Return the command that runs the registry with its database in the folder it is started in.

    The database is a file there, not the memory that is Apicurio's default: records in Kafka hold the ids
    it gave, so these must outlive a restart. SIGTERM stops it.
    """
    return [
        java_command(),
        "-Xmx256m",
        "-Xss512k",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "--sun-misc-unsafe-memory-access=allow",
        f"-Dquarkus.http.host={HOST}",
        f"-Dquarkus.http.port={port}",
        "-Dquarkus.http.limits.max-body-size=2M",
        "-Dquarkus.datasource.jdbc.url=jdbc:h2:file:./registry",
        "-Dquarkus.datasource.jdbc.initial-size=2",
        "-Dquarkus.datasource.jdbc.min-size=2",
        "-Dquarkus.datasource.jdbc.max-size=16",
        "-Dquarkus.log.level=WARN",
        "-Dquarkus.log.console.color=false",
        "-jar",
        str(jar),
    ]


def answers(base: str, timeout: float = 2.0) -> bool:
    """Whether the registry at a URL lists its subjects within `timeout` seconds."""
    return http_answers(f"{base}/subjects", timeout)


def http_answers(address: str, timeout: float = 2.0) -> bool:
    """Whether GET at an http URL gives status 200 within `timeout` seconds; no proxy is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=timeout) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False
