"""Room 2c.  The clock of a partition: the minimum, over all sources, of the latest tick (the field's watermark)."""

import msgspec

from streams.events import Millis


class PartitionClock:
    """Time as one partition of `user-events` knows it.  It never goes back."""

    def __init__(self, ticks: dict[str, Millis]) -> None:
        self._ticks = ticks
        """{source partition: latest tick}; -1: not heard of yet."""
        self.now: Millis | None = self._least()
        """None until each source has ticked."""

    @classmethod
    def unpack(cls, packed: bytes | None, sources: frozenset[str]) -> "PartitionClock":
        """Read a clock that `pack` wrote; None: nothing heard yet.

        A source that is gone is forgotten, a new one is waited for.
        """
        known = msgspec.msgpack.decode(packed, type=dict[str, int]) if packed is not None else {}
        return cls({source: known.get(source, -1) for source in sorted(sources)})

    def pack(self) -> bytes:
        """Write the ticks, to go on from after a restart."""
        return msgspec.msgpack.encode(self._ticks)

    def tick(self, source: str, at: Millis) -> bool:
        """Take a tick; say whether the clock moved.  An older or foreign one changes nothing."""
        if at <= self._ticks.get(source, at):
            return False
        self._ticks[source] = at
        before, self.now = self.now, self._least()
        return self.now != before

    def _least(self) -> Millis | None:
        least = min(self._ticks.values(), default=-1)
        return least if least >= 0 else None
