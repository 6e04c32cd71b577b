"""The sync's metrics: each with its unit, when it moves, and what to do."""

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]


class SyncMetrics:
    """One registry a sync, so that two in one process don't meet.  No id and no person in a label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = self._counter(
            "touchline_salesforce_calls_total",
            "API calls made, by kind of answer (2xx, 4xx, 5xx, no-answer).  4xx rising: read the log, the user lacks a"
            " permission or a field is gone. no-answer: the network.",
            "outcome",
        )
        self.retries = self._counter(
            "touchline_salesforce_retries_total",
            "Calls repeated, by reason.  HTTP 429 or REQUEST_LIMIT_EXCEEDED: somebody uses up the org's calls; raise"
            " salesforce_poll_seconds.",
            "reason",
        )
        self.calls_left = self._gauge(
            "touchline_salesforce_calls_left",
            "API calls left of our own budget for 24 hours.  At 0 the sync waits: raise salesforce_calls_a_day or"
            " salesforce_poll_seconds.",
        )
        self.records = self._counter(
            "touchline_salesforce_records_total",
            "Records published to salesforce-changes, by object and why (backfill, poll, refetch, resync).  refetch"
            " high: change events have gaps. resync outside a backfill: reconciliation found drift.",
            "object",
            "why",
        )
        self.too_large = self._counter(
            "touchline_salesforce_too_large_total",
            "Records left out because no Kafka message can hold them (2 MiB).  Above 0: name their long text fields in"
            " salesforce_leave_out.",
        )
        self.looked_at = self._gauge(
            "touchline_salesforce_looked_at_timestamp_seconds",
            "When the last complete look at an object ended, Unix time.  Alert where it is older than five"
            " salesforce_poll_seconds: the log says what holds the sync up.",
            "object",
        )
        self.refetches_refused = self._counter(
            "touchline_salesforce_refetches_refused_total",
            "Requests on salesforce-refetch that could not be done: unreadable, or an object that the org does not show"
            " us.  Read the log.",
        )
        self.drift = self._gauge(
            "touchline_salesforce_drift_records",
            "Records that differed at the last reconciliation that compared any, by object and kind; all were fetched"
            " again.  Rising from day to day: events are lost on the way; look at the connector.",
            "object",
            "kind",
        )
        self.written_back = self._counter(
            "touchline_salesforce_written_back_total",
            "Contacts and Leads in the write-back, by outcome (written, same, failed).  failed: read the log for"
            " Salesforce's code; a validation rule or a missing permission.",
            "outcome",
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)
