"""Cisco Umbrella's DNS log: CSV of 13 columns, or 10 in older ones, in UTC, ten minutes late."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from streams.inputs.importers.blocks import BOM
from streams.inputs.importers.fields import address, clean, micros
from streams.inputs.importers.lines import Bad, BadLine, Lines
from streams.inputs.importers.sighting import Attempt, Status

COLUMNS = (10, 13)
HINT = re.compile(rb'\s*"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"?\s*,')
"""What a line begins with, where it is no header."""
HEADER = re.compile(rb'(?i)\s*"?timestamp"?\s*,\s*"?most granular identity"?\s*,')
_QUOTE, _COMMA = 0x22, 0x2C


class Umbrella:
    """The DNS log; whether columns are quoted, and whether blanks follow the commas, may differ by line."""

    name = "umbrella"
    # The first columns name persons and devices.
    withholds = True
    state: Mapping[str, Any] = {}

    def shape(self, lines: Lines) -> tuple[int, list[Bad]]:
        """Return how many lines are empty or headers, and the malformed ones."""
        passed, bad = int(len(lines) - lines.filled.sum()), []
        text = lines.data.decode("utf-8", "replace").split("\n")
        for row in range(len(lines)):
            if not lines.filled[row]:
                continue
            try:
                cells = _cells(text[row].rstrip("\r"))
            except BadLine as error:
                bad.append(Bad(row, str(error)))
                continue
            if HEADER.match(lines.line(row).removeprefix(BOM)):
                passed += 1
            elif len(cells) not in COLUMNS:
                bad.append(Bad(row, f"has {len(cells)} columns, and Umbrella's DNS log has 13 or 10"))
        return passed, bad

    def cuts(self, lines: Lines) -> list[int]:
        """None: every line says all."""
        return []

    def read(self, line: bytes) -> Attempt | None:
        """Return what a line says, or None where it asks for no host.

        Raises:
            BadLine: it is malformed.
        """
        cells = _cells(line.removeprefix(BOM).decode("utf-8", "replace"))
        if len(cells) not in COLUMNS:
            raise BadLine(f"has {len(cells)} columns, and Umbrella's DNS log has 13 or 10")
        time, granular, all_of, inside, outside, action, kind, code, domain = cells[:9]
        try:
            moment = micros(datetime.strptime(time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))
        except ValueError:
            raise BadLine("its time is not as Umbrella writes it, such as 2026-04-10 05:01:33") from None
        if not domain or "PTR" in kind:
            return None
        names = tuple(dict.fromkeys(each for each in (granular, *all_of.split(",")) if each.strip()))
        status = _status(action, code)
        return Attempt(
            "umbrella/dns",
            moment,
            domain,
            "LOOKUP",
            status,
            clean(f"{action} {code}", 60) if status else None,
            address(inside) or address(outside),
            devices=tuple(each.strip() for each in names),
        )


def _cells(line: str) -> list[str]:
    try:
        rows = list(csv.reader([line], skipinitialspace=True, strict=True))
    except csv.Error:
        raise BadLine("is no CSV: a quote is not closed, or text follows one") from None
    return [cell.strip() for cell in rows[0]] if rows else []


def _status(action: str, code: str) -> Status | None:
    if action.strip().casefold() not in ("allowed", "proxied"):
        return "blocked"
    code = code.strip().upper()
    if code == "NXDOMAIN":
        return "nxdomain"
    return "failed" if code not in ("NOERROR", "") else None
