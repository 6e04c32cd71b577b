"""Refetch: single records and whole objects again, because a change event was lost or told too little.

In: requests on `salesforce-refetch`.  Kept: their offsets, committed with the answer.  Out: the records as they are
now; one that is nowhere any more, as deleted.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from aiokafka.structs import ConsumerRecord

from agents.sources.salesforce.cursors import restarted
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import RefusedError
from agents.sources.salesforce.kafka import next_offsets
from agents.sources.salesforce.reading import IDS_A_QUERY, among, select
from agents.sources.salesforce.records import Record, Why, from_row, gone


class Request(msgspec.Struct, frozen=True, gc=False):
    """What to fetch again."""

    object: str
    id: str | None = None
    """Null: the whole object, deleted rows included."""
    since: int = 0
    why: str = ""
    """gap, overflow, wildcard, diff, deleted: for people who read the topic."""

    @property
    def sound(self) -> bool:
        """Whether it can go into a query."""
        return self.object.isidentifier() and (self.id is None or (self.id.isalnum() and len(self.id) in {15, 18}))


_decode = msgspec.json.Decoder(Request).decode


async def serve(desk: Desk, messages: Sequence[ConsumerRecord]) -> int:
    """Do what a batch of requests asks, all in one transaction with their offsets; return the number of records.

    A request that cannot be done is counted, told, and passed over: it must not stop those behind it.
    """
    wanted: dict[str, set[str]] = defaultdict(set)
    whole: set[str] = set()
    for request in filter(None, (_request(desk, message) for message in messages)):
        if request.id is None:
            whole.add(request.object)
        else:
            wanted[request.object].add(request.id)
    records = [record for entity, ids in wanted.items() for record in await _tried(desk, entity, sorted(ids))]
    # One that is being read already is read whole by that, and what changed meanwhile by polling.
    complete = {entity for entity in whole if desk.cursor(entity).complete}
    again = {entity: restarted(desk.cursor(entity), "resync") for entity in complete}
    await desk.publish(records, cursors=again, offsets=next_offsets(messages))
    return len(records)


def _request(desk: Desk, message: ConsumerRecord) -> Request | None:
    try:
        request = _decode(message.value or b"")
    except msgspec.DecodeError:
        request = None
    if request and request.sound and (request.id or request.object in desk.settings.salesforce_objects):
        return request
    _passed_over(desk, f"refetch request {message.partition}/{message.offset}: expected an object of ours and an id")
    return None


async def _tried(desk: Desk, entity: str, ids: Sequence[str]) -> list[Record]:
    try:
        return await fetch(desk, entity, ids, "refetch")
    except RefusedError as error:
        _passed_over(desk, f"refetch of {len(ids)} {entity}: {error}")
        return []


def _passed_over(desk: Desk, text: str) -> None:
    desk.metrics.refetches_refused.inc()
    desk.report(text)


async def fetch(
    desk: Desk, entity: str, ids: Sequence[str], why: Why, *, gone_at: Mapping[str, int] | None = None
) -> list[Record]:
    """Fetch records by id, deleted ones too; one that is nowhere comes back as deleted.

    `gone_at`: {id: when it was deleted}, where that is known; else it is now.
    """
    described = await desk.described(entity) if ids else None
    records = []
    for at in range(0, len(ids), IDS_A_QUERY):
        chunk = ids[at : at + IDS_A_QUERY]
        found = await desk.ask(_found, desk, select(described, among(chunk)) if described else "")
        now = desk.client.now_ms()
        lost = [each for each in chunk if each not in found]
        records += [from_row(entity, row, why) for row in found.values()]
        records += [gone(entity, each, (gone_at or {}).get(each, now), why) for each in lost]
    return records


def _found(desk: Desk, soql: str) -> dict[str, dict[str, object]]:
    return {row["Id"]: row for row in desk.client.rows(soql)}
