"""Fields: names and values as the object's REST API has them, whichever API they came from."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from streams.events import Millis
from streams.instants import iso, since_epoch
from streams.salesforce.change import Values

IS_DELETED: Final = "IsDeleted"
ADDRESS_PARTS: Final = (
    "Street",
    "City",
    "State",
    "StateCode",
    "PostalCode",
    "Country",
    "CountryCode",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
)
"""What an address can have; an org may have more, so nothing relies on their order or number."""
DATES: Final = frozenset(
    ("ActivityDate", "Birthdate", "CloseDate", "ConvertedDate", "LastActivityDate", "PersonBirthdate")
)
"""Days, which the Pub/Sub API gives as milliseconds."""
DATE_TIMES: Final = frozenset(
    (
        "ActivityDateTime",
        "CreatedDate",
        "EmailBouncedDate",
        "LastModifiedDate",
        "LastReferencedDate",
        "LastViewedDate",
        "ReminderDateTime",
        "SystemModstamp",
    )
)
"""Instants, which the Pub/Sub API gives as milliseconds."""
NOT_FIELDS: Final = frozenset(
    (
        "ChangeEventHeader",
        "Id",
        IS_DELETED,
        "ReplayId",
        "_EventType",
        "_ObjectType",
        "attributes",
        "channel",
        "replayId",
        "schema",
        "schemaId",
    )
)
"""Names beside the fields that are none.  Id and deletion are no values of a record: a `Change` says them itself."""

_OLDEST: Final = -8_520_336_000_000
_NEWEST: Final = 64_060_588_800_000
"""1700-01-01 to 4000-01-01: what Salesforce can store."""
_WHOLE: Final = 1 << 53
"""Below it a float that is whole says the same as the integer."""
_is_date_time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII).fullmatch


@lru_cache(maxsize=4_096)
def part_name(compound: str, part: str) -> str:
    """Name the part of a compound field.

    | compound and part            | REST name              |
    |------------------------------|------------------------|
    | `Name`, `FirstName`          | `FirstName`            |
    | `BillingAddress`, `Street`   | `BillingStreet`        |
    | `Address`, `City`            | `City`                 |
    | `Place__c`, `Latitude`       | `Place__Latitude__s`   |
    | any other                    | `Compound.Part`        |
    """
    if compound == "Name":
        return part
    if compound.endswith("Address"):
        return compound.removesuffix("Address") + part
    if compound.endswith("__c"):
        return f"{compound.removesuffix('c')}{part}__s"
    return f"{compound}.{part}"


def flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (REST name, value) of a field, or of each part of a compound; an address that is null: of all its parts."""
    if isinstance(value, dict):
        for part, inner in value.items():
            yield part_name(name, part), inner
    elif value is None and name.endswith("Address"):
        for part in ADDRESS_PARTS:
            yield part_name(name, part), None
    else:
        yield name, value


def rest_values(fields: Values) -> Values:
    """Read the fields of a REST record.

    Compounds and what hangs on a record (its account, `attributes`) are left out: their parts are fields of their own.
    So is `Name` beside a `LastName`: it is put together from the parts, and a change event tells only of these.
    """
    values = {
        name: canonical(name, value)
        for name, value in fields.items()
        if name not in NOT_FIELDS and not _is_compound(name, value, fields)
    }
    if values.get("LastName") is not None:
        values.pop("Name", None)
    return values


def _is_compound(name: str, value: Any, fields: Values) -> bool:
    if value is None and name.endswith(("Address", "__c")):
        return any(part_name(name, part) in fields for part in ADDRESS_PARTS)
    return isinstance(value, dict)


def canonical(name: str, value: Any) -> Any:
    """Give a value the one form that it has in every shape.

    Instants: `2026-11-22T10:00:00.000Z`; days: `2026-11-22`; whole numbers without a fraction.  Others: unchanged.
    """
    if isinstance(value, str):
        if value[10:11] != "T" or (at := instant_of(value)) is None:
            return value
        return iso(at)[:10] if name in DATES else iso(at)
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        value = int(value)
    if (name in DATE_TIMES or name in DATES) and type(value) is int and _OLDEST <= value < _NEWEST:
        return iso(value)[:10] if name in DATES else iso(value)
    return value


def instant_of(text: str) -> Millis | None:
    """Read a date with time, floored; without a zone it is UTC.  None: it is no such text."""
    if not _is_date_time(text):
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = since_epoch(when if when.tzinfo else when.replace(tzinfo=UTC))
    return at if _OLDEST <= at < _NEWEST else None
