"""The columns of a search: as it was decoded, and as it is after enrichment."""

from __future__ import annotations

import polars as pl

POSITION = ("ingested_at", "kafka_topic", "kafka_partition", "kafka_offset")
"""When the record came and where in Kafka it stands; passed through untouched where present."""

DECODED: dict[str, pl.DataType] = {
    "event_id": pl.Binary(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "evidence": pl.String(),
    "source": pl.String(),
    "source_version": pl.String(),
    "agency_id": pl.String(),
    "officer_id": pl.String(),
    "unit": pl.String(),
    "requesting_agency_id": pl.String(),
    "requester": pl.String(),
    "request_ref": pl.String(),
    "provider": pl.String(),
    "endpoint": pl.String(),
    "account": pl.String(),
    "galleries": pl.List(pl.String()),
    "case_number": pl.String(),
    "crime_type": pl.String(),
    "purpose": pl.String(),
    "legal_basis": pl.String(),
    "probe_hash": pl.String(),
    "probe_kind": pl.String(),
    "candidates": pl.Int32(),
    "top_score": pl.Float32(),
    "training_cert": pl.String(),
    "approved_by": pl.String(),
    "client_ip": pl.String(),
    "user_agent": pl.String(),
    "attributes": pl.Map(pl.String(), pl.String()),
}
"""search.avsc, as the decoder gives it; `event_id` is the UUID's 16 bytes."""

ADDED: dict[str, pl.DataType] = {
    "officer": pl.String(),
    "requester_domain": pl.String(),
    "agency_known": pl.Boolean(),
    "requesting_agency_known": pl.Boolean(),
    "outside_agency": pl.Boolean(),
    "outside_agency_id": pl.String(),
    "outside_agency_basis": pl.String(),
    "provider_id": pl.String(),
    "provider_class": pl.String(),
    "operator": pl.String(),
    "endpoint_host": pl.String(),
    "provider_basis": pl.String(),
    "provider_conflict": pl.String(),
    "evidence_strength": pl.String(),
    "gallery_kinds": pl.List(pl.String()),
    "catalogue_version": pl.String(),
}
"""What enrichment adds; `officer` takes the place of `officer_id`."""

ENRICHED: dict[str, pl.DataType] = {
    name: dtype for name, dtype in (DECODED | ADDED).items() if name != "officer_id"
}
"""What a policy's rules can read."""
