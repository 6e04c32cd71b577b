"""The org, part 4.  Times: instants in milliseconds, as REST writes them.

Change events and CSV write them as `streams.instants` does.
"""

from datetime import datetime

from streams.instants import iso


def rest(at: int) -> str:
    """Write an instant as REST does: `2026-11-22T10:00:00.000+0000`."""
    return iso(at).replace("Z", "+0000")


def day(at: int) -> str:
    """Write the UTC day of an instant."""
    return iso(at).partition("T")[0]


def read(text: str) -> int:
    """Read an instant with an offset, of any of Salesforce's forms; raise `ValueError`."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        msg = "an instant needs an offset"
        raise ValueError(msg)
    return round(found.timestamp() * 1000)
