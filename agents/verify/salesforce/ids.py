"""Verify, Salesforce.  Ids: one form of a record's id (docs/salesforce.md, part 1)."""

import re
from typing import Any

from agents.verify.salesforce.body import RefusedError

MOST_RECORDS = 2000
WHOLE = re.compile(r"[A-Za-z0-9]{3}\*|0{15}(AAA)?")
SHORT, LONG = re.compile(r"[A-Za-z0-9]{15}"), re.compile(r"[A-Za-z0-9]{15}[A-Z0-5]{3}")
SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def record_id(text: str) -> str:
    """Give an id its suffix; raise RefusedError where it is none of one record."""
    if LONG.fullmatch(text):
        return text
    if not SHORT.fullmatch(text):
        raise RefusedError("bad-record-id")
    fives = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(SUFFIXES[sum(c.isupper() << bit for bit, c in enumerate(five))] for five in fives)


def record_ids(ids: list[str]) -> list[str]:
    """Give the different ids in their order, empty for a whole object; raise RefusedError."""
    if not ids:
        raise RefusedError("no-record-id")
    if len(ids) > MOST_RECORDS:
        raise RefusedError("too-many-records")
    return list(dict.fromkeys("" if WHOLE.fullmatch(one) else record_id(one) for one in ids))


def id_or_none(value: Any) -> str | None:
    """Read a field's value as an id of one record; None: it is none."""
    try:
        return record_id(value) if isinstance(value, str) else None
    except RefusedError:
        return None
