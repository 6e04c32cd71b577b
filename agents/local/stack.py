"""Local stack, front door: one Kafka and one Redis on loopback, under the data folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.local.kafka import Kafka
from agents.local.processes import LocalError, Progress, silent
from agents.local.redis import Redis
from agents.settings import Settings

__all__ = ["LocalError", "ServiceStatus", "Stack"]


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service as it is now."""

    name: str
    address: str
    pid: int | None
    """None: not running."""
    ready: bool
    """It runs and answers."""
    log: Path


class Stack:
    """Kafka and Redis of `settings.data_dir`, on `local_kafka_port` and `local_redis_port`.

    Its methods block and ask the services with loops of their own: from async code call them by `asyncio.to_thread`.
    """

    def __init__(self, settings: Settings, *, cache: Path | None = None, kafka_version: str = "") -> None:
        """Name the services.

        `cache`: where downloads are kept; None: the data folder.
        `kafka_version`: another Kafka than the pom's, such as `3.9.1`.
        """
        self.data_dir = settings.data_dir
        self.cache = cache or settings.data_dir
        self.kafka = Kafka(self.data_dir / "kafka", self.cache / "kafka-lib", settings.local_kafka_port, kafka_version)
        self.redis = Redis(self.data_dir / "redis", self.cache / "redis-lib", settings.local_redis_port)

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap address."""
        return self.kafka.address

    @property
    def redis_url(self) -> str:
        """Redis's URL."""
        return self.redis.address

    @property
    def kafka_pid(self) -> int | None:
        """Pid of the broker; None: not running."""
        return self.kafka.daemon.pid

    @property
    def redis_pid(self) -> int | None:
        """Pid of Redis; None: not running."""
        return self.redis.daemon.pid

    def fetch(self, progress: Progress = silent) -> None:
        """Download what is missing, once; raise `LocalError` with the next step."""
        with _only_one(self.cache / "fetch.lock"):
            self.kafka.fetch(progress)
            self.redis.fetch(progress)

    def up(self, progress: Progress = silent) -> None:
        """Fetch, start, and wait until both answer; running services are left alone.

        Raise `LocalError` (a port is taken, a program is missing, a service does not start) with the next step.
        """
        self.fetch(progress)
        with _only_one(self.data_dir / "stack.lock"):
            self.redis.start(progress)
            self.kafka.start(progress)

    def down(self, progress: Progress = silent) -> bool:
        """Stop both; return whether anything ran.  Kafka's data stay, Redis's are gone."""
        with _only_one(self.data_dir / "stack.lock"):
            if self.kafka_pid is not None:
                progress("Stopping Kafka ...")
            stopped = [daemon.stop() for daemon in (self.kafka.daemon, self.redis.daemon)]
        return any(stopped)

    def status(self) -> list[ServiceStatus]:
        """Ask both now."""
        return [
            ServiceStatus(
                daemon.name, service.address, daemon.pid, daemon.pid is not None and service.ready(), daemon.log_file
            )
            for service, daemon in ((self.kafka, self.kafka.daemon), (self.redis, self.redis.daemon))
        ]


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time through; the operating system frees the lock when its holder dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
