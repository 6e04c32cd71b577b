"""Metrics: names by Prometheus's rules, a bounded number of series, and nothing that outlives its partition."""

import inspect
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from agents.local.processes import LocalError, run_tool
from agents.local.redis import _package_lists
from agents.metrics import REASONS, SECONDS, WorkerMetrics
from agents.runtime.contract import Lane
from agents.runtime.lanes import Observer
from agents.sinks.redis import SinkMetrics
from agents.sinks.redis.documents import FEEDS
from agents.sources.collector.metrics import CollectorMetrics
from agents.sources.salesforce.metrics import SyncMetrics

T0 = 1_760_000_000_000
CACHE = Path(__file__).parents[2] / ".local" / "promtool"
LABELS = {"agent", "ask", "change", "endpoint", "partition", "reason", "segment", "status", "topic"}
LABELS |= {"kind", "object", "outcome", "why"}
CONSUMED = ("web-events", "user-events")


def worker(partitions: int = 1, people: int = 1) -> WorkerMetrics:
    """The metrics of a worker that owns every partition, after each of `people` did everything that is counted."""
    metrics = WorkerMetrics(["power-users"], ["review"])
    lanes = [Lane(topic, partition) for topic in CONSUMED for partition in range(partitions)]
    metrics.assigned(lanes)
    for lane, _ in zip(itertools.cycle(lanes), range(people + len(lanes)), strict=False):
        agent = "normalise-events" if lane.topic == "web-events" else "track-profiles"
        metrics.restored(lane, rows=3, seconds=0.2)
        metrics.committed(lane, agent, records=10, seconds=0.02, transaction_seconds=0.01)
        metrics.behind(lane, messages=5, seconds=0.3)
        metrics.repaired(lane)
        metrics.clock(lane.partition, T0)
        metrics.members(lane.partition, {"power-users": 2})
        for topic in FEEDS:
            metrics.redis.applied(topic, 4)
            metrics.redis.behind(topic, lane.partition, 1)
        metrics.redis.retried("ConnectionError")
        metrics.redis.unreadable(lane.topic, 1)
        metrics.events_rejected.labels("no-id").inc()
        metrics.segment_changes.labels("power-users", "entered").inc()
        metrics.triggers.labels("review").inc()
        metrics.end_to_end_seconds.observe(0.4)
    return metrics


def collector() -> CollectorMetrics:
    metrics = CollectorMetrics()
    metrics.requests.labels("batch", 200).inc()
    metrics.publish_seconds.observe(0.01)
    return metrics


def salesforce_sync() -> SyncMetrics:
    metrics = SyncMetrics()
    metrics.calls.labels("2xx").inc()
    metrics.retries.labels("HTTP 503").inc()
    metrics.records.labels("Contact", "poll").inc()
    metrics.drift.labels("Contact", "gone").set(1)
    return metrics


def series(registry: CollectorRegistry) -> int:
    return sum(len(metric.samples) for metric in registry.collect())


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"touchline_{name}", labels)


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus's own checker: the one on the machine, or Debian's, unpacked without being installed."""
    installed = shutil.which("promtool")
    if installed:
        return Path(installed)
    if not (CACHE / "promtool").exists():
        unpack_promtool(CACHE.with_name(f".promtool-{os.getpid()}"))
    return CACHE / "promtool"


def unpack_promtool(work: Path) -> None:
    work.mkdir(parents=True)
    try:
        download_package("prometheus", work)
        (package,) = work.glob("prometheus_*.deb")
        run_tool(["dpkg", "-x", package, work / "unpacked"], timeout_seconds=60)
        CACHE.mkdir(exist_ok=True)
        (work / "unpacked" / "usr" / "bin" / "promtool").replace(CACHE / "promtool")
    finally:
        shutil.rmtree(work)


def download_package(name: str, folder: Path) -> None:
    """With the machine's package lists, else with lists of our own: only root may fill the machine's."""
    try:
        run_tool(["apt-get", "download", name], timeout_seconds=120, cwd=folder)
    except LocalError:
        lists = _package_lists(folder)
        run_tool(["apt-get", *lists, "update"], timeout_seconds=120)
        run_tool(["apt-get", *lists, "download", name], timeout_seconds=120, cwd=folder)


def judged_by(promtool: Path, exposition: bytes) -> str:
    """What promtool complains about; empty: nothing."""
    run = subprocess.run([promtool, "check", "metrics"], input=exposition, capture_output=True, timeout=30, check=False)
    complaints = (run.stdout + run.stderr).decode()
    assert complaints or run.returncode == 0
    return complaints


def test_promtool_complains_about_a_bad_name(promtool: Path) -> None:
    assert "counter" in judged_by(promtool, b"# HELP bad_ms x\n# TYPE bad_ms counter\nbad_ms 1\n")


@pytest.mark.parametrize("metrics", [worker, collector, salesforce_sync])
def test_promtool_finds_nothing_to_mend(
    promtool: Path, metrics: Callable[[], WorkerMetrics | CollectorMetrics | SyncMetrics]
) -> None:
    exposition = generate_latest(metrics().registry)
    assert exposition.count(b"# TYPE touchline_") > 5
    assert judged_by(promtool, exposition) == ""


@pytest.mark.parametrize("partitions", [8, 64, 256])
def test_five_thousand_people_bring_no_more_series_than_partitions_allow(partitions: int) -> None:
    metrics = worker(partitions, people=5000)
    assert value(metrics, "triggers_total", ask="review") >= 5000
    assert 5 * partitions < series(metrics.registry) <= 60 + 12 * partitions


@pytest.mark.parametrize("metrics", [worker, collector])
def test_labels_come_from_closed_sets(metrics: Callable[[], WorkerMetrics | CollectorMetrics]) -> None:
    metrics_found = list(metrics().registry._collector_to_names)
    assert len(metrics_found) > 5
    assert {label for found in metrics_found for label in found._labelnames} <= LABELS


@pytest.mark.parametrize("metrics", [worker, collector])
def test_every_metric_has_our_prefix_and_says_what_it_means(
    metrics: Callable[[], WorkerMetrics | CollectorMetrics],
) -> None:
    for metric in metrics().registry.collect():
        assert metric.name.startswith("touchline_")
        assert metric.documentation.endswith("."), metric.name
        assert len(metric.documentation.split()) >= 4, metric.name


def test_every_reason_segment_and_ask_is_there_at_zero_before_anything_happens() -> None:
    metrics = WorkerMetrics(["power-users"], ["review"])
    assert "not-json" in REASONS
    assert {value(metrics, "events_rejected_total", reason=reason) for reason in REASONS} == {0.0}
    assert value(metrics, "triggers_total", ask="review") == 0
    assert value(metrics, "segment_members", segment="power-users") == 0
    assert value(metrics, "segment_changes_total", segment="power-users", change="left") == 0


def test_the_build_is_named() -> None:
    (build,) = [metric for metric in WorkerMetrics().registry.collect() if metric.name == "touchline_build"]
    assert build.samples[0].labels["version"].count(".") == 2


def test_buckets_reach_from_a_millisecond_to_a_minute_and_hold_the_promised_two_seconds() -> None:
    assert (SECONDS[0], SECONDS[-1]) == (0.001, 60.0)
    assert 2.0 in SECONDS
    assert list(SECONDS) == sorted(set(SECONDS))


def test_a_batch_moves_the_counter_of_its_topic_and_the_histograms_of_its_agent() -> None:
    metrics = WorkerMetrics()
    metrics.committed(Lane("web-events", 3), "ingest", records=7, seconds=0.02, transaction_seconds=0.004)
    assert value(metrics, "events_consumed_total", topic="web-events") == 7
    assert value(metrics, "batch_seconds_bucket", agent="ingest", le="0.01") == 0
    assert value(metrics, "batch_seconds_bucket", agent="ingest", le="0.1") == 1
    assert value(metrics, "transaction_seconds_bucket", agent="ingest", le="0.01") == 1


def test_a_partition_that_left_takes_its_lag_clock_and_members_along() -> None:
    metrics = worker(partitions=2)
    metrics.assigned([Lane("web-events", 0), Lane("web-events", 1), Lane("user-events", 1)])
    assert value(metrics, "rebalances_total") == 2
    assert value(metrics, "consumer_lag_seconds", topic="user-events", partition="0") is None
    assert value(metrics, "consumer_lag_messages", topic="user-events", partition="0") is None
    assert value(metrics, "clock_lag_seconds", partition="0") is None
    assert value(metrics, "segment_members", segment="power-users") == 2
    assert value(metrics, "consumer_lag_seconds", topic="user-events", partition="1") == 0.3
    assert value(metrics, "consumer_lag_seconds", topic="web-events", partition="0") == 0.3


def test_a_partition_that_comes_back_is_shown_again() -> None:
    metrics = worker(partitions=1)
    metrics.assigned([])
    metrics.clock(0, T0)
    metrics.members(0, {"power-users": 5})
    assert value(metrics, "clock_lag_seconds", partition="0") is not None
    assert value(metrics, "segment_members", segment="power-users") == 5


def test_the_lag_of_the_redis_sink_outlives_a_rebalance_of_the_lanes() -> None:
    metrics = worker(partitions=1)
    metrics.assigned([])
    assert value(metrics, "consumer_lag_messages", topic="profile-views", partition="0") == 1


def test_the_clock_falls_behind_by_itself_until_it_is_told_again() -> None:
    now = iter([T0 / 1000 + 1.5, T0 / 1000 + 4.0, T0 / 1000 + 4.0])
    metrics = WorkerMetrics(now=lambda: next(now))
    metrics.clock(3, T0)
    assert value(metrics, "clock_lag_seconds", partition="3") == 1.5
    assert value(metrics, "clock_lag_seconds", partition="3") == 4.0
    metrics.clock(3, T0 + 10_000)
    assert value(metrics, "clock_lag_seconds", partition="3") == 0.0


def test_members_are_summed_over_partitions_and_an_absent_segment_has_none() -> None:
    metrics = WorkerMetrics(["power-users"])
    metrics.members(0, {"power-users": 3})
    metrics.members(1, {"power-users": 4})
    metrics.members(0, {"power-users": 1})
    assert value(metrics, "segment_members", segment="power-users") == 5
    metrics.members(1, {})
    assert value(metrics, "segment_members", segment="power-users") == 1


@pytest.mark.parametrize(
    ("hearing", "listener"), [(Observer, WorkerMetrics()), (SinkMetrics, WorkerMetrics().redis)], ids=["lanes", "redis"]
)
def test_whatever_lanes_and_sink_say_is_heard(hearing: type, listener: object) -> None:
    said = {name: call for name, call in vars(hearing).items() if inspect.isfunction(call) and name[0] != "_"}
    assert len(said) >= 4
    for name, call in said.items():
        heard = inspect.signature(getattr(type(listener), name))
        assert list(heard.parameters) == list(inspect.signature(call).parameters), name


def test_two_workers_in_one_process_do_not_meet() -> None:
    one, other = WorkerMetrics(), WorkerMetrics()
    one.events_late.inc()
    assert value(one, "events_late_total") == 1
    assert value(other, "events_late_total") == 0
