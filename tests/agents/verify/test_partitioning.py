"""Murmur2 is Kafka's."""

from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from agents.verify.partitioning import murmur2, partition_of


@given(st.binary(max_size=60))
def test_hashes_as_kafka_clients_do(key: bytes) -> None:
    assert murmur2(key) == theirs(key) & 0xFFFFFFFF


def test_a_known_key_has_its_known_partition() -> None:
    assert murmur2(b"21") == 0xFFFFFFFF & -973932308
    assert partition_of(b"21", 8) == (-973932308 & 0x7FFFFFFF) % 8
