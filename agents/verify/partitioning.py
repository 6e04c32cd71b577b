"""Verify, room 4.  Partitioning: each keyed record is where murmur2 of its key puts it."""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

import duckdb

from agents.verify.report import Check
from agents.verify.world import KEYED

MASK = 0xFFFFFFFF
MIX = 0x5BD1E995
SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bit, with Kafka's seed; unsigned."""
    whole = len(data) & ~3
    state = SEED ^ len(data)
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * MIX & MASK
        word = (word ^ word >> 24) * MIX & MASK
        state = (state * MIX & MASK) ^ word
    if whole != len(data):
        state = (state ^ int.from_bytes(data[whole:], "little")) * MIX & MASK
    state = (state ^ state >> 13) * MIX & MASK
    return state ^ state >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Partition of a key as Java clients and aiokafka choose it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def check(con: duckdb.DuckDBPyConnection, partitions: int) -> Check:
    """Compare the partition of every record that has a key in the topics that are keyed by contract."""
    found = Check("partitioning")
    marks = ", ".join("?" for _ in KEYED)
    query = (
        f"SELECT topic, p, key, min(o), count(*) FROM message WHERE topic IN ({marks}) AND key IS NOT NULL GROUP BY ALL"
    )
    home: dict[str, int] = {}
    for topic, partition, key, offset, records in con.execute(query, list(KEYED)).fetchall():
        expected = home.setdefault(key, partition_of(key.encode(), partitions))
        found.compared += records
        if partition != expected:
            found.differs(f"{topic}/{partition}/{offset}", key, f"belongs in partition {expected}; {records} records")
    return found
