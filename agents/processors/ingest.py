"""Ingest: web events in, normalised events out, each to the partition of its person.

What cannot be used goes to `rejected-events`.  It also tells the time: its ticks say up to which received time all that
this source partition could bring is in `user-events`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from aiokafka.structs import ConsumerRecord
from msgspec.structs import replace

from agents.partitions import partition_of
from agents.processors.ahead import Ahead
from agents.processors.dead_letters import send_dead_letter
from agents.processors.out import Out
from agents.processors.sending import Sending
from agents.runtime.contract import Effects, Ends, Lane, Rows
from agents.runtime.exchange import Exchange
from streams import topics
from streams.account.companies import COMMAND, parse_company
from streams.account.messages import CompanyKnown
from streams.events import Forget, Link, Millis, Rejected, Split, UserEvent, encode_record
from streams.identity import parse_command
from streams.instants import END
from streams.intake import parse_web_event
from streams.policy import Policy
from streams.progress import Progress
from streams.touches import WebSites

MARK_DIGITS = 13
"""Of an instant in ms, until the year 2286."""
BEHIND_MS = 1_000
"""How far ticks stay behind the last record read while more wait: senders' stamps are not quite in order."""
QUIET_TICKS = 10
"""A source partition without traffic ticks so many times more seldom while nobody waits for it."""
WANTS = 2
"""Half of what a lane may be ahead it has brought when it wants the others to come on, however little they can do."""
TICK_KEY = b"@tick/"
SENT_KEY = b"@sent/"
COMPANY = COMMAND.encode()

Parsed: TypeAlias = UserEvent | Link | Split | Forget


class Ingest:
    """One partition of a source topic."""

    def __init__(
        self,
        lane: Lane,
        rows: Rows,
        policy: Policy,
        *,
        exchange: Exchange,
        partitions: int,
        log_clock: bool,
        tick_ms: int,
        grace_ms: int,
        most_ahead: int,
        observed: Callable[[Counter[str], int], None],
    ) -> None:
        self._lane = lane
        self._name = str(lane)
        self._sites = WebSites(policy.web.own_domains)
        self._exchange = exchange
        self._partitions = partitions
        self._log_clock = log_clock
        self._tick_ms = tick_ms
        self._grace_ms = grace_ms
        self._observed = observed
        self._source = f"{lane.topic}/{lane.partition}/".encode()
        self._tick_key = TICK_KEY + str(lane).encode()
        self._sent_key = SENT_KEY + str(lane).encode()
        self._sending = Sending(self._name, partitions, rows.get(self._sent_key))
        # A former owner may have ticked without a transaction, as nothing came.
        self._ticked = max(int.from_bytes(rows.get(self._tick_key) or b"", "big"), exchange.board.tick(self._name))
        self._ahead, self._half_ahead = Ahead(most_ahead), Ahead(most_ahead // WANTS)

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int, now: int) -> Effects:
        """Normalise each record, in order; then tick, as far as time is known to have passed."""
        effects = Effects()
        found = _Found()
        latest = now if not self._log_clock else END
        for record in batch:
            if self._log_clock and (mark := _mark(record)) is not None:
                self._ticked = max(mark, self._ticked)
            else:
                self._normalise(record, latest, effects, found)
        if not self._log_clock:
            self._ticked = max(self._ticked, told_until - (self._grace_ms if told_until == now else BEHIND_MS))
        effects.rows[self._tick_key] = self._ticked.to_bytes(8, "big")
        if found.sent:
            effects.rows[self._sent_key] = self._sending.pack()
        for ahead in (self._ahead, self._half_ahead):
            ahead.add(self._ticked, len(batch))
        said = Progress(self._name, (self._ticked,), behind=told_until != now, wants=self._half_ahead.due)
        effects.committed = lambda ends: self._committed(found, ends, said)
        return effects

    def resume(self) -> Effects | None:
        """Nothing is held back."""
        return None

    def may_fold(self) -> bool:
        """Wait for the slowest source, and for the slowest lane of people, where this one is well ahead of it."""
        board, due = self._exchange.board, self._ahead.due
        return board.clock >= due and board.decided >= due

    def wants_time(self, now: int) -> bool:
        """Say whether to tick without traffic: soon where somebody waits for it."""
        ticks = 1 if self._exchange.board.somebody_waits else QUIET_TICKS
        return not self._log_clock and now - self._grace_ms >= self._ticked + ticks * self._tick_ms

    def idle(self, told_until: int) -> Effects | None:
        """Tick without traffic, and without a transaction.

        This worker's own lanes hear it when Kafka has it, as others do: whoever owns the lane next has to know of it,
        or it could have something received before what is decided already.
        """
        if not self._log_clock and told_until - self._grace_ms > self._ticked:
            self._ticked = told_until - self._grace_ms
            self._exchange.pass_on(Progress(self._name, (self._ticked,)), self._name)
        return None

    def has_sent(self) -> bool:
        """Say whether something was ever sent."""
        return self._sending.has_sent

    def opened(self, ends: Mapping[int, int]) -> None:
        """Say again what a former owner may have said no more."""
        if self._sending.has_sent:
            self._exchange.tell(self._sending.reached(ends), f"{self._name}/sent", to_all=True)
        if self._ticked > 0:
            self._tell(Progress(self._name, (self._ticked,)))

    def _committed(self, found: "_Found", ends: Ends, said: Progress) -> None:
        if found.sent:
            self._exchange.tell(self._sending.sent(ends), f"{self._name}/sent", to_all=True)
        self._tell(said)
        self._observed(found.rejected, found.elsewhen)

    def _tell(self, said: Progress) -> None:
        self._exchange.tell(said, self._name, to_all=True)

    def _normalise(self, record: ConsumerRecord, latest: Millis, effects: Effects, found: "_Found") -> None:
        parsed = self._parsed(record)
        if isinstance(parsed, Rejected):
            found.rejected[parsed.reason] += 1
            send_dead_letter(record, parsed, self._partitions, effects)
            return
        if isinstance(parsed, CompanyKnown):
            Out(effects, self._lane, record.offset, self._partitions).accounts([parsed])
            return
        source = (("source", b"%s%d" % (self._source, record.offset)),)
        earliest = self._ticked + 1
        found.elsewhen += not earliest <= parsed[0].received_at <= latest
        for event in parsed:
            if not earliest <= event.received_at <= latest:
                event = _received(event, max(min(event.received_at, latest), earliest))
            key = event.alias.encode()
            partition = partition_of(key, self._partitions)
            effects.send(topics.USER_EVENTS.name, partition, key, encode_record(event), source)
            self._sending.note(event.alias, partition, event.received_at)
            found.sent = True

    def _parsed(self, record: ConsumerRecord) -> Sequence[Parsed] | CompanyKnown | Rejected:
        if record.headers and (command := _header(record, topics.COMMAND_HEADER)) is not None:
            if command == COMPANY:
                return parse_company(record.value)
            parsed = parse_command(command.decode(errors="replace"), record.value, kafka_timestamp=record.timestamp)
            return parsed if isinstance(parsed, Rejected) else (parsed,)
        return parse_web_event(record.value, kafka_timestamp=record.timestamp, sites=self._sites)


class _Found:
    """What a batch came to, to be told after its commit."""

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self.elsewhen = 0
        """Events that are not taken to be received when they say: the clock has passed it, or it lies ahead."""
        self.sent = False


def _received(event: Parsed, at: Millis) -> Parsed:
    """Have an event received at another instant; nothing happens after it was received."""
    if isinstance(event, UserEvent | Link):
        return replace(event, received_at=at, at=min(event.at, at))
    return replace(event, received_at=at)


def _mark(record: ConsumerRecord) -> Millis | None:
    # Anybody may write a header: what tells no time is a message like any other.
    value = _header(record, topics.TIME_MARK_HEADER)
    return int(value) if value and value.isdigit() and len(value) <= MARK_DIGITS else None


def _header(record: ConsumerRecord, name: str) -> bytes | None:
    return next((value for found, value in record.headers if found == name), None)
