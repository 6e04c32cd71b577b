"""Verify, Salesforce.  Changes: what each message of `salesforce-changes` says (docs/salesforce.md, part 1).

In: the bytes of a message and Kafka's timestamp.  Out: changes, or the reason why it has to be rejected.
"""

from agents.verify.salesforce.body import Body, Json, RefusedError, document, find
from agents.verify.salesforce.ids import record_ids
from agents.verify.salesforce.row import Change
from agents.verify.salesforce.snapshots import connect, own
from agents.verify.salesforce.updates import content
from agents.verify.salesforce.values import integer

TYPES = {
    "CREATE": "create", "UPDATE": "update", "DELETE": "delete", "UNDELETE": "undelete", "SNAPSHOT": "snapshot",
    "GAP_OVERFLOW": "overflow",
}  # fmt: skip
TEXTS = ("entityName", "changeType", "transactionKey", "commitUser")
LISTS = ("recordIds", "changedFields", "nulledFields", "diffFields")
LONGEST_TEXT = 256
YEAR_2000, YEAR_2100 = 946_684_800_000, 4_102_444_800_000
FUTURE_MS = 300_000


def changes(data: bytes | None, timestamp: int) -> list[Change]:
    """Normalise a message; raise RefusedError with the reason."""
    outer = document(data)
    if outer.get("kind") == "record":
        found = [own(outer, timestamp)]
    else:
        body = find(outer)
        if isinstance(body.fields.get("ChangeEventHeader"), dict):
            found = _event(body, timestamp)
        elif isinstance(body.fields.get("_ObjectType"), str) and isinstance(body.fields.get("Id"), str):
            found = [connect(body.fields, timestamp)]
        else:
            raise RefusedError("no-header")
    _check_time(found[0].at, timestamp)
    return found


def _check_time(at: int, timestamp: int) -> None:
    if not YEAR_2000 <= at <= YEAR_2100:
        raise RefusedError("bad-timestamp")
    if at > timestamp + FUTURE_MS:
        raise RefusedError("future")


def _event(body: Body, timestamp: int) -> list[Change]:
    header = body.fields["ChangeEventHeader"]
    _check_types(header)
    if not header.get("entityName"):
        raise RefusedError("no-object")
    records = record_ids(header.get("recordIds") or [])
    kind = _type(header.get("changeType"))
    at = header.get("commitTimestamp")
    if not integer(at):
        raise RefusedError("bad-timestamp")
    values, diffs = content(kind, body)
    snapshot = kind == "snapshot"
    return [
        Change(
            header["entityName"],
            record,
            kind if record or kind == "overflow" else "gap",
            at,
            "" if snapshot and record else header.get("transactionKey") or "",
            timestamp if snapshot and record else header.get("sequenceNumber") or 0,
            values if record else {},
            diffs if record else {},
            False,
            header.get("commitUser"),
        )
        for record in records
    ]


def _check_types(header: Json) -> None:
    texts = [header.get(name) for name in TEXTS]
    lists = [header.get(name) for name in LISTS]
    listed = [one for found in lists if isinstance(found, list) for one in found]
    number = header.get("sequenceNumber")
    if (
        any(one is not None and not isinstance(one, str) for one in texts)
        or any(not isinstance(one, str) for one in listed)
        or any(found is not None and not isinstance(found, list) for found in lists)
        or any(len(one) > LONGEST_TEXT for one in texts if one)
        or (number is not None and not (integer(number) and 0 <= number < 1 << 63))
    ):
        raise RefusedError("wrong-type")


def _type(name: str | None) -> str:
    found = TYPES.get(name or "") or ("gap" if (name or "").startswith("GAP_") else None)
    if found is None:
        raise RefusedError("unknown-change")
    return found
