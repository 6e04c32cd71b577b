"""Room 1f.  The collector as a process: a socket, uvicorn, and an end in good order."""

import logging
import signal
import socket

import structlog
import uvicorn

from agents.settings import Settings
from agents.sources.collector.app import build_app
from agents.sources.collector.metrics import CollectorMetrics
from agents.sources.collector.publisher import Publisher
from streams.topics import WEB_EVENTS

log = structlog.get_logger(__name__)

FINISH_SECONDS = 5
"""After SIGTERM: how long requests may wait for Kafka's word.  With closing the producer (2 s) well under 10 s."""
MOST_CONNECTIONS = 2000


class _Server(uvicorn.Server):
    """Uvicorn that hurries the publisher before it waits for the requests under way."""

    def __init__(self, config: uvicorn.Config, publisher: Publisher) -> None:
        super().__init__(config)
        self._publisher = publisher

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listening socket, finish the requests under way, end the lifespan."""
        self._publisher.hurry(FINISH_SECONDS - 1)
        await super().shutdown(sockets)


def serve(settings: Settings) -> int:
    """Run the collector on `http_host:http_port` until SIGTERM or Ctrl-C; return the exit code.

    0: stopped in good order, every acknowledged event in Kafka.  1: the address cannot be had.  Kafka may be away at
    the start and at any time later: requests get 503 meanwhile.  Raises `SettingsError`.
    """
    metrics = CollectorMetrics()
    publisher = Publisher(settings.kafka_bootstrap, WEB_EVENTS.name, metrics)
    app = build_app(settings, publisher, metrics)
    try:
        listener = _listen(settings.http_host, settings.http_port)
    except OSError as error:
        address = f"{settings.http_host}:{settings.http_port}"
        log.error("cannot listen; is another process there? TOUCHLINE_HTTP_PORT", address=address, error=error.strerror)
        return 1
    # aiokafka repeats each failed connection attempt several times a second; the publisher says once what changed.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # Uvicorn ends by sending itself the signal again, to die of it; with this handler beneath it exits 0.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: None)
    host, port = listener.getsockname()[:2]
    log.info("collector listens", host=host, port=port)
    try:
        _Server(_config(app), publisher).run(sockets=[listener])
    except KeyboardInterrupt:
        log.info("collector interrupted")
    log.info("collector stopped")
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def _config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,  # client addresses are personal data
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
