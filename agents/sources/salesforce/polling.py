"""Polling: what changed since the cursor, by SystemModstamp and by getUpdated and getDeleted.

In: the org, each time.  Kept: cursors in Kafka; in memory what was published of the last half hour, so that the overlap
of two looks repeats nothing.  Out: records, deleted ones and the losers of merges (MasterRecordId) among them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import orjson

from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import RefusedError
from agents.sources.salesforce.reading import walk
from agents.sources.salesforce.records import Record, from_row
from agents.sources.salesforce.refetch import fetch
from streams.instants import DAY_MS, MINUTE_MS

OVERLAP_MS = 300_000
"""How much later than its time stamp a change may be committed and still be seen."""
REMEMBERED_MS = 1_800_000
WINDOW_DAYS = 29
"""Salesforce answers for 30 days; the last one may be over before the call arrives."""


@dataclass(slots=True)
class Recent:
    """What was published of one object lately."""

    polled_at: int = 0
    """The org's time before the last look; 0: none by this process."""
    seen: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """{id: (instant, digest of its fields)}."""

    def new(self, records: Iterable[Record]) -> list[Record]:
        """Leave out what was published in this very state; time stamps alone don't tell: they are whole seconds."""
        fresh = []
        for record in records:
            state = record.at, _digest(record)
            if self.seen.get(record.id) != state:
                self.seen[record.id] = state
                fresh.append(record)
        return fresh

    def forget(self, before: int) -> None:
        """Drop what is older than an instant."""
        self.seen = {each: state for each, state in self.seen.items() if state[0] >= before}

    def start(self, at: int) -> int:
        """From where to look: what is older and unseen must have been committed after the last look."""
        return min(at, self.polled_at - OVERLAP_MS) if self.polled_at else at - OVERLAP_MS


def _digest(record: Record) -> bytes:
    return hashlib.blake2b(orjson.dumps(record.fields), digest_size=12).digest()


async def poll(desk: Desk, entity: str, recent: Recent) -> int:
    """Publish what changed; return how many records that are.  A page that failed is asked for again next time."""
    described = await desk.described(entity)
    cursor = desk.cursor(entity)
    began_at = desk.client.now_ms()
    count = 0
    async for page in walk(desk, described, msgspec.structs.replace(cursor, at=recent.start(cursor.at), id="")):
        records = [from_row(entity, row, "poll") for row in page.rows]
        held = dict(recent.seen)
        fresh = recent.new(records)
        cursor = msgspec.structs.replace(desk.cursor(entity), at=max(cursor.at, records[-1].at))
        try:
            await desk.publish(fresh, cursors={entity: cursor} if fresh else {})
        except BaseException:
            recent.seen = held
            raise
        count += len(fresh)
    recent.polled_at = began_at
    recent.forget(min(cursor.at, began_at) - REMEMBERED_MS)
    return count


async def look_through_windows(desk: Desk, entity: str, recent: Recent) -> int:
    """Publish what getUpdated and getDeleted name and polling did not show; return how many records that are.

    Windows are whole minutes and at most 30 days back; after a longer silence only reconciliation finds the rest.
    """
    described = await desk.described(entity)
    cursor = desk.cursor(entity)
    end = desk.client.now_ms() // MINUTE_MS * MINUTE_MS
    start = max(cursor.windows_at // MINUTE_MS * MINUTE_MS, end - WINDOW_DAYS * DAY_MS)
    if not described.replicateable or end - start < MINUTE_MS:
        return 0
    if cursor.windows_at // MINUTE_MS * MINUTE_MS < start:
        desk.report(
            f"{entity}: silent for over {WINDOW_DAYS} days; `touchline salesforce reconcile` finds purged records"
        )
    updated, deleted = await _named(desk, entity, start, end)
    unseen = [each for each in {*updated, *deleted} if each not in recent.seen or each in deleted]
    records = recent.new(await fetch(desk, entity, sorted(unseen), "poll", gone_at=deleted))
    await desk.publish(records, cursors={entity: msgspec.structs.replace(cursor, windows_at=end)})
    return len(records)


async def _named(desk: Desk, entity: str, start: int, end: int) -> tuple[list[str], dict[str, int]]:
    """Ask for the ids updated and those deleted with their instants; none where the org refuses to say.

    It does so where there are more than 600,000: the window is given up then, as it would only grow.
    """
    try:
        updated = await desk.ask(desk.client.updated, entity, start, end)
        return updated, dict(await desk.ask(desk.client.deleted, entity, start, end))
    except RefusedError as error:
        desk.report(f"{error}; `touchline salesforce reconcile` finds what polling does not")
        return [], {}
