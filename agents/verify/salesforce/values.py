"""Verify, Salesforce.  Values: the one form that each value of a change has (docs/salesforce.md, part 1)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:(Z)|([+-])(\d\d):?(\d\d))?", re.ASCII)
DAYS = frozenset(["ActivityDate", "Birthdate", "CloseDate", "ConvertedDate", "LastActivityDate", "PersonBirthdate"])
DATES = DAYS | frozenset(
    [
        "ActivityDateTime",
        "CreatedDate",
        "EmailBouncedDate",
        "LastModifiedDate",
        "LastReferencedDate",
        "LastViewedDate",
        "ReminderDateTime",
        "SystemModstamp",
    ]
)
FIRST, LAST = 1700, 3999
EXACT = 2.0**53


def millis(value: Any) -> int | None:
    """Read a date and time as milliseconds since 1970; None where it is none."""
    found = FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[place]) for place in range(1, 7))
    micros = int((found[7] or "0").ljust(6, "0")[:6])
    east = timedelta(hours=int(found[10] or 0), minutes=int(found[11] or 0)) * (-1 if found[9] == "-" else 1)
    try:
        at = datetime(year, month, day, hour, minute, second, micros, UTC) - east
    except (ValueError, OverflowError):
        return None
    return (at - EPOCH) // timedelta(milliseconds=1)


def integer(value: Any) -> bool:
    """Say whether a value is a whole number, which true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def normal(name: str, value: Any) -> Any:
    """Give a field's value its one form."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return _date(name, millis(value), value)
    number = _whole(value) if isinstance(value, float) else value
    return _date(name, number, number) if isinstance(number, int) and name in DATES else number


def _whole(value: float) -> int | float:
    return int(value) if abs(value) < EXACT and value.is_integer() else value


def _date(name: str, at: int | None, value: Any) -> Any:
    try:
        moment = None if at is None else EPOCH + timedelta(milliseconds=at)
    except OverflowError:
        moment = None
    if moment is None or not FIRST <= moment.year <= LAST:
        return value
    if name in DAYS:
        return moment.date().isoformat()
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
