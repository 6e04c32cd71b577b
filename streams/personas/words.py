"""Personas, room 1.  Words: a title or an industry as plain words, however somebody typed it.

In: free text.  Out: its words, without case, accents and punctuation, with short forms written out.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias
from unicodedata import combining, normalize

Words: TypeAlias = tuple[str, ...]

MOST_CHARACTERS: Final = 200
"""What follows is not read: a title is free text, and one of a megabyte must cost no more than others."""
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "&": " and ", "+": " and "})
"""Letters that Unicode does not take apart, and the signs that stand for a word."""
_dotted = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}").sub
_words = re.compile(r"[^\W_]+").findall
_words_and_stars = re.compile(r"[^\W_]+\*?|\*[^\W_]+").findall


def words_of(text: str, short_forms: Mapping[str, Words]) -> Words:
    """Give the words of a text: `Sr. V.P., Produit & Données` -> senior vice president produit and donnees.

    Empty: there is no letter or digit in it.
    """
    return _written_out(_words(_plain(text[:MOST_CHARACTERS])), short_forms)


def pattern_of(text: str, short_forms: Mapping[str, Words]) -> Words:
    """Give the words of a phrase of the maps; a star at a word's begin or end stays: any letters may stand there."""
    return _written_out(_words_and_stars(_plain(text)), short_forms)


def _plain(text: str) -> str:
    if text.isascii():
        folded = text.lower()
    else:
        folded = "".join(sign for sign in normalize("NFKD", normalize("NFKD", text).casefold()) if not combining(sign))
    return _dotted(lambda found: found[0].replace(".", "") + " ", folded.translate(_LETTERS))


def _written_out(words: list[str], short_forms: Mapping[str, Words]) -> Words:
    if short_forms.keys().isdisjoint(words):
        return tuple(words)
    return tuple(full for word in words for full in short_forms.get(word, (word,)))
