"""The programs under test: how each is built and started, and which topics are its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from agents import admin
from agents.local.demo.children import environment
from agents.local.kafka import need
from agents.local.processes import LocalError, Progress, free_port
from agents.settings import Settings, Store
from agents.sinks.redis.documents import FEEDS
from streams import topics
from tests.bench.broker import Broker
from tests.bench.processes import Program

CHECKOUT = Path(__file__).parents[2]
BENCH = Path(__file__).parent
BUILD_SECONDS = 600.0
METRICS_SECONDS = 10.0


@dataclass
class Subject:
    """One program, under one name at the broker (`app`): another name is another life."""

    broker: Broker
    folder: Path
    """Where it keeps logs and state; throwing away `state` is the empty disk."""
    app: str = ""

    exactly_once: ClassVar[str] = "exactly once"
    name: ClassVar[str]
    promise: ClassVar[str] = exactly_once
    most_events: ClassVar[int] = 1_000_000_000
    """More would take it too long."""
    job: ClassVar[bool] = True
    """False: it only passes events on, so there is nobody to ask and nothing to restore."""

    @property
    def state(self) -> Path:
        """Folder of its rows."""
        return self.folder / "state"

    @property
    def triggers(self) -> str:
        """Topic of its triggers."""
        return f"{self.app}-triggers"

    @property
    def rekeyed(self) -> str:
        """Beginning of the name of the topic that it re-keys through."""
        return f"{self.app}-by-person"

    def is_changelog(self, topic: str) -> bool:
        """Whether a topic is the changelog of its rows."""
        return self.app in topic and "changelog" in topic

    def build(self, progress: Progress) -> None:
        """Fetch and compile what it needs, once."""

    async def prepare(self) -> None:
        """Make the topics that it does not make itself."""
        await self.broker.recreate(self.triggers)

    def start(self) -> Program:
        """Start it."""
        self.state.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{self.app}-{len(list(self.folder.glob('*.log')))}.log"
        return Program.start(self.name, self.argv(), self.env(), log, CHECKOUT)

    def argv(self) -> list[str]:
        """Return its command line."""
        raise NotImplementedError

    def env(self) -> Mapping[str, str]:
        """Return its environment."""
        ours = {
            "APP": self.app,
            "BOOTSTRAP": self.broker.bootstrap,
            "SOURCE": topics.WEB_EVENTS.name,
            "TRIGGERS": self.triggers,
            "PARTITIONS": str(self.broker.partitions),
            "STATE_DIR": str(self.state.resolve()),
        }
        return clean_environment() | {f"BENCH_{name}": value for name, value in ours.items()}

    def restore_seconds(self, log: Path) -> float | None:
        """Read from its log how long it restored; None: it did not say."""
        said = re.findall(r"BENCH (restore-\w+) (\d+)", log.read_text(errors="replace"))
        begins = [int(at) for what, at in said if what == "restore-start"]
        ends = [int(at) for what, at in said if what == "restore-end"]
        return (max(ends) - min(begins)) / 1000 if begins and ends else None


class Ours(Subject):
    """`touchline worker`."""

    name = "ours"
    store: ClassVar[Store] = Store.memory

    @property
    def triggers(self) -> str:
        return topics.REFERRAL_TRIGGERS.name

    @property
    def rekeyed(self) -> str:
        return topics.USER_EVENTS.name

    def is_changelog(self, topic: str) -> bool:
        return topic == topics.changelog(self.app, topics.PROFILES_TABLE).name

    async def prepare(self) -> None:
        await self.broker.drop(*(topic.name for topic in topics.ALL if topic is not topics.WEB_EVENTS))
        await admin.create_topics(self.settings())

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "agents.cli", "worker"]

    def env(self) -> Mapping[str, str]:
        return environment(self.settings())

    def settings(self) -> Settings:
        """Production's settings, apart from addresses and the rules."""
        values = {
            "app_id": self.app,
            "kafka_bootstrap": self.broker.bootstrap,
            "redis_url": SecretStr(self.broker.stack.redis_url),
            "rules": BENCH / "rules.toml",
            "partitions": self.broker.partitions,
            "data_dir": self.state.resolve(),
            "store": self.store,
            "metrics_port": self.metrics_port,
        }
        return Settings(_env_file=None, **values)  # type: ignore[arg-type]

    @cached_property
    def metrics_port(self) -> int:
        """Port of its metrics on the loopback."""
        return free_port()

    def read_model_lag(self) -> int:
        """Ask it, while it runs, how many records its read model has yet to take."""
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=METRICS_SECONDS) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        samples = (sample for family in families for sample in family.samples)
        return sum(
            int(sample.value)
            for sample in samples
            if sample.name == "touchline_consumer_lag_messages" and sample.labels["topic"] in FEEDS
        )

    def restore_seconds(self, log: Path) -> float | None:
        text = log.read_text(errors="replace")
        begins = _logged(text, r'"event": "assigned".*"lanes": [1-9]')
        ends = _logged(text, rf'"event": "lane open".*"lane": "{topics.USER_EVENTS.name}/')
        return max(ends) - min(begins) if begins and ends else None

    def all_open_at(self, log: Path, lanes: int) -> float:
        """Read from its log when the last of so many lanes was open, in seconds since 1970; 0: they never were."""
        opened = _logged(log.read_text(errors="replace"), r'"event": "lane open"')
        return opened[lanes - 1] if len(opened) >= lanes else 0.0


class OursOnDisk(Ours):
    """`touchline worker` with its rows in RocksDB."""

    name = "ours-rocksdb"
    store = Store.rocksdb


class OursTwice(Ours):
    """Two `touchline worker`s that share the partitions."""

    name = "ours-2-workers"

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "tests.bench.workers", "2"]


class PassThrough(Ours):
    """The engine alone: the same process and transactions with a job that passes each event on as it is."""

    name = "engine-alone"
    job = False

    @property
    def rekeyed(self) -> str:
        return f"{self.app}-passed"

    async def prepare(self) -> None:
        await self.broker.recreate(self.rekeyed, topics.changelog(self.app, "pass").name)

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "tests.bench.pass_through", self.rekeyed]


class KafkaStreams(Subject):
    """Kafka Streams, exactly_once_v2, rows in RocksDB."""

    name = "kafka-streams"
    threads: ClassVar[int] = 1
    home = BENCH / "peers" / "kafka-streams"

    @property
    def rekeyed(self) -> str:
        return f"{self.app}-by-person-repartition"

    def build(self, progress: Progress) -> None:
        target = self._target
        newest = max(path.stat().st_mtime for path in [self.home / "pom.xml", *self.home.glob("src/**/*.java")])
        if (target / "bench.jar").is_file() and (target / "bench.jar").stat().st_mtime > newest:
            return
        progress("Building the Kafka Streams peer (Maven) ...")
        maven = need("mvn", "maven")
        _run([maven, "-q", "-B", "-f", str(self.home / "pom.xml"), "package"])

    def argv(self) -> list[str]:
        jars = f"{self._target / 'bench.jar'}:{self._target / 'lib'}/*"
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [need("java", "openjdk-17-jre-headless"), "-Xmx1g", quiet, "-cp", jars, "bench.Main"]

    def env(self) -> Mapping[str, str]:
        return {**super().env(), "BENCH_THREADS": str(self.threads)}

    @property
    def _target(self) -> Path:
        return self.home / "target"


class KafkaStreamsTwoThreads(KafkaStreams):
    """The same with two threads."""

    name = "kafka-streams-2t"
    threads = 2


class Quix(Subject):
    """Quix Streams, exactly-once, rows in RocksDB, in a virtual environment of its own."""

    name = "quix"
    version = "3.28.1"
    commit_seconds: ClassVar[float] = 0.5
    home: ClassVar[Path] = CHECKOUT / ".local" / "bench" / "quix"

    @property
    def rekeyed(self) -> str:
        return f"repartition__{self.app}"

    def build(self, progress: Progress) -> None:
        python = self.home / "bin" / "python"
        if not python.is_file():
            progress("Installing Quix Streams into .local/bench/quix ...")
            uv = shutil.which("uv") or str(CHECKOUT / ".local" / "uv" / "bin" / "uv")
            _run([uv, "venv", "-q", "--python", sys.executable, str(self.home)])
            _run([uv, "pip", "install", "-q", "--python", str(python), f"quixstreams=={self.version}"])

    def argv(self) -> list[str]:
        return [str(self.home / "bin" / "python"), "-m", "tests.bench.peers.quix_app"]

    def env(self) -> Mapping[str, str]:
        return {**super().env(), "BENCH_COMMIT_SECONDS": str(self.commit_seconds)}

    def restore_seconds(self, log: Path) -> float | None:
        text = log.read_text(errors="replace")
        begins = _stamped(text, "Beginning recovery check")
        ends = _stamped(text, "Recovery process complete")
        return max(ends) - min(begins) if begins and ends else None


class Faust(Subject):
    """Stock Faust with a table."""

    name = "faust"
    promise = "at least once"
    most_events = 30_000

    async def prepare(self) -> None:
        await self.broker.recreate(self.triggers, self.rekeyed)

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "tests.bench.peers.faust_app", "worker", "-l", "warn", "--without-web"]


SUBJECTS: tuple[type[Subject], ...] = (
    Ours,
    OursOnDisk,
    OursTwice,
    PassThrough,
    KafkaStreams,
    KafkaStreamsTwoThreads,
    Quix,
    Faust,
)


def clean_environment() -> dict[str, str]:
    """Return our environment without what is meant for others."""
    foreign = ("TOUCHLINE_", "BENCH_", "PYTHON", "FAUST_", "Quix__")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=BUILD_SECONDS, cwd=CHECKOUT)
    if done.returncode != 0:
        raise LocalError(f"`{' '.join(argv[:3])} ...` failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _logged(text: str, pattern: str) -> list[float]:
    """Instants of the worker's own log lines (JSON, keys sorted) that match."""
    stamp = re.compile(r'"timestamp": "([^"]+)"')
    lines = (line for line in text.splitlines() if re.search(pattern, line))
    return [datetime.fromisoformat(found[1]).timestamp() for line in lines if (found := stamp.search(line))]


def _stamped(text: str, what: str) -> list[float]:
    """Instants of log lines that begin with `[2026-01-31 12:00:00,000]` and contain `what`."""
    lines = (line for line in text.splitlines() if what in line and line.startswith("["))
    return [datetime.strptime(line[1:24], "%Y-%m-%d %H:%M:%S,%f").timestamp() for line in lines]
