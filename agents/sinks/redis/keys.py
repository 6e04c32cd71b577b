"""Names of the read model's keys, and where a person's are.

A partition of Kafka is a hash tag (`{p17}`): its documents, its lists and its offset share a slot, so one call can
write them together.  The app id stands before the tag: two apps, or two versions, share a Redis.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr


def address(url: SecretStr) -> str:
    """Name the Redis of `url` for a log or a message: host, port and database, never user or password."""
    try:
        parts = urlsplit(url.get_secret_value())
        return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"
    except ValueError:
        return "an address that cannot be read"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one partition of one app."""

    app_id: str
    partition: int

    @property
    def base(self) -> str:
        """What all keys of the partition begin with."""
        return f"{self.app_id}:{{p{self.partition}}}:"

    @property
    def offset(self) -> str:
        """Offset in `profile-views` up to which everything is applied; no such key: nothing is."""
        return f"{self.base}offset"

    def profile(self, person: str) -> str:
        """Hash: `doc` (JSON), `offset`, `members` ({segment: entered_at in ms}).  Without `doc`: a grave."""
        return f"{self.base}profile:{person}"

    def members(self, segment: str) -> str:
        """Sorted set: the segment's members of this partition, by the instant (ms) at which they entered."""
        return f"{self.base}members:{segment}"
