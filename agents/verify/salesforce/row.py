"""Verify, Salesforce.  Row: what one record is after each of its changes (docs/salesforce.md, part 3).

In: changes of one record in the order of the log.  Kept: fields with their stamps, what waits for a refetch.
Out: what differs visibly after each, and what has to be read again.
"""

from dataclasses import dataclass, field
from typing import Any

from agents.verify.salesforce.diffs import patched
from agents.verify.texts import canonical

REMEMBERED = 64
WAITING = 500
SURELY_FITS = 100_000
"""Bytes of JSON up to which what waits surely has room; beyond, how MessagePack packs it would decide."""
SECOND_MS = 1000
SETS_DELETED = {"create": False, "undelete": False, "delete": True}

YEAR_10000 = 253_402_300_800_000
SHAPE: dict[str, Any] = {
    "object": str, "record": str, "type": str, "at": int, "transaction": str, "sequence": int, "values": dict,
    "diffs": dict, "deleted": bool, "by": str | None,
}  # fmt: skip
"""What a change has to be made of."""

Stamp = tuple[int, int, str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """One normalised change."""

    object: str
    record: str
    type: str
    at: int
    transaction: str = ""
    sequence: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    diffs: dict[str, str] = field(default_factory=dict)
    deleted: bool = False
    by: str | None = None

    @property
    def stamp(self) -> Stamp:
        """What orders the changes of a record."""
        return self.at, int(self.type != "snapshot"), self.transaction, self.sequence

    @property
    def sets_deleted(self) -> bool | None:
        """What the change says of deletion; None: nothing."""
        return self.deleted if self.type == "snapshot" else SETS_DELETED.get(self.type)


def change_of(value: dict[str, Any]) -> Change:
    """Make a change of a record of `account-events`; raise TypeError where it is none."""
    said = {name: content for name, content in value.items() if name != "kind"}
    for name, content in said.items():
        if not isinstance(content, SHAPE.get(name, object)):
            raise TypeError(name)
    change = Change(**said)
    if not (0 <= change.at < YEAR_10000 and all(isinstance(diff, str) for diff in change.diffs.values())):
        raise TypeError("at, or a diff")
    return change


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change came to."""

    differences: dict[str, tuple[Any, Any]]
    """{field: (before, after)}; empty: nothing that one could see."""
    refetch: tuple[str, int] | None = None
    """Why the record has to be read again, and since when."""


NOTHING = Outcome({})


@dataclass(slots=True)
class Row:
    """One record."""

    fields: dict[str, tuple[Stamp, Any]] = field(default_factory=dict)
    deletion: tuple[Stamp, bool] | None = None
    known_until: int = 0
    dirty_since: int = 0
    """0: the row is not dirty."""
    waiting: list[Change] = field(default_factory=list)
    seen: list[tuple[int, str, int]] = field(default_factory=list)
    """(at, transaction, sequence) of the latest changes."""
    deleted_by: str = ""
    """Type of the change that said the last word on deletion."""
    touched: bool = False
    unsure: bool = False
    """The specification does not say how so much is packed: not compared from here on."""

    @property
    def deleted(self) -> bool:
        """Whether the record is deleted."""
        return self.deletion is not None and self.deletion[1]

    def values(self) -> dict[str, Any]:
        """Fields that are not null, and `IsDeleted`."""
        found = {name: value for name, (_, value) in self.fields.items() if value is not None}
        return found | {"IsDeleted": self.deleted}

    def fold(self, change: Change) -> Outcome:
        """Take one change in."""
        if self._repeated(change):
            return NOTHING
        before, was_dirty, fresh = self.values(), self.dirty_since, not self.touched
        self.touched = True
        why = self._take(change)
        differences = unlike(before, self.values())
        if not why and self.deleted and not before["IsDeleted"] and self.deleted_by == "delete":
            why = "deleted"
        if not why and fresh and change.type == "update":
            why = "partial"
        assert why != "gap" or self.dirty_since > was_dirty
        return Outcome(differences, (why, self.dirty_since or change.at) if why else None)

    def _repeated(self, change: Change) -> bool:
        if not change.transaction:
            return False
        if any(one[1:] == (change.transaction, change.sequence) for one in self.seen):
            return True
        self.seen = sorted([*self.seen, (change.at, change.transaction, change.sequence)])[-REMEMBERED:]
        return False

    def _take(self, change: Change) -> str:
        """Give `gap` or `diff` where that makes a refetch necessary."""
        if change.type in ("gap", "overflow"):
            return self._gap(change.at)
        if not self.dirty_since:
            return self._apply(change)
        if change.type == "snapshot" and change.at >= self.dirty_since // SECOND_MS * SECOND_MS:
            return self._close(change)
        return self._wait(change)

    def _gap(self, at: int) -> str:
        if at <= self.known_until or at <= self.dirty_since:
            return ""
        self.dirty_since = at
        return "gap"

    def _wait(self, change: Change) -> str:
        self.unsure |= sum(len(canonical(one.values) + canonical(one.diffs)) for one in self.waiting) > SURELY_FITS
        if len(self.waiting) >= WAITING:
            return self._gap(change.at)
        self.waiting.append(change)
        return ""

    def _close(self, snapshot: Change) -> str:
        as_of = max(snapshot.at, self.dirty_since)
        closing = Change(
            snapshot.object, snapshot.record, "snapshot", as_of, "", snapshot.sequence, snapshot.values, {},
            snapshot.deleted,
        )  # fmt: skip
        changes = sorted([closing, *self.waiting], key=lambda one: one.stamp)
        self.known_until, self.dirty_since, self.waiting = max(self.known_until, as_of), 0, []
        found = ""
        for one in changes:
            found = (self._wait(one) if self.dirty_since else self._apply(one)) or found
        return found

    def _apply(self, change: Change) -> str:
        texts = self._texts(change)
        if texts is None:
            self.dirty_since = change.at
            self.waiting.append(change)
            return "diff"
        for name, value in {**change.values, **texts}.items():
            self._set(name, change.stamp, value)
        said = change.sets_deleted
        if said is not None and (self.deletion is None or (change.stamp, said) > self.deletion):
            self.deletion, self.deleted_by = (change.stamp, said), change.type
        if change.type == "snapshot":
            self.known_until = max(self.known_until, change.at)
        return ""

    def _set(self, name: str, stamp: Stamp, value: Any) -> None:
        prior = self.fields.get(name)
        if prior is None or (stamp, _bytes(value)) > (prior[0], _bytes(prior[1])):
            self.fields[name] = (stamp, value)

    def _texts(self, change: Change) -> dict[str, str] | None:
        """Apply the diffs; None: one does not fit, and only a refetch can tell what it should have given."""
        made: dict[str, str] = {}
        for name, diff in change.diffs.items():
            stamp, before = self.fields.get(name, ((0, 0, "", 0), None))
            after = patched(before, diff) if isinstance(before, str) else None
            if after is not None:
                made[name] = after
            elif self.known_until < change.at and stamp <= change.stamp:
                return None
        return made


def _bytes(value: Any) -> bytes:
    return canonical(value, ordered=True).encode("utf-8", "surrogatepass")


def unlike(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields that differ; one that is not there is null."""
    names = sorted({*before, *after})
    pairs = {name: (before.get(name), after.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if _bytes(pair[0]) != _bytes(pair[1])}
