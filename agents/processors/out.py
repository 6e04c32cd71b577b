"""Out: what one record makes for other lanes, on its way to the topics between them, with where it is from."""

from collections.abc import Iterable

import msgspec

from agents.partitions import partition_of
from agents.processors.sending import Sending
from agents.runtime.contract import Effects, Lane
from streams import topics
from streams.account.messages import Message, encode_message, key_of
from streams.events import NO_TIME, Millis, Record, encode_record, row_of
from streams.salesforce.change import Change


class Refetch(msgspec.Struct, frozen=True, gc=False):
    """The value of a message of `salesforce-refetch`: read a record, or all of an object, over REST."""

    object: str
    id: str | None
    """None: the whole object, deleted records too."""
    since: Millis
    why: str


_encode_refetch = msgspec.json.Encoder().encode


class Out:
    """Takes messages that a record made; they go with the transaction of its batch."""

    def __init__(
        self, effects: Effects, lane: Lane, offset: int, partitions: int, sending: Sending | None = None
    ) -> None:
        self.once = f"{lane}/{offset}"
        """Names the record."""
        self._effects = effects
        self._partitions = partitions
        self._header = (("source", self.once.encode()),)
        self._sending = sending

    def people(self, records: Iterable[Record]) -> None:
        """Send to rows of people."""
        for record in records:
            key = row_of(record)
            partition = partition_of(key, self._partitions)
            self._effects.send(topics.USER_EVENTS.name, partition, key.encode(), encode_record(record), self._header)
            if self._sending is not None:
                self._sending.note(key, partition, getattr(record, "received_at", NO_TIME))

    def accounts(self, messages: Iterable[Change | Message]) -> None:
        """Send to rows of records, accounts, domains; what is for everybody to each partition."""
        for message in messages:
            key, value = key_of(message), encode_message(message)
            places = range(self._partitions) if key is None else (partition_of(key, self._partitions),)
            for partition in places:
                name = key.encode() if key is not None else None
                self._effects.send(topics.ACCOUNT_EVENTS.name, partition, name, value, self._header)

    def refetch(self, asked: Refetch) -> None:
        """Ask for a record, or an object, to be read again, in the transaction that found out."""
        key = (asked.id or asked.object).encode()
        partition = partition_of(key, self._partitions)
        self._effects.send(topics.SALESFORCE_REFETCH.name, partition, key, _encode_refetch(asked))
