"""Verify, room 1.  World: what stood in the topics at one moment, as values; no broker needed to make one."""

from collections.abc import Iterable
from dataclasses import dataclass, field

WEB_EVENTS = "web-events"
SALESFORCE_CHANGES = "salesforce-changes"
ACCOUNT_EVENTS = "account-events"
USER_EVENTS = "user-events"
SALESFORCE_RECORDS = "salesforce-records"
SALESFORCE_REFETCH = "salesforce-refetch"
PROFILE_VIEWS = "profile-views"
ACCOUNT_VIEWS = "account-views"
CONTRIBUTIONS = "contributions"
SEGMENT_CHANGES = "segment-changes"
REFERRAL_TRIGGERS = "referral-triggers"
USER_TIMELINE = "user-timeline"
REJECTED_EVENTS = "rejected-events"
PROGRESS = "progress"

SENDERS = (WEB_EVENTS, SALESFORCE_CHANGES)
"""Topics that others write."""

INPUTS = (*SENDERS, ACCOUNT_EVENTS, USER_EVENTS)
"""Topics that the worker consumes, in the order in which one makes the next: the group commits offsets in them."""

OUTPUTS = (PROFILE_VIEWS, SEGMENT_CHANGES, REFERRAL_TRIGGERS, USER_TIMELINE)
"""Topics written in the transaction that commits the offset of `user-events` of the same partition."""

SETTLED = (*OUTPUTS, ACCOUNT_VIEWS, CONTRIBUTIONS, SALESFORCE_RECORDS, SALESFORCE_REFETCH)
"""Topics that are read up to the moment at which the offsets are taken: nothing in them says where it is from."""

ASIDE = (ACCOUNT_VIEWS, CONTRIBUTIONS, SALESFORCE_RECORDS, SALESFORCE_REFETCH, REJECTED_EVENTS)
"""Other topics that the worker writes."""

TOPICS = (*INPUTS, *OUTPUTS, *ASIDE, PROGRESS)
KEYED = (ACCOUNT_EVENTS, USER_EVENTS, ACCOUNT_VIEWS, CONTRIBUTIONS, SALESFORCE_RECORDS, *OUTPUTS)
"""Topics whose key decides the partition."""


@dataclass(frozen=True, slots=True)
class Message:
    """One committed Kafka record.  Headers in order; a name may repeat, the last one counts."""

    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970, as the broker has it."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    def header(self, name: str) -> str | None:
        """Text of the last header of that name, None without one; bytes that are no UTF-8 are replaced."""
        found = [value for key, value in self.headers if key == name]
        return found[-1].decode("utf-8", "replace") if found else None


@dataclass(slots=True)
class World:
    """The committed contents of all topics, and how far the worker's group says that it came."""

    partitions: int
    """Partitions of each topic."""
    topics: dict[str, list[Message]] = field(default_factory=dict)
    """Messages by topic; an absent topic is an empty one."""
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    """Next offset to consume by (topic, partition) of the inputs; absent: none committed, as 0."""
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    """Last stable offset by (topic, partition); absent: after the last message."""

    def messages(self, topic: str) -> Iterable[Message]:
        """Messages of a topic, by partition and offset."""
        return sorted(self.topics.get(topic, ()), key=lambda one: (one.partition, one.offset))

    def end(self, topic: str, partition: int) -> int:
        """Offset after the last one that can hold a committed record."""
        last = (one.offset + 1 for one in self.topics.get(topic, ()) if one.partition == partition)
        return self.ends.get((topic, partition), max(last, default=0))
