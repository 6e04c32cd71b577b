"""What runtime and processor say to each other: records go in, effects come out, a transaction makes them true."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
Ends: TypeAlias = dict[tuple[str, int], int]
"""{(topic, partition): offset after the last message that a transaction wrote there}."""


@dataclass(slots=True)
class Effects:
    """What a batch comes to.  Nothing of it is seen by anybody until its transaction commits."""

    rows: dict[bytes, bytes | None] = field(default_factory=dict)
    """{key: packed row}; None deletes."""
    sends: Messages = field(default_factory=dict)
    records: int | None = None
    """How many source records it is of; None: those that were read."""
    position: int | None = None
    """Source offset up to which everything is folded; None: up to the end of what was read."""
    more: bool = False
    """Whether the processor has more to do already: it is to resume at once after the commit."""
    committed: Callable[[Ends], None] | None = None
    """Called after the commit, with where its messages are: metrics, and what other lanes wait for."""

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
    """One lane's logic.  It may keep a cache of rows: after a failed commit nothing of it is used again.

    `Plain` has answers for those that hold nothing back and are waited for by nobody.
    """

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int, now: int) -> Effects | None:
        """Fold records, in order; None: they are held back, and there is nothing to commit yet.

        `told_until` (ms): what the partition has to tell up to then is told with these.  `now` (ms): when they were
        read; the same as `told_until` where no more waited.
        """

    def resume(self) -> Effects | None:
        """Say what can be done with what was held back, now that other lanes have come on; None: nothing."""

    def may_fold(self) -> bool:
        """Say whether the lane may take in more, or has to let others catch up first."""

    def wants_time(self, now: int) -> bool:
        """Say whether it is time (ms) to call `idle` of a lane for which nothing waits."""

    def idle(self, told_until: int) -> Effects | None:
        """Say what time alone comes to, as the partition had no more to tell up to then (ms); None: nothing."""

    def has_sent(self) -> bool:
        """Say whether an earlier owner of the lane sent something for whose arrival other lanes wait."""

    def opened(self, ends: Mapping[int, int]) -> None:
        """Hear that the lane is open; `ends`: by partition of `user-events`, all that was ever sent lies before."""


class Plain:
    """A processor that folds what comes as it comes."""

    def resume(self) -> Effects | None:
        """Nothing is held back."""
        return None

    def may_fold(self) -> bool:
        """Nobody has to catch up."""
        return True

    def wants_time(self, now: int) -> bool:
        """Whenever nothing waits."""
        return True

    def has_sent(self) -> bool:
        """Nobody waits for it."""
        return False

    def opened(self, ends: Mapping[int, int]) -> None:
        """Nobody has to know."""


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
