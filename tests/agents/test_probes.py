"""Probes: what Kubernetes, Docker and Prometheus hear from a worker, over real HTTP."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse

import pytest

from agents.metrics import WorkerMetrics
from agents.probes import MOST_CONNECTIONS, Health, Probes
from agents.settings import Settings, SettingsError

SETTINGS = Settings(_env_file=None, metrics_port=0, stall_seconds=60)


class Worker:
    """A worker as the probes see it."""

    def __init__(self) -> None:
        self.health = Health()
        self.metrics = WorkerMetrics()
        self.probes = Probes(SETTINGS, self.metrics, self.health)

    def ask(self, path: str, accept: str = "", method: str = "GET") -> tuple[HTTPResponse, str]:
        connection = HTTPConnection("127.0.0.1", self.probes.port, timeout=5)
        try:
            connection.request(method, path, headers={"Accept": accept} if accept else {})
            response = connection.getresponse()
            return response, response.read().decode()
        finally:
            connection.close()

    def says(self, path: str) -> tuple[int, str]:
        response, body = self.ask(path)
        return response.status, body.strip()


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    worker.probes.start()
    yield worker
    worker.probes.stop()


def test_a_worker_that_starts_is_alive_and_not_ready(worker: Worker) -> None:
    assert worker.says("/livez") == (200, "ok")
    assert worker.says("/readyz") == (503, "waiting for assignment")


def test_readiness_says_what_is_missing(worker: Worker) -> None:
    worker.health.waiting_for = "recovery"
    assert worker.says("/readyz") == (503, "waiting for recovery")


def test_assigned_and_recovered_is_ready_and_the_gauge_agrees(worker: Worker) -> None:
    assert "touchline_worker_ready 0.0" in worker.ask("/metrics")[1]
    worker.health.ready = True
    assert worker.says("/readyz") == (200, "ok")
    assert "touchline_worker_ready 1.0" in worker.ask("/metrics")[1]


def test_a_silent_event_loop_is_neither_alive_nor_ready(worker: Worker) -> None:
    worker.health.ready = True
    worker.health.loop_beat -= 61
    for path in ("/livez", "/readyz"):
        assert worker.says(path) == (503, "event loop silent for 61 s")
    assert "touchline_worker_ready 0.0" in worker.ask("/metrics")[1]


def test_the_next_beat_brings_it_back(worker: Worker) -> None:
    worker.health.loop_beat -= 61
    worker.health.beat()
    assert worker.says("/livez") == (200, "ok")


async def test_probes_answer_while_the_event_loop_is_blocked(worker: Worker) -> None:
    # This call blocks the very loop that it runs on until the answer is there.
    assert worker.says("/livez") == (200, "ok")


def test_metrics_come_in_prometheus_text_unless_openmetrics_is_asked_for(worker: Worker) -> None:
    plain, text = worker.ask("/metrics")
    assert plain.getheader("Content-Type", "").startswith("text/plain; version=0.0.4")
    assert "touchline_events_late_total 0.0" in text
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    opened, text = worker.ask("/metrics", accept)
    assert opened.getheader("Content-Type", "").startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


def test_a_query_changes_nothing(worker: Worker) -> None:
    assert worker.says("/livez?verbose")[0] == 200


def test_head_has_the_length_and_no_body(worker: Worker) -> None:
    response, body = worker.ask("/livez", method="HEAD")
    assert (response.status, response.getheader("Content-Length"), body) == (200, "3", "")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/table/people", 404), ("POST", "/livez", 501)]
)
def test_nothing_else_is_served(worker: Worker, method: str, path: str, status: int) -> None:
    assert worker.ask(path, method=method)[0].status == status


def test_answers_are_not_cached_and_do_not_name_what_runs_here(worker: Worker) -> None:
    response, _ = worker.ask("/livez")
    assert response.getheader("Cache-Control") == "no-store"
    assert "Python" not in response.getheader("Server", "")


def test_silent_clients_do_not_keep_the_others_waiting_until_there_are_too_many(
    worker: Worker, eventually: Callable[..., None]
) -> None:
    with ExitStack() as silent:
        connect = ("127.0.0.1", worker.probes.port)
        for _ in range(MOST_CONNECTIONS - 1):
            silent.enter_context(socket.create_connection(connect, timeout=5))
        assert worker.says("/livez") == (200, "ok")
        silent.enter_context(socket.create_connection(connect, timeout=5))
        eventually(lambda: hung_up(connect), within_seconds=5, what="one client too many sent away")
    eventually(lambda: not hung_up(connect), within_seconds=5, what="room again")


def hung_up(address: tuple[str, int]) -> bool:
    """Whether the server ends a connection unanswered."""
    with socket.create_connection(address, timeout=5) as client:
        try:
            client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
            return client.recv(1) == b""
        except ConnectionError:
            return True


def test_a_taken_port_is_named_with_its_setting(worker: Worker) -> None:
    taken = SETTINGS.model_copy(update={"metrics_port": worker.probes.port})
    second = Probes(taken, WorkerMetrics(), Health())
    with pytest.raises(SettingsError, match=r"TOUCHLINE_METRICS_PORT: 127\.0\.0\.1:\d+: Address already in use"):
        second.start()
    second.stop()


def test_stop_frees_the_port() -> None:
    worker = Worker()
    worker.probes.start()
    port = worker.probes.port
    worker.probes.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    with pytest.raises(RuntimeError, match="not started"):
        _ = worker.probes.port


def test_probes_listen_on_ipv6_too_where_told_so() -> None:
    probes = Probes(SETTINGS.model_copy(update={"http_host": "::1"}), WorkerMetrics(), Health())
    probes.start()
    try:
        with socket.create_connection(("::1", probes.port), timeout=5) as client:
            assert client.getpeername()[0] == "::1"
    finally:
        probes.stop()
