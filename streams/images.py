"""What images, templates and what holds them look like: as bytes, and in the texts that carry bytes.

`shows_image` is sure enough for a text that was decoded well: a search is lost to the analysts where it is
wrong. `may_show_face` is for bytes that nobody could read: there, what looks like no text is suspicious.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import numpy as np
import zstandard

from streams.carriers import carried, numbers_in_a_row, unescaped, unquoted

LONG_RUN = 256
"""Characters of base64 or hex in a row that may be a template, in bytes that nobody could read."""
SHORTER_RUN = 160
"""So many may be one where they stand for no text."""

# At any byte. A JPEG by its first segment; a BMP by its reserved zeros and the size of its header.
_IMAGE = re.compile(
    rb"\xff\xd8\xff(?:\xe0..(?:JF|AV)|\xe1..(?:Exif|http|XMP)|\xdb\0[\x43\x84\xc5]|[\xc0-\xc4\xdd\xe2-\xef\xfe][\0-\x10])"
    rb"|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}(?:WEBP|AVI )|\0\0[\0-\x0f].ftyp[0-9A-Za-z ]{4}"
    rb"|\0\0\0\x0c(?:jP  |JXL )\r\n\x87\n|\xff\x4f\xff\x51\0"
    rb"|BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"
    rb"|II[*+]\0[\x08-\xff]\0\0\0|MM\0[*+]\0\0\0[\x08-\xff]|8BPS\0[\1\2]\0{6}|%PDF-[12]\.|\x93NUMPY"
    rb"|\xc3\xbf\xc3\x98\xc3\xbf|PNG\r\n\x1a\n|JFIF\0|Exif\0\0",
    re.S,
)
# As the first bytes, less will do; or anywhere in what nobody could read.
_HEAD = re.compile(
    rb"\xff\xd8\xff[\xc0-\xfe]|II[*+]\0|MM\0[*+]|\xff\x4f\xff\x51|II\xbc\x01|\xd7\xcd\xc6\x9a|P[1-6]\s\d+\s\d+\s\d+\s"
)
_ICON = re.compile(rb"\0\0[\1\2]\0[\1-\x40]\0...\0[\0\1]\0[\1\4\x08\x10\x18\x20]\0", re.S)
_JXL_SIZE = 384
_PACKED = re.compile(
    rb"\x1f\x8b\x08[\0-\x1f]|PK\x03\x04|\x28\xb5\x2f\xfd|BZh[1-9]1AY&SY|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c"
    rb"|\x04\x22\x4d\x18|\x1a\x45\xdf\xa3"
)
_FIRST = b"\xffIM\xd7P\0\x1f\x28B\xfd7\x04\x1a"
_NOUNS = (
    r"(?:image|img|photo|picture|portrait|selfie|mugshot|thumbnail|template|embedding|descriptor|face_?print"
    r"|(?:face|facial|probe|feature)[_ .-]?(?:vector|data|bytes|base64|b64|blob|features))"
)
JSON_FIELD = (
    rf"(?i)[\"'][a-z0-9_ .-]{{0,24}}{_NOUNS}[a-z0-9_ .-]{{0,16}}\\*[\"']\s*:\s*\\*(?:[\"'][^\"'\\]|[\[{{])"
)
"""A field of JSON that is named as an image and holds a text, a list or an object; for any engine."""
_JSON_FIELD = re.compile(JSON_FIELD.encode())
# Characters of text; what is none of them is a byte of something else, or a control character.
_TEXT = r"\x20-\x7e\xa0-\ud7ff\ue000-\ufffc\U00010000-\U0010ffff"
_CONTROLS = np.setdiff1d(np.arange(0x80, 0xA0), [0x80, 0x82, 0x84, 0x85, *range(0x91, 0x98), 0x99])
# UTF-8 that was taken for Latin-1 is a text still.
_TWICE = re.compile("[\x80-\xff]{2,}")
_WORDLESS = re.compile(rf"(?:[{_TEXT}]{{0,3}}[^{_TEXT}]){{12,}}")
# Floats: how they lie, their size, where the byte with sign and exponent is, and what it is in 1e-6 to 1e4
# (of two bytes: in 5e-4 to 1); and how many there must be.
_EXPONENTS_4 = bytes([0, 0x80, *range(0x35, 0x47), *range(0xB5, 0xC7)])
_EXPONENTS_8 = bytes([0, 0x80, *range(0x3E, 0x41), *range(0xBE, 0xC1)])
_EXPONENTS_2 = bytes([*range(0x10, 0x3C), *range(0x90, 0xBC)])
_FLOATS = (
    ("<f4", 4, 3, _EXPONENTS_4, 32),
    (">f4", 4, 0, _EXPONENTS_4, 32),
    ("<f8", 8, 7, _EXPONENTS_8, 32),
    (">f8", 8, 0, _EXPONENTS_8, 32),
    ("<f2", 2, 1, _EXPONENTS_2, 64),
    (">f2", 2, 0, _EXPONENTS_2, 64),
)
# Bytes of a large size, as numbers with a sign, and as numbers around 128: of noise more than a third.
_LARGE = bytes(range(0x50, 0xB0))
_FAR = bytes(byte ^ 0x80 for byte in _LARGE)


def shows_image(text: bytes) -> bool:
    """Return whether a text, or a record of texts that was decoded well, carries an image or a template."""
    return _carries(text, sure=True)


def may_show_face(data: bytes, *, head: int = 0) -> bool:
    """Return whether bytes that nobody could read may hold an image, a template, or a part of one.

    The first `head` bytes are a framing that has no text.
    """
    return (
        _IMAGE.search(data) is not None
        or _HEAD.search(data) is not None
        or _PACKED.search(data) is not None
        or is_binary(data[head:])
        or _carries(data, sure=False)
    )


def is_binary(data: bytes) -> bool:
    """Return whether somewhere in the data stands what is neither text nor a record of texts.

    A record has numbers of at most ten bytes here and there. Of an image's bytes half are above 127 and no
    UTF-8, and they stand together; or there is a stretch of many different bytes without a word.
    """
    if data.isascii() and not _controls(data):
        return False
    text = _TWICE.sub(_decoded_twice, data.decode("utf-8", "surrogateescape"))
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    weight = ((points >= 0xDC80) & (points <= 0xDCFF) | (points == 0xFFFD)).astype(np.int32)
    # Bytes that were taken for Latin-1 become these control characters. Windows has quotes and dashes there.
    weight += 4 * np.isin(points, _CONTROLS).astype(np.int32)
    total = np.concatenate([[0], np.cumsum(weight)])
    window = min(32, len(points))
    if (total[window:] - total[:-window] >= 12).any():
        return True
    stretches = (match.group() for match in _WORDLESS.finditer(text))
    return any(
        len(set(stretch[at : at + 48])) >= 24
        for stretch in stretches
        for at in range(0, len(stretch) - 47, 8)
    )


def is_vector(data: bytes) -> bool:
    """Return whether the data are numbers as embeddings have them: 32 or more floats, 128 or more bytes.

    Floats have the size that normed or raw embeddings have. Bytes are small ones of either sign, in no order,
    as quantising makes them; keys, hashes and what is packed have all sizes alike.
    """
    if len(data) < 128 or data[:128].isascii():
        return False
    for kind, size, at, exponents, count in _FLOATS:
        # The byte with most of the exponent tells nearly all other data apart.
        if len(data) >= count * size and len(data[at : count * size : size].translate(None, exponents)) <= 2:
            with np.errstate(invalid="ignore"):
                values = np.abs(np.frombuffer(data, kind, len(data) // size).astype(np.float64))
            usual = (values > 1e-6) & (values < 1e4)
            some = usual.mean() >= 0.5 and (usual | (values == 0)).mean() >= 0.95
            if some and len(np.unique(values)) >= 16:
                return True
    return any(
        _is_quantised(data, middle) for middle, large in ((0, _LARGE), (128, _FAR)) if _few(data, large)
    )


def _few(data: bytes, large: bytes) -> bool:
    return 128 - len(data[:128].translate(None, large)) <= 16


def _is_quantised(data: bytes, middle: int) -> bool:
    values = (np.frombuffer(data, np.uint8) - np.uint8(middle)).view(np.int8).astype(np.int64)
    sizes = np.abs(values)
    signs = (values < 0).mean()
    return bool(0.35 <= signs <= 0.65 and 4 <= sizes.mean() <= 48 and len(np.unique(values)) >= 24)


def _decoded_twice(match: re.Match[str]) -> str:
    try:
        return match.group().encode("latin-1").decode()
    except UnicodeDecodeError:
        return match.group()


def is_escaped_binary(text: bytes) -> bool:
    """Return whether a text has escapes, such as those of JSON, for what is no text."""
    plain = unescaped(text)
    if plain is not text and is_binary(plain):
        return True
    plain = unquoted(plain)
    return plain is not text and _ICON.search(plain) is not None


def _controls(data: bytes) -> bool:
    return any(byte < 0x20 or byte == 0x7F for byte in set(data))


def _carries(data: bytes, *, sure: bool, depth: int = 0) -> bool:
    """Whether the data carry an image as base64, base32, hex, numbers or escapes, or a field named as one."""
    if _JSON_FIELD.search(data) or numbers_in_a_row(data):
        return True
    plain = unquoted(unescaped(data))
    if plain is not data and (
        _IMAGE.search(plain) or (not sure and (_HEAD.search(plain) or is_binary(plain)))
    ):
        return True
    for run in carried(plain):
        if not sure and (run.length >= LONG_RUN or (run.length >= SHORTER_RUN and not _is_text(run.decoded))):
            return True
        if (run.is_hash and sure) or not run.decoded:
            continue
        for number, decoded in enumerate(run.decoded):
            if _IMAGE.search(decoded) or is_vector(decoded) or (number < 4 and _is_image(decoded)):
                return True
            if depth < 2 and decoded.isascii() and _carries(decoded, sure=sure, depth=depth + 1):
                return True
    return False


def _is_text(decoded: list[bytes]) -> bool:
    return any(each.isascii() and not is_binary(each) for each in decoded)


def _is_image(head: bytes) -> bool:
    """Whether bytes begin as an image does, or with a container that is no text."""
    if head[:1] not in _FIRST:
        return False
    if _HEAD.match(head):
        return True
    if _ICON.match(head) or (head.startswith(b"\xff\x0a") and len(head) >= _JXL_SIZE):
        return is_binary(head)
    if not _PACKED.match(head):
        return False
    unpacked = b"".join(_unpacked(head))
    return not unpacked or is_binary(unpacked) or _IMAGE.match(unpacked) is not None


def _unpacked(data: bytes) -> Iterator[bytes]:
    """The first bytes of what was packed; nothing where it is damaged, or packed in a rare way."""
    try:
        if data.startswith(b"\x1f\x8b"):
            yield zlib.decompressobj(31).decompress(data, 512)
        elif data.startswith(b"\x28\xb5\x2f\xfd"):
            yield zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(data).read(512)
        elif data.startswith(b"PK\x03\x04") and len(data) > 30:
            start = 30 + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
            stored = data[8:10] == b"\0\0"
            yield (
                data[start : start + 512] if stored else zlib.decompressobj(-15).decompress(data[start:], 512)
            )
    except (zlib.error, zstandard.ZstdError):
        return
