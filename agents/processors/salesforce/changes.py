"""Changes: messages of any shape in; changes out, transaction by transaction, each to the partition of its record."""

from collections import Counter
from collections.abc import Callable, Sequence

from aiokafka.structs import ConsumerRecord

from agents.processors.dead_letters import send_dead_letter
from agents.processors.out import Out, Refetch
from agents.runtime.contract import Effects, Lane, Plain, Rows
from streams.events import Millis, Rejected
from streams.salesforce import parse_change
from streams.salesforce.change import Change
from streams.salesforce.transactions import Held, close, hold, pack, unpack

CLOSE_MS = 2_000
"""A transaction of which nothing has come for so long is whole."""
HELD_KEY = b"@held/"


class Changes(Plain):
    """One partition of `salesforce-changes`."""

    def __init__(self, lane: Lane, rows: Rows, *, partitions: int, observed: Callable[["Counter[str]"], None]) -> None:
        self._lane = lane
        self._partitions = partitions
        self._observed = observed
        self._key = HELD_KEY + str(lane).encode()
        row = rows.get(self._key)
        self._held = unpack(row) if row is not None else Held()
        self._heard_at: Millis = 0

    def fold(self, batch: Sequence[ConsumerRecord], told_until: Millis, now: Millis) -> Effects:
        """Take in each message, in order."""
        effects = Effects()
        rejected: Counter[str] = Counter()
        for record in batch:
            parsed = parse_change(record.value, kafka_timestamp=record.timestamp)
            if isinstance(parsed, Rejected):
                rejected[parsed.reason] += 1
                send_dead_letter(record, parsed, self._partitions, effects)
                continue
            for change in parsed:
                released = hold(self._held, change)
                self._held = released.held
                self._send(released.changes, record.offset, effects)
        effects.rows[self._key] = pack(self._held)
        self._heard_at = told_until
        effects.committed = lambda ends: self._observed(rejected)
        return effects

    def idle(self, told_until: Millis) -> Effects | None:
        """Release a transaction that seems whole."""
        if not self._held.changes or told_until < self._heard_at + CLOSE_MS:
            return None
        effects = Effects()
        released = close(self._held)
        self._held = released.held
        self._send(released.changes, -1, effects)
        effects.rows[self._key] = pack(self._held)
        return effects

    def _send(self, changes: Sequence[Change], offset: int, effects: Effects) -> None:
        out = Out(effects, self._lane, offset, self._partitions)
        for change in changes:
            if change.record:
                out.accounts([change])
            else:
                out.refetch(Refetch(change.object, None, change.at, change.type))
