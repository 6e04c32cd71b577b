"""Queries of whole objects: their text, and the walk through all records in the order (SystemModstamp, Id).

That order makes any record a place to go on from, whatever became of the query's own cursor.
"""

from collections.abc import AsyncIterator, Iterable

from agents.sources.salesforce.client import Page
from agents.sources.salesforce.cursors import Cursor
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import RefusedError
from agents.sources.salesforce.records import Described, from_row
from streams.instants import iso

ORDER = "ORDER BY SystemModstamp, Id"
LOCATOR_GONE = "INVALID_QUERY_LOCATOR"
IDS_A_QUERY = 200
"""200 ids are 6 KB of an address, of which Salesforce takes 16."""


def select(described: Described, rest: str = "") -> str:
    """Write the query for all fields of an object."""
    return f"SELECT {','.join(described.kinds)} FROM {described.entity} {rest}".rstrip()  # noqa: S608 - no outsider's


def after(at: int, record_id: str) -> str:
    """Write the condition for what comes after a record; without an id for what comes from an instant on."""
    if not at:
        return ""
    if not record_id:
        return f"WHERE SystemModstamp >= {iso(at)}"
    return f"WHERE (SystemModstamp > {iso(at)} OR (SystemModstamp = {iso(at)} AND Id > '{record_id}'))"


def among(ids: Iterable[str]) -> str:
    """Write the condition for these ids; they are ids, checked, so there is nothing to escape."""
    listed = ",".join(f"'{each}'" for each in ids)
    return f"WHERE Id IN ({listed})"


async def walk(desk: Desk, described: Described, cursor: Cursor) -> AsyncIterator[Page]:
    """Yield pages from the cursor on; a query cursor that expired on the way is replaced by a new query."""
    page = await desk.ask(desk.client.page, select(described, f"{after(cursor.at, cursor.id)} {ORDER}"))
    while True:
        if page.rows:
            yield page
        if not page.next:
            return
        page = await _next(desk, described, page)


async def _next(desk: Desk, described: Described, page: Page) -> Page:
    try:
        return await desk.ask(desk.client.more, page)
    except RefusedError as error:
        if error.code != LOCATOR_GONE or not page.rows:
            raise
    last = from_row(described.entity, page.rows[-1], "poll")
    return await desk.ask(desk.client.page, select(described, f"{after(last.at, last.id)} {ORDER}"))
