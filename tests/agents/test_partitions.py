"""A key's partition is the one that Kafka's clients choose."""

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from agents.partitions import partition_of

PARTITIONS = st.integers(min_value=1, max_value=256)


@given(st.binary(max_size=60), PARTITIONS)
def test_bytes_go_where_kafka_clients_send_them(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


@given(st.text(max_size=30), PARTITIONS)
def test_text_goes_where_its_utf8_goes(key: str, partitions: int) -> None:
    assert partition_of(key, partitions) == partition_of(key.encode(), partitions)
