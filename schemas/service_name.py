"""Names of services in one form: without case, punctuation and company suffix."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME = 256
"""The length, in characters, beyond which a text is the name of no service."""

_SEPARATORS = frozenset(" .,-_'’‘\"“”()/&:;®™©\u00ad\u2010\u2011\u2012\u2013\u2014")
_MARKS = str.maketrans("", "", "®™©")
_INSIDE_WORDS = str.maketrans("", "", ".'’‘")
_COMPANY = frozenset(
    {
        "ab",
        "ag",
        "bv",
        "co",
        "company",
        "corp",
        "corporation",
        "gmbh",
        "inc",
        "incorporated",
        "limited",
        "llc",
        "llp",
        "lp",
        "ltd",
        "nv",
        "oy",
        "plc",
        "pty",
        "sa",
        "sas",
        "srl",
    }
)
_GENERIC = frozenset(
    {
        "ai",
        "app",
        "camera",
        "clear",
        "face",
        "faceapi",
        "faceapp",
        "facefinder",
        "faceid",
        "facematch",
        "facematching",
        "facerec",
        "facerecognition",
        "faces",
        "facesearch",
        "facialrecognition",
        "finder",
        "fr",
        "frs",
        "frsystem",
        "id",
        "ident",
        "identify",
        "lens",
        "lookup",
        "lumen",
        "match",
        "mugshot",
        "mugshots",
        "photo",
        "photosearch",
        "recognition",
        "reversefacesearch",
        "reverseimagesearch",
        "roc",
        "search",
        "system",
        "vision",
        "web",
    }
)


def as_written(name: str) -> str:
    """Return the name after NFKC and case folding, with single spaces."""
    return " ".join(_fold(name).split())


def service_key(name: str) -> str:
    """Return the name without case, punctuation and company suffixes; empty where it is too long.

    `Clearview A.I., Inc.` and `clearview-ai` have one key.
    """
    if len(name) > MAX_NAME:
        return ""
    words = re.split(r"[\W_]+", _fold(name.translate(_MARKS)).translate(_INSIDE_WORDS))
    words = [word for word in words if word]
    while len(words) > 1 and words[-1] in _COMPANY:
        words.pop()
    return "".join(words)


def is_telling(name: str) -> bool:
    """Whether the name's key still tells services apart.

    It does not where the key is a word of the trade (`face`), shorter than three characters, or where a sign
    that is a part of the name was dropped, as in `Face++`. Such a name matches only as it is written.
    """
    key = service_key(name)
    signs = any(not (c.isalnum() or c.isspace() or c in _SEPARATORS) for c in _fold(name.translate(_MARKS)))
    return len(key) >= 3 and key not in _GENERIC and not signs


def match_form(name: str) -> str:
    """Return the form under which a catalogue's name matches: its key, or `=` and the name as written."""
    return service_key(name) if is_telling(name) else "=" + as_written(name)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
