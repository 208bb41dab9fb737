"""The OpenAPI document as one page of HTML that loads nothing from anywhere."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from typing import Any

from streams.inputs.collector.openapi import EXAMPLES, PATHS, SCHEMAS, document
from streams.inputs.event import Kind

Json = dict[str, Any]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
body{color:#1c2733;background:#fff}
h2{margin-top:2.5rem;border-top:1px solid #d5dce3;padding-top:1rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #e6ebf0}
code,pre{font:14px ui-monospace,monospace;background:#f3f6f9}pre{padding:.8rem;overflow-x:auto}
"""


@cache
def page() -> str:
    """Return the document as one page of HTML that loads nothing from anywhere."""
    told = document()
    parts = [f"<h1>{escape(told['info']['title'])}</h1><p>{escape(told['info']['description'])}</p>"]
    parts.append('<p>For programs: <a href="/openapi.json">openapi.json</a></p>')
    for kind, path in PATHS.items():
        parts.append(_section(kind, path, told["paths"][path]["post"], told["components"]["schemas"]))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(told['info']['title'])}</title><style>{_STYLE}</style>{''.join(parts)}</html>"
    )


def _section(kind: Kind, path: str, operation: Json, schemas: Json) -> str:
    schema = schemas[SCHEMAS[kind]]
    fields = "".join(
        f"<tr><td><code>{escape(name)}</code>{' *' if name in schema['required'] else ''}</td>"
        f"<td>{escape(_words(field))}</td><td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in schema["properties"].items()
    )
    media = "".join(f"<li><code>{escape(name)}</code></li>" for name in operation["requestBody"]["content"])
    answers = "".join(
        f"<tr><td><b>{status}</b></td><td>{escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    call = (
        f'curl --json @- https://COLLECTOR{path} \\\n  -H "Authorization: Bearer $COLLECTOR_KEY" <<EOF\n'
        f"{json.dumps(EXAMPLES[kind], indent=1)}\nEOF"
    )
    return (
        f"<h2>POST {escape(path)}</h2>"
        f"<p>{escape(operation['summary'])}. {escape(operation['description'])}</p>"
        f"<pre>{escape(call)}</pre><ul>{media}</ul>"
        f"<h3>Fields</h3><p>* is required.</p><table>{fields}</table>"
        f"<h3>Answers</h3><table>{answers}</table>"
    )


def _words(field: Json) -> str:
    if "enum" in field:
        return " | ".join(field["enum"])
    kind = field["type"][0] if isinstance(field["type"], list) else field["type"]
    return {"date-time": "time with offset", "uuid": "UUID"}.get(field.get("format", ""), str(kind))
