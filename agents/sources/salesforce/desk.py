"""The desk: what every step of the sync works with, and the one way from it to Kafka."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, TypeVar

from agents.settings import Settings
from agents.sources.salesforce.client import Client
from agents.sources.salesforce.cursors import (
    NO_CURSORS,
    STAGES_KEY,
    Cursor,
    Stages,
    decode_cursor,
    decode_stages,
    encode,
)
from agents.sources.salesforce.errors import StoppedError
from agents.sources.salesforce.kafka import Batch, Publisher
from agents.sources.salesforce.metrics import SyncMetrics
from agents.sources.salesforce.records import Described, Record

T = TypeVar("T")


@dataclass(slots=True)
class Desk:
    """One sync's client, publisher and cursors."""

    settings: Settings
    client: Client
    publisher: Publisher
    metrics: SyncMetrics
    report: Callable[[str], None]
    """Told one short line about whatever takes long."""
    stopped: Event = field(default_factory=Event)
    """Set when the sync shall end."""
    cursors: dict[str, Cursor] = field(default_factory=dict)
    stages: Stages | None = None
    """None: never looked at."""

    def load(self, stored: Mapping[str, bytes]) -> None:
        """Take over what lies on `salesforce-cursors`."""
        self.cursors = {key: decode_cursor(value) for key, value in stored.items() if key not in NO_CURSORS}
        if STAGES_KEY in stored:
            self.stages = decode_stages(stored[STAGES_KEY])

    def cursor(self, entity: str) -> Cursor:
        """Return an object's cursor; a new one if there is none."""
        return self.cursors.get(entity, Cursor())

    def check_stopped(self) -> None:
        """Raise `StoppedError` once the sync shall end."""
        if self.stopped.is_set():
            raise StoppedError

    async def ask(self, call: Callable[..., T], *arguments: Any) -> T:
        """Make a call to Salesforce outside the event loop; raise `StoppedError` once the sync shall end."""
        self.check_stopped()
        return await asyncio.to_thread(call, *arguments)

    async def described(self, entity: str) -> Described:
        """Return what an object is made of."""
        return await self.ask(self.client.describe, entity)

    async def publish(
        self,
        records: Sequence[Record] = (),
        *,
        cursors: Mapping[str, Cursor] | None = None,
        offsets: Mapping[Any, int] | None = None,
        stages: Stages | None = None,
    ) -> None:
        """Write records with the cursors and offsets that speak of them; only then the desk knows of these, too."""
        values = {key: encode(cursor) for key, cursor in (cursors or {}).items()}
        if stages is not None:
            values[STAGES_KEY] = encode(stages)
        await self.publisher.publish(Batch(list(records), values, dict(offsets or {})))
        self.cursors.update(cursors or {})
        self.stages = self.stages if stages is None else stages
