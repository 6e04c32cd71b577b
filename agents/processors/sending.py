"""Sending: what a lane has sent to the lanes of people, which wait for it before they go on."""

from collections.abc import Mapping

import msgspec

from agents.runtime.contract import Ends
from streams.events import NO_TIME, Alias, Millis
from streams.progress import LAST, UNKNOWN, Sent, level_of
from streams.topics import USER_EVENTS


class _Kept(msgspec.Struct):
    """As it is kept in a row."""

    newest: Millis = UNKNOWN
    below: dict[int, list[Millis]] = {}


class Sending:
    """Notes each record that a lane sends to rows of people.  Kept with the lane's rows: see `pack`."""

    def __init__(self, lane: str, partitions: int, packed: bytes | None) -> None:
        self._lane = lane
        self._kept = msgspec.msgpack.decode(packed, type=_Kept) if packed is not None else _Kept()
        self._ends = [0] * partitions
        self.has_sent = packed is not None
        """Whether the lane has ever sent something: whoever opens it then has to say up to which offsets."""

    def note(self, row: Alias, partition: int, received_at: Millis) -> None:
        """Note a record for a row.  What is in no order (NO_TIME) nobody waits for."""
        if received_at == NO_TIME:
            return
        kept = self._kept
        if received_at > kept.newest:
            kept.newest = received_at
        level = level_of(row)
        if level < LAST:
            column = kept.below.setdefault(level, [UNKNOWN] * len(self._ends))
            if received_at > column[partition]:
                column[partition] = received_at

    def pack(self) -> bytes:
        """Write what was sent, to be kept in the transaction that sends it."""
        return msgspec.msgpack.encode(self._kept)

    def sent(self, ends: Ends) -> Sent:
        """Say what was sent, after the commit; `ends`: where the commit's messages ended."""
        return self.reached({partition: end for (topic, partition), end in ends.items() if topic == USER_EVENTS.name})

    def reached(self, ends: Mapping[int, int]) -> Sent:
        """Say what was sent, by the ends of partitions of `user-events`."""
        for partition, end in ends.items():
            self._ends[partition] = max(self._ends[partition], end)
        below = {level: list(column) for level, column in self._kept.below.items()}
        return Sent(self._lane, self._kept.newest, below, list(self._ends))
