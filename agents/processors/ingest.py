"""Ingest: web events in, normalised events out, each to the partition of its person.

What cannot be used goes to `rejected-events`.  It also tells the time: ticks of this source partition go to every
partition of `user-events`, inside its transactions.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from aiokafka.structs import ConsumerRecord

from agents.partitions import partition_of
from agents.processors.dead_letters import send_dead_letter
from agents.processors.out import Out
from agents.runtime.contract import Effects, Lane, Rows
from streams import topics
from streams.account.companies import COMMAND, parse_company
from streams.account.messages import CompanyKnown
from streams.events import Forget, Link, Millis, Rejected, Split, Tick, UserEvent, encode_record
from streams.identity import parse_command
from streams.intake import parse_web_event
from streams.policy import Policy
from streams.touches import WebSites

MARK_DIGITS = 13
"""Of an instant in ms, until the year 2286."""
GRACE_MS = 500
"""How far ticks stay behind the wall clock: an event is stamped before it reaches Kafka."""
TICK_KEY = b"@tick/"
COMPANY = COMMAND.encode()


class Ingest:
    """One partition of a source topic."""

    def __init__(
        self,
        lane: Lane,
        rows: Rows,
        policy: Policy,
        *,
        partitions: int,
        log_clock: bool,
        tick_ms: int,
        observed: Callable[[Counter[str]], None],
    ) -> None:
        self._lane = lane
        self._sites = WebSites(policy.web.own_domains)
        self._partitions = partitions
        self._log_clock = log_clock
        self._tick_ms = tick_ms
        self._observed = observed
        self._source = f"{lane.topic}/{lane.partition}/".encode()
        self._tick_key = TICK_KEY + str(lane).encode()
        self._ticked = int.from_bytes(rows.get(self._tick_key) or b"", "big")

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int) -> Effects:
        """Normalise each record, in order; then tick, as far as time is known to have passed."""
        effects = Effects()
        rejected: Counter[str] = Counter()
        for record in batch:
            if self._log_clock and (mark := _mark(record)) is not None:
                self._tick(mark, effects)
            else:
                self._normalise(record, effects, rejected)
        if not self._log_clock:
            self._tick_if_due(told_until - GRACE_MS, effects)
        effects.committed = lambda: self._observed(rejected)
        return effects

    def idle(self, told_until: int) -> Effects | None:
        """Tick without traffic."""
        effects = Effects()
        if not self._log_clock:
            self._tick_if_due(told_until - GRACE_MS, effects)
        return effects if effects.sends else None

    def _normalise(self, record: ConsumerRecord, effects: Effects, rejected: "Counter[str]") -> None:
        parsed = self._parsed(record)
        if isinstance(parsed, Rejected):
            rejected[parsed.reason] += 1
            send_dead_letter(record, parsed, self._partitions, effects)
            return
        if isinstance(parsed, CompanyKnown):
            Out(effects, self._lane, record.offset, self._partitions).accounts([parsed])
            return
        source = (("source", b"%s%d" % (self._source, record.offset)),)
        for event in parsed:
            key = event.alias.encode()
            partition = partition_of(key, self._partitions)
            effects.send(topics.USER_EVENTS.name, partition, key, encode_record(event), source)

    def _parsed(self, record: ConsumerRecord) -> Sequence[UserEvent | Link | Split | Forget] | CompanyKnown | Rejected:
        if record.headers and (command := _header(record, topics.COMMAND_HEADER)) is not None:
            if command == COMPANY:
                return parse_company(record.value)
            parsed = parse_command(command.decode(errors="replace"), record.value, kafka_timestamp=record.timestamp)
            return parsed if isinstance(parsed, Rejected) else (parsed,)
        return parse_web_event(record.value, kafka_timestamp=record.timestamp, sites=self._sites)

    def _tick_if_due(self, at: Millis, effects: Effects) -> None:
        if at >= self._ticked + self._tick_ms:
            self._tick(at, effects)

    def _tick(self, at: Millis, effects: Effects) -> None:
        if at <= self._ticked:
            return
        self._ticked = at
        value = encode_record(Tick(str(self._lane), at))
        effects.rows[self._tick_key] = at.to_bytes(8, "big")
        for partition in range(self._partitions):
            effects.send(topics.USER_EVENTS.name, partition, None, value)


def _mark(record: ConsumerRecord) -> Millis | None:
    # Anybody may write a header: what tells no time is a message like any other.
    value = _header(record, topics.TIME_MARK_HEADER)
    return int(value) if value and value.isdigit() and len(value) <= MARK_DIGITS else None


def _header(record: ConsumerRecord, name: str) -> bytes | None:
    return next((value for found, value in record.headers if found == name), None)
