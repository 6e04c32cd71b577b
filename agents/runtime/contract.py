"""What runtime and processor say to each other: records go in, effects come out, a transaction makes them true."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from aiokafka.structs import ConsumerRecord


class Lane(NamedTuple):
    """One source partition: the unit that is owned, fenced, restored and committed."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


Headers: TypeAlias = tuple[tuple[str, bytes], ...]
Message: TypeAlias = tuple[bytes | None, bytes | None, Headers]
"""Key, value, headers.  Plain: there is one for each event."""
Messages: TypeAlias = dict[tuple[str, int], list[Message]]
"""{(topic, partition): messages, in order}."""


@dataclass(slots=True)
class Effects:
    """What a batch comes to.  Nothing of it is seen by anybody until its transaction commits."""

    rows: dict[bytes, bytes | None] = field(default_factory=dict)
    """{key: packed row}; None deletes."""
    sends: Messages = field(default_factory=dict)
    committed: Callable[[], None] | None = None
    """Called after the commit: metrics."""

    def send(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Have a message written with the rows."""
        to = (topic, partition)
        if to in self.sends:
            self.sends[to].append((key, value, headers))
        else:
            self.sends[to] = [(key, value, headers)]


class Rows(Protocol):
    """The local rows of one lane, as they were last committed."""

    def get(self, key: bytes) -> bytes | None:
        """Return a row, None where there is none."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows."""


class Processor(Protocol):
    """One lane's logic.  It may keep a cache of rows: after a failed commit nothing of it is used again."""

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int) -> Effects:
        """Fold records, in order.  `told_until` (ms): what the partition has to tell up to then is told with these."""

    def idle(self, told_until: int) -> Effects | None:
        """Say what time alone comes to, as the partition had no more to tell up to then (ms); None: nothing."""


@dataclass(frozen=True, slots=True)
class Job:
    """A processor for every partition of some topics."""

    name: str
    """Names the Faust agent; stable, it outlives files."""
    topics: tuple[str, ...]
    table: str
    """Names the changelog of its rows."""
    make: Callable[[Lane, Rows], Processor]
    idle_seconds: float | None
    """How long a lane waits for records before it is asked for `idle`; None: it never is asked."""
