"""Dead letters: what cannot be used is kept as it came, with the reason and where it was found."""

from aiokafka.structs import ConsumerRecord

from agents.runtime.contract import Effects
from streams import topics
from streams.events import Rejected


def send_dead_letter(record: ConsumerRecord, rejected: Rejected, partitions: int, effects: Effects) -> None:
    """Keep the original bytes, and say why and where from in headers; same partition, so neighbours stay in order."""
    headers = (
        ("reason", rejected.reason.encode()),
        ("detail", rejected.detail.encode()),
        ("topic", record.topic.encode()),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
    )
    effects.send(topics.REJECTED_EVENTS.name, record.partition % partitions, record.key, record.value, headers)
