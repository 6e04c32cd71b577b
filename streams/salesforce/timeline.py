"""Timeline: what became different of a record, as a line that people read."""

from typing import Any, Final

import orjson

from streams.salesforce.change import ChangeType
from streams.salesforce.fields import IS_DELETED
from streams.salesforce.record import Differences

MAX_FIELDS: Final = 10
MAX_VALUE: Final = 80
"""Characters of one value."""
UNTOLD: Final = frozenset(
    (
        IS_DELETED,
        "CreatedById",
        "CreatedDate",
        "LastActivityDate",
        "LastModifiedById",
        "LastModifiedDate",
        "LastReferencedDate",
        "LastViewedDate",
        "PhotoUrl",
        "SystemModstamp",
    )
)
"""Fields by which the system keeps its books: that they changed is no news."""


def timeline_text(object_name: str, kind: ChangeType, differences: Differences) -> str | None:
    """Tell a change: `Salesforce Contact Updated: Title Director -> VP`.  None: nothing is worth telling.

    | what became different              | text                                             |
    |------------------------------------|--------------------------------------------------|
    | nothing, or system fields only     | none                                             |
    | a snapshot of a record unknown yet | none: it is news to us only                      |
    | it was deleted, or came back       | `... Deleted`, `... Undeleted`                   |
    | it was created                     | `... Created`                                    |
    | fields                             | `... Updated: `, by name, joined by `; `         |
    """
    if kind == "snapshot" and _is_first_sight(differences):
        return None
    if IS_DELETED in differences:
        return f"Salesforce {object_name} {'Deleted' if differences[IS_DELETED][1] else 'Undeleted'}"
    if kind == "create" and differences:
        return f"Salesforce {object_name} Created"
    told = [f"{name} {_text(was)} -> {_text(now)}" for name, (was, now) in differences.items() if name not in UNTOLD]
    if not told:
        return None
    more = [f"{len(told) - MAX_FIELDS} more"] if len(told) > MAX_FIELDS else []
    return f"Salesforce {object_name} Updated: {'; '.join(told[:MAX_FIELDS] + more)}"


def _is_first_sight(differences: Differences) -> bool:
    return all(was is None or name == IS_DELETED for name, (was, _) in differences.items())


def _text(value: Any) -> str:
    if value is None or value == "":
        return "(empty)"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
