"""What tests share: a Kafka and a Redis of their own, `touchline` as a subprocess, and waiting with a deadline.

`stack` starts on first use, on free ports, with its data in a temporary folder; only the downloads are shared with the
checkout.  A test that asks for it is marked `integration` by that alone.
"""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from agents import admin
from agents.local.org import Org, OrgServer
from agents.local.processes import free_port
from agents.local.stack import Stack
from agents.settings import Settings

CHECKOUT = Path(__file__).parents[1]
KAFKA_VERSION = os.environ.get("TEST_KAFKA_VERSION", "")
"""Another Kafka than the pom's: `TEST_KAFKA_VERSION=3.9.1 make test`."""

for name in [name for name in os.environ if name.startswith("TOUCHLINE_")]:
    del os.environ[name]  # a developer's own settings must not decide what the tests say


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)


@dataclass
class LiveStack:
    """A real Kafka and Redis of this test session."""

    stack: Stack
    folder: Path
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def bootstrap(self) -> str:
        return self.stack.bootstrap

    @property
    def redis_url(self) -> str:
        """Database 0; each `settings()` has one of the others."""
        return self.stack.redis_url

    @property
    def kafka_pid(self) -> int | None:
        return self.stack.kafka_pid

    def settings(self, **overrides: object) -> Settings:
        """Settings with a fresh app id, an empty Redis database (of 15, in turn) and a data folder of their own."""
        number = next(self.numbers)
        database = f"{self.redis_url.removesuffix('/0')}/{1 + number % 15}"
        with redis.Redis.from_url(database) as client:
            client.flushdb()
        values: dict[str, object] = {
            "app_id": f"test-{os.getpid()}-{number}",
            "kafka_bootstrap": self.bootstrap,
            "redis_url": SecretStr(database),
            "rules": CHECKOUT / "rules.toml",
            "partitions": 4,
            "data_dir": self.folder / f"data-{number}",
            "metrics_port": 0,
            "http_port": free_port(),
            "local_kafka_port": self.stack.kafka.port,
            "local_redis_port": self.stack.redis.port,
        }
        return Settings(_env_file=None, **(values | overrides))

    async def fresh_topics(self, settings: Settings) -> None:
        """Delete and create every topic, and wait until that is done: tests share their names, which are contracts."""
        await admin.delete_topics(settings)
        await admin.create_topics(settings)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Start a Kafka and a Redis for this session, and stop them at its end."""
    folder = tmp_path_factory.mktemp("stack")
    ports = {"local_kafka_port": free_port(), "local_redis_port": free_port()}
    own = Stack(
        Settings(_env_file=None, data_dir=folder, **ports), cache=CHECKOUT / ".local", kafka_version=KAFKA_VERSION
    )
    try:
        own.up()
        yield LiveStack(own, folder)
    finally:
        own.down()


@dataclass
class Running:
    """A `touchline` command in the background; what it printed is in `log`."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, timeout_seconds: float = 15.0) -> int:
        """SIGTERM, then the exit code; SIGKILL and a failure if it takes too long."""
        self.process.terminate()
        return self.wait(timeout_seconds)

    def kill(self) -> int:
        """SIGKILL, then the exit code (-9)."""
        self.process.kill()
        return self.process.wait(10)

    def wait(self, timeout_seconds: float = 60.0) -> int:
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"still running after {timeout_seconds} s:\n{self.output[-4000:]}")


class Touchline:
    """Runs `touchline ...` with given settings, and nothing of the developer's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Running] = []

    def run(
        self, settings: Settings, *arguments: str, timeout_seconds: float = 60.0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; the exit code is the caller's to judge."""
        return subprocess.run(
            _command(arguments),
            env=environment_of(settings) | environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
        )

    def start(self, settings: Settings, *arguments: str, **environment: str) -> Running:
        """Start in the background; whatever still runs when the test ends is killed."""
        log = self.folder / f"touchline-{len(self.running)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(arguments),
                env=environment_of(settings) | environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.running.append(Running(process, log))
        return self.running[-1]

    def close(self) -> None:
        """Kill what still runs, and print what each said: pytest shows that of a test that failed."""
        for running in self.running:
            if running.process.poll() is None:
                running.kill()
            print(f"--- {running.log.name}, left with {running.process.returncode}:\n{running.output[-6000:]}")


@pytest.fixture
def free_port_number() -> int:
    """A port of loopback that nobody has."""
    return free_port()


@pytest.fixture
def touchline(tmp_path: Path) -> Iterator[Touchline]:
    commands = Touchline(tmp_path)
    yield commands
    commands.close()


@pytest.fixture
def salesforce(tmp_path: Path) -> Iterator[OrgServer]:
    """A Salesforce org of this test's own, over HTTPS; `salesforce.org` is what is in it."""
    with OrgServer(Org(), tmp_path / "org") as server:
        yield server


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of a subprocess that shall have these settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "JAVA_HOME", "TMPDIR") if name in os.environ}
    given = {f"TOUCHLINE_{name.upper()}": _text(value) for name, value in settings if value is not None}
    return kept | given | {"PYTHONUNBUFFERED": "1", "COLUMNS": "80"}


@pytest.fixture
def eventually() -> Callable[..., None]:
    """`eventually(condition, within_seconds=30, what="...")`: poll a plain function until it is true."""

    def wait(condition: Callable[[], object], *, within_seconds: float = 30.0, what: str = "the condition") -> None:
        deadline = time.monotonic() + within_seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not hold within {within_seconds} s")
            time.sleep(0.05)

    return wait


@pytest.fixture
def eventually_async() -> Callable[..., Awaitable[None]]:
    """`await eventually_async(condition, ...)`: the same for a coroutine function, without stopping the loop."""

    async def wait(
        condition: Callable[[], Awaitable[object]], *, within_seconds: float = 30.0, what: str = "the condition"
    ) -> None:
        deadline = time.monotonic() + within_seconds
        while not await condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not hold within {within_seconds} s")
            await asyncio.sleep(0.05)

    return wait


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "agents.cli", *arguments]


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ",".join(_text(part) for part in value)
    if isinstance(value, Path):
        return str(value.resolve())
    return str(value)
