"""Record: the row of one Salesforce record.  In: its changes; kept: what it is now; out: what became different.

After a gap the row is *dirty*: we know that it changed, not how.  Changes then wait in the row until somebody has read
the record over REST; what waited and what was read become visible at once.  The rules: docs/salesforce.md.
"""

from bisect import insort
from typing import Any, Final, Literal, TypeAlias

import msgspec

from streams.events import Millis
from streams.lazy import lazy
from streams.salesforce.change import Change, Values
from streams.salesforce.diffs import patched
from streams.salesforce.fields import IS_DELETED
from streams.salesforce.layers import CHANGE, Layers, said, stamp_of, write

REMEMBERED: Final = 64
"""Changes by which a repetition is recognised; an older one changes nothing, since later stamps win."""
WAITING: Final = 500
WAITING_BYTES: Final = 256 << 10
"""What may wait in a row.  What does not fit is dropped; the refetch brings it, and has to be later than that."""
SECOND_MS: Final = 1_000

Differences: TypeAlias = dict[str, tuple[Any, Any]]
"""{field: (before, after)}, sorted by name.  A field that was never set is null."""
Refetch: TypeAlias = Literal["gap", "diff", "deleted", "partial"]


class Record(msgspec.Struct, frozen=True, array_like=True, dict=True):
    """The row of one record."""

    object: str
    record: str
    """18 characters."""
    layers: Layers = ()
    seen: tuple[tuple[Millis, str, int], ...] = ()
    """(at, transaction, sequence) of the latest changes, sorted; at most `REMEMBERED`."""
    known_until: Millis = 0
    """REST has told us everything up to there: an older gap is closed already."""
    dirty_since: Millis | None = None
    """The latest gap that no snapshot has closed; None: the row is clean."""
    waiting: tuple[bytes, ...] = ()
    """Changes that came since, packed, in the order of their arrival.  Empty when clean."""

    @lazy
    def values(self) -> Values:
        """Return the fields, as far as known; a deleted record keeps them."""
        found: Values = {}
        for layer in self.layers:
            found |= layer.values
        found.pop(IS_DELETED, None)
        return found

    @property
    def deleted(self) -> bool:
        """Say whether it is in the recycle bin, or gone."""
        found = said(self.layers, IS_DELETED)
        return found is not None and found[1]


class Folded(msgspec.Struct, frozen=True, gc=False):
    """What became of a change."""

    record: Record
    differences: Differences = {}
    """What became visible; `IsDeleted` where deletion changed."""
    duplicate: bool = False
    refetch: Refetch | None = None
    """Why somebody should read the record over REST; None: nobody needs to.

    `gap`, `diff`: the row waits for it; `deleted`: to find out into which record it was merged; `partial`: only what
    changed is known of a record never seen before.
    """


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Record).decode
_unpack_change = msgspec.msgpack.Decoder(Change).decode


def fold(prior: Record | None, change: Change) -> Folded:
    """Fold a change into the row of its record; `prior` None: there is no row yet.

    | change                                   | the row is clean         | the row is dirty             |
    |------------------------------------------|--------------------------|------------------------------|
    | came before (transaction, sequence)      | nothing                  | nothing                      |
    | gap that REST has not told us the end of | gets dirty               | stays dirty until this, too  |
    | snapshot that is not older than the gap  | applied                  | applied, with what waited    |
    | any other                                | applied                  | waits                        |
    | one with a diff that does not fit        | gets dirty, it waits     | waits                        |

    ValueError: the change is of a whole object, which has no row.
    """
    if not change.record:
        msg = f"a change of all of {change.object} is not one of a record"
        raise ValueError(msg)
    row = prior or Record(change.object, change.record)
    if _came_before(row, change):
        return Folded(row, duplicate=True)
    before = _remember(row, change)
    if change.type in ("gap", "overflow"):
        after = _soiled(before, change.at)
        return Folded(after, refetch="gap" if after is not before else None)
    if before.dirty_since is None:
        after = _applied(before, change)
    elif change.type == "snapshot" and change.at >= before.dirty_since // SECOND_MS * SECOND_MS:
        after = _cleaned(before, change, before.dirty_since)
    else:
        after = _made_wait(before, change)
        return Folded(after, refetch="gap" if after.dirty_since != before.dirty_since else None)
    differences = _differences(row, after)
    return Folded(
        after, differences, refetch=_wanted(after, differences, partial=prior is None and change.type == "update")
    )


def _came_before(row: Record, change: Change) -> bool:
    """Say whether it is a repetition.  What has no transaction has no name by which to tell."""
    if change.transaction:
        for _, transaction, sequence in row.seen:
            if transaction == change.transaction and sequence == change.sequence:
                return True
    return False


def _remember(row: Record, change: Change) -> Record:
    if not change.transaction:
        return row
    seen = list(row.seen)
    insort(seen, (change.at, change.transaction, change.sequence))
    return msgspec.structs.replace(row, seen=tuple(seen[-REMEMBERED:]))


def _soiled(row: Record, at: Millis) -> Record:
    """Make the row dirty as of `at`; the same row, if REST or an open gap is later than that."""
    if at <= max(row.known_until, row.dirty_since or 0):
        return row
    return msgspec.structs.replace(row, dirty_since=at)


def _made_wait(row: Record, change: Change) -> Record:
    packed = msgspec.msgpack.encode(change)
    if len(row.waiting) >= WAITING or sum(map(len, row.waiting)) + len(packed) > WAITING_BYTES:
        return _soiled(row, change.at)
    return msgspec.structs.replace(row, waiting=(*row.waiting, packed))


def _cleaned(row: Record, snapshot: Change, dirty_since: Millis) -> Record:
    """Apply a snapshot that closes the gap, and what waited for it.

    It was read after the gap, but its instant has whole seconds: it counts as of the gap, if that is later.
    """
    at = max(snapshot.at, dirty_since)
    queue = [msgspec.structs.replace(snapshot, at=at), *map(_unpack_change, row.waiting)]
    row = msgspec.structs.replace(row, dirty_since=None, waiting=(), known_until=max(row.known_until, at))
    for change in sorted(queue, key=stamp_of):
        row = _applied(row, change) if row.dirty_since is None else _made_wait(row, change)
    return row


def _applied(row: Record, change: Change) -> Record:
    values = dict(change.values)
    if change.type != "update":
        values[IS_DELETED] = change.deleted or change.type == "delete"
    stamp = stamp_of(change)
    for name, diff in change.diffs.items():
        found = said(row.layers, name)
        text = patched(found[1] if found else None, diff)
        if text is not None:
            values[name] = text
        elif change.at > row.known_until and not (found and found[0] > stamp):
            return _made_wait(_soiled(row, change.at), change)
    known_until = max(row.known_until, change.at) if change.type == "snapshot" else row.known_until
    return msgspec.structs.replace(row, layers=write(row.layers, stamp, values), known_until=known_until)


def _differences(before: Record, after: Record) -> Differences:
    old = before.values
    found = {name: (old.get(name), value) for name, value in after.values.items() if old.get(name) != value}
    if before.deleted != after.deleted:
        found[IS_DELETED] = (before.deleted, after.deleted)
    return dict(sorted(found.items()))


def _wanted(after: Record, differences: Differences, *, partial: bool) -> Refetch | None:
    if after.dirty_since is not None:
        return "diff"
    deletion = said(after.layers, IS_DELETED)
    if IS_DELETED in differences and deletion is not None and deletion[1] and deletion[0].rank == CHANGE:
        return "deleted"
    return "partial" if partial else None
