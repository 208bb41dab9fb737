"""Which ports a stack's parts listen on: asked for, kept from before, or chosen once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

import psutil

from deploy.local import registry
from deploy.local.parts import CLICKHOUSE, KAFKA, REGISTRY, clickhouse_url
from deploy.local.ports import HOST, choose, is_free
from deploy.local.state import Ports, Stack
from schemas.errors import NotThere, WrongUse

DEFAULTS = Ports(kafka=9092, controller=9093, clickhouse=8123, registry=8081)
_CONTROLLER = "controller"


def settle(stack: Stack, given: Mapping[str, int], *, with_registry: bool) -> None:
    """Set the ports and addresses of `stack`: those given, else those it had, else free ones.

    The default port is chosen where it is free.

    Raises:
        WrongUse: a running part is asked to move, or two parts are given one port.
        NotThere: a port that was given or kept is taken by another process.
    """
    if len(set(given.values())) < len(given):
        raise WrongUse("two parts cannot share a port: give each --…-port another number")
    names = [KAFKA, _CONTROLLER, CLICKHOUSE] + ([REGISTRY] if with_registry else [])
    ports = stack.ports.model_dump()
    for name in names:
        part = KAFKA if name == _CONTROLLER else name
        asked, kept = given.get(name, 0), ports[name]
        if part in stack.pids:
            if asked and asked != kept:
                raise WrongUse(f"{name} runs on port {kept}: `frwatch down` first to move it to {asked}")
        elif asked or (kept and kept not in _others(given, name)):
            _refuse_taken(part, asked or kept, asked=bool(asked))
            ports[name] = asked or kept
        else:
            ports[name] = choose(getattr(DEFAULTS, name), [*_others(given, name), *_others(ports, name)])
    stack.ports = Ports(**ports)
    stack.kafka = f"{HOST}:{stack.ports.kafka}"
    stack.clickhouse = clickhouse_url(stack.ports.clickhouse)
    stack.schema_registry = registry.url(stack.ports.registry) if with_registry else None


def _others(ports: Mapping[str, int], name: str) -> Iterable[int]:
    return [port for other, port in ports.items() if other != name]


def _refuse_taken(name: str, port: int, *, asked: bool) -> None:
    if is_free(port):
        return
    holder = _holder(port)
    whose = f" by pid {holder}" if holder else ""
    why = "" if asked else ", where this stack was before,"
    raise NotThere(f"port {port} for {name}{why} is taken{whose}: free it, or give another by --{name}-port")


def _holder(port: int) -> int | None:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,):
                return connection.pid
    return None
