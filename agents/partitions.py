"""Which partition a key belongs to: murmur2, as Java's producer and aiokafka have it.  `verify` has its own."""

from murmurhash2 import murmurhash2

SEED = 0x9747B28C
"""That of Java's producer."""


def partition_of(key: str | bytes, partitions: int) -> int:
    """Return the partition of a key; text counts as UTF-8."""
    raw = key.encode() if isinstance(key, str) else key
    return int(murmurhash2(raw, SEED) & 0x7FFFFFFF) % partitions
