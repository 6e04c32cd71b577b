"""Demo, part 5.  Its Salesforce: the company's org over HTTPS, its change events on their way to Kafka.

In: the company's books.  Out: settings for `touchline salesforce sync`, events as CDC sends them, and whether all of
the org is known by now.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from agents.backlog import BehindError
from agents.local.company.books import OBJECTS, Books
from agents.local.company.sales import Work
from agents.local.demo.scene import Known, Scene
from agents.local.org import Org, OrgServer
from agents.local.org.times import read
from agents.local.processes import free_port
from agents.settings import Settings
from streams.topics import SALESFORCE_CHANGES

POLL_SECONDS = 2
WORK_SECONDS = 0.6
"""Between two things that happen in the org, live."""
SEND_SECONDS = 20.0
LOOK_SECONDS = 0.2
MANY_CALLS = 100_000_000
"""The demo's org lets itself be asked as often as the demo lasts."""


@contextmanager
def org_server(org: Org, folder: Path) -> Iterator[OrgServer]:
    """Serve an org on a free port, with a CA and the key of a connected app made for it alone, in `folder`."""
    with OrgServer(org, folder) as server:
        server.interface.calls_allowed = MANY_CALLS
        yield server


def sync_settings(own: Settings, server: OrgServer) -> Settings:
    """Give the settings with which the sync reads this org, whatever other org ours name."""
    door = {name.removeprefix("TOUCHLINE_").lower(): value for name, value in server.environment.items()}
    changes = {
        "salesforce_objects": OBJECTS,
        "salesforce_leave_out": (),
        "salesforce_calls_a_day": MANY_CALLS,
        "salesforce_poll_seconds": POLL_SECONDS,
        "salesforce_writeback_file": None,
        "salesforce_metrics_port": free_port(),
    }
    return Settings.model_validate(dict(own) | door | changes)


class ChangeFeed:
    """Sends the change events of an org to Kafka, each once, in order; CDC began at `since_ms`.

    Their key is the record's id, as that of what the sync reads is: so both keep their order for each record.
    """

    def __init__(self, producer: AIOKafkaProducer, org: Org, since_ms: int) -> None:
        self._producer = producer
        self._org = org
        self._sent = sum(_header(event)["commitTimestamp"] < since_ms for event in org.changes)

    async def send(self) -> int:
        """Send what is new; return how many that are, when all are acknowledged."""
        new = self._org.changes[self._sent :]
        async with asyncio.timeout(SEND_SECONDS):
            sending = [
                await self._producer.send(
                    SALESFORCE_CHANGES.name, key=_header(event)["recordIds"][0].encode(), value=orjson.dumps(event)
                )
                for event in new
            ]
            await asyncio.gather(*sending)
        self._sent += len(new)
        return len(new)


@asynccontextmanager
async def change_feed(bootstrap: str, org: Org, since_ms: int) -> AsyncIterator[ChangeFeed]:
    """Connect to Kafka, and lend a `ChangeFeed`."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await producer.start()
        yield ChangeFeed(producer, org, since_ms)
    finally:
        async with asyncio.timeout(SEND_SECONDS):
            await producer.stop()


async def live_on(books: Books, works: Iterable[Work], feed: ChangeFeed, scene: Scene, seconds: float | None) -> None:
    """Let something happen in the org again and again, for `seconds` or (None) without end."""
    started = time.monotonic()
    for number, work in enumerate(works, start=1):
        if seconds is not None and time.monotonic() - started > seconds:
            return
        work(books)
        scene.changes_sent += await feed.send()
        await asyncio.sleep(max(0.0, started + number * WORK_SECONDS - time.monotonic()))


async def taken_in(org: Org, scene: Scene, seconds: float) -> None:
    """Wait until every record is known as it is in the org now; raise `BehindError` after `seconds`."""
    deadline = time.monotonic() + seconds
    while left := unknown(org, scene.records):
        if time.monotonic() > deadline:
            msg = f"{len(left)} Salesforce records, such as {left[0]}, were not known within {seconds:.0f} s"
            raise BehindError(msg)
        await asyncio.sleep(LOOK_SECONDS)


def unknown(org: Org, records: Mapping[str, Known]) -> list[str]:
    """List the ids of records of which we do not know the state that they have in the org."""
    return [row["Id"] for entity in OBJECTS for row in org.rows(entity, deleted=True) if not _is_as(row, records)]


def _is_as(row: Mapping[str, Any], records: Mapping[str, Known]) -> bool:
    known = records.get(row["Id"])
    if known is None or known.dirty or known.deleted != bool(row.get("IsDeleted")):
        return False
    return known.modified_at >= read(row["SystemModstamp"])


def _header(event: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event["payload"]["ChangeEventHeader"]
    return found
