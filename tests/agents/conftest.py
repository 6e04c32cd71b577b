"""A Redis for tests that need no Kafka: a process of its own, on a free port, gone at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.local.processes import free_port, silent
from agents.local.redis import Redis as Server

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("redis"), CHECKOUT / ".local" / "redis-lib", free_port())
    server.fetch(silent)
    server.start(silent)
    yield server
    server.daemon.stop()
