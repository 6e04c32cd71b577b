"""The worker's metrics: each declared once, with its unit, when it moves, and what to do.

No person, id, address or campaign is ever a label: labels come from closed sets (reasons, topics, the rules file)
and from partitions.
"""

import platform
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.metadata import version
from time import time
from typing import get_args, get_type_hints

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary, disable_created_metrics

from agents.runtime.contract import Lane
from streams.events import Millis, Rejected
from streams.topics import USER_EVENTS

disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the series of each counter

SECONDS = (0.001, 0.01, 0.1, 0.5, 2.0, 60.0)
"""Upper bounds of the buckets, seconds.  Few, as each is a series of each agent and all series are to be at most 50 and
10 a partition; 2 is what we promise for an announcement, 10 for a graceful stop, 60 is where the watchdog bites."""

REASONS: tuple[str, ...] = get_args(get_type_hints(Rejected)["reason"])
"""Every reason for which input is rejected."""

CHANGES = ("entered", "left")


class WorkerMetrics:
    """The metrics of one worker, in a registry of their own, so that two in one process (tests) don't meet.

    It hears the lanes itself (`agents.runtime.lanes.Observer`); `redis` hears the Redis sink; processors move the rest.
    `segments` and `asks` are the names in the rules file: their series are there, at 0, before anything happens, so
    that a first trigger is seen as a step and not as the beginning of a series.
    """

    def __init__(
        self, segments: Iterable[str] = (), asks: Iterable[str] = (), *, now: Callable[[], float] = time
    ) -> None:
        self.registry = CollectorRegistry()
        self._now = now
        self._lanes: set[Lane] = set()
        self._clocks: dict[int, Millis] = {}
        self._members: dict[int, Mapping[str, int]] = {}
        self._declare_input()
        self._declare_people()
        self._declare_delays()
        self._declare_lag()
        self._declare_runtime()
        self._begin_at_zero(segments, asks)
        self.redis = RedisMetrics(self)

    # -- declarations, in the order in which data passes

    def _declare_input(self) -> None:
        self.events_consumed = self._counter(
            "touchline_events_consumed_total",
            "Records read and committed, by topic.  Flat while consumer_lag_messages rises: the worker is stuck; read"
            " its log.",
            "topic",
        )
        self.events_rejected = self._counter(
            "touchline_events_rejected_total",
            "Messages sent to rejected-events, by reason.  A step up after a deploy of a sender means that its events"
            " changed; read the newest dead letters before scaling anything.",
            "reason",
        )
        self.events_duplicate = self._counter(
            "touchline_events_duplicate_total",
            "Events dropped because their message id was stored already.  A steady rate is a sender that retries; as"
            " many as events consumed: something is replayed.",
        )
        self.received_elsewhen = self._counter(
            "touchline_received_elsewhen_total",
            "Events that count as received a little later than they say, as the clock had passed that already, or"
            " earlier, as it lies ahead of wall time.  Rising: raise grace_ms, or set the clocks of senders and"
            " collectors.",
        )
        self.events_late = self._counter(
            "touchline_events_late_total",
            "Events older than the window when they were received: not counted, a first touch may still move.  Rising:"
            " a sender holds events back, or its clock is wrong.",
        )

    def _declare_people(self) -> None:
        self.links = self._counter(
            "touchline_links_total",
            "Links that gave a visitor or an address to somebody.  0 with identified traffic: senders identify without"
            " anonymousId.",
        )
        self.links_quarantined = self._counter(
            "touchline_links_quarantined_total",
            "Links set aside because an earlier one holds the alias.  Rising: devices are shared, or a sender does not"
            " reset its anonymousId at sign-out.",
        )
        self.forgotten = self._counter(
            "touchline_forgotten_total",
            "Aliases forgotten for an operator's command.  Rising without one: look at who else may write to"
            " web-events.",
        )
        self.suppressed = self._counter(
            "touchline_suppressed_total",
            "Records dropped because their alias is forgotten.  A steady rate: a sender still tracks somebody who asked"
            " to be forgotten.",
        )
        self.account_members_refused = self._counter(
            "touchline_account_members_refused_total",
            "Aliases that an account did not take in, as it has 10,000 members.  Not 0: an account stands for many"
            " companies; clean it up in Salesforce.",
        )
        self.segment_members = self._gauge(
            "touchline_segment_members",
            "People in the segment now, in this worker's partitions; sum over workers.  A fall to 0: the rule or an"
            " event's name changed.",
            "segment",
        )
        self.segment_changes = self._counter(
            "touchline_segment_changes_total",
            "People who entered or left a segment, as announced.  Both far above the members: people flap on the"
            " threshold.",
            "segment",
            "change",
        )
        self.triggers = self._counter(
            "touchline_triggers_total",
            "Triggers committed, by ask.  Flat while people enter the segment: a gate refuses them; `touchline explain`"
            " says which.",
            "ask",
        )

    def _declare_delays(self) -> None:
        self.batch_seconds = self._histogram(
            "touchline_batch_seconds",
            "Seconds from taking a batch to having it committed and applied, by agent.  Above 10: lower batch_records.",
            "agent",
        )
        self.transaction_seconds = self._histogram(
            "touchline_transaction_seconds",
            "Seconds of the Kafka transaction of a batch, by agent.  Rising alone: the brokers are slow, not we.",
            "agent",
        )
        self.end_to_end_seconds = self._histogram(
            "touchline_end_to_end_seconds",
            "Seconds from an event's received time to the commit of the trigger that it set off.  Above 2 without a"
            " backlog: look at clock_lag_seconds, then transaction_seconds.  A replay shows the age of its history.",
        )

    def _declare_lag(self) -> None:
        self.consumer_lag_messages = self._gauge(
            "touchline_consumer_lag_messages",
            "Offsets between what is committed and the partition's end; transaction markers count.  Rising on all"
            " partitions: add workers; on one: a hot key.",
            "topic",
            "partition",
        )
        self.consumer_lag_seconds = self._gauge(
            "touchline_consumer_lag_seconds",
            "Age of the newest record worked on while more wait, seconds; 0: none waits.  Alert on this one.",
            "topic",
            "partition",
        )
        self.clock_lag_seconds = self._gauge(
            "touchline_clock_lag_seconds",
            "How far the instant up to which the partition's segments are decided is behind wall time, seconds.  Above"
            " 5: some lane of a worker does not come on, so that nobody enters or leaves.  With the log clock it is the"
            " age of the history.",
            "partition",
        )

    def _declare_runtime(self) -> None:
        self.rebalances = self._counter(
            "touchline_rebalances_total",
            "Assignments received.  Rising without deploys: workers die or miss heartbeats; look at exit codes.",
        )
        self.restore_seconds = Summary(
            "touchline_restore_seconds",
            "Seconds to read a lane's rows back.  Long with RocksDB: its folder was lost or is on no volume.",
            registry=self.registry,
        )
        self.contiguity_repairs = self._counter(
            "touchline_contiguity_repairs_total",
            "Fetches that Faust dropped and that were fetched again.  Harmless; a steady rate costs throughput.",
        )
        self.fenced = self._counter(
            "touchline_fenced_total",
            "Lanes that another worker took from us.  We leave at once (exit code 71), so a scrape rarely sees it."
            "  Once after a pause is normal; again and again: two workers share an instance_id.",
        )
        self.worker_ready = self._gauge(
            "touchline_worker_ready",
            "1 while partitions are assigned and their rows restored, as /readyz says.  0 for minutes: it restores, or"
            " the group has no partition for it.",
        )
        build = Info("touchline_build", "Which build runs.  Compare after a deploy.", registry=self.registry)
        build.info({"version": version("touchline"), "python": platform.python_version()})

    def _begin_at_zero(self, segments: Iterable[str], asks: Iterable[str]) -> None:
        for reason in REASONS:
            self.events_rejected.labels(reason)
        for segment in segments:
            self.segment_members.labels(segment)
            for change in CHANGES:
                self.segment_changes.labels(segment, change)
        for ask in asks:
            self.triggers.labels(ask)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=SECONDS, registry=self.registry)

    # -- what lanes report (agents.runtime.lanes.Observer)

    def taken(self, lane: Lane) -> None:
        """Another worker has a lane of ours."""
        self.fenced.inc()

    def restored(self, lane: Lane, rows: int, seconds: float) -> None:
        """Take note that a lane's rows are up to date."""
        self.restore_seconds.observe(seconds)

    def committed(self, lane: Lane, agent: str, records: int, seconds: float, transaction_seconds: float) -> None:
        """Take note that a batch is committed and applied."""
        self.events_consumed.labels(lane.topic).inc(records)
        self.batch_seconds.labels(agent).observe(seconds)
        self.transaction_seconds.labels(agent).observe(transaction_seconds)

    def behind(self, lane: Lane, messages: int, seconds: float) -> None:
        """Show how far a lane is behind its partition's end."""
        self._lanes.add(lane)
        self.consumer_lag_messages.labels(lane.topic, lane.partition).set(messages)
        self.consumer_lag_seconds.labels(lane.topic, lane.partition).set(seconds)

    def repaired(self, lane: Lane) -> None:
        """Count a fetch that Faust had dropped."""
        self.contiguity_repairs.inc()

    def assigned(self, lanes: Collection[Lane]) -> None:
        """Count a rebalance; forget lag, clock and members of all but `lanes`.

        Otherwise the last lag of a partition that left would stand here for ever, and an alert on it would never end.
        """
        self.rebalances.inc()
        for lane in self._lanes - set(lanes):
            self.consumer_lag_messages.remove(lane.topic, lane.partition)
            self.consumer_lag_seconds.remove(lane.topic, lane.partition)
        kept = {lane.partition for lane in lanes if lane.topic == USER_EVENTS.name}
        for partition in self._clocks.keys() - kept:
            self.clock_lag_seconds.remove(partition)
            del self._clocks[partition]
        for partition in self._members.keys() - kept:
            self.members(partition, {})

    # -- what the profile processor reports

    def clock(self, partition: int, at: Millis) -> None:
        """Hear up to when a partition of `user-events` is decided; the lag shown grows by itself until then."""
        if partition not in self._clocks:
            lag = self.clock_lag_seconds.labels(partition)
            lag.set_function(lambda: max(0.0, self._now() - self._clocks.get(partition, 0) / 1000))
        self._clocks[partition] = at

    def members(self, partition: int, people: Mapping[str, int]) -> None:
        """Take {segment: members} of one partition of `user-events`, whole; an absent segment has none there."""
        before = self._members.get(partition, {})
        self._members[partition] = dict(people)
        for segment in before.keys() | people.keys():
            self.segment_members.labels(segment).inc(people.get(segment, 0) - before.get(segment, 0))


class RedisMetrics:
    """Hears the Redis sink (`agents.sinks.redis.SinkMetrics`)."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._lag = metrics.consumer_lag_messages
        self.documents_applied = Counter(
            "touchline_redis_applied_total",
            "Documents written to Redis or deleted.  Flat while people or accounts change: Redis is away.",
            registry=metrics.registry,
        )
        self.retries = Counter(
            "touchline_redis_retries_total",
            "Failed attempts on Redis or its source topics; each is repeated, and the stream goes on meanwhile.",
            registry=metrics.registry,
        )
        self.records_unreadable = Counter(
            "touchline_redis_unreadable_total",
            "Records of the sink's topics that are no documents, passed over.  Somebody else writes there.",
            registry=metrics.registry,
        )

    def applied(self, topic: str, documents: int) -> None:
        """Count documents that were written or deleted."""
        self.documents_applied.inc(documents)

    def retried(self, error: str) -> None:
        """Count a failure that another attempt follows; the log says what failed."""
        self.retries.inc()

    def behind(self, topic: str, partition: int, records: int) -> None:
        """Show how many records of a topic Redis does not have yet."""
        self._lag.labels(topic, partition).set(records)

    def unreadable(self, topic: str, records: int) -> None:
        """Count records that are no documents and were passed over."""
        self.records_unreadable.inc(records)
