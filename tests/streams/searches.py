"""Searches and rules for tests: frames as the decoder gives them, registers as files have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from schemas.agencies import AgencyRegister, parse_agencies
from schemas.catalogue import Catalogue
from schemas.catalogue_files import parse_catalogue
from schemas.policies import PolicySet, parse_policies
from schemas.yaml_file import Source
from streams.columns import DECODED

KEY = b"k" * 32
NOW = datetime(2026, 1, 1, tzinfo=UTC)

AGENCIES = """
agencies:
  - {id: lapd, name: Los Angeles Police Department, aliases: [LAPD], domains: [lapd.online], parent: city}
  - {id: city, name: City of Los Angeles, domains: [lacity.org]}
  - {id: lasd, name: Sheriff of the County, aliases: [LASD], domains: [lasd.org]}
  - {id: nypd, name: New York City Police, timezone: America/New_York}
  - {id: ice, name: Immigration and Customs Enforcement, aliases: [ICE]}
"""

CATALOGUE = """
ambiguous_names: [FaceSearch]
gallery_words: [{kind: scraped_web, within: [scraped], whole: [web]}]
providers:
  - id: clearview-ai
    name: Clearview AI
    class: commercial
    operator: Clearview AI Inc
    hosts:
      - {host: clearview.ai, public_pages: [/help]}
      - {host: www.clearview.ai, strength: weak}
    aliases: [Clearview]
    as_of: 2024-09
    status: active
    sources: [seed]
    confidence: read
  - {id: facepp, name: Face++, class: commercial, as_of: "2025", status: active, sources: [s],
     confidence: read}
  - {id: lacris, name: LACRIS, class: government, operator: Sheriff, hosts: [lacris.example],
     gallery_kinds: [booking_photos], as_of: "2020", status: active, sources: [seed], confidence: read}
  - {id: plates, name: Plate Reader, class: not_fr, hosts: [plates.example], as_of: "2020", status: active,
     sources: [s], confidence: read}
"""


def agencies(text: str = AGENCIES) -> AgencyRegister:
    return parse_agencies([Source("agencies.yaml", text)])


def catalogue(text: str = CATALOGUE) -> Catalogue:
    return parse_catalogue([Source("catalogue.yaml", text)])


def policies(*texts: str) -> PolicySet:
    sources = [Source(f"policy-{number}.yaml", text) for number, text in enumerate(texts)]
    return parse_policies(sources, agencies())


def rule_policy(when: str, *, head: str = "", rule: str = "") -> str:
    """A policy `p` for every agency with the one rule `r`."""
    head = head or 'agencies: "*"\neffective: {from: 2000-01-01}'
    return (
        f"policy: p\ntitle: t\n{head}\n"
        f"rules:\n  - id: r\n    title: t\n    severity: HIGH\n    when: {when!r}\n{rule}"
    )


def searches(events: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A decoded frame; what an event leaves out is an unremarkable search by the LAPD."""
    lawful: dict[str, Any] = dict.fromkeys(DECODED) | {
        "occurred_at": datetime(2021, 6, 1, tzinfo=UTC),
        "evidence": "SEARCH",
        "source": "test",
        "agency_id": "lapd",
        "galleries": [],
        "attributes": {},
    }
    rows = [lawful | {"event_id": number.to_bytes(16, "big"), **event} for number, event in enumerate(events)]
    frame = pl.DataFrame(
        {name: pl.Series([row[name] for row in rows], dtype=dtype) for name, dtype in DECODED.items()}
    )
    return frame.with_columns(
        pl.lit("fr.searches").alias("kafka_topic"),
        pl.lit(3, pl.Int32).alias("kafka_partition"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("kafka_offset"),
    )
