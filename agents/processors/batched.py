"""Batched: what one batch of `user-events` has come to so far, and how announcements are written."""

from collections import Counter

from agents.partitions import partition_of
from agents.runtime.contract import Effects
from streams import topics, views
from streams.asks import Trigger, Withdrawn
from streams.events import Millis, Told
from streams.profile import Announcement, Step, gone_key

GONE = b"\x01"
"""What a row that is gone holds."""


class Batched:
    """What one batch has come to so far."""

    def __init__(self) -> None:
        self.touched: set[str] = set()
        self.contributing: set[str] = set()
        """Rows of which what they add to the reports may be another."""
        self.effects = Effects()
        self.seen: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.changes: Counter[tuple[str, str]] = Counter()
        """{(segment, entered or left): announcements}"""
        self.triggers: Counter[str] = Counter()
        """{ask: triggers}"""
        self.triggering: list[Millis] = []
        """Received times of what made a trigger."""
        self.members: Counter[str] = Counter()
        """{segment: people in it now, of this partition}"""

    def note(self, step: Step) -> None:
        """Count what kind of record that was."""
        if step.duplicate:
            self.seen["duplicate"] += 1
        if step.late:
            self.seen["late"] += 1
        if step.linked:
            self.seen["linked"] += 1
        if step.quarantined:
            self.seen["quarantined"] += 1

    def let_go(self, key: str, partition: int) -> None:
        """Delete a row and what was made of it."""
        self.seen["forgotten"] += 1
        self.touched.discard(key)
        self.contributing.discard(key)
        self.effects.rows |= {key.encode(): None, gone_key(key): GONE}
        for topic in (topics.PROFILE_VIEWS, topics.CONTRIBUTIONS, topics.USER_TIMELINE):
            self.effects.send(topic.name, partition, key.encode(), None)

    def announce(self, announcement: Announcement, partitions: int) -> None:
        """Write an announcement to its topic."""
        match announcement:
            case Trigger():
                self.triggers[announcement.ask.name] += 1
                self.triggering.append(announcement.change.announced_at)
                value, headers = views.trigger_message(announcement), views.trigger_headers(announcement)
                topic, person = topics.REFERRAL_TRIGGERS, announcement.change.person
            case Withdrawn():
                value, headers = views.withdrawn_message(announcement), views.withdrawn_headers(announcement)
                topic, person = topics.REFERRAL_TRIGGERS, announcement.person
            case Told():
                value, headers = views.timeline_message(announcement), ()
                topic, person = topics.USER_TIMELINE, announcement.person or announcement.alias
            case _:
                self.changes[announcement.segment, "entered" if announcement.entered else "left"] += 1
                value, headers = views.change_message(announcement), ()
                topic, person = topics.SEGMENT_CHANGES, announcement.person
        partition = partition_of(person, partitions)
        self.effects.send(topic.name, partition, person.encode(), views.encode(value), headers)
