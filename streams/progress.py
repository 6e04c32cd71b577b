"""Room 2c.  Progress: how far lanes have come in received time, and what a lane may therefore take in now.

A row has to take its records in the order of their received times.  They come from sources and, forwarded, from rows of
weaker aliases in other lanes; so a lane has to know that nothing earlier can come any more.  Each lane says how far it
is, and what it has sent; from what all say follows how far each *level* of rows may go.  All that is said stays true:
the order in which it is heard, and how often, does not matter.  Why so: docs/decisions/0011.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from streams.events import Alias, Millis
from streams.identifiers import STRENGTHS, kind_of

LEVELS: Final = len(STRENGTHS)
"""Rows forward to rows of stronger aliases only: levels, the weakest first, can be completed one after the other."""
LAST: Final = LEVELS - 1
"""The level of users."""
UNKNOWN: Final = -1
"""An instant before all others: nothing was said yet."""

_LEVEL_OF = {kind: LAST - strength for strength, kind in enumerate(STRENGTHS)}


def level_of(alias: Alias) -> int:
    """Give the level of an alias's row; what is no alias is on the last one."""
    if alias.startswith("user:"):  # as nearly all are
        return LAST
    return _LEVEL_OF.get(kind_of(alias) or "", LAST)


class Progress(msgspec.Struct, frozen=True, tag_field="kind", tag="done", omit_defaults=True, gc=False):
    """How far a lane has come."""

    lane: str
    """`<topic>/<partition>`."""
    done: tuple[Millis, ...]
    """Of a source: its tick.  Of a lane of people: for each level, up to when all its records are taken in; the last
    one is also the instant up to which the lane's segments are decided."""
    rules: tuple[tuple[int, Millis], ...] = ()
    """(version of the rules, instant from which on the lane decides by them), in order."""
    behind: bool = False
    """Of a source: whether more waited when it ticked, so that its next tick comes soon and nobody is in a hurry."""
    wants: Millis = UNKNOWN
    """Of a source: up to when lanes of people should be done by now; else it will have to wait for them."""


class Sent(msgspec.Struct, frozen=True, tag_field="kind", tag="sent", gc=False):
    """What a lane has sent to the lanes of people so far."""

    lane: str
    newest: Millis
    """The largest received time."""
    below: dict[int, list[Millis]]
    """{level, but the last: for each partition the largest received time of what was sent to rows of that level}."""
    ends: list[int]
    """For each partition the offset after the last record sent there."""


Said: TypeAlias = Progress | Sent
encode_said = msgspec.json.Encoder().encode
decode_said = msgspec.json.Decoder(Said).decode


def key_of_said(said: Said) -> str:
    """Name what is replaced by a later message of the lane."""
    return said.lane if isinstance(said, Progress) else f"{said.lane}/sent"


class Limits(NamedTuple):
    """What one lane may take in, if it has read its partition up to `read_to`."""

    levels: tuple[Millis, ...]
    read_to: int


class Board:
    """What all lanes have said."""

    def __init__(self, sources: Iterable[str], people: str, partitions: int) -> None:
        """Wait for these source lanes; `people` is the topic of the lanes that have rows."""
        self._ticks: dict[str, Millis] = dict.fromkeys(sources, UNKNOWN)
        self._behind: set[str] = set()
        """Sources that have still to read what waits."""
        self._wanted = UNKNOWN
        self._lanes = {f"{people}/{number}": number for number in range(partitions)}
        self._done = [[UNKNOWN] * LEVELS for _ in range(partitions)]
        self._below = [[UNKNOWN] * partitions for _ in range(LAST)]
        """For each level, but the last, and partition: the largest received time of what was sent there."""
        self._ends = [0] * partitions
        self._newest = UNKNOWN
        self._reached: tuple[Millis, ...] = (UNKNOWN,) * LEVELS
        """The levels as they were worked out last: what is complete once is complete for good."""
        self._is_news = False
        """Whether something was heard since."""

    def hear(self, said: Said) -> bool:
        """Take in what a lane says; say whether it was news.  Who is unknown, or says what cannot be, is not heard."""
        news = self._hear_sent(said) if isinstance(said, Sent) else self._hear_done(said)
        self._is_news |= news
        return news

    @property
    def clock(self) -> Millis:
        """The instant up to which all sources have told everything; `UNKNOWN` until each has ticked."""
        return min(self._ticks.values(), default=UNKNOWN)

    @property
    def somebody_waits(self) -> bool:
        """Whether something was sent that no lane may take in before all sources have gone on."""
        return self._newest > self.clock

    @property
    def decided(self) -> Millis:
        """The instant up to which all lanes of people are done."""
        return min(done[LAST] for done in self._done)

    @property
    def wanted(self) -> Millis:
        """The instant up to which all lanes of people should be done by now, for some source is well ahead of them."""
        return self._wanted

    @property
    def catches_up(self) -> bool:
        """Whether a source has still to read what waits: then it is better to take in much at once than soon."""
        return bool(self._behind)

    @property
    def levels(self) -> tuple[Millis, ...]:
        """For each level: up to when everything that its rows can get is in the log."""
        if self._is_news:
            # A lane that had nothing to say is still known by what it said long ago: when it is sent something, that
            # would seem to go back.
            self._reached = tuple(max(one, other) for one, other in zip(self._reached, self._completed(), strict=True))
            self._is_news = False
        return self._reached

    def limits(self, partition: int) -> Limits:
        """Say what a lane of people may take in."""
        return Limits(self.levels, self._ends[partition])

    def tick(self, source: str) -> Millis:
        """Give a source's tick; `UNKNOWN`: it has not ticked."""
        return self._ticks.get(source, UNKNOWN)

    def waits_for(self, partition: int, told: Sequence[Millis], done: Sequence[Millis]) -> bool:
        """Say whether other lanes wait to hear that a lane, which has `told` how far it is, is as far as `done`."""
        return any(told[level] < self._below[level][partition] <= done[level] for level in range(LAST))

    def _completed(self) -> list[Millis]:
        """Go up the levels: of each, what is sent there has to be taken in before the next one may go on."""
        completed = [self.clock]
        for level in range(LAST):
            until = completed[-1]
            for done, sent in zip(self._done, self._below[level], strict=True):
                if done[level] < sent:
                    until = min(until, done[level])
            completed.append(until)
        return completed

    def _hear_done(self, said: Progress) -> bool:
        if (number := self._lanes.get(said.lane)) is not None and len(said.done) == LEVELS:
            before = self._done[number]
            self._done[number] = [max(one, other) for one, other in zip(before, said.done, strict=True)]
            return self._done[number] != before
        if said.lane in self._ticks and len(said.done) == 1 and said.done[0] >= self._ticks[said.lane]:
            known = self._ticks[said.lane], said.lane in self._behind, self._wanted
            self._ticks[said.lane] = said.done[0]
            (self._behind.add if said.behind else self._behind.discard)(said.lane)
            self._wanted = max(self._wanted, said.wants)
            return known != (said.done[0], said.behind, self._wanted)
        return False

    def _hear_sent(self, said: Sent) -> bool:
        partitions = len(self._ends)
        columns = [(self._ends, said.ends)]
        columns += [(self._below[level], sent) for level, sent in said.below.items() if 0 <= level < LAST]
        if any(len(column) != partitions for _, column in columns):
            return False
        news = said.newest > self._newest
        self._newest = max(self._newest, said.newest)
        for known, column in columns:
            for number, value in enumerate(column):
                if value > known[number]:
                    known[number], news = value, True
        return news
