"""The org, part 5.  Change events: what Change Data Capture says of each change, in CometD's shape.

A merge is a DELETE and an UPDATE without any link between them; a conversion is four events of one transaction; a hard
delete and a changed stage say nothing at all.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from agents.local.org import times
from agents.local.org.schema import Schema
from streams.instants import iso

Change: TypeAlias = Literal[
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW"
]
UNSAID = frozenset({"Id", "IsDeleted", "SystemModstamp", "MasterRecordId"})
PERSON_NAME = frozenset({"Salutation", "FirstName", "LastName"})
ADDRESS = re.compile(r"^(Mailing|Billing)(Street|City|State|PostalCode|Country)$")


@dataclass(slots=True)
class Transaction:
    """One database transaction: its events share the key and are numbered from 1."""

    key: str
    at: int
    sequence: int = 0


class ChangeLog:
    """Change events in the order in which they were committed."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.messages: list[dict[str, Any]] = []
        """What a CometD client would have received."""

    def add(
        self,
        transaction: Transaction,
        change: Change,
        entity: str,
        record_ids: Iterable[str],
        values: Mapping[str, Any],
        *,
        user: str,
    ) -> None:
        """Say one change; `values` are REST fields: all of them for CREATE, the changed ones for UPDATE."""
        transaction.sequence += 1
        body = self._body(entity, values)
        header = {
            "entityName": entity,
            "recordIds": list(record_ids),
            "changeType": change,
            "changeOrigin": "com/salesforce/api/rest/59.0;client=touchline-org",
            "transactionKey": transaction.key,
            "sequenceNumber": transaction.sequence,
            "commitTimestamp": transaction.at,
            "commitNumber": len(self.messages) + 1,
            "commitUser": user,
            "changedFields": _names(body) if change == "UPDATE" else [],
        }
        self.messages.append(
            {
                "schema": f"{entity.lower()}-1",
                "payload": {"ChangeEventHeader": header} | body,
                "event": {"replayId": len(self.messages) + 1},
                "channel": f"/data/{entity}ChangeEvent",
            }
        )

    def _body(self, entity: str, values: Mapping[str, Any]) -> dict[str, Any]:
        kinds = self._schema.fields(entity)
        composed = kinds.keys() >= PERSON_NAME
        body: dict[str, Any] = {}
        for name, value in values.items():
            address = ADDRESS.match(name)
            if name in UNSAID or kinds.get(name) == "address" or (composed and name == "Name"):
                continue
            if composed and name in PERSON_NAME:
                body.setdefault("Name", {})[name] = value
            elif address:
                body.setdefault(f"{address[1]}Address", {})[address[2]] = value
            else:
                body[name] = _said(name, kinds.get(name, "string"), value)
        return body


def _said(name: str, kind: str, value: Any) -> Any:
    if kind == "datetime" and value is not None:
        return iso(times.read(value))
    if name == "ConvertedDate" and value is not None:
        return times.read(f"{value}T00:00:00+00:00")
    return value


def _names(body: Mapping[str, Any]) -> list[str]:
    names: list[str] = []
    for name, value in body.items():
        names += [f"{name}.{part}" for part in value] if isinstance(value, dict) else [name]
    return names
