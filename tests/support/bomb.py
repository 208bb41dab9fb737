"""`python -m tests.support.bomb KIND PACKER UNIT MIB`: import what is small packed and large unpacked.

Prints a JSON object: by how many MiB the process grew at most, and what was read. In a process of its own,
since the most that a process ever had is no test's alone.
"""

from __future__ import annotations

import gzip
import io
import json
import resource
import sys

import zstandard

from streams.inputs.importers.blocks import BLOCK
from tests.bench.fuzz_seeds import PARSERS, Parser
from tests.support.imports import Imported, importer_of, take

MIB = 1 << 20


def packed(packer: str, start: bytes, unit: bytes, mebibytes: int) -> bytes:
    """A file that unpacks to the start and so many mebibytes of a unit."""
    out, chunk = io.BytesIO(), unit * (MIB // len(unit))
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1)
        if packer == "gzip"
        else zstandard.ZstdCompressor().stream_writer(out, closefd=False)
    ) as writer:
        writer.write(start)
        for _ in range(mebibytes):
            writer.write(chunk)
    return out.getvalue()


def _import(parser: Parser, data: bytes) -> Imported:
    found = Imported()
    take(importer_of(parser.kind, found, mapping=parser.mapping), io.BytesIO(data))
    return found


def _most() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(name: str, packer: str, unit: str, mebibytes: str) -> None:
    """Run and print."""
    parser = next(each for each in PARSERS if each.name == name)
    start = parser.head + parser.good + parser.seeds[0]
    # What any log takes, two blocks of it, is not the bomb's.
    _import(parser, start + parser.seeds[0] * (2 * BLOCK // len(parser.seeds[0])))
    data, before = (
        packed(packer, start, unit.encode().decode("unicode_escape").encode(), int(mebibytes)),
        _most(),
    )
    found = _import(parser, data)
    told = {"grew": _most() - before, "packed": len(data), "read": found.report.read}
    print(json.dumps(told | {"events": len(found.records), "malformed": found.report.malformed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
