"""Verify, Salesforce.  Snapshots: what REST or Kafka Connect say that a record is (docs/salesforce.md, part 1)."""

from typing import Any

from agents.verify.salesforce.body import ADDRESS_PARTS, Json, RefusedError, fields, rest_name
from agents.verify.salesforce.ids import record_id
from agents.verify.salesforce.row import Change
from agents.verify.salesforce.updates import normalised
from agents.verify.salesforce.values import integer, millis, normal


def own(record: Json, timestamp: int) -> Change:
    """Read our own record of what REST said."""
    found = {name: record.get(name) for name in ("object", "id", "fields", "at", "deleted")}
    kinds = {"object": str, "id": str, "fields": dict, "deleted": bool}
    if any(name in record and not isinstance(record[name], kind) for name, kind in kinds.items()):
        raise RefusedError("wrong-type")
    if not found["object"]:
        raise RefusedError("no-object")
    record_id = _only(found["id"])
    at: Any = found["at"] if found["at"] is not None else _modified(found["fields"] or {})
    if not integer(at):
        raise RefusedError("bad-timestamp")
    return _snapshot(found["object"], record_id, at, found["fields"] or {}, found["deleted"] is True, timestamp)


def connect(body: Json, timestamp: int) -> Change:
    """Read a snapshot of a Kafka Connect source."""
    gone = isinstance(body.get("_EventType"), str) and body["_EventType"].lower() == "deleted"
    if not body["_ObjectType"]:
        raise RefusedError("no-object")
    at = _modified(body)
    return _snapshot(body["_ObjectType"], _only(body["Id"]), timestamp if at is None else at, body, gone, timestamp)


def _only(record: str | None) -> str:
    if not record:
        raise RefusedError("no-record-id")
    return record_id(record)


def _modified(body: Json) -> int | None:
    stamps = (millis(normal(name, body.get(name))) for name in ("SystemModstamp", "LastModifiedDate"))
    return next((at for at in stamps if at is not None), None)


def _snapshot(name: str, record: str, at: int, body: Json, gone: bool, timestamp: int) -> Change:
    deleted = gone or body.get("IsDeleted") is True
    return Change(name, record, "snapshot", at, "", timestamp, normalised(_flat(body)), {}, deleted)


def _flat(body: Json) -> Json:
    """Fields as REST names them: without compounds, which are there by their parts."""
    plain = {name: value for name, value in fields(body) if not isinstance(value, dict)}
    kept = {name: value for name, value in plain.items() if value is not None or not _repeated(name, body)}
    if kept.get("LastName") is not None:
        kept.pop("Name", None)
    return kept


def _repeated(name: str, body: Json) -> bool:
    """Say whether a null compound stands beside its parts."""
    if name.endswith("Address"):
        return any(rest_name(name, part) in body for part in ADDRESS_PARTS)
    start = f"{name.removesuffix('__c')}__"
    return name.endswith("__c") and any(
        one.startswith(start) and one.endswith("__s") and len(one) > len(start) + 3 for one in body
    )
