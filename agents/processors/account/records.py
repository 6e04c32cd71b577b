"""Records: the row of each Salesforce record - what it is now, and how often that became different."""

from typing import Any

import msgspec

from agents.processors.account.shelf import Family, Shelf
from agents.processors.out import Out, Refetch
from streams.account.messages import Held, Membership, Role, encode_message
from streams.account.news import Changed, Roles, opportunity_of
from streams.events import Alias
from streams.identifiers import RECORD
from streams.salesforce import record as records
from streams.salesforce.change import Change
from streams.salesforce.fields import instant_of
from streams.salesforce.people import OBJECT_OF, PEOPLE, facts_of, line_of, named, told_of


class Kept(msgspec.Struct, array_like=True):
    """The row of a record."""

    record: records.Record
    version: int = 0
    """How often it, or, of an opportunity, its roles became different."""
    forgotten: bool = False
    """Whether it takes nothing in any more: the person is forgotten."""


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Kept).decode
_read_role = msgspec.json.Decoder(Role).decode


class Records:
    """The records of one lane."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._touched: dict[str, Kept] = {}

    def find(self, record: str) -> Kept | None:
        """Return a row; None: there is none."""
        row = self._shelf.record(record.encode())
        return unpack(row) if row is not None else None

    def change(self, change: Change, out: Out) -> Changed | None:
        """Fold a change into the row of its record, and tell whom it is about; None: nothing became visible."""
        prior = self._latest(change.record)
        if prior is not None and prior.forgotten:
            return None
        before = prior.record if prior is not None else None
        folded = records.fold(before, change)
        version = (prior.version if prior is not None else 0) + bool(folded.differences)
        self._touched[change.record] = kept = Kept(folded.record, version)
        self._shelf.put_record(change.record.encode(), pack(kept))
        if folded.refetch is not None:
            since = folded.record.dirty_since or change.at
            out.refetch(Refetch(change.object, change.record, since, folded.refetch))
        if not folded.differences:
            return None
        line = line_of(change, folded.differences)
        if change.object in PEOPLE:
            out.people([facts_of(folded.record, version)])
        if line is not None and (told := told_of(folded.record, line)) is not None:
            out.people([told])
        return Changed(before, folded.record, version, line, out.once, self._roles(change.record))

    def forget(self, alias: Alias, out: Out) -> None:
        """Keep nothing of a Contact or Lead but its id, and have its account let it go."""
        record = alias.removeprefix(RECORD)
        prior = self._latest(record)
        bare = records.Record(OBJECT_OF[record[:3]], record)
        self._touched[record] = kept = Kept(bare, (prior.version if prior is not None else 0) + 1, forgotten=True)
        self._shelf.put_record(record.encode(), pack(kept))
        account = named(prior.record, "AccountId") if prior is not None and bare.object == "Contact" else None
        if account is not None:
            out.accounts([Membership(alias, account, kept.version)])

    def _latest(self, record: str) -> Kept | None:
        return self._touched.get(record) or self.find(record)

    def role(self, role: Role, out: Out) -> None:
        """Take in a role at the row of its opportunity, and tell the account where the roles became different."""
        known = self._shelf.get(Family.role, role.opportunity, role.role)
        if known is not None and _read_role(known).version >= role.version:
            return
        before = self._roles(role.opportunity)
        self._shelf.put(encode_message(role), Family.role, role.opportunity, role.role)
        kept, roles = self.find(role.opportunity), self._roles(role.opportunity)
        if kept is None or roles == before:
            return
        kept.version += 1
        self._shelf.put_record(role.opportunity.encode(), pack(kept))
        if role.opportunity in self._touched:
            self._touched[role.opportunity] = kept
        found = opportunity_of(kept.record, kept.version, roles)
        out.accounts([found] if found is not None else [])

    def _roles(self, opportunity: str) -> Roles:
        rows = (
            self._shelf.get(Family.role, opportunity, one) for one in self._shelf.children(Family.role, opportunity)
        )
        roles = (_read_role(row) for row in rows if row is not None)
        return tuple(Held(role.contact, role.name, role.primary) for role in roles if role.contact is not None)

    def known(self) -> list[tuple[str, bytes]]:
        """List what reconciliation compares with the org, of each record that changed since the last time."""
        touched, self._touched = self._touched, {}
        return [(record, msgspec.json.encode(_known(kept))) for record, kept in touched.items()]


def _known(kept: Kept) -> dict[str, Any]:
    record = kept.record
    modified = record.values.get("SystemModstamp") or record.values.get("LastModifiedDate")
    return {
        "object": record.object,
        "id": record.record,
        "modified_at": instant_of(str(modified)),
        "deleted": record.deleted,
        "dirty": record.dirty_since is not None,
        **({"forgotten": True} if kept.forgotten else {}),
    }
