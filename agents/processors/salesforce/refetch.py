"""Refetch: a request to the source to read a record, or all of an object, over REST."""

import msgspec

from agents.partitions import partition_of
from agents.runtime.contract import Effects
from streams import topics
from streams.events import Millis


class Refetch(msgspec.Struct, frozen=True, gc=False):
    """The value of a message of `salesforce-refetch`."""

    object: str
    id: str | None
    """None: the whole object, deleted records too."""
    since: Millis
    why: str

    def send(self, partitions: int, effects: Effects) -> None:
        """Ask, in the transaction that found out."""
        key = (self.id or self.object).encode()
        topic = topics.SALESFORCE_REFETCH.name
        effects.send(topic, partition_of(key, partitions), key, msgspec.json.encode(self))
