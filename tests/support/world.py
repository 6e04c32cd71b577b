"""What stands in the topics of a topology, and how far its lanes say they are, as verify reads it."""

from agents.verify.world import INPUTS, PROGRESS, TOPICS, Message, World
from streams.progress import encode_said, key_of_said
from tests.support.topology import Topology


def as_world(topology: Topology) -> World:
    """Give all topics, as values; `progress` has what lanes say in the end, whether anybody waits to hear it or not."""
    made = World(topology.partitions)
    for topic in TOPICS:
        made.topics[topic] = [
            Message(one.partition, one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
            for one in topology.messages(topic)
        ]
    made.topics[PROGRESS] = [
        Message(int(said.lane.rpartition("/")[2]), number, 0, key_of_said(said).encode(), encode_said(said))
        for number, said in enumerate([*topology.progress, *topology.said()])
    ]
    made.committed = {
        (one.lane.topic, one.lane.partition): one.position for one in topology.lanes if one.lane.topic in INPUTS
    }
    return made
