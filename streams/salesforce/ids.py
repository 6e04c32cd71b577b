"""Ids: the two lengths of a Salesforce record id, and the ids that mean no single record."""

import re
from typing import Final

SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
"""Each character of the suffix says which of five characters are upper case."""
OVERFLOW: Final = "000000000000000AAA"
"""Stands where a transaction was too large to name its records."""

_is_id = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?", re.ASCII).fullmatch
_is_wildcard = re.compile(r"[A-Za-z0-9]{3}\*", re.ASCII).fullmatch


def full_id(text: str) -> str | None:
    """Return the 18 characters of an id of 15 or 18; None: it is no id.

    The suffix of an id that has one is not computed again: two systems that disagree on it would only lose each other.
    """
    if not _is_id(text):
        return None
    return text if len(text) == 18 else text + suffix_of(text)


def means_whole_object(text: str) -> bool:
    """Say whether an id stands for records that are not named: a wildcard like `003*`, or the id of an overflow."""
    return text == OVERFLOW or text == OVERFLOW[:15] or _is_wildcard(text) is not None


def suffix_of(text: str) -> str:
    """Compute the three characters that make an id of 15 independent of upper and lower case."""
    chunks = (text[:5], text[5:10], text[10:])
    return "".join(SUFFIX[sum(1 << place for place, one in enumerate(chunk) if one.isupper())] for chunk in chunks)
