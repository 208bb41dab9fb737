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
:root{color-scheme:light dark;--ink:#1c2733;--soft:#56616f;--line:#d5dce3;--page:#fff;--band:#f3f6f9}
@media(prefers-color-scheme:dark){
:root{--ink:#e6eaf0;--soft:#a3aebb;--line:#3a4451;--page:#14191f;--band:#1d242c}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
body{overflow-wrap:break-word}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 4rem}p,li{max-width:44rem}a{color:inherit}
a:focus-visible,pre:focus-visible{outline:3px solid;outline-offset:2px}
h1{line-height:1.2;margin:0 0 1rem}
h2{margin:2.5rem 0 .5rem;border-top:1px solid var(--line);padding-top:1.25rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line)}
.type{color:var(--soft);overflow-wrap:anywhere}
code,pre{font:.875rem/1.5 ui-monospace,monospace;background:var(--band)}
p code{white-space:nowrap}code{padding:.1rem .25rem;border-radius:.25rem}
pre{padding:.8rem;border-radius:.5rem;overflow-x:auto}
@media screen and (max-width:40rem){
.fields thead{display:none}
.fields,.fields tbody,.fields tr,.fields td{display:block}
.fields td{border:0;padding:0}.fields tr{border-bottom:1px solid var(--line);padding:.5rem 0}}
@media print{pre{white-space:pre-wrap;overflow-wrap:anywhere}nav{display:none}tr,pre{break-inside:avoid}}
"""


@cache
def page() -> str:
    """Return the document as one page of HTML that loads nothing from anywhere."""
    told = document()
    title = escape(told["info"]["title"])
    about = "".join(f"<p>{_marked(part)}</p>" for part in told["info"]["description"].split("\n\n"))
    links = "".join(f'<li><a href="#{kind}">POST {escape(path)}</a></li>' for kind, path in PATHS.items())
    sections = "".join(
        _section(kind, path, told["paths"][path]["post"], told["components"]["schemas"])
        for kind, path in PATHS.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>{about}"
        f'<nav aria-label="Contents"><ul>{links}'
        '<li><a href="/openapi.json">openapi.json</a>, for programs</li></ul></nav>'
        f"{sections}</main></body></html>"
    )


def _section(kind: Kind, path: str, operation: Json, schemas: Json) -> str:
    schema = schemas[SCHEMAS[kind]]
    fields = "".join(
        f"<tr><td><code>{escape(name)}</code>{' *' if name in schema['required'] else ''}</td>"
        f'<td class="type">{escape(_words(field))}</td><td>{_marked(field.get("description", ""))}</td></tr>'
        for name, field in schema["properties"].items()
    )
    media = "".join(f"<li><code>{escape(name)}</code></li>" for name in operation["requestBody"]["content"])
    answers = "".join(
        f"<tr><td><b>{status}</b></td><td>{_marked(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    call = (
        f'curl --json @- https://COLLECTOR{path} \\\n  -H "Authorization: Bearer $COLLECTOR_KEY" <<EOF\n'
        f"{json.dumps(EXAMPLES[kind], indent=1)}\nEOF"
    )
    return (
        f'<section aria-labelledby="{kind}"><h2 id="{kind}">POST {escape(path)}</h2>'
        f"<p>{_marked(operation['summary'])}. {_marked(operation['description'])}</p>"
        f'<pre tabindex="0" role="region" aria-label="Example of POST {escape(path)}">{escape(call)}</pre>'
        f"<h3>Media types</h3><ul>{media}</ul>"
        f'<h3>Fields</h3><p>* is required.</p><table class="fields">{_head("Field", "Type", "Meaning")}'
        f"<tbody>{fields}</tbody></table>"
        f"<h3>Answers</h3><table>{_head('Status', 'Meaning')}<tbody>{answers}</tbody></table></section>"
    )


def _head(*names: str) -> str:
    cells = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<thead><tr>{cells}</tr></thead>"


def _marked(text: str) -> str:
    """Markdown as far as the document uses it: what stands between backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))


def _words(field: Json) -> str:
    if "enum" in field:
        return " | ".join(field["enum"])
    kind = field["type"][0] if isinstance(field["type"], list) else field["type"]
    return {"date-time": "time with offset", "uuid": "UUID"}.get(field.get("format", ""), str(kind))
