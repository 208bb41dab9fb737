"""The real Squid as a proxy for tests, and a TLS server behind it that stands for any host."""

from __future__ import annotations

import asyncio
import base64
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.ports import free_ports

BLOCKED = ".facecheck.id"
_HOSTS = ("app.clearview.ai", "pimeyes.com", "www.example.org", "facecheck.id")
_HELPERS = Path("/usr/lib/squid")


def squid_missing() -> str | None:
    """Why there is no Squid to be had on this machine; None where there is."""
    if _squid() is None:
        return "squid is not installed; tests/install-packages.sh installs it as root on Debian"
    if not (_HELPERS / "basic_fake_auth").exists():
        return f"squid's basic_fake_auth is not in {_HELPERS}"
    return None if shutil.which("openssl") else "openssl is not installed: there is no certificate"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that asks for a user, its log, and the port of the server behind it."""

    port: int
    server: int
    log: Path

    def connect(self, host: str, user: str | None = None, *, port: int | None = None) -> str:
        """Reach a host by CONNECT and TLS, fetch a page, and return the proxy's status line."""
        target = f"{host}:{self.server if port is None else port}"
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as raw:
            raw.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{_login(user)}\r\n".encode())
            status = _head(raw)
            if " 200 " in status:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                with context.wrap_socket(raw, server_hostname=host) as wrapped:
                    wrapped.sendall(b"GET /search HTTP/1.0\r\n\r\n")
                    while wrapped.recv(4096):
                        pass
        return status

    def get(self, url: str, user: str | None = None) -> str:
        """Fetch a URL in the clear and return the status line."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as raw:
            raw.sendall(f"GET {url} HTTP/1.0\r\n{_login(user)}\r\n".encode())
            status = _head(raw)
            while raw.recv(4096):
                pass
        return status


@contextmanager
def running_squid() -> Iterator[Proxy]:
    """Run Squid and a TLS server, and stop both; see `squid_missing`."""
    # Squid started by root gives up its rights, and must still write its log.
    folder = Path(tempfile.mkdtemp(prefix="frwatch-squid-"))
    folder.chmod(0o777)
    try:
        with _tls_server(folder) as server:
            (port,) = free_ports(1)
            (folder / "hosts").write_text("".join(f"127.0.0.1 {host}\n" for host in _HOSTS))
            (folder / "squid.conf").write_text(_config(folder, port))
            with (folder / "out").open("wb") as out:
                process = subprocess.Popen(
                    [_squid() or "squid", "-N", "-f", str(folder / "squid.conf")], stdout=out, stderr=out
                )
            try:
                _wait(process, port, folder)
                yield Proxy(port, server, folder / "access.log")
            finally:
                # An orderly end takes it a second, and the log is written line by line.
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _squid() -> str | None:
    return shutil.which("squid") or shutil.which("squid", path="/usr/sbin:/usr/local/sbin")


def _login(user: str | None) -> str:
    if user is None:
        return ""
    return f"Proxy-Authorization: Basic {base64.b64encode(f'{user}:secret-word'.encode()).decode()}\r\n"


def _head(raw: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data and (more := raw.recv(1)):
        data += more
    return data.split(b"\r\n")[0].decode()


def _config(folder: Path, port: int) -> str:
    return f"""
http_port 127.0.0.1:{port}
visible_hostname proxy.example
hosts_file {folder}/hosts
access_log stdio:{folder}/access.log squid
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
netdb_filename none
coredump_dir {folder}
cache deny all
pinger_enable off
strip_query_terms off
connect_timeout 5 seconds
auth_param basic program {_HELPERS}/basic_fake_auth
auth_param basic children 2 startup=1
acl users proxy_auth REQUIRED
acl blocked dstdomain {BLOCKED}
http_access deny blocked
http_access allow users
http_access deny all
"""


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """Wait until it listens; a connection, to see whether it does, would stand in its log."""
    listener, deadline = psutil.Process(process.pid), time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psutil.Error):
            if any(
                each.status == "LISTEN" and each.laddr.port == port for each in listener.net_connections()
            ):
                return
        time.sleep(0.01)
    said = "".join(file.read_text() for file in (folder / "out", folder / "cache.log") if file.exists())
    raise AssertionError(f"squid did not start: {said[-2000:]}")


@contextmanager
def _tls_server(folder: Path) -> Iterator[int]:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=server.example"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    ready, port = threading.Event(), [0]
    loop = asyncio.new_event_loop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nfine\n")
        await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        port[0] = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        task = loop.create_task(serve())
        tasks.append(task)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.close()

    tasks: list[asyncio.Task[None]] = []
    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(tasks[0].cancel)
        thread.join()
