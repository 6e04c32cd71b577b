"""Backfill: every record of an object, once, by pages of a query or by a Bulk job; killed anywhere it goes on there.

In: the object.  Kept: its cursor, committed with each page.  Out: records on `salesforce-changes`, deleted ones too.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from agents.sources.salesforce.cursors import Cursor
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import AwayError, RefusedError
from agents.sources.salesforce.reading import select, walk
from agents.sources.salesforce.records import Described, Record, from_row

JOB_LOOK_SECONDS = 2.0
JOB_SECONDS = 6 * 3600.0
"""How long a Bulk job may take; Salesforce itself ends one after a day."""


async def backfill(desk: Desk, entity: str) -> AsyncIterator[int]:
    """Publish what is missing of an object; yield the number of records after each page, and end when complete."""
    described = await desk.described(entity)
    cursor = desk.cursor(entity)
    if not cursor.began_at:
        cursor = msgspec.structs.replace(cursor, began_at=await _now(desk))
    total = await desk.ask(desk.client.count, entity)
    pages = _by_bulk if cursor.job or (not cursor.at and total > desk.settings.salesforce_bulk_above) else _by_query
    done = 0
    async for page in pages(desk, described, cursor):
        done += page
        desk.report(f"{entity}: {cursor.why}, {done:,} records of about {total:,}")
        yield done


async def _now(desk: Desk) -> int:
    """Tell the org's own time; a first call brings it."""
    await desk.ask(desk.client.limits)
    return desk.client.now_ms()


async def _by_query(desk: Desk, described: Described, cursor: Cursor) -> AsyncIterator[int]:
    async for page in walk(desk, described, cursor):
        records = [from_row(described.entity, row, cursor.why) for row in page.rows]
        cursor = msgspec.structs.replace(cursor, at=records[-1].at, id=records[-1].id)
        await desk.publish(records, cursors={described.entity: cursor})
        yield len(records)
    await _completed(desk, described, cursor)


async def _by_bulk(desk: Desk, described: Described, cursor: Cursor) -> AsyncIterator[int]:
    entity = described.entity
    if not cursor.job:
        cursor = msgspec.structs.replace(cursor, job=await desk.ask(desk.client.open_job, entity, select(described)))
        await desk.publish(cursors={entity: cursor})
    try:
        await _job_done(desk, entity, cursor.job)
        more = True
        while more:
            page = await desk.ask(desk.client.job_page, entity, cursor.job, cursor.locator)
            records = [from_row(entity, row, cursor.why) for row in page.rows]
            cursor = msgspec.structs.replace(cursor, locator=page.next)
            more = bool(page.next)
            if more:
                await desk.publish(records, cursors={entity: cursor})
            else:
                await _completed(desk, described, cursor, records)
            yield len(records)
    except RefusedError:
        # Failed, aborted, or older than the week that results are kept: the next round opens another one.
        await desk.publish(cursors={entity: msgspec.structs.replace(cursor, job="", locator="")})
        raise


async def _job_done(desk: Desk, entity: str, job: str) -> None:
    try:
        async with asyncio.timeout(JOB_SECONDS):
            while not await desk.ask(desk.client.job_done, entity, job):  # noqa: ASYNC110 - the org sends no word
                await asyncio.sleep(JOB_LOOK_SECONDS)
    except TimeoutError:
        raise AwayError(f"the Bulk job {job} of {entity} takes longer than {JOB_SECONDS / 3600:g} hours") from None


async def _completed(desk: Desk, described: Described, cursor: Cursor, records: list[Record] | None = None) -> None:
    """Mark the object complete, with its last records; polling begins where the reading began, or where it ended."""
    complete = msgspec.structs.replace(
        cursor,
        complete=True,
        at=cursor.at or cursor.began_at,
        windows_at=cursor.windows_at or cursor.began_at,
        job="",
        locator="",
    )
    await desk.publish(records or [], cursors={described.entity: complete})
