"""The org, part 4.  Times: instants in milliseconds, and the texts in which Salesforce's interfaces write them."""

from datetime import UTC, datetime


def rest(at: int) -> str:
    """Write an instant as REST does: `2026-11-22T10:00:00.000+0000`."""
    return f"{_utc(at):%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}+0000"


def zulu(at: int) -> str:
    """Write an instant as change events and CSV do: `2026-11-22T10:00:00.000Z`."""
    return f"{_utc(at):%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def day(at: int) -> str:
    """Write the UTC day of an instant."""
    return f"{_utc(at):%Y-%m-%d}"


def read(text: str) -> int:
    """Read an instant with an offset, of any of Salesforce's forms; raise `ValueError`."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        msg = "an instant needs an offset"
        raise ValueError(msg)
    return round(found.timestamp() * 1000)


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC)
