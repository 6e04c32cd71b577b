"""Observer: what the processors made of a batch becomes metrics, after its commit; nothing here decides anything."""

from collections import Counter
from time import time

from agents.metrics import WorkerMetrics
from agents.processors.batched import Batched
from agents.runtime.contract import Lane


class ProcessorObserver:
    """Hears the processors; the lanes report to the metrics themselves."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics

    def received(self, rejected: "Counter[str]", elsewhen: int) -> None:
        """Note what a batch of web events came to."""
        self.ingested(rejected)
        self._metrics.received_elsewhen.inc(elsewhen)

    def ingested(self, rejected: "Counter[str]") -> None:
        """Note how many messages of a batch were rejected, by reason."""
        for reason, number in rejected.items():
            self._metrics.events_rejected.labels(reason).inc(number)

    def recorded(self, rejected: "Counter[str]", refused: int) -> None:
        """Note what a batch of `account-events` came to."""
        self.ingested(rejected)
        self._metrics.account_members_refused.inc(refused)

    def folded(self, lane: Lane, batch: Batched) -> None:
        """Note what a batch of normalised events came to."""
        metrics = self._metrics
        metrics.events_duplicate.inc(batch.seen["duplicate"])
        metrics.events_late.inc(batch.seen["late"])
        self.ingested(batch.rejected)
        metrics.forgotten.inc(batch.seen["forgotten"])
        metrics.suppressed.inc(batch.seen["suppressed"])
        metrics.links.inc(batch.seen["linked"])
        metrics.links_quarantined.inc(batch.seen["quarantined"])
        for (segment, change), number in batch.changes.items():
            metrics.segment_changes.labels(segment, change).inc(number)
        for ask, number in batch.triggers.items():
            metrics.triggers.labels(ask).inc(number)
        for received_at in batch.triggering:
            metrics.end_to_end_seconds.observe(max(0.0, time() - received_at / 1000))
        metrics.members(lane.partition, batch.members)
