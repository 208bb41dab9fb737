"""What of a malformed line may be kept: no credentials, nothing that may hold a face."""

from __future__ import annotations

import re

from streams.withhold import may_hold_face, sha256

MAX_KEPT = 1024
"""Of a longer line only so many bytes are kept."""
_USERINFO = re.compile(
    r"(?i)((?<![a-z0-9+.\-])[a-z][a-z0-9+.\-]{0,20}:(?://|\\/\\/)?)[^\s/\"']{0,1024}@"
    r"|(?<=[\s,\"'=])[^\s/@\"':]{1,256}:[^\s/\"']{0,256}@"
)
_QUERY = re.compile(r"\?[^\s\"']*")
_BASIC = re.compile(r"(?i)\b(basic|bearer|digest|negotiate|ntlm)(\s+|\\t|%20)\S+")
_NAMED = re.compile(
    r"(?i)([\"']?\b(?:pass(?:word|wd)?|pwd|secret|token|api[_-]?key|authorization|cookie|session)\b[\"']?\s*[:=]\s*)"
    r"(?:\"[^\"]*\"?|'[^']*'?|[^\s,;&}]+)"
)


def kept_line(line: bytes, *, withhold: bool) -> dict[str, object]:
    """Return what is kept of a line: its `text` without credentials and queries, or its `sha256` alone.

    `withhold` is for lines whose columns may be credentials and can no longer be told apart.
    """
    size = len(line)
    if withhold or may_hold_face(line[: 64 * 1024]):
        why = "may hold credentials or names" if withhold else "may hold an image"
        return {"withheld": why, "bytes": size, "sha256": sha256(line)}
    text = line[: 4 * MAX_KEPT].decode("utf-8", "replace")
    text = _USERINFO.sub(lambda match: (match[1] or "") + "…@", text)
    text = _BASIC.sub(r"\1 …", text)
    text = _NAMED.sub(r"\1…", text)
    text = _QUERY.sub("?…", text)
    text = text[:MAX_KEPT]
    return {"text": "".join(each if each.isprintable() or each == "\t" else "\ufffd" for each in text)}
