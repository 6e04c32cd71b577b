"""Topology: the live map - which agent consumes what, keeps what, produces what.

| agent | consumes | keeps | produces |
|---|---|---|---|
| `normalise-events` | `web-events` | its tick, what it sent | `user-events`, `rejected-events` |
| `normalise-changes` | `salesforce-changes` | the open transaction | `account-events`, `rejected-events` |
| `keep-records` | `account-events` | rows of records, accounts, domains | `account-events`, `user-events`, views |
| `track-profiles` | `user-events` | a row an alias, what is held back | `user-events`, `profile-views`, announcements |

The two of Salesforce also ask for what has to be read again, on `salesforce-refetch`.  Lanes of web events and of
people say on `progress` how far they are.
"""

from functools import partial

from agents.observer import ProcessorObserver
from agents.processors.account.events import AccountEvents
from agents.processors.ingest import Ingest
from agents.processors.profile import Profiles
from agents.processors.salesforce.changes import Changes
from agents.runtime.contract import Job
from agents.runtime.exchange import Exchange
from agents.settings import Clock, Settings
from streams import topics
from streams.policy import Policy
from streams.progress import Board

NORMALISE_EVENTS = "normalise-events"
NORMALISE_CHANGES = "normalise-changes"
KEEP_RECORDS = "keep-records"
TRACK_PROFILES = "track-profiles"

AHEAD = 5
"""So many transactions of records a source lane may bring before others have dealt with them; they hold them."""


def exchange(settings: Settings) -> Exchange:
    """Make the place where lanes say how far they are: the clock waits for each partition of the sources."""
    sources = (f"{topic.name}/{partition}" for topic in topics.SOURCES for partition in range(settings.partitions))
    return Exchange(Board(sources, topics.USER_EVENTS.name, settings.partitions))


def jobs(settings: Settings, policy: Policy, observer: ProcessorObserver, exchange: Exchange) -> tuple[Job, ...]:
    """List the jobs, in the order data passes."""
    ingest = partial(
        Ingest,
        policy=policy,
        exchange=exchange,
        partitions=settings.partitions,
        log_clock=settings.clock is Clock.log,
        tick_ms=settings.tick_ms,
        grace_ms=settings.grace_ms,
        most_ahead=AHEAD * settings.batch_records,
        observed=observer.received,
    )
    changes = partial(Changes, partitions=settings.partitions, observed=observer.ingested)
    accounts = partial(AccountEvents, policy=policy, partitions=settings.partitions, observed=observer.recorded)
    profiles = partial(
        Profiles,
        policy=policy,
        exchange=exchange,
        partitions=settings.partitions,
        observed=observer.folded,
    )
    sources = tuple(topic.name for topic in topics.SOURCES)
    return (
        Job(NORMALISE_EVENTS, sources, topics.INGEST_TABLE, ingest, idle_seconds=settings.tick_ms / 1000),
        Job(NORMALISE_CHANGES, (topics.SALESFORCE_CHANGES.name,), topics.INGEST_TABLE, changes, idle_seconds=1.0),
        Job(KEEP_RECORDS, (topics.ACCOUNT_EVENTS.name,), topics.RECORDS_TABLE, accounts, idle_seconds=1.0),
        Job(TRACK_PROFILES, (topics.USER_EVENTS.name,), topics.PROFILES_TABLE, profiles, idle_seconds=None),
    )
