"""What might hold a face: such a value is kept as its SHA-256 and the reason only, never as bytes."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from streams.carriers import NUMBERS, is_ordered, number_of
from streams.images import JSON_FIELD, is_binary, is_escaped_binary, may_show_face, shows_image

MAX_VALUE = 64 * 1024
"""A value above this many bytes is no search record (they take some 300) and may hold an image."""

Rows = npt.NDArray[np.int64]

# The first characters of images in base64 and base32, and data: URLs; whoever has them is looked at closely.
# Each alternative begins with a plain character: then Python's engine takes a third of the time.
_HINTS = (
    r"/9j(?:[/_]|\\+/|%2[Ff])[A-Za-z0-9]|_9j(?:[/_]|\\+/|%2[Ff])[A-Za-z0-9]"
    r"|%2[Ff]9j(?:[/_]|\\+/|%2[Ff])[A-Za-z0-9]|iVBORw0KG|R0lGOD[dl]|UklGR|SUk[qr]A|TU0AK|AAAADGpQ"
    r"|AAAADEpY|/0[/_]{2}UQ|_0[/_]{2}UQ|AAAA.[GWm2]Z0eX|JVBERi0|KLUv[/_]|SkZJRg|pGSUYA|KRklGA|77MP7|RFIE4RY|I5EUMOB"
    r"|data:image/"
)
_HINT = re.compile(_HINTS)
# There a character may be several bytes.
_HINT_BYTES = re.compile(_HINTS.replace("AAAA.", r"AAAA[\s\S]{1,4}?").encode())
FEW_BYTES = 8_192
"""Up to so many bytes Python's engine is done before Arrow's begins."""
_DATA_URL = re.compile(rb"data:image/[a-z.+-]+[;,]")
LONG = 120
"""A text below so many bytes holds no image, unless it begins as one, and no template."""
# What the long texts are looked at for; none of it is rare enough to be believed at once.
_LONG_HINTS = (
    r"(?:[A-Za-z0-9+/_=\\%-]{32,}[ \r\n>]*){4}|[A-Za-z0-9+/_=\\%\r\n-]{160}"
    r"|[-+.0-9eE,;:|\"'\\ \t\r\n\[\]()]{64}"
    r"|(?:[0-9A-Fa-f]{2}[^0-9A-Za-z]{1,4}(?:0x|u00|x)?){24}"
    r"|(?:\\+(?:x|u00)[0-9A-Fa-f]{2}[^\\]{0,6}){6}|(?:%[0-9A-Fa-f]{2}[^%]{0,3}){16}"
    r"|[\x{80}-\x{9f}\x{fffd}]"
)
# Wider than all of these, and answered in microseconds: most long texts of a single record are plain prose.
_UNPLAIN = re.compile(
    r"[A-Za-z0-9+/_=-]{32}|[-+.0-9eE,;:| \t\[\]()'\"]{64}"
    r"|(?:[0-9A-Fa-f]{2}[^0-9A-Za-z]{1,4}(?:0x|u00|x)?){24}"
    r"|[\\%\r\n\x80-\x9f\ufffd]|[\"'][\s\S]*:"
)
_FIELD = re.compile(
    rb"(?i)image|photo|picture|portrait|selfie|mugshot|thumbnail|template|embedding|descriptor|face[^a-z0-9]?print"
    rb"|(?:face|probe|feature)[^a-z0-9]?(?:vector|data|bytes|base64|b64|jpe?g|png|features)"
)
_NOISE = re.compile(r"[^a-z0-9]|[0-9]+$|(?<=[a-z])[0-9]+")
_OWNER = (
    "probe|face|facial|candidate|mugshot|query|reference|ref|gallery|suspect|subject|person|raw|input|source"
)
_OWNERS = f"(?:{_OWNER}|original|cropped|aligned|biometric|enrolled|enrolment|my|the)*"
_NOUNS = (
    "(?:image|img|photo|photograph|picture|pic|portrait|selfie|mugshot|thumbnail|thumb|template|embedding"
    "|descriptor|faceprint|facevector|featurevector|probevector|facefeature|jpeg|jpg|png)s?"
)
_FORMS = (
    "(?:data|bytes|byte|base|b|vector|raw|blob|binary|bin|hex|content|payload|array|float|jpeg|jpg|png|str)*"
)
_NAME = re.compile(
    f"{_OWNERS}{_NOUNS}{_FORMS}|(?:probe|face|facial|mugshot|biometric)(?:data|bytes|base|b|vector|blob|binary|hex)+"
)


def sha256(value: bytes) -> str:
    """Return the SHA-256 of a value, hex."""
    return hashlib.sha256(value).hexdigest()


def may_hold_image(data: npt.NDArray[np.uint8]) -> bool:
    """Return whether `holds_image` is worth asking of what stands in these bytes, end to end.

    Of a few records the answer is found sooner here than its expression is compiled there.
    """
    return len(data) > FEW_BYTES or _HINT_BYTES.search(data.data) is not None


def holds_image(values: pa.Array) -> Rows:
    """Return the indices of the values (binary) that hold an image in base64, as one of their texts begins.

    For records that were decoded well: raw image bytes are no UTF-8, so no string of theirs can hold them.
    """
    found = pc.match_substring_regex(values, _HINTS)
    suspects = np.flatnonzero(found.to_numpy(zero_copy_only=False))
    return np.array([row for row in suspects if _shows(values[int(row)].as_py())], dtype=np.int64)


def texts_with_image(frame: pl.DataFrame) -> Rows:
    """Return the indices of the rows with a text that carries an image or a template, in whatever form.

    Lists and maps are looked at item by item, and for templates that are spread over them.
    """
    found: set[int] = set()
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    # Nearly no text is long: one look at all columns is cheaper than one look at each.
    longest = frame.select_seq(pl.col(texts).str.len_bytes().max()).row(0) if texts else ()
    for name, size in zip(texts, longest, strict=True):
        if size is not None and size >= LONG:
            found.update(_long_suspects(frame[name]))
    for column in frame.iter_columns():
        if column.dtype == pl.List(pl.String):
            if _may_be_suspect(column):
                found.update(_item_suspects(column))
        elif column.dtype == pl.Map(pl.String, pl.String) and _may_be_suspect(column):
            found.update(_item_suspects(column.map.keys()))
            found.update(_item_suspects(column.map.values()))
    return np.array(sorted(found), dtype=np.int64)


def spread_over(items: Sequence[str]) -> bool:
    """Return whether a template is spread over the items of a list, or the values of a map."""
    return len(items) >= NUMBERS and bool(_item_suspects(pl.Series([items], dtype=pl.List(pl.String()))))


def image_texts(texts: Sequence[str]) -> list[int]:
    """Return the indices of the texts of one record that carry an image or a template, as decoding judges.

    One that stands in pieces in several texts is found in none of them alone: then all indices are returned.
    The texts have no lone surrogate.
    """
    whole = "\0".join(texts)
    # What none of them has, no single one has: one search instead of one for each.
    hinted = _HINT.search(whole) is not None
    found = {row for row, text in enumerate(texts) if hinted and _HINT.search(text) and _shows(text.encode())}
    long = [
        row
        for row, text in enumerate(texts)
        if (len(text) >= LONG or not text.isascii()) and _is_long(text) and _UNPLAIN.search(text)
    ]
    if long:
        found.update(long[row] for row in _long_suspects(pl.Series([texts[row] for row in long])))
    if not found and hinted and _shows(whole.encode()):
        found.update(range(len(texts)))
    return sorted(found)


def names_image(keys: set[str]) -> set[str]:
    """Return which of the attribute names say that their value is an image or a template."""
    return {key for key in keys if is_image_name(key)}


def is_image_name(name: str) -> bool:
    """Return whether a name says that what it names is an image or a template, however it is written."""
    plain = _NOISE.sub("", unicodedata.normalize("NFKC", name).casefold())
    return _NAME.fullmatch(plain) is not None


def may_hold_face(value: bytes) -> bool:
    """Return whether a damaged value may hold an image or a template: by size, bytes, texts or a name."""
    if len(value) > MAX_VALUE or _FIELD.search(value) is not None:
        return True
    return _DATA_URL.search(value) is not None or may_show_face(value, head=_head_size(value))


def may_be_face(data: bytes, limit: int) -> bool:
    """Return whether a key, a header's value or its name may hold an image or a template, or is too long."""
    return len(data) > limit or _DATA_URL.search(data) is not None or may_show_face(data)


def _head_size(value: bytes) -> int:
    """The bytes of the framing, which look like those of an image."""
    return 10 if value.startswith(b"\xc3\x01") else 5 if value.startswith(b"\0") else 0


def _is_long(text: str) -> bool:
    return len(text) >= LONG or (not text.isascii() and len(text.encode()) >= LONG)


def _shows(value: bytes) -> bool:
    return _DATA_URL.search(value) is not None or shows_image(value)


def _long_suspects(column: pl.Series) -> list[int]:
    """The rows of a column of texts that carry an image or a template."""
    rows = (column.str.len_bytes() >= LONG).arg_true()
    if not len(rows):
        return []
    texts = column.gather(rows)
    hits = texts.str.contains(_LONG_HINTS) | texts.str.contains(JSON_FIELD)
    suspects = zip(rows.filter(hits).to_list(), texts.filter(hits).to_list(), strict=True)
    return [row for row, text in suspects if _text_shows(text.encode())]


def _may_be_suspect(column: pl.Series) -> bool:
    """Whether a column of lists or maps has a long text or many items at all; nearly none has either."""
    rows = column.to_arrow()
    most = np.diff(rows.offsets.to_numpy()).max(initial=0)
    if most >= NUMBERS:
        return True
    texts = [rows.keys, rows.items] if isinstance(rows, pa.MapArray) else [rows.flatten()]
    return any((pc.max(pc.binary_length(each)).as_py() or 0) >= LONG for each in texts)


def _item_suspects(column: pl.Series) -> list[int]:
    """The same for lists of texts; and those with a number in each of many items, as templates have them."""
    sizes = column.list.len().to_numpy()
    if not sizes.any():
        return []
    items = column.explode(empty_as_null=False)
    owners = np.repeat(np.arange(len(column)), sizes)
    found = [int(owners[item]) for item in _long_suspects(items)]
    for row in np.flatnonzero(sizes >= NUMBERS):
        numbers = [number for word in column[int(row)] if (number := number_of(word.encode())) is not None]
        if len(numbers) >= NUMBERS and not is_ordered(numbers):
            found.append(int(row))
    return found


def _text_shows(text: bytes) -> bool:
    return _shows(text) or (not text.isascii() and is_binary(text)) or is_escaped_binary(text)
