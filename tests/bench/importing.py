"""`python -m tests.bench.importing`: how fast logs are imported, where one line in 1,000 matters, and in how
much memory.

The importer is the real one, with its shape check of every line, visits, events and their encoding; Kafka
alone is left out, because 300 events a second are nothing to it. The lines are made before the clock runs,
and handed over through a file (speed) or a pipe (memory).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from schemas.catalogue_files import load_catalogue
from schemas.contracts import contract
from schemas.settings import Settings
from schemas.wire import encode
from streams.inputs.importers.bulk import Importer
from streams.inputs.importers.identity import Identities
from streams.inputs.importers.log_file import LogFile
from streams.inputs.importers.report import Malformed, Report
from streams.inputs.importers.visits import Visits
from streams.inputs.importers.watch import Watch
from tests.bench.figures import machine

EVERY = 1_000
"""One line in so many is about a service."""
CHUNK = 100_000
_START = 1_775_797_200
_HEADER = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tssl\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tversion\tcipher\tcurve\tserver_name\tresumed"
    "\tlast_alert\tnext_protocol\testablished\tcert_chain_fuids\tclient_cert_chain_fuids\tsubject\tissuer\n"
)


def host(number: int, rng: random.Random) -> str:
    """A host: a service's in one line of EVERY, else somebody's."""
    if number % EVERY == EVERY // 2:
        return "app.clearview.ai"
    return f"www{rng.randrange(5_000)}.example{rng.randrange(700)}.com"


def client(number: int) -> str:
    """The address of a client."""
    return f"10.{number % 250}.{number % 99}.7"


def zeek_line(number: int, rng: random.Random) -> str:
    """A line of ssl.log, some 290 bytes."""
    cells = [
        f"{_START + number / 2000:.6f}",
        f"C{rng.getrandbits(80):x}",
        client(number),
        str(40000 + number % 9999),
        f"93.184.{number % 200}.34",
        "443",
        "TLSv12",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "secp256r1",
        host(number, rng),
        *("F", "-", "h2", "T"),
        f"F{rng.getrandbits(80):x},F{rng.getrandbits(80):x}",
        "(empty)",
        "CN=www.example.org,O=Example Corporation",
        "CN=Example TLS RSA SHA256 2020 CA1",
    ]
    return "\t".join(cells) + "\n"


def zeek_json_line(number: int, rng: random.Random) -> str:
    """The same as JSON."""
    row = {
        "ts": round(_START + number / 2000, 6),
        "uid": f"C{rng.getrandbits(80):x}",
        "id.orig_h": client(number),
        "id.orig_p": 40000 + number % 9999,
        "id.resp_h": f"93.184.{number % 200}.34",
        "id.resp_p": 443,
        "version": "TLSv12",
        "cipher": "TLS_AES_128_GCM_SHA256",
        "server_name": host(number, rng),
        "resumed": False,
        "established": True,
    }
    return json.dumps(row, separators=(",", ":")) + "\n"


def squid_line(number: int, rng: random.Random) -> str:
    """A line of Squid's native log, some 120 bytes."""
    return (
        f"{_START + number / 2000:.3f} {rng.randrange(99999):6d} {client(number)} TCP_TUNNEL/200"
        f" {rng.randrange(99999)} CONNECT {host(number, rng)}:443 s{number % 4000}"
        f" HIER_DIRECT/93.184.{number % 200}.34 -\n"
    )


def umbrella_line(number: int, rng: random.Random) -> str:
    """A line of Umbrella's DNS log."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(_START + number // 2000))
    device, name = f"WS-{number % 4000}", host(number, rng)
    cells = [at, device, f"{device},Site", client(number), "198.51.100.7", "Allowed", "1 (A)", "NOERROR"]
    cells += [f"{name}.", "Business", "AD Computers", "AD Computers,Sites", ""]
    return ",".join(f'"{cell}"' for cell in cells) + "\n"


KINDS: dict[str, tuple[str, str, Callable[[int, random.Random], str]]] = {
    "Zeek ssl, TSV": ("zeek", _HEADER, zeek_line),
    "Zeek ssl, JSON": ("zeek", "", zeek_json_line),
    "Squid": ("squid", "", squid_line),
    "Umbrella": ("umbrella", "", umbrella_line),
}


def lines(kind: str, count: int) -> Iterator[bytes]:
    """Chunks of a log."""
    _, header, make = KINDS[kind]
    rng = random.Random(7)
    yield header.encode()
    for first in range(0, count, CHUNK):
        yield "".join(make(number, rng) for number in range(first, min(first + CHUNK, count))).encode()


def importer(kind: str) -> tuple[Importer, list[int]]:
    """The importer of a kind, and a list of how many bytes its events took."""
    sizes: list[int] = []

    def send(records: object) -> None:
        for record in records:  # type: ignore[attr-defined]
            sizes.append(len(encode(contract("search"), record)))

    report, source = Report(), KINDS[kind][0]
    watch = Watch(load_catalogue(Settings().catalogue))
    visits = Visits(source, b"k" * 32)
    return Importer(source, source, watch, Identities(), visits, send, report, Malformed(report, None)), sizes


def speed(kind: str, count: int, folder: Path) -> str:
    """Import a file of so many lines and return what came of it."""
    path = folder / "log"
    with path.open("wb") as out:
        for chunk in lines(kind, count):
            out.write(chunk)
    best = of_cpu = 0.0
    for _ in range(3):
        running, sizes = importer(kind)
        began, busy = time.perf_counter(), time.process_time()
        file = LogFile(path, running, None)
        file.read()
        running.finish()
        took = time.perf_counter() - began
        of_cpu = max(of_cpu, running.report.read / (time.process_time() - busy))
        file.close()
        best = max(best, running.report.read / took)
    report = running.report
    if report.malformed or report.matched != count // EVERY or not sizes:
        raise SystemExit(f"{kind}: wrong counts: {report.told()}")
    size = path.stat().st_size
    return (
        f"{best:,.0f} lines/s, {best * size / count / 1e6:,.0f} MB/s, {of_cpu:,.0f} lines per second of CPU"
        f" ({count:,} lines of {size / count:.0f} bytes, {report.matched:,} matter, {report.events:,} events)"
    )


def memory(kind: str, gigabytes: float) -> str:
    """Import a pipe of so many gigabytes in a process of its own and return its highest resident memory."""
    chunks = list(lines(kind, CHUNK))
    command = [sys.executable, "-m", "tests.bench.importing", "--take", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipe")
        sent = process.stdin.write(chunks[0])
        marks: list[int] = []
        began = time.perf_counter()
        while sent < gigabytes * 1e9:
            sent += process.stdin.write(chunks[1])
            marks.append(_resident(process.pid, "VmRSS"))
        highest = _resident(process.pid, "VmHWM")
        process.stdin.close()
        said = process.stdout.read().decode().strip()
    took = time.perf_counter() - began
    early = max(marks[: max(1, len(marks) // 10)])
    return (
        f"{sent / 1e9:.1f} GB through a pipe in {took:.0f} s; resident at most {highest:,} MiB,"
        f" {early:,} MiB in the first tenth, {marks[-1]:,} MiB at the end; {said}"
    )


def _resident(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) // 1024
    return 0


def take(kind: str) -> None:
    """Import standard input, and say how many lines it had."""
    running, _ = importer(kind)
    LogFile(None, running, None).read()
    running.finish()
    told = running.report
    print(f"{told.read:,} lines, {told.matched:,} matter, {told.malformed} malformed")


def main() -> None:
    """Run the benches and print them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.importing", description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000, help="lines of each log")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="how much goes through the pipe")
    parser.add_argument("--take", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.take:
        take(given.take)
        return
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            count = given.lines if kind != "Umbrella" else given.lines // 10
            print(f"{kind}: {speed(kind, count, Path(folder))}", flush=True)
    for kind in ("Zeek ssl, TSV", "Squid"):
        print(f"{kind}: {memory(kind, given.gigabytes)}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    main()
