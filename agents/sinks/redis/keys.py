"""Names of the read model's keys, and where a document is.

A partition of Kafka is a hash tag (`{p17}`): its documents, its lists, its totals and its offsets share a slot, so one
call can write them together.  The app id stands before the tag: two apps, or two versions, share a Redis.
How many partitions there are stands in Redis, too: whoever reads goes by that, not by settings of its own.
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import SecretStr


class Kind(StrEnum):
    """What a document is; each kind comes from a topic of its own and has offsets of its own."""

    profile = "profile"
    account = "account"
    contribution = "contribution"


def address(url: SecretStr) -> str:
    """Name the Redis of `url` for a log or a message: host, port and database, never user or password."""
    try:
        parts = urlsplit(url.get_secret_value())
        return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"
    except ValueError:
        return "an address that cannot be read"


def partitions_key(app_id: str) -> str:
    """Name the string that says how many partitions an app has; no such key: nothing was ever written."""
    return f"{app_id}:partitions"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one partition of one app."""

    app_id: str
    partition: int

    @property
    def base(self) -> str:
        """What all keys of the partition begin with."""
        return f"{self.app_id}:{{p{self.partition}}}:"

    def offset(self, kind: Kind) -> str:
        """Offset in the kind's topic up to which everything is applied; no such key: nothing is."""
        return f"{self.base}offset:{kind}"

    def document(self, kind: Kind, name: str) -> str:
        """Hash: `doc` (JSON), `offset`, in a profile `members` ({segment: entered_at in ms}).  No `doc`: a grave."""
        return f"{self.base}{kind}:{name}"

    def members(self, segment: str) -> str:
        """Sorted set: the segment's members of this partition, by the instant (ms) at which they entered."""
        return f"{self.base}members:{segment}"

    @property
    def contributors(self) -> str:
        """Set: the names of the partition's contributions."""
        return f"{self.base}contributors"

    @property
    def totals(self) -> str:
        """Hash: {cell: the sum over the partition's contributions}; a cell that is 0 is absent."""
        return f"{self.base}totals"
