"""The mixed job: `python -m tests.bench.mixed`.  A worker does web events only, then 90 % of them and 10 % Salesforce.

Each person is a contact, too: a tenth of the messages creates the contacts and changes their titles, one a transaction.
A change passes three lanes more than a web event does on its way to the person, and ends on `user-timeline`.
"""

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Any

from rich.console import Console
from rich.table import Table

from streams import topics
from tests.bench.broker import Broker
from tests.bench.events import DAY_MS, PEOPLE, Line, Maker, Person, finishers, triggering
from tests.bench.load import publish
from tests.bench.points import LOCAL, PARTITIONS, RUNS, measure
from tests.bench.programs import Ours
from tests.bench.watch import Triggers, watching

LIMIT_SECONDS = 300.0


@dataclass
class Point:
    """One share of Salesforce."""

    salesforce: float
    """Share of the messages."""
    messages: int = 0
    told: int = 0
    """Changes on `user-timeline`."""
    exact: bool = False
    """Whether there are as many as there were changes."""
    messages_per_second: float = 0.0
    messages_per_cpu_second: float = 0.0
    peak_megabytes: float = 0.0


class Mixed:
    """One share on one broker."""

    def __init__(self, broker: Broker, folder: Path, messages: int, share: float) -> None:
        self._subject = Ours(broker, folder, f"mixed-{round(100 * share)}")
        self._broker = broker
        self._maker, self._now = Maker(PEOPLE), int(time() * 1000)
        self._people = [Person.named(f"u-{rank:05}") for rank in range(1, PEOPLE + 1)]
        self._changes = round(messages * share)
        self._web = messages - self._changes
        self.point = Point(share, messages)

    async def measure(self) -> Point:
        """Publish, start, wait until all is done, note the figures, stop."""
        shutil.rmtree(self._subject.state, ignore_errors=True)
        await self._broker.recreate(topics.WEB_EVENTS.name)
        await self._subject.prepare()
        published = await publish(self._broker.bootstrap, self._events(), PARTITIONS)
        published += await publish(
            self._broker.bootstrap, self._crm(), PARTITIONS, topic=topics.SALESFORCE_CHANGES.name
        )
        await self._ended()
        last = finishers(int(100 * self.point.salesforce), PARTITIONS)
        await publish(self._broker.bootstrap, triggering(self._maker, last, self._now - 1_000), PARTITIONS)
        async with (
            watching(self._broker, self._subject.triggers) as triggers,
            watching(self._broker, topics.USER_TIMELINE.name) as timeline,
        ):
            await self._worked(frozenset(person.user_id for person in last), published, triggers, timeline)
        self.point.told = timeline.times.total()
        self.point.exact = self.point.told == self._changes
        return self.point

    async def _worked(self, users: frozenset[str], published: int, triggers: Triggers, timeline: Triggers) -> None:
        program = self._subject.start()
        try:
            while not any(self._broker.sizes(self._subject.rekeyed).values()):
                program.check()
                await asyncio.sleep(0.02)
            began, cpu = monotonic(), program.cpu_seconds()
            done = await triggers.until(users, LIMIT_SECONDS, program.check)
            while done and timeline.times.total() < self._changes and monotonic() < began + LIMIT_SECONDS:
                program.check()
                await asyncio.sleep(0.01)
            if not done:
                raise program.error(f"was not done within {LIMIT_SECONDS:.0f} s")
            self.point.messages_per_second = published / (monotonic() - began)
            self.point.messages_per_cpu_second = published / (program.cpu_seconds() - cpu)
            self.point.peak_megabytes = program.peak_bytes() / 1e6
        finally:
            program.stop()

    def _events(self) -> Iterator[Line]:
        """Let everybody say who they are, then what the people of the bench's file do, over 30 days."""
        begin = self._now - 30 * DAY_MS
        for person in self._people:
            event = {
                "type": "identify",
                "userId": person.user_id,
                "messageId": f"identify-{person.user_id}",
                "traits": {"email": f"{person.user_id}@beacon.example"},
            }
            yield Line(begin, person.device.encode(), json.dumps(event).encode())
        events = self._web - len(self._people)
        instants = (begin + number * 30 * DAY_MS // events for number in range(events))
        yield from self._maker.stream(self._people, 0, instants)

    def _crm(self) -> Iterator[Line]:
        """Create the contacts, then change one after the other."""
        begin = self._now - 30 * DAY_MS
        for number in range(self._changes):
            at = begin + number * 30 * DAY_MS // self._changes
            yield _change(number, self._people[number % PEOPLE], at)

    async def _ended(self) -> None:
        """End the transactions that are held, as the next ones would."""
        ends = [Line(self._now, b"%d" % number, _snapshot(number, self._now)) for number in range(20 * PARTITIONS)]
        await publish(self._broker.bootstrap, ends, PARTITIONS, topic=topics.SALESFORCE_CHANGES.name)


def _change(number: int, person: Person, at: int) -> Line:
    """Write change `number`: a contact is created, or has another title."""
    contact = f"003{number % PEOPLE:012}AAA"
    fields = {"Title": f"Title {number}", "LastModifiedDate": at}
    created = number < PEOPLE
    header = {
        "entityName": "Contact",
        "recordIds": [contact],
        "changeType": "CREATE" if created else "UPDATE",
        "transactionKey": f"tx-{number}",
        "sequenceNumber": 1,
        "commitTimestamp": at,
        "commitUser": "005000000000001AAA",
        "changedFields": [] if created else list(fields),
    }
    more = {"Email": f"{person.user_id}@beacon.example", "LastName": "Ng", "Phone": "+1 555"} if created else {}
    return Line(at, contact.encode(), json.dumps({"payload": {"ChangeEventHeader": header} | fields | more}).encode())


def _snapshot(number: int, at: int) -> bytes:
    account = f"001{number:012}AAA"
    return json.dumps({"kind": "record", "object": "Account", "id": account, "at": at, "fields": {}}).encode()


def main() -> int:
    """Measure each share, print a table; 0: as many changes are on the timeline as there were."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mixed", description=__doc__)
    parser.add_argument("--messages", type=int, default=400_000, help="messages of each")
    parser.add_argument("--salesforce", default="0,0.1", help="shares of Salesforce, comma-separated")
    parser.add_argument("--json", type=Path, default=LOCAL / "bench" / "mixed.json", help="where the figures go")
    chosen = parser.parse_args()

    def point(share: float, broker: Broker) -> Coroutine[Any, Any, Point]:
        return Mixed(broker, RUNS / f"mixed-{share}", chosen.messages, share).measure()

    shares = map(float, chosen.salesforce.split(","))
    points = measure([(f"{share:.0%} Salesforce", partial(point, share)) for share in shares], _show, chosen.json)
    return 0 if all(point.exact for point in points) else 1


def _show(points: list[Point], console: Console) -> None:
    table = Table(title="The mixed job; in brackets: times the first")
    for title in ("Salesforce", "messages", "messages/s", "per CPU-second", "memory MB", "on the timeline"):
        table.add_column(title, justify="right")
    first = points[0]
    for point in points:
        table.add_row(
            f"{point.salesforce:.0%}",
            f"{point.messages:,}",
            f"{point.messages_per_second:,.0f} ({point.messages_per_second / first.messages_per_second:.2f})",
            f"{point.messages_per_cpu_second:,.0f}"
            f" ({point.messages_per_cpu_second / first.messages_per_cpu_second:.2f})",
            f"{point.peak_megabytes:,.0f}",
            f"{point.told:,}, {'all' if point.exact else 'NOT exact'}",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
