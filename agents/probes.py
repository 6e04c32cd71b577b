"""Probes: `/metrics`, `/livez` and `/readyz` of a worker.

A thread answers them, not the event loop, so that a blocked loop can be seen from outside.
"""

import socket
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from time import monotonic
from typing import Any, NamedTuple

import structlog
from prometheus_client.exposition import choose_encoder

from agents.metrics import WorkerMetrics
from agents.settings import Settings, SettingsError

log = structlog.get_logger(__name__)
CLIENT_SECONDS = 5.0
"""How long a client may be silent before it is dropped."""
MOST_CONNECTIONS = 16
PLAIN = "text/plain; charset=utf-8"


@dataclass(slots=True)
class Health:
    """What the worker says about itself; its event loop writes, the probes' threads read."""

    ready: bool = False
    """Partitions are assigned and their rows restored."""
    waiting_for: str = "assignment"
    """While not ready: what is missing, for the body of `/readyz`."""
    loop_beat: float = field(default_factory=monotonic)
    """Monotonic seconds of the event loop's last sign of life."""

    def beat(self) -> None:
        """Give a sign of life; called from the event loop about once a second."""
        self.loop_beat = monotonic()

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last sign of life."""
        return monotonic() - self.loop_beat


class Answer(NamedTuple):
    """What a probe says."""

    status: HTTPStatus
    body: bytes
    content_type: str = PLAIN


class Probes:
    """The HTTP server of one worker, on `http_host:metrics_port`.

    | path     | 200                                          | 503                                |
    |----------|----------------------------------------------|------------------------------------|
    | /livez   | the event loop beat within `stall_seconds`   | it is blocked: restart the process |
    | /readyz  | partitions assigned, rows restored, and live | starting, rebalancing, or blocked  |
    | /metrics | always                                       |                                    |

    Neither probe asks Kafka or Redis: an outage of theirs must not restart all workers.
    """

    def __init__(self, settings: Settings, metrics: WorkerMetrics, health: Health) -> None:
        self._address = (settings.http_host, settings.metrics_port)
        self._stall_seconds = settings.stall_seconds
        self._metrics = metrics
        self._health = health
        self._server: _Server | None = None
        metrics.worker_ready.set_function(lambda: self.is_ready)

    @property
    def is_live(self) -> bool:
        """Whether the event loop has given a sign of life recently."""
        return self._health.silent_seconds <= self._stall_seconds

    @property
    def is_ready(self) -> bool:
        """Whether the worker is at work."""
        return self._health.ready and self.is_live

    @property
    def port(self) -> int:
        """The port that answers; known once started.  Raises RuntimeError before."""
        if self._server is None:
            msg = "the probes are not started"
            raise RuntimeError(msg)
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen, and answer from now on.  Raises SettingsError where the address cannot be had."""
        host, port = self._address
        try:
            self._server = _Server(self._address, self)
        except OSError as error:
            msg = f"TOUCHLINE_METRICS_PORT: {host}:{port}: {error.strerror}; another worker? 0 takes any free port"
            raise SettingsError(msg) from None
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="probes", daemon=True).start()
        log.info("probes listen", host=host, port=self.port)

    def stop(self) -> None:
        """Answer no more and free the port; harmless when not started."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str, accept: str) -> Answer:
        """Say what a GET of `path` gets; `accept` is the client's Accept header, empty for none."""
        match path.partition("?")[0]:
            case "/metrics":
                encode, content_type = choose_encoder(accept)
                return Answer(HTTPStatus.OK, encode(self._metrics.registry), content_type)
            case "/livez":
                return self._verdict(self.is_live)
            case "/readyz":
                return self._verdict(self.is_ready)
        return Answer(HTTPStatus.NOT_FOUND, b"/metrics, /livez or /readyz\n")

    def _verdict(self, good: bool) -> Answer:
        if good:
            return Answer(HTTPStatus.OK, b"ok\n")
        blocked = f"event loop silent for {self._health.silent_seconds:.0f} s"
        reason = f"waiting for {self._health.waiting_for}" if self.is_live else blocked
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}\n".encode())


class _Server(ThreadingHTTPServer):
    """A thread a connection, at most `MOST_CONNECTIONS`: slow clients must not fill the worker with threads."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], probes: Probes) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.probes = probes
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking DNS for our own name, which can take long seconds."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own; above the limit hang up."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say little of a client that hung up; the default prints a traceback."""
        log.debug("probe not answered", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request of one client."""

    server: _Server
    timeout = CLIENT_SECONDS
    server_version = "touchline"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a body."""
        self._send(self._answer())

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._send(self._answer(), body=False)

    def _answer(self) -> Answer:
        return self.server.probes.answer(self.path, self.headers.get("Accept", ""))

    def _send(self, answer: Answer, *, body: bool = True) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a scrape every few seconds is no news."""
