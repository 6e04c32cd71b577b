"""Jobs: what the owners do, and what that has to come to, by a shorter way.

`Counting` counts records of each key, keeps a row that comes and goes, and says so each second time.  The other one is
the real `Changes`, which holds a transaction of Salesforce back until the next one begins.
"""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

import msgspec
from aiokafka.structs import ConsumerRecord

from agents.processors.holding import Holding
from agents.processors.salesforce.changes import HELD_KEY, Changes
from agents.runtime.contract import Effects, Lane, Plain, Rows
from streams import topics
from streams.events import UserEvent
from streams.progress import LEVELS
from streams.salesforce import parse_change
from streams.salesforce.change import Change, encode_change
from streams.salesforce.transactions import Held, pack
from tests.faults.simulator.clients import Sourced

OUTPUT = topics.ACCOUNT_EVENTS.name
TICK = b"@tick"
TICKS = 2
"""So often the job ticks when it has nothing to do."""
EACH = 2
AT = 1_760_000_000_000

Outcome: TypeAlias = tuple[dict[bytes, bytes], list[tuple[bytes, bytes]]]
"""Rows, and the messages of `OUTPUT` in order."""


def sourced(key: str, offset: int) -> Sourced:
    """Make a record of the source, which is a change of a transaction named by the key; the latest goes first in it."""
    header = {
        "entityName": "Contact",
        "recordIds": [f"00300000000{offset:04}AAA"],
        "changeType": "CREATE",
        "transactionKey": key,
        "sequenceNumber": 99 - offset,
        "commitTimestamp": AT + offset,
    }
    return Sourced(offset, b"key/" + key.encode(), AT, json.dumps({"ChangeEventHeader": header}).encode())


# -- counting


def opened(key: bytes) -> bytes:
    """Name the row that is there while a key waits for its next message."""
    return b"open/" + key


class Counting(Plain):
    """Counts; remembers in memory what it has counted, as the real processors do."""

    def __init__(self, lane: Lane, rows: Rows) -> None:
        self._totals = {key: int(row) for key, row in rows.items() if key.startswith(b"key")}
        self._ticks = int(rows.get(TICK) or b"0")

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int, now: int) -> Effects:
        effects = Effects()
        for record in batch:
            total = self._totals[record.key] = self._totals.get(record.key, 0) + 1
            effects.rows[record.key] = b"%d" % total
            effects.rows[opened(record.key)] = None if total % EACH == 0 else b"1"
            if total % EACH == 0:
                effects.send(OUTPUT, 0, record.key, b"%d" % total)
        return effects

    def idle(self, told_until: int) -> Effects | None:
        if self._ticks == TICKS:
            return None
        self._ticks += 1
        now = b"%d" % self._ticks
        effects = Effects(rows={TICK: now})
        effects.send(OUTPUT, 0, TICK, now)
        return effects


def recounted(source: Sequence[Sourced]) -> Outcome:
    """Say what `Counting` makes of the source."""
    totals = Counter(record.key for record in source)
    rows = {key: b"%d" % total for key, total in totals.items()}
    rows |= {opened(key): b"1" for key, total in totals.items() if total % EACH}
    seen: Counter[bytes] = Counter()
    messages = []
    for record in source:
        seen[record.key] += 1
        if seen[record.key] % EACH == 0:
            messages.append((record.key, b"%d" % seen[record.key]))
    return rows, messages


# -- in rounds

ROUND = 4
"""Records of so many offsets are received in the reverse order, at one level or another by their key."""
HELD = b"@held"


def received_at(record: Sourced) -> int:
    """Say when a record of the source was received."""
    begun, after = divmod(record.offset, ROUND)
    return AT + begun * ROUND + ROUND - after


def in_rounds(source: Sequence[Sourced]) -> list[Sourced]:
    """Put records in the order in which they have to be taken in."""
    return sorted(source, key=received_at)


class InRounds(Counting):
    """Counts what the real `Holding` lets through: other lanes come on a little each time that it is asked."""

    def __init__(self, lane: Lane, rows: Rows) -> None:
        super().__init__(lane, rows)
        self._holding = Holding(rows.get(HELD))
        self._others = 0
        """How far other lanes are beyond `AT`."""

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int, now: int) -> Effects | None:
        for record in batch:
            alias = "user:u" if record.key == b"key/a" else "anon:a"
            event = UserEvent(alias, str(record.offset), AT, received_at(record))
            self._holding.read(event, record)
        return self.resume()

    def resume(self) -> Effects | None:
        self._others += 2
        complete = AT + min(self._others, ROUND * (self._holding.read_to // ROUND))
        due = self._holding.due([complete + 1] * (LEVELS - 1) + [complete], most=3)
        if not due:
            return None
        effects = super().fold([held.source for held in due], 0, 0)
        effects.rows[HELD] = self._holding.pack()
        effects.position = self._holding.position
        return effects

    def idle(self, told_until: int) -> Effects | None:
        return self.resume()


# -- ordering


def ordering(lane: Lane, rows: Rows) -> Changes:
    """Make the real processor."""
    return Changes(lane, rows, partitions=1, observed=lambda rejected: None)


def reordered(source: Sequence[Sourced]) -> Outcome:
    """Say what it makes of the source: each transaction at the next one's beginning, the last one stays held."""
    changes = [_parsed(record) for record in source]
    *ended, held = [list(run) for _, run in groupby(changes, key=lambda change: change.transaction)]
    size = sum(len(msgspec.msgpack.encode(change)) for change in held)
    row = pack(Held(held[0].transaction, None, tuple(held), size))
    return {HELD_KEY + b"source/0": row}, [message for run in ended for message in _released(run)]


def _released(run: list[Change]) -> list[tuple[bytes, bytes]]:
    at = min(change.at for change in run)
    ordered = sorted(run, key=lambda change: change.sequence)
    return [(one.record.encode(), encode_change(msgspec.structs.replace(one, at=at))) for one in ordered]


def _parsed(record: Sourced) -> Change:
    (change,) = parse_change(record.value, kafka_timestamp=record.timestamp)
    return change
