"""Dead letters: what cannot be used is kept as it came, with the reason and where it was found."""

from aiokafka.structs import ConsumerRecord

from agents.runtime.contract import Send
from streams import topics
from streams.events import Rejected


def dead_letter(record: ConsumerRecord, rejected: Rejected, partitions: int) -> Send:
    """Keep the original bytes, and say why and where from in headers; same partition, so neighbours stay in order."""
    headers = (
        ("reason", rejected.reason.encode()),
        ("detail", rejected.detail.encode()),
        ("topic", record.topic.encode()),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
    )
    return Send(topics.REJECTED_EVENTS.name, record.partition % partitions, record.key, record.value, headers)
