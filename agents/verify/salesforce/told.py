"""Verify, Salesforce.  Told: what the differences of a record say of people (docs/salesforce.md, parts 4 and 5)."""

import re
from typing import Any

from agents.verify.mailboxes import is_shared
from agents.verify.salesforce.ids import id_or_none
from agents.verify.salesforce.row import Change, Row
from agents.verify.salesforce.values import millis
from agents.verify.texts import canonical, iso

LEFT_OUT = frozenset(
    [
        "CreatedById",
        "CreatedDate",
        "IsDeleted",
        "LastActivityDate",
        "LastModifiedById",
        "LastModifiedDate",
        "LastReferencedDate",
        "LastViewedDate",
        "PhotoUrl",
        "SystemModstamp",
    ]
)
MOST_NAMED = 10
LONGEST_VALUE = 80
LARGEST_FIELD = 1000
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Differences = dict[str, tuple[Any, Any]]


def line(change: Change, differences: Differences) -> str:
    """Write the line of the timeline; empty: there is none."""
    if change.type == "snapshot" and all(
        before is None for name, (before, _) in differences.items() if name != "IsDeleted"
    ):
        return ""
    start = f"Salesforce {change.object} "
    if "IsDeleted" in differences:
        return start + ("Deleted" if differences["IsDeleted"][1] else "Undeleted")
    if change.type == "create" and differences:
        return f"{start}Created"
    named = [f"{name} {_short(before)} -> {_short(after)}" for name, (before, after) in shown(differences).items()]
    more = [f"{len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []
    return f"{start}Updated: {'; '.join(named[:MOST_NAMED] + more)}" if named else ""


def shown(differences: Differences) -> Differences:
    """Keep what the line may name, by name."""
    return {name: pair for name, pair in sorted(differences.items()) if name not in LEFT_OUT}


def _short(value: Any) -> str:
    if value in (None, ""):
        return "(empty)"
    text = " ".join((value if isinstance(value, str) else canonical(value, ordered=True)).split())
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def line_of(change: Change, differences: Differences) -> dict[str, Any] | None:
    """Make the `change` that is told; None without a line."""
    text = line(change, differences)
    if not text:
        return None
    return {
        "at": iso(change.at),
        "event": text.partition(":")[0],
        "text": text,
        "object": change.object,
        "record": change.record,
        "fields": {name: {"from": before, "to": after} for name, (before, after) in shown(differences).items()},
        "by": change.by,
    }


def fields(row: Row) -> dict[str, Any]:
    """Give the fields that others are told: of a deleted record none."""
    return {} if row.deleted else {name: one for name, one in _known(row).items() if _fits(one)}


def _known(row: Row) -> dict[str, Any]:
    return {name: value for name, (_, value) in row.fields.items() if value is not None}


def facts(change: Change, row: Row, version: int) -> dict[str, Any]:
    """Make the record `facts`."""
    values = _known(row)
    record = {
        "kind": "facts",
        "alias": f"sf:{change.record}",
        "version": version,
        "object": change.object,
        "modified_at": millis(values.get("LastModifiedDate")) or 0,
        "owner": owner(change, values),
        "account": None if row.deleted else id_or_none(values.get("AccountId")),
        "fields": None if row.deleted else fields(row),
    }
    return {name: value for name, value in record.items() if value is not None}


def _fits(value: Any) -> bool:
    return len(canonical(value, ordered=True).encode("utf-8", "surrogatepass")) <= LARGEST_FIELD


def owner(change: Change, values: dict[str, Any]) -> str | None:
    """Say to which alias a Contact or Lead belongs."""
    converted = change.object == "Lead" and values.get("IsConverted") is True
    for name in ("MasterRecordId", "ConvertedContactId")[: 1 + converted]:
        into = id_or_none(values.get(name))
        if into and into.startswith(("003", "00Q")) and into != change.record:
            return f"sf:{into}"
    email = values.get("Email")
    address = email.lower() if isinstance(email, str) else ""
    return f"email:{address}" if ADDRESS.fullmatch(address) and not is_shared(address) else None
