"""Out: what one record of `account-events` makes, on its way to other topics, with where it is from."""

from collections.abc import Iterable

from agents.partitions import partition_of
from agents.processors.salesforce.refetch import Refetch
from agents.runtime.contract import Effects, Lane
from streams import topics
from streams.account.messages import Message, encode_message, key_of
from streams.events import Record, encode_record, row_of


class Out:
    """Takes messages that a record made; they go with the transaction of its batch."""

    def __init__(self, effects: Effects, lane: Lane, offset: int, partitions: int) -> None:
        self.once = f"{lane}/{offset}"
        """Names the record."""
        self._effects = effects
        self._partitions = partitions
        self._header = (("source", self.once.encode()),)

    def people(self, records: Iterable[Record]) -> None:
        """Send to rows of people."""
        for record in records:
            key = row_of(record)
            partition = partition_of(key, self._partitions)
            self._effects.send(topics.USER_EVENTS.name, partition, key.encode(), encode_record(record), self._header)

    def accounts(self, messages: Iterable[Message]) -> None:
        """Send to rows of this kind; what is for everybody to each partition."""
        for message in messages:
            key, value = key_of(message), encode_message(message)
            places = range(self._partitions) if key is None else (partition_of(key, self._partitions),)
            for partition in places:
                name = key.encode() if key is not None else None
                self._effects.send(topics.ACCOUNT_EVENTS.name, partition, name, value, self._header)

    def refetch(self, asked: Refetch) -> None:
        """Ask for a record to be read again."""
        asked.send(self._partitions, self._effects)
