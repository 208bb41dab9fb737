"""`frwatch collect`: take in events over HTTP; make keys for clients; check the file of clients."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from schemas.errors import NotThere, WrongUse
from schemas.hostname import is_loopback
from schemas.settings import Settings, load_settings

if TYPE_CHECKING:
    from schemas.canary import CanaryKey
    from schemas.collector_clients import Clients

AsJson = Annotated[bool, Parameter("--json", negative=())]


def run_command() -> None:
    """Take in events over HTTP until told to stop.

    SIGTERM and SIGINT stop it within 10 s: requests that are under way get their answers. SIGHUP reads the
    clients again. It ends with status 2 where a setting or the clients have faults, with 3 where Kafka or the
    registry is not there.
    """
    import uvloop

    from streams.inputs.collector.connection import MAX_CONNECTIONS
    from streams.log import set_up_logs

    settings = load_settings()
    set_up_logs(settings.log_format)
    allow_connections(2 * MAX_CONNECTIONS)
    # It warns of each attempt while Kafka is away; the collector says so once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    uvloop.run(_run(settings))


def key_command(client: str, *, as_json: AsJson = False) -> None:
    """Make a key for a client: it is shown this once, and only its SHA-256 goes into the file of clients.

    Parameters
    ----------
    client:
        The client's id, such as lacris-web.
    as_json:
        Print `client`, `key` and `sha256` as JSON.
    """
    import re

    from schemas.agencies import ID_PATTERN
    from schemas.collector_clients import new_key, sha256_of_key

    if not re.fullmatch(ID_PATTERN, client) or len(client) > 64:
        raise WrongUse(f"{client!r} is no id: lower-case letters, digits and single hyphens, at most 64")
    key = new_key(client)
    if as_json:
        print(json.dumps({"client": client, "key": key, "sha256": sha256_of_key(key)}))
        return
    print(f"key, for the client alone: {key}")
    print("for the file that FRWATCH_COLLECT_CLIENTS names:")
    print(f"  - id: {client}\n    keys: [sha256:{sha256_of_key(key)}]")
    print("    agencies: [lapd]         # for whom it may speak; ids of the register")
    print(f"    sources: [{client}]     # what its events may have in `source`; zeek/* for all below zeek/")


def lint_command(*paths: Path, as_json: AsJson = False) -> int:
    """Say every fault of the file of clients, with file, line, column and remedy.

    Parameters
    ----------
    paths:
        Files and folders of clients, read as one set; FRWATCH_COLLECT_CLIENTS where none is given.
    as_json:
        Print the faults as a JSON array of `file`, `line`, `column` and `text`.
    """
    from schemas.agencies import load_agencies
    from schemas.collector_clients import collect_clients
    from schemas.yaml_file import Faults, read_sources
    from streams.lint_report import print_faults

    settings, faults = load_settings(), Faults()
    chosen = paths or (_clients_path(settings),)
    sources = [source for path in chosen for source in read_sources(path)]
    clients = collect_clients(sources, load_agencies(settings.agencies), faults)
    return print_faults(faults.told(), f"no faults: {len(clients)} clients", as_json=as_json)


async def _run(settings: Settings) -> None:
    from schemas.agencies import load_agencies
    from schemas.registry import Registry
    from sinks.kafka.intake import Intake
    from sinks.kafka.topics import ensure_topics
    from streams.inputs.collector.heartbeat import FOLDER
    from streams.inputs.collector.service import Service
    from streams.sign import Sign

    clients, (host, port), tls = check_settings(settings)
    canary_key = canary_key_of(settings)
    agencies = load_agencies(settings.agencies)
    await ensure_topics(settings)
    registry = Registry(settings.schema_registry) if settings.schema_registry else None
    intake = Intake(settings, registry)
    try:
        await intake.start()
        service = Service(agencies, clients, intake, Sign(settings.home, FOLDER), canary_key)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: service.reload(lambda: read_clients(settings)))
        if settings.collect_metrics is not None:
            service.metrics.serve(settings.collect_metrics)
        await service.run(host, port, tls)
    finally:
        await intake.stop(2.0)
        if registry is not None:
            await registry.close()


def allow_connections(most: int) -> None:
    """Let this process have so many open files, as far as the machine lets it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def check_settings(settings: Settings) -> tuple[Clients, tuple[str, int], ssl.SSLContext | None]:
    """Return the clients, the host and port to listen on, and the TLS; nothing is connected to.

    Raises:
        NotThere, WrongUse: one of them is not there, or has faults.
    """
    canary_key_of(settings)
    return read_clients(settings), listen_of(settings), tls_of(settings)


def canary_key_of(settings: Settings) -> CanaryKey | None:
    """Return the key with which canaries of all clients are signed, None where there is none.

    Raises:
        WrongUse: it is no key, or that of one source.
    """
    from schemas.canary import EVERY

    if not (settings.canary_key or settings.pseudonym_key):
        return None
    key = settings.require_canary_key()
    if key.source != EVERY:
        raise WrongUse(
            f"FRWATCH_CANARY_KEY is for the canaries of {key.source}; the collector signs those of all its "
            "clients: give it the one that `frwatch alerts canary-key` prints"
        )
    return key


def read_clients(settings: Settings) -> Clients:
    """Return the clients of the settings.

    Raises:
        NotThere, WrongUse: there are none, or they have faults.
    """
    from schemas.agencies import load_agencies
    from schemas.collector_clients import load_clients

    return load_clients(_clients_path(settings), load_agencies(settings.agencies))


def listen_of(settings: Settings) -> tuple[str, int]:
    """Return host and port to listen on.

    Raises:
        WrongUse: without TLS it would listen beyond loopback.
    """
    host, _, port = settings.collect_listen.rpartition(":")
    host = host.strip("[]")
    if settings.collect_cert is None and not settings.collect_plain and not is_loopback(host):
        raise WrongUse(
            f"FRWATCH_COLLECT_LISTEN {settings.collect_listen} is beyond loopback, where keys and events "
            "would cross the network in the clear; set FRWATCH_COLLECT_CERT and _CERT_KEY, or, "
            "where a proxy ends TLS, FRWATCH_COLLECT_PLAIN=true"
        )
    if not 0 <= int(port) <= 65535:
        raise WrongUse(f"FRWATCH_COLLECT_LISTEN {settings.collect_listen}: a port is at most 65535")
    return host, int(port)


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS of the settings, None where it is not asked for.

    Raises:
        WrongUse: one of the files is not named, or is no PEM.
        NotThere: one of the files cannot be read.
    """
    from streams.inputs.collector.door import tls_context

    cert, key, authority = settings.collect_cert, settings.collect_cert_key, settings.collect_client_ca
    if cert is None and key is None:
        if authority is not None:
            raise WrongUse("FRWATCH_COLLECT_CLIENT_CA is for TLS; set FRWATCH_COLLECT_CERT and _CERT_KEY too")
        return None
    if cert is None or key is None:
        raise WrongUse("FRWATCH_COLLECT_CERT and FRWATCH_COLLECT_CERT_KEY go together; set both")
    try:
        return tls_context(str(cert), str(key), str(authority) if authority else None)
    except ssl.SSLError as error:
        said = error.reason or "no PEM"
        raise WrongUse(f"FRWATCH_COLLECT_CERT, _CERT_KEY or _CLIENT_CA cannot be used: {said}") from None
    except OSError as error:
        raise NotThere(
            f"FRWATCH_COLLECT_CERT, _CERT_KEY or _CLIENT_CA cannot be read ({error.strerror}); check them"
        ) from None


def _clients_path(settings: Settings) -> Path:
    if settings.collect_clients is None:
        raise WrongUse(
            "FRWATCH_COLLECT_CLIENTS names no file: it says who may report; `frwatch collect key CLIENT` "
            "makes a key and shows what to write there"
        )
    return settings.collect_clients
