"""The collector's OpenAPI document, made from the contracts and limits in force."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from typing import Any

from schemas.contracts import contract
from streams.inputs.collector.arrival import MAX_BODY
from streams.inputs.collector.body import BATCH, MAX_ITEMS, STRUCTURED
from streams.inputs.collector.envelope import TYPES
from streams.inputs.collector.problem import MEDIA_TYPE, TITLES
from streams.inputs.event import Kind
from streams.inputs.field import MAX_ITEMS as MAX_ENTRIES
from streams.inputs.field import MAX_TEXT

Json = dict[str, Any]
PATHS: dict[Kind, str] = {"search": "/v1/searches", "outcome": "/v1/outcomes"}
"""Where events are sent."""
SCHEMAS: dict[Kind, str] = {"search": "Search", "outcome": "Outcome"}
"""Their names in the document."""
_ABOUT = """\
Reports searches of face-recognition services, and what came of them, to frwatch.

An answer of 202 comes only after Kafka has acknowledged every event on all in-sync replicas. An event that
is sent again counts once, by its event_id (outcome_id): whoever is not sure sends again. In a batch each
event has its own answer. Images and templates are refused, whoever sends them; nothing of them is kept.
"""
EXAMPLES: dict[Kind, Json] = {
    "search": {
        "event_id": "0b0e7f5e-6c43-4b0e-9a39-3d8f7e0c1a52",
        "occurred_at": "2026-11-14T12:00:00-08:00",
        "source": "lacris-web",
        "agency_id": "lapd",
        "officer_id": "P12345",
        "provider": "LACRIS",
        "case_number": "26-11-04711",
    },
    "outcome": {
        "outcome_id": "6a2f0a0e-1d0b-4c8e-8a55-2f7a54f0c0de",
        "event_id": "0b0e7f5e-6c43-4b0e-9a39-3d8f7e0c1a52",
        "agency_id": "lapd",
        "recorded_at": "2026-11-20T09:30:00-08:00",
        "kind": "NO_LEAD",
    },
}
_STATUSES = {
    "202": ("Every event was acknowledged by Kafka.", "Receipt"),
    "207": ("A batch of which some events were accepted and others refused: see `items`.", "Receipt"),
    "400": ("The body cannot be read.", "Problem"),
    "401": ("No known key, and no client certificate that is on the list.", "Problem"),
    "403": ("The client may not report for this agency, as this source, or outcomes at all.", "Problem"),
    "408": ("The body did not arrive in time.", "Problem"),
    "413": ("Too many bytes, or too many events.", "Problem"),
    "415": ("A media type, charset or encoding that is not taken; images among them.", "Problem"),
    "422": ("No event fits its contract: `errors` points to each faulty field.", "Problem"),
    "429": ("More events than were agreed: come again after `Retry-After` seconds.", "Problem"),
    "500": ("A fault of the collector.", "Problem"),
    "503": (
        "Kafka did not acknowledge, or there is no room: send again after `Retry-After` seconds.",
        "Problem",
    ),
}


@cache
def specification() -> str:
    """Return the OpenAPI 3.1 document as JSON."""
    return json.dumps(document(), indent=1)


def document() -> Json:
    """Return the OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "frwatch collector", "version": version("frwatch"), "description": _ABOUT},
        "paths": {
            **{path: {"post": _operation(kind)} for kind, path in PATHS.items()},
            "/v1/canary": {"post": _CANARY},
            "/healthz": {"get": _probe("alive", "Whether the process lives.", {})},
            "/readyz": {"get": _probe("ready", "Whether Kafka answers.", {"503": _response("503")})},
        },
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key made by `frwatch collect key`.",
                },
                "certificate": {
                    "type": "mutualTLS",
                    "description": "A client certificate that is on the list.",
                },
            },
            "schemas": {
                **{SCHEMAS[kind]: _event(kind) for kind in PATHS},
                **{f"{SCHEMAS[kind]}CloudEvent": _envelope(kind) for kind in PATHS},
                "Receipt": _RECEIPT,
                "Item": _ITEM,
                "Problem": _PROBLEM,
            },
        },
        "security": [{"key": []}, {"certificate": []}],
    }


def _operation(kind: Kind) -> Json:
    one: Json = {"$ref": f"#/components/schemas/{SCHEMAS[kind]}"}
    enveloped: Json = {"$ref": f"#/components/schemas/{SCHEMAS[kind]}CloudEvent"}
    example = EXAMPLES[kind]

    def many(schema: Json) -> Json:
        return {"type": "array", "items": schema, "minItems": 1, "maxItems": MAX_ITEMS}

    return {
        "operationId": f"report{SCHEMAS[kind]}",
        "summary": f"Report {'a search or several' if kind == 'search' else 'what came of searches'}",
        "description": f"At most {MAX_ITEMS:,} events and {MAX_BODY:,} bytes, unpacked too; "
        "`Content-Encoding: gzip` is taken. With headers `ce-id`, `ce-source`, `ce-type` and "
        "`ce-specversion` an object of application/json is a CloudEvent in binary mode.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [one, many(one)]}, "example": example},
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "One JSON object a line."},
                    "example": json.dumps(example) + "\n",
                },
                STRUCTURED: {"schema": enveloped},
                BATCH: {"schema": many(enveloped)},
            },
        },
        "responses": {status: _response(status) for status in _STATUSES},
    }


def _response(status: str) -> Json:
    description, schema = _STATUSES[status]
    media = "application/json" if schema == "Receipt" else MEDIA_TYPE
    told: Json = {
        "description": description,
        "content": {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    if status in ("429", "503"):
        told["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return told


def _probe(word: str, summary: str, more: Json) -> Json:
    schema = {"type": "object", "properties": {"status": {"const": word}}}
    fine = {"description": word.capitalize() + ".", "content": {"application/json": {"schema": schema}}}
    return {"summary": summary, "security": [], "responses": {"200": fine, **more}}


def _event(kind: Kind) -> Json:
    fields = contract(kind).fields
    # What JSON leaves out must be what has a default.
    return {
        "type": "object",
        "description": contract(kind).current.parsed.get("doc", ""),
        "properties": {field["name"]: _field(field) for field in fields},
        "required": [field["name"] for field in fields if "default" not in field],
        "additionalProperties": False,
        "example": EXAMPLES[kind],
    }


def _field(field: Json) -> Json:
    kind, optional = field["type"], False
    if isinstance(kind, list):
        optional, kind = True, next(each for each in kind if each != "null")
    schema = _type(kind)
    if optional and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if "doc" in field:
        schema["description"] = field["doc"]
    return schema


def _type(kind: Any) -> Json:
    text: Json = {"type": "string", "maxLength": MAX_TEXT}
    if isinstance(kind, dict):
        if kind.get("logicalType") == "uuid":
            return {"type": "string", "format": "uuid"}
        if kind.get("logicalType") == "timestamp-micros":
            return {"type": "string", "format": "date-time"}
        if kind["type"] == "enum":
            return {"type": "string", "enum": list(kind["symbols"])}
        if kind["type"] == "array":
            return {"type": "array", "items": text, "maxItems": MAX_ENTRIES}
        if kind["type"] == "map":
            return {"type": "object", "additionalProperties": text, "maxProperties": MAX_ENTRIES}
    numbers: dict[str, Json] = {
        "int": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
        "float": {"type": "number"},
    }
    return dict(numbers.get(str(kind), text))


def _envelope(kind: Kind) -> Json:
    text = {"type": "string", "minLength": 1, "maxLength": 1024}
    data = {"$ref": f"#/components/schemas/{SCHEMAS[kind]}"}
    lent = "event_id, source and occurred_at" if kind == "search" else "outcome_id and recorded_at"
    return {
        "type": "object",
        "description": f"CloudEvents 1.0. For {lent} that data has not, the envelope stands in.",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text | {"description": "A UUID; of any other, with source, one is made (version 5)."},
            "source": text,
            "type": {"const": TYPES[kind]},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"type": "string"},
            "data": {"type": "object", "description": f"As {data['$ref'].rpartition('/')[2]}."},
        },
        "required": ["specversion", "id", "source", "type", "data"],
    }


_COUNT = {"type": "integer", "minimum": 0}
_ITEM: Json = {
    "type": "object",
    "properties": {
        "index": _COUNT,
        "status": {"type": "string", "enum": ["accepted", "refused", "unacknowledged"]},
        "event_id": {"type": "string", "format": "uuid"},
        "outcome_id": {"type": "string", "format": "uuid"},
        "problem": {"$ref": "#/components/schemas/Problem"},
    },
    "required": ["index", "status"],
}
_RECEIPT: Json = {
    "type": "object",
    "properties": {
        "accepted": _COUNT,
        "refused": _COUNT,
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
    },
    "required": ["accepted", "refused", "items"],
}
_PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457. It quotes no value that was sent. A batch has the members of Receipt too.",
    "properties": {
        "type": {"type": "string", "enum": [f"urn:frwatch:problem:{code}" for code in TITLES]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "RFC 6901, to the field; in a batch by index.",
                    },
                    "code": {"type": "string", "description": "One word, such as missing, type, image."},
                    "detail": {"type": "string"},
                },
                "required": ["pointer", "code", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
_SENT: Json = {"type": "object", "properties": {"source": {"type": "string"}}, "required": ["source"]}
_CANARY: Json = {
    "operationId": "sendCanary",
    "summary": "Send a canary: a search that nobody ran",
    "description": "It goes the way of all others and is in no table. Who runs the collector sees when the "
    "last one of each client came through, so that silence is noticed. No body is read.",
    "responses": {
        "202": {
            "description": "The canary was acknowledged by Kafka; it goes by the name of `source`.",
            "content": {"application/json": {"schema": _SENT}},
        },
        "404": {
            "description": "This collector signs no canaries.",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        },
        **{status: _response(status) for status in ("401", "429", "500", "503")},
    },
}
