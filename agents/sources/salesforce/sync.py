"""The sync itself: rounds over all objects, and between them requests to fetch again, one thing after the other.

One at a time is enough - the org counts calls, not us - and it makes each transaction the whole truth of its moment.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from agents.committed import ends
from agents.sources.salesforce.backfill import backfill
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import MalformedError, RefusedError, SignInError, TroubleError
from agents.sources.salesforce.kafka import behind, fetched
from agents.sources.salesforce.polling import Recent, look_through_windows, poll
from agents.sources.salesforce.reconcile import reconcile
from agents.sources.salesforce.refetch import serve
from agents.sources.salesforce.writeback import WriteBack

WINDOWS_MS = 600_000
"""How often getUpdated and getDeleted are asked: they cost two calls an object and rarely tell anything new."""
DESCRIBED_SECONDS = 3600.0
"""How long fields are taken as they were described."""
FIRST_WAIT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 600.0
SERVE_SECONDS = 0.5


@dataclass(slots=True)
class Sync:
    """One running sync."""

    desk: Desk
    requests: AIOKafkaConsumer
    """Of `salesforce-refetch`."""
    write_back: WriteBack | None = None
    recent: dict[str, Recent] = field(default_factory=dict)
    waiting: list[ConsumerRecord] = field(default_factory=list)
    """Requests taken and not answered yet."""
    described_at: float = 0.0
    """When fields were last described, on the monotonic clock; 0: no round has ended well yet."""
    failures: int = 0
    """Rounds in a row that ended in trouble."""

    async def run(self) -> None:
        """Go on until it is stopped: `StoppedError`.  Raise `SignInError` if the first sign-in is refused."""
        while True:
            try:
                await self.round()
            except TroubleError as error:
                if isinstance(error, SignInError) and not self.described_at:
                    raise  # wrong settings: nothing that waiting mends
                await self._wait_out(error)
            else:
                self.failures = 0
                await self._serve_for(self.desk.settings.salesforce_poll_seconds)

    async def once(self) -> list[str]:
        """Do one round, answer every request that is there, and read what these want whole.

        Return the problems of single objects.
        """
        problems, complete = await self.round(), self._complete()
        until = await ends(self.requests)
        while self.waiting or await behind(self.requests, until):
            await self._serve(SERVE_SECONDS)
        return problems if complete <= self._complete() else problems + await self.round()

    async def round(self) -> list[str]:
        """Look at every object once; return what was wrong with single ones.  Raise `TroubleError` if all would be."""
        problems: list[str] = []
        if self.described_at and time.monotonic() - self.described_at > DESCRIBED_SECONDS:
            self.desk.client.forget()
            self.described_at = time.monotonic()
        for entity in self.desk.settings.salesforce_objects:
            with self._told(problems):
                await self._look_at(entity)
        self.described_at = self.described_at or time.monotonic()
        with self._told(problems):
            problems += await self.reconciled()
        if self.write_back:
            with self._told(problems):
                await self.write_back.step()
        return problems

    @contextmanager
    def _told(self, problems: list[str]) -> Iterator[None]:
        """Let the round go on where only one object is refused, or answers nonsense."""
        try:
            yield
        except (RefusedError, MalformedError) as error:
            problems.append(str(error))
            self.desk.report(str(error))

    async def _look_at(self, entity: str) -> None:
        await self._serve()
        if not self.desk.cursor(entity).complete:
            async for _ in backfill(self.desk, entity):
                await self._serve()
        recent = self.recent.setdefault(entity, Recent())
        first = not recent.polled_at
        await poll(self.desk, entity, recent)
        if first or self.desk.client.now_ms() - self.desk.cursor(entity).windows_at >= WINDOWS_MS:
            await look_through_windows(self.desk, entity, recent)
        self.desk.metrics.looked_at.labels(entity).set(time.time())

    async def reconciled(self) -> list[str]:
        """Compare the objects whose time has come; return what was wrong with single ones, which are due again."""
        every_ms = self.desk.settings.salesforce_reconcile_seconds * 1000
        now = self.desk.client.now_ms()
        cursors = {entity: self.desk.cursor(entity) for entity in self.desk.settings.salesforce_objects}
        due = [
            entity
            for entity, cursor in cursors.items()
            if every_ms and cursor.complete and now - max(cursor.compared_at, cursor.began_at) >= every_ms
        ]
        reports = await reconcile(self.desk, due) if due else []
        compared = {
            report.object: msgspec.structs.replace(self.desk.cursor(report.object), compared_at=now)
            for report in reports
            if not report.refused
        }
        await self.desk.publish(cursors=compared)
        for report in reports:
            self.desk.report(report.line)
        return [report.line for report in reports if report.refused]

    async def _serve(self, wait_seconds: float = 0.0) -> None:
        self.waiting = self.waiting or await fetched(self.requests, wait_seconds)
        if self.waiting:
            await serve(self.desk, self.waiting)
            self.waiting = []

    async def _serve_for(self, seconds: float) -> None:
        """Answer requests until the next round is due, or one asked for a whole object that was complete."""
        until, complete = time.monotonic() + seconds, self._complete()
        while time.monotonic() < until and complete <= self._complete():
            self.desk.check_stopped()
            try:
                await self._serve(SERVE_SECONDS)
            except TroubleError as error:
                await self._wait_out(error)

    def _complete(self) -> set[str]:
        return {entity for entity in self.desk.settings.salesforce_objects if self.desk.cursor(entity).complete}

    async def _wait_out(self, error: TroubleError) -> None:
        """Say what is wrong, and leave the org alone for a while: longer each time, and as long as it asked."""
        self.failures += 1
        own = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (self.failures - 1))
        seconds = max(error.wait_seconds, own * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        self.desk.report(f"{error}; going on in {seconds:.0f} s")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.desk.check_stopped()
            await asyncio.sleep(min(SERVE_SECONDS, max(0.0, until - time.monotonic())))
