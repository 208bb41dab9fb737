"""`python -m tests.bench.fuzz_importers`: each importer against inputs that nobody would write.

Inputs are mutations of real lines, splices of them and random bytes. Each is one input, however many lines it
has; many are read as one log, since that is how lines come. It is proven that

- nothing raises: what is no line of the log is counted as malformed, and each line as one of its kind;
- no input takes more than a second: where a batch does, it is read again in halves until one input is left;
- no event is told of a line in which no service's host stands, or one that looks like it, by rules that share
  no code with the importers (`tests.bench.fuzz_oracle`);
- no DNS line is more than a LOOKUP, no line of a proxy or of TLS more than ACCESS, and what was denied,
  blocked or failed has the strength none once it is enriched as the workers do.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.errors import WrongUse
from tests.bench.fuzz_oracle import Oracle
from tests.bench.fuzz_seeds import PARSERS, Parser
from tests.support.imports import KEY, Imported, SeenVisits, importer_of, take

BATCH = 1_000
"""So many inputs are read as one log."""
SECOND = 1.0
_SPECIAL = (
    *(bytes([byte]) for byte in b'\0\r\n\t ,"\\%@:#-[{}\xff\xc3'),
    *(
        b"\\x",
        b"\\u0000",
        b"%2e",
        b"%00",
        b"//",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"(empty)",
    ),
    *(b"***", b"null", b"1e999", b"-1", b"9" * 400, b"A" * 5_000, b"%" * 500, b'"' * 99, b"." * 300, b"xn--"),
    *(b"clearview", b"app.clearview.ai", b"c1earview.ai"),
)
_HEADERS = (
    b"#separator \\x2c\n",
    b"#fields\tts\thost\n",
    b"#path\tconn\n",
    b"#path\tdns\n",
    b"#close\n",
    b"#\n",
)


@dataclass(slots=True)
class Result:
    """What a run found; `faults` say what was wrong, with the input."""

    inputs: int = 0
    lines: int = 0
    malformed: int = 0
    events: int = 0
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)


def mutate(rng: random.Random, seeds: Sequence[bytes], head: bytes = b"") -> bytes:
    """One input: a line that was changed a few times, random bytes, or (a part of) a header."""
    kind = rng.random()
    if kind < 0.005:
        return rng.choice(_HEADERS)
    if kind < 0.02:
        return head or rng.choice(seeds)
    if kind < 0.05:
        return rng.randbytes(rng.randrange(1, 200)) + b"\n"
    line = bytearray(rng.choice(seeds))
    if kind < 0.15:
        return bytes(line)
    for _ in range(1 + int(rng.expovariate(0.6))):
        at, end = sorted((rng.randrange(len(line) + 1), rng.randrange(len(line) + 1)))
        match rng.randrange(8):
            case 0:
                line[at:end] = b""
            case 1:
                line[at:at] = rng.choice(_SPECIAL)
            case 2:
                other = rng.choice(seeds)
                start = rng.randrange(len(other))
                line[at:end] = other[start : start + rng.randrange(1, 60)]
            case 3:
                line[at:at] = line[at:end]
            case 4 if at < len(line):
                line[at] = rng.randrange(256)
            case 5 if at < len(line):
                line[at] ^= 1 << rng.randrange(8)
            case 6:
                _swap(rng, line)
            case _:
                line[at : at + 1] = rng.choice(_SPECIAL)
    return bytes(line)


def _swap(rng: random.Random, line: bytearray) -> None:
    """Put two cells in the place of each other, or one twice."""
    separator = next((each for each in (b"\t", b'","', b",", b" ") if each in line), b" ")
    cells = bytes(line).split(separator)
    first, second = rng.randrange(len(cells)), rng.randrange(len(cells))
    cells[first], cells[second] = cells[second], cells[rng.choice((first, second))]
    line[:] = separator.join(cells)


def fuzz(parser: Parser, count: int, seed: int, oracle: Oracle, *, batch: int = BATCH) -> Result:
    """Give a parser so many inputs."""
    rng, result = random.Random(seed), Result()
    while result.inputs < count:
        inputs = [mutate(rng, parser.seeds, parser.head) for _ in range(min(batch, count - result.inputs))]
        result.inputs += len(inputs)
        _try(parser, inputs, oracle, result)
        if rng.random() < 0.2:
            # A log of its own, whose header and first line were changed too.
            _try(
                parser,
                [parser.head + inputs[0]],
                oracle,
                result,
                head=mutate(rng, [parser.head or inputs[0]]),
            )
    return result


def _try(
    parser: Parser, inputs: Sequence[bytes], oracle: Oracle, result: Result, *, head: bytes | None = None
) -> None:
    data = (parser.head + parser.good if head is None else head) + b"".join(inputs)
    found, visits = Imported(), SeenVisits(parser.kind, KEY)
    began = time.process_time()
    try:
        importer = importer_of(parser.kind, found, visits=visits, mapping=parser.mapping, hidden=True)
        take(importer, io.BytesIO(data))
    except WrongUse:
        if head is None:
            _narrow(parser, inputs, oracle, result, "the log was refused")
        return
    except Exception as error:
        _narrow(parser, inputs, oracle, result, f"raised {type(error).__name__}: {error}")
        return
    took = time.process_time() - began
    if took > SECOND:
        _narrow(parser, inputs, oracle, result, f"took {took:.1f} s")
        return
    result.slowest = max(result.slowest, took)
    if not found.counted():
        result.faults.append(f"{parser.name}: lines are not each counted once: {found.report.told()}")
    result.lines += found.report.read
    result.malformed += found.report.malformed
    result.events += len(found.records)
    faults = oracle.faults(parser, data, found.records, visits.seen)
    result.faults += [f"{parser.name}: {fault}" for fault in faults]


def _narrow(parser: Parser, inputs: Sequence[bytes], oracle: Oracle, result: Result, what: str) -> None:
    """Find the one input that is to blame."""
    if len(inputs) == 1:
        result.faults.append(f"{parser.name}: {what}: {inputs[0][:500]!r}")
        return
    half = len(inputs) // 2
    for part in (inputs[:half], inputs[half:]):
        _try(parser, part, oracle, result)


def main() -> int:
    """Fuzz each parser, print what came of it, and return 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fuzz_importers", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="so many for each parser")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same inputs")
    parser.add_argument("--only", help="the parser of this name alone")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object")
    given = parser.parse_args()
    oracle, told, failed = Oracle(), {}, 0
    for each in PARSERS:
        if given.only not in (None, each.name):
            continue
        began = time.perf_counter()
        result = fuzz(each, given.inputs, given.seed, oracle)
        failed += len(result.faults)
        told[each.name] = {name: getattr(result, name) for name in Result.__slots__}
        if not given.json:
            print(
                f"{each.name}: {result.inputs:,} inputs, {result.lines:,} lines,"
                f" {result.malformed:,} malformed, {result.events:,} events, {len(result.faults)} faults;"
                f" the slowest batch took {result.slowest:.2f} s, all {time.perf_counter() - began:.0f} s",
                flush=True,
            )
            for fault in result.faults[:20]:
                print("  " + fault)
    if given.json:
        print(json.dumps(told))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
