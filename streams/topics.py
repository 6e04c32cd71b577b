"""Room 1.  Topics: the names and shapes of everything that flows, as data."""

from dataclasses import dataclass
from enum import StrEnum

MEBIBYTE = 1 << 20
DAY_MS = 86_400_000


class Kind(StrEnum):
    """Who may read or write a topic."""

    inbound = "in"
    internal = "internal"
    outbound = "out"


@dataclass(frozen=True, slots=True)
class Topic:
    """One Kafka topic: what `touchline topics create` makes and `check` expects."""

    name: str
    kind: Kind
    key: str
    value: str
    compacted: bool = False
    retention_ms: int = 14 * DAY_MS
    """Milliseconds a record is kept; ignored where compacted."""

    @property
    def config(self) -> dict[str, str]:
        """Topic settings at the broker."""
        shared = {"max.message.bytes": str(2 * MEBIBYTE)}
        if self.compacted:
            return shared | {"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000"}
        return shared | {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}


FOREVER = -1

WEB_EVENTS = Topic("web-events", Kind.inbound, "any", "one Segment event, JSON", retention_ms=FOREVER)
SALESFORCE_CHANGES = Topic("salesforce-changes", Kind.inbound, "any", "one change event, JSON", retention_ms=FOREVER)
USER_EVENTS = Topic("user-events", Kind.internal, "alias", "normalised event", retention_ms=FOREVER)
ACCOUNT_EVENTS = Topic(
    "account-events",
    Kind.internal,
    "Salesforce id, domain",
    "what records, accounts, domains say, JSON",
    retention_ms=FOREVER,
)
ACCOUNT_VIEWS = Topic("account-views", Kind.internal, "Account id", "read-model document, JSON", compacted=True)
PROFILE_VIEWS = Topic("profile-views", Kind.internal, "person", "read-model document, JSON", compacted=True)
PROGRESS = Topic(
    "progress", Kind.internal, "lane", "how far a lane has come, and what it has sent, JSON", compacted=True
)
CONTRIBUTIONS = Topic(
    "contributions", Kind.internal, "person or Account id", "what it adds to the reports, JSON", compacted=True
)
SEGMENT_CHANGES = Topic(
    "segment-changes", Kind.outbound, "person", "entered or left, exact instant, why", retention_ms=FOREVER
)
REFERRAL_TRIGGERS = Topic(
    "referral-triggers",
    Kind.outbound,
    "person",
    "one trigger, or its withdrawal, CloudEvents 1.0 binary",
    retention_ms=FOREVER,
)
USER_TIMELINE = Topic(
    "user-timeline",
    Kind.outbound,
    "person",
    "a Salesforce change as an event on the user; none: the person is forgotten",
    retention_ms=FOREVER,
)
REJECTED_EVENTS = Topic("rejected-events", Kind.outbound, "as received", "the original bytes")
SALESFORCE_REFETCH = Topic(
    "salesforce-refetch", Kind.internal, "Salesforce id", "what to fetch again, and why, JSON", retention_ms=7 * DAY_MS
)
SALESFORCE_RECORDS = Topic(
    "salesforce-records", Kind.internal, "Salesforce id", "what we know of a record, JSON", compacted=True
)
SALESFORCE_CURSORS = Topic(
    "salesforce-cursors", Kind.internal, "object", "how far its synchronisation is, JSON", compacted=True
)

ALL = (
    WEB_EVENTS,
    SALESFORCE_CHANGES,
    SALESFORCE_REFETCH,
    SALESFORCE_RECORDS,
    SALESFORCE_CURSORS,
    USER_EVENTS,
    PROGRESS,
    ACCOUNT_EVENTS,
    ACCOUNT_VIEWS,
    PROFILE_VIEWS,
    CONTRIBUTIONS,
    SEGMENT_CHANGES,
    REFERRAL_TRIGGERS,
    USER_TIMELINE,
    REJECTED_EVENTS,
)
TIME_MARK_HEADER = "touchline-mark"
"""Header of a time mark on a source topic (log clock): its value is an instant in milliseconds, in decimal."""
COMMAND_HEADER = "touchline-command"
"""Header of an operator's command on `web-events`: its value names the command.  No HTTP client can send one."""
SOURCES = (WEB_EVENTS,)
"""Topics whose partitions tick: the clock waits for each of theirs."""

INGEST_TABLE = "ingest"
PROFILES_TABLE = "profiles"
RECORDS_TABLE = "records"
TABLES = (INGEST_TABLE, RECORDS_TABLE, PROFILES_TABLE)
"""Tables with a changelog of their own, one per app id."""


def changelog(app_id: str, table: str) -> Topic:
    """Name the changelog of a table: it carries the app id, which carries the version of the row format."""
    return Topic(f"{app_id}-{table}-changelog", Kind.internal, "alias", "packed row", compacted=True)
