"""Write the reference pages from the code: `.venv/bin/python docs/reference/generate.py`.

tests/test_docs.py compares them.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from agents import settings_table
from agents.metrics import WorkerMetrics
from agents.settings import Settings
from agents.sources.collector.metrics import CollectorMetrics
from agents.sources.salesforce.metrics import SyncMetrics
from streams import topics

HERE = Path(__file__).parent
SUFFIXES = {"counter": "_total", "info": "_info"}
"""What the exposition adds to a name."""


def table(header: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    header = tuple(header)
    rows = [header, ("---",) * len(header), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def settings_page() -> str:
    """Describe every setting: what `touchline settings --markdown` prints, under a heading."""
    return (
        "# Settings\n\n"
        "Each is an environment variable, or a line of a file `.env` in the working directory; the environment wins.\n"
        "All wrong ones are named at once, and nothing starts. `touchline settings` shows the values in force.\n\n"
        f"{settings_table.markdown(Settings)}\n"
    )


def topics_page() -> str:
    """Describe every topic, in the order in which data passes."""
    return (
        "# Topics\n\n"
        "`touchline topics create` makes them with `TOUCHLINE_PARTITIONS` partitions each; `touchline topics check`"
        " compares.\n"
        "in: others write, we read. internal: ours alone. out: others may read, with `read_committed`.\n\n"
        + table(("topic", "kind", "key", "value", "kept"), map(_topic, topics.ALL))
        + "\nThe rows of each table are kept in a compacted changelog, `<app id>-<table>-changelog`;"
        f" the table of people is `{topics.PROFILES_TABLE}`.\n"
        f"No record may be larger than {topics.ALL[0].config['max.message.bytes']} bytes.\n"
    )


def _topic(topic: topics.Topic) -> tuple[str, ...]:
    return f"`{topic.name}`", str(topic.kind), topic.key, topic.value, _kept(topic)


def _kept(topic: topics.Topic) -> str:
    if topic.compacted:
        return "latest of each key"
    return "forever" if topic.retention_ms == topics.FOREVER else f"{topic.retention_ms // topics.DAY_MS} days"


def metrics_page() -> str:
    """Describe every metric of the worker, of the collector and of the Salesforce sync."""
    return (
        "# Metrics\n\n"
        "Each text says when the metric moves and what to do then. No person, id, address or campaign is a label.\n"
        "With one segment and one ask a worker has at most 50 series, and 12 for each partition, from 8 partitions on;"
        " each further segment costs 3 and each further ask 1.\n\n"
        "## Worker: `http_host:metrics_port/metrics`\n\n"
        + _metrics(WorkerMetrics().registry)
        + "\n## Collector: `http_host:http_port/metrics`\n\n"
        + _metrics(CollectorMetrics().registry)
        + "\n## Salesforce sync: `http_host:salesforce_metrics_port/metrics`\n\n"
        + _metrics(SyncMetrics().registry)
    )


def _metrics(registry: CollectorRegistry) -> str:
    # Only the collectors themselves know the labels of a metric that has not moved yet.
    return table(("metric", "type", "labels", "meaning"), map(_metric, registry._collector_to_names))


def _metric(collector: Any) -> tuple[str, ...]:
    (metric,) = collector.describe()
    name = metric.name + SUFFIXES.get(metric.type, "")
    return f"`{name}`", metric.type, ", ".join(collector._labelnames), metric.documentation


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "topics.md": topics_page,
    "metrics.md": metrics_page,
}
"""{file in docs/reference: what it must say}."""

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page())
