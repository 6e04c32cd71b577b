"""The collector as a process, over real sockets, on a real Kafka."""

import asyncio
import gzip
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import segment.analytics as segment
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents import admin
from agents.local.kafka import Kafka
from agents.local.processes import free_port, silent
from agents.settings import Settings
from agents.sources.collector.metrics import CollectorMetrics
from agents.sources.collector.publisher import Publisher, UnavailableError
from agents.sources.collector.wire import Message
from streams.topics import WEB_EVENTS

KEY = ("k1", "")


@dataclass
class Collector:
    """A `touchline serve` and a client of it."""

    process: Any
    url: str

    def post(self, path: str, body: object, **options: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"{self.url}/v1/{path}", content=content, **({"auth": KEY, "timeout": 20.0} | options))

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path)

    def answers(self, path: str, status: int) -> bool:
        try:
            return self.get(path).status_code == status
        except httpx.TransportError:
            return False

    def ready(self) -> bool:
        return self.answers("/readyz", 200)

    def metric(self, name: str) -> float:
        """The value of one series; 0 where there is none."""
        lines = self.get("/metrics").text.splitlines()
        return float(next((line.split()[-1] for line in lines if line.startswith(name + " ")), 0))


Start = Callable[[Settings], Collector]


@pytest.fixture
def start(touchline, eventually) -> Start:
    """Start a collector; it answers when it is given."""

    def run(settings: Settings) -> Collector:
        collector = Collector(touchline.start(settings, "serve"), f"http://127.0.0.1:{settings.http_port}")
        eventually(lambda: collector.answers("/livez", 200), what="the collector")
        return collector

    return run


@pytest.fixture
def settings(stack) -> Settings:
    made = stack.settings(write_keys=("k1", "k2"), cors_origins=("https://app.example",))
    asyncio.run(stack.fresh_topics(made))
    return made


@pytest.fixture
def collector(settings: Settings, start: Start, eventually) -> Collector:
    running = start(settings)
    eventually(running.ready, what="/readyz")
    return running


def published(bootstrap: str) -> list[tuple[int, bytes | None, dict]]:
    """All of `web-events` now, as (partition, key, event), in order within each partition."""
    return asyncio.run(_published(bootstrap))


async def _published(bootstrap: str) -> list[tuple[int, bytes | None, dict]]:
    found = []
    async with AIOKafkaConsumer(
        WEB_EVENTS.name, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None
    ) as consumer:
        for part, end in (await consumer.end_offsets(consumer.assignment())).items():
            while await consumer.position(part) < end:
                for records in (await consumer.getmany(part, timeout_ms=500)).values():
                    found += [(record.partition, record.key, json.loads(record.value)) for record in records]
    return found


# What arrives


def test_an_acknowledged_event_is_in_kafka_with_our_stamps(collector: Collector, stack) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    sent = {"userId": "u1", "event": "Report Viewed", "properties": {"n": 1.10}, "sentAt": "S", "writeKey": "k1"}
    response = collector.post("t", sent, headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.json()) == (200, {"success": True})
    [(_, key, event)] = published(stack.bootstrap)
    assert key == b"u1"
    assert before <= datetime.fromisoformat(event.pop("receivedAt")) <= datetime.now(UTC)
    assert UUID(event.pop("messageId")).version == 4
    del sent["writeKey"]
    assert event == sent | {"type": "track"}


def test_the_official_python_sdk_delivers_everything_in_order(collector: Collector, stack) -> None:
    errors: list[object] = []
    for zipped in (False, True):
        client = segment.Client("k1", host=collector.url, gzip=zipped, on_error=lambda *said: errors.append(said))
        for n in range(250):
            client.track(f"u{n % 3}", "Report Viewed", {"n": n, "zipped": zipped})
        client.identify("u1", {"email": "u1@example.com"}, anonymous_id="a1")
        client.page("u1", "Docs", "Home", {"url": "https://app.example/"})
        client.shutdown()
    assert errors == []
    found = published(stack.bootstrap)
    assert len(found) == 2 * 252
    assert len({event["messageId"] for _, _, event in found}) == len(found)
    assert {event["type"] for _, _, event in found} == {"track", "identify", "page"}
    assert all("sentAt" in event and "writeKey" not in event for _, _, event in found)
    for user in (b"u0", b"u1", b"u2"):
        tracks = [event["properties"] for _, key, event in found if key == user and event["type"] == "track"]
        assert tracks == sorted(tracks, key=lambda properties: (properties["zipped"], properties["n"]))
        assert len({partition for partition, key, _ in found if key == user}) == 1


def test_the_sdk_waits_and_repeats_when_it_is_told_to_slow_down(
    stack, settings: Settings, start: Start, eventually
) -> None:
    collector = start(settings.model_copy(update={"requests_per_second": 2, "http_port": free_port()}))
    eventually(collector.ready, what="/readyz")
    errors: list[object] = []
    client = segment.Client("k1", host=collector.url, upload_size=5, on_error=lambda *said: errors.append(said))
    for n in range(30):
        client.track("u1", "Report Viewed", {"n": n})
    eventually(lambda: collector.metric("touchline_collector_events_accepted_total") >= 30, what="all events")
    client.shutdown()
    assert errors == []
    assert collector.metric('touchline_collector_requests_total{endpoint="batch",status="429"}') > 0
    assert {event["properties"]["n"] for _, _, event in published(stack.bootstrap)} == set(range(30))


def test_a_bad_event_takes_its_neighbours_with_it_only_if_it_is_no_object(collector: Collector, stack) -> None:
    good = {"type": "track", "event": "A", "userId": "u1"}
    assert collector.post("batch", {"batch": [good, 7, good]}).status_code == 400
    assert published(stack.bootstrap) == []
    assert collector.post("batch", {"batch": [good, {}, {"type": 5, "userId": []}, good]}).status_code == 200
    assert sorted(str(key) for _, key, _ in published(stack.bootstrap)) == ["None", "b'[]'", "b'u1'", "b'u1'"]


def test_concurrent_senders_get_each_event_in_once_and_in_their_own_order(collector: Collector, stack) -> None:
    def send(user: int) -> list[int]:
        with httpx.Client(auth=KEY, timeout=20) as client:
            return [client.post(f"{collector.url}/v1/b", json=batch(user, n)).status_code for n in range(10)]

    def batch(user: int, n: int) -> dict:
        return {"batch": [{"type": "track", "userId": f"u{user}", "n": n * 50 + m} for m in range(50)]}

    with ThreadPoolExecutor(8) as pool:
        assert [status for statuses in pool.map(send, range(8)) for status in statuses] == [200] * 80
    found = published(stack.bootstrap)
    for user in range(8):
        assert [event["n"] for _, key, event in found if key == f"u{user}".encode()] == list(range(500))
    assert collector.metric("touchline_collector_events_accepted_total") == 4000
    assert collector.metric('touchline_collector_requests_total{endpoint="batch",status="200"}') == 80
    assert collector.metric("touchline_collector_publishing_bytes") == 0


# Over a real socket


def test_statuses_over_a_real_socket(collector: Collector) -> None:
    event = {"userId": "u1"}
    assert collector.post("t", event, auth=None).status_code == 401
    assert collector.post("t", event, auth=("k3", "")).status_code == 401
    assert collector.post("t", b"{").status_code == 400
    assert collector.post("t", b"x" * 40_000).status_code == 413
    assert collector.post("b", b"x" * 5_000_000).status_code == 413
    assert collector.post("b", b"x" * 5_000_000, auth=None).status_code == 413
    bomb = gzip.compress(b"0" * 50_000_000)
    assert collector.post("b", bomb, headers={"Content-Encoding": "gzip"}).status_code == 413
    deep = b'{"userId":"u1","p":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    assert collector.post("t", deep).status_code == 400
    assert collector.post("nothing", event).status_code == 404
    from_page = collector.post("t", event, headers={"Origin": "https://app.example"})
    assert from_page.headers["access-control-allow-origin"] == "https://app.example"
    assert collector.answers("/livez", 200)


def test_a_connection_survives_a_refusal(collector: Collector) -> None:
    with httpx.Client(auth=KEY) as client:
        for _ in range(3):
            assert client.post(f"{collector.url}/v1/t", content=b"x" * 200_000).status_code == 413
            assert client.post(f"{collector.url}/v1/t", json={"userId": "u1"}).status_code == 200


def test_a_sender_that_goes_away_in_the_middle_harms_nobody(collector: Collector, stack) -> None:
    host, port = collector.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(b"POST /v1/t HTTP/1.1\r\nHost: x\r\nAuthorization: Basic azE6\r\nContent-Length: 500\r\n\r\n{")
    assert collector.post("t", {"userId": "u1"}).status_code == 200
    assert len(published(stack.bootstrap)) == 1


def test_logs_name_no_key_and_no_person(collector: Collector) -> None:
    for body in ({"userId": "person-7"}, {"batch": ["person-7"]}):
        for path in ("t", "b"):
            collector.post(path, body)
            collector.post(path, body, auth=("secret-key", ""))
    assert collector.process.stop() == 0
    log = collector.process.output
    assert "listens" in log
    assert [word for word in ("person-7", "secret-key", "k1", "Traceback") if word in log] == []


# The end


def test_sigterm_ends_with_0_and_everything_acknowledged_is_there(collector: Collector, stack, eventually) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()

    def send() -> None:
        with httpx.Client(auth=KEY, timeout=20) as client:
            while not stop.is_set():
                ids = [str(uuid4()) for _ in range(20)]
                body = {"batch": [{"type": "track", "userId": i, "messageId": i} for i in ids]}
                try:
                    response = client.post(f"{collector.url}/v1/b", json=body)
                except httpx.TransportError:
                    return
                if response.status_code == 200:
                    acknowledged.extend(ids)

    with ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(send) for _ in range(4)]
        try:
            eventually(lambda: len(acknowledged) >= 1000, what="1,000 acknowledged events")
            began = time.monotonic()
            assert collector.process.stop() == 0
            assert time.monotonic() - began < 10
        finally:
            stop.set()
        for sender in senders:
            sender.result(20)
    assert set(acknowledged) <= {event["messageId"] for _, _, event in published(stack.bootstrap)} != set()


def test_a_taken_port_is_one_clear_line_and_exit_1(collector: Collector, settings: Settings, touchline) -> None:
    done = touchline.run(settings, "serve")
    assert done.returncode == 1
    assert "TOUCHLINE_HTTP_PORT" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


# Kafka away


@pytest.fixture(scope="module")
def broker(stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker of our own, to be started, stopped and frozen; the first test wants it stopped."""
    shared = stack.stack.kafka
    kafka = Kafka(tmp_path_factory.mktemp("broker"), shared.lib.parent, free_port(), shared.version)
    yield kafka
    kafka.daemon.stop()


@pytest.fixture
def doomed(stack, broker: Kafka) -> Settings:
    """Settings of a collector whose Kafka will go away."""
    return stack.settings(write_keys=("k1",), kafka_bootstrap=broker.address)


@pytest.fixture
def away(stack, doomed: Settings, broker: Kafka, start: Start, eventually) -> Collector:
    """That collector, while all is well."""
    broker.start(silent)
    asyncio.run(stack.fresh_topics(doomed))
    running = start(doomed)
    eventually(running.ready, what="/readyz")
    return running


@contextmanager
def frozen(broker: Kafka) -> Iterator[None]:
    """Stop the broker's process as if its machine hung: connections stay, nothing is answered."""
    pid = broker.daemon.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def configure(bootstrap: str, config: dict[str, str]) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, WEB_EVENTS.name, config)])
    finally:
        await client.close()


def test_a_start_without_kafka_answers_503_and_recovers(
    stack, doomed: Settings, broker: Kafka, start: Start, eventually
) -> None:
    collector = start(doomed)
    began = time.monotonic()
    response = collector.post("t", {"userId": "u1"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert time.monotonic() - began < 2
    assert collector.answers("/readyz", 503)
    broker.start(silent)
    asyncio.run(stack.fresh_topics(doomed))
    eventually(collector.ready, what="/readyz")
    assert collector.post("t", {"userId": "u1"}).status_code == 200
    assert collector.process.stop() == 0


def test_kafka_that_stops_and_returns_loses_nothing_acknowledged(away: Collector, broker: Kafka, eventually) -> None:
    assert away.post("t", {"userId": "u1", "messageId": "before"}).status_code == 200
    broker.daemon.stop()
    eventually(lambda: away.answers("/readyz", 503), what="/readyz 503")
    began = time.monotonic()
    assert [away.post("t", {"userId": "u1", "messageId": f"away-{n}"}).status_code for n in range(5)] == [503] * 5
    assert time.monotonic() - began < 2
    broker.start(silent)
    eventually(away.ready, what="/readyz 200")
    assert away.post("t", {"userId": "u1", "messageId": "after"}).status_code == 200
    assert [event["messageId"] for _, _, event in published(broker.address)] == ["before", "after"]


def test_a_frozen_kafka_costs_one_deadline_then_requests_fail_fast(away: Collector, broker: Kafka, eventually) -> None:
    with frozen(broker):
        began = time.monotonic()
        assert away.post("t", {"userId": "u1", "messageId": "m1"}).status_code == 503
        assert time.monotonic() - began < 12
        began = time.monotonic()
        assert away.post("t", {"userId": "u1", "messageId": "m2"}).status_code == 503
        assert time.monotonic() - began < 1
        assert away.answers("/livez", 200)
        assert away.answers("/readyz", 503)
    eventually(away.ready, what="/readyz 200")
    assert away.post("t", {"userId": "u1", "messageId": "m3"}).status_code == 200
    assert [event["messageId"] for _, _, event in published(broker.address)] in (["m1", "m3"], ["m3"])


def test_sigterm_while_kafka_is_frozen_still_ends_within_10_seconds(away: Collector, broker: Kafka, eventually) -> None:
    with frozen(broker), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(away.post, "t", {"userId": "u1"})
        eventually(lambda: away.metric("touchline_collector_requests_in_flight") == 1, what="a request in flight")
        began = time.monotonic()
        assert away.process.stop() == 0
        assert time.monotonic() - began < 10
        assert waiting.result(5).status_code == 503


def test_a_record_that_the_broker_refuses_does_not_stop_the_next(away: Collector, broker: Kafka, eventually) -> None:
    small, large = {"userId": "u1"}, {"userId": "u1", "p": "x" * 5000}
    assert away.post("t", small).status_code == 200
    asyncio.run(configure(broker.address, {"max.message.bytes": "2000"}))
    eventually(lambda: away.post("t", large).status_code == 503, what="the broker's refusal")
    eventually(away.ready, what="a new producer")
    assert [away.post("t", small).status_code for _ in range(3)] == [200] * 3


async def test_while_earlier_messages_wait_in_vain_new_ones_fail_fast(
    stack, doomed: Settings, broker: Kafka, eventually_async
) -> None:
    async def ready() -> bool:
        return publisher.trouble is None

    await asyncio.to_thread(broker.start, silent)
    await stack.fresh_topics(doomed)
    metrics = CollectorMetrics()
    publisher = Publisher(broker.address, WEB_EVENTS.name, metrics, deadline_seconds=0.5)
    await publisher.start()
    try:
        await eventually_async(ready, what="a connection")
        with frozen(broker):
            with pytest.raises(UnavailableError, match=r"within 0\.5 s"):
                await publisher.publish([Message(b"k", b"1")])
            with pytest.raises(UnavailableError, match="earlier events"):
                await publisher.publish([Message(b"k", b"2")])
            assert metrics.registry.get_sample_value("touchline_collector_publishing_bytes") == 1
        await eventually_async(ready, what="the earlier message")
        await publisher.publish([Message(b"k", b"3")])
        assert metrics.registry.get_sample_value("touchline_collector_publishing_bytes") == 0
    finally:
        await publisher.stop()
    assert [event for _, _, event in await _published(broker.address)] == [1, 3]


def test_a_missing_topic_is_named_and_never_made_by_accident(
    doomed: Settings, broker: Kafka, start: Start, eventually
) -> None:
    broker.start(silent)
    asyncio.run(admin.delete_topics(doomed))
    collector = start(doomed)
    eventually(lambda: "topics create" in collector.get("/readyz").text, what="the name of the topic")
    assert collector.post("t", {"userId": "u1"}).status_code == 503
    assert any(WEB_EVENTS.name in problem for problem in asyncio.run(admin.check_topics(doomed)))
