"""Verify, personas.  Words: a text as the words that are compared (docs/personas.md, "How a title is read", 1)."""

import re
import unicodedata
from collections.abc import Mapping

Words = tuple[str, ...]

LONGEST = 200
"""Characters of a text that count."""
AND = re.compile(r"[&+]")
INITIALS = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}")
"""Letters with a full stop after each: `V.P.`."""
BETWEEN = re.compile(r"[\W_]+")


def words(text: str, short_forms: Mapping[str, Words]) -> Words:
    """Give the words of a text, short forms written out."""
    return written_out(plain(text[:LONGEST]).split(), short_forms)


def plain(text: str, *, kept: str = "") -> str:
    """Take case, accents and punctuation away, but for the characters in `kept`."""
    unaccented = "".join(
        one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one)
    )
    joined = INITIALS.sub(lambda one: one[0].replace(".", "") + " ", AND.sub(" and ", unaccented))
    return "".join(one if one in kept else BETWEEN.sub(" ", one) for one in joined)


def written_out(found: list[str], short_forms: Mapping[str, Words]) -> Words:
    """Put what they stand for in the place of short forms."""
    return tuple(word for one in found for word in short_forms.get(one, (one,)))
