"""What kinds of faces a search went through, by the galleries that the client names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from schemas.catalogue import Catalogue, GalleryKind
from streams.names import NameMatcher

MAX_GALLERY = 256
"""How many characters of a gallery's name are looked at."""

_APOSTROPHES = str.maketrans("", "", "'’‘")
_WORD = re.compile(r"[^\W_]+")
# What follows one of these is what is not in the gallery.
_EXCEPT = frozenset({"no", "non", "not", "without", "excluding", "except", "minus"})

Words = tuple[str, ...]


class GalleryReader:
    """Tells the kinds of galleries by their names, as clients write them.

    A gallery has the name of a service, and then the kinds of that service's own; or its name holds words of
    the catalogue's `gallery_words`, whole and in their order, whatever the case, or is one of them as a
    whole. What matches nothing is `unknown`.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._names = NameMatcher(catalogue)
        self._providers = catalogue.by_id
        self._within = [
            (words_of(text), each.kind) for each in catalogue.gallery_words for text in each.within
        ]
        self._whole = {words_of(text): each.kind for each in catalogue.gallery_words for text in each.whole}

    def kinds(self, names: Iterable[str]) -> tuple[GalleryKind, ...]:
        """Return the kinds of all the galleries together, each once, sorted."""
        found: set[GalleryKind] = set()
        for name in names:
            found |= self._kinds(name[:MAX_GALLERY])
        return tuple(sorted(found))

    def _kinds(self, name: str) -> set[GalleryKind]:
        provider_id = self._names.match(name).provider_id
        if provider_id is not None:
            return set(self._providers[provider_id].gallery_kinds) or {"unknown"}
        words = words_of(name)
        if words in self._whole:
            return {self._whole[words]}
        end = next((index for index, word in enumerate(words) if word in _EXCEPT), len(words))
        return {kind for phrase, kind in self._within if _has(words[:end], phrase)} or {"unknown"}


def words_of(text: str) -> Words:
    """Return the words of a text after NFKC and case folding, without apostrophes."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", folded).translate(_APOSTROPHES)))


def _has(words: Words, phrase: Words) -> bool:
    size = len(phrase)
    return any(words[start : start + size] == phrase for start in range(len(words) - size + 1))
