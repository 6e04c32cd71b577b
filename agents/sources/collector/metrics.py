"""Room 1d.  The collector's metrics: each with its unit, when it moves, and what to do."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]


class CollectorMetrics:
    """One registry a collector, so that two in one process don't meet.  No write key and no person in a label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "touchline_collector_requests_total",
            "Requests answered, by what the path takes (event, batch, other) and HTTP status.  401: a sender without a"
            " valid write key. 429: raise requests_per_second or slow the sender. 503: Kafka is away or too slow.",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self.events = Counter(
            "touchline_collector_events_accepted_total",
            "Events that Kafka has and the sender was told so.  Flat while requests rise: senders get errors.",
            registry=self.registry,
        )
        self.event_bytes = Counter(
            "touchline_collector_accepted_bytes_total",
            "Bytes of those events as published, before Kafka's own framing.",
            registry=self.registry,
        )
        self.publish_seconds = Histogram(
            "touchline_collector_publish_seconds",
            "From handing the events of one request to the producer until Kafka has them all, or the deadline."
            "  Near 10: brokers lack in-sync replicas or are overloaded.",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=self.registry,
        )
        self.requests_in_flight = Gauge(
            "touchline_collector_requests_in_flight",
            "Requests being read or published now.",
            registry=self.registry,
        )
        self.publishing_bytes = Gauge(
            "touchline_collector_publishing_bytes",
            "Bytes handed to the producer that Kafka has not confirmed.  At 64 MiB further requests get 503.",
            registry=self.registry,
        )
        self.kafka_up = Gauge(
            "touchline_collector_kafka_up",
            "1 while Kafka takes events, else 0: requests get 503 and SDKs keep their events.",
            registry=self.registry,
        )
