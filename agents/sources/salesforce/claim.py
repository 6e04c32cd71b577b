"""Which sync is the newest: it says so on `salesforce-cursors`, and one that has lost Kafka looks before it goes on.

The fence of the transactional id alone does not tell them apart.  The broker may refuse the older sync with an error
that could mean anything, and to connect again would fence the newer one.
"""

from dataclasses import dataclass, field
from uuid import uuid4

from agents.settings import Settings
from agents.sources.salesforce.cursors import CLAIM_KEY
from agents.sources.salesforce.errors import FencedError
from agents.sources.salesforce.kafka import Batch, Publisher, latest
from streams.topics import SALESFORCE_CURSORS


@dataclass(slots=True)
class Claim:
    """One sync's, from its start to its end, however often it connects."""

    value: bytes = field(default_factory=lambda: b'"%s"' % uuid4().hex.encode())
    made: bool = False

    async def check(self, settings: Settings) -> None:
        """Raise `FencedError` if another sync has claimed the app id since this one did."""
        if self.made and (await latest(settings, SALESFORCE_CURSORS.name)).get(CLAIM_KEY) != self.value:
            raise FencedError

    async def make(self, publisher: Publisher) -> None:
        """Claim the app id; whoever did before is to end."""
        await publisher.publish(Batch(cursors={CLAIM_KEY: self.value}))
        self.made = True
