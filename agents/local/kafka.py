"""Local stack, part 2.  Kafka: real Apache Kafka from Maven Central, one KRaft node on loopback."""

import asyncio
import base64
import logging
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from agents.local.processes import Daemon, LocalError, Progress, free_port, run_tool

POM = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
)
FETCH_SECONDS = 600.0
START_SECONDS = 60.0

BROKER: dict[str, str | int] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    # A local stack may rest for weeks; with expired offsets the workers would read everything twice.
    "offsets.retention.minutes": 525_600,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    # A killed worker's open transaction hides later records from `read_committed` until it is timed out.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 2000,
    "message.max.bytes": 2 << 20,
    "replica.fetch.max.bytes": 2 << 20,
    "log.retention.check.interval.ms": 60_000,
    # Small segments, so that retention and compaction are seen at work locally.
    "log.segment.bytes": 128 << 20,
}
"""What this broker has otherwise than Kafka by default, apart from ports and folders."""


class Kafka:
    """The broker of one data folder.

    `lib` keeps the jars and may be shared by several.  `own` are settings that this broker has otherwise than `BROKER`;
    brokers of one cluster share `cluster_id`.
    """

    def __init__(
        self,
        folder: Path,
        lib: Path,
        port: int,
        version: str = "",
        *,
        own: Mapping[str, str | int] | None = None,
        cluster_id: str = "",
    ) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.version = version or default_version()
        self.own = dict(own or {})
        self.cluster_id = cluster_id or new_cluster_id()
        self.lib = lib.resolve() / self.version
        self.daemon = Daemon("Kafka", self.folder / "kafka.pid", self.folder / "kafka.log")

    @property
    def address(self) -> str:
        """The bootstrap address."""
        return f"127.0.0.1:{self.port}"

    def fetch(self, progress: Progress) -> None:
        """Copy Kafka's jars from Maven Central into `lib`, once."""
        if self.lib.is_dir():
            return
        need("java", "openjdk-17-jre-headless")
        maven = need("mvn", "maven")
        progress(f"Fetching Kafka {self.version} from Maven Central (43 MB, once) ...")
        self.lib.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.lib.with_name(f".{self.version}-{os.getpid()}")
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={unfinished}", f"-Dkafka.version={self.version}"]
        try:
            run_tool([maven, "-q", "-B", "-f", POM, *copy], timeout_seconds=FETCH_SECONDS)
            unfinished.rename(self.lib)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def start(self, progress: Progress) -> None:
        """Start the broker and wait until it answers; harmless if it runs."""
        if self.daemon.pid is None:
            self.daemon.claim(self.port, settings="TOUCHLINE_LOCAL_KAFKA_PORT and TOUCHLINE_KAFKA_BOOTSTRAP")
            progress("Starting Kafka ...")
            self._format()
            self.daemon.start(self._java(*LOGGING, "kafka.Kafka", self._properties), env=os.environ)
        self.daemon.wait_ready(self.ready, timeout_seconds=START_SECONDS)

    def ready(self) -> bool:
        """Whether the broker answers with itself as a member of the cluster."""
        return asyncio.run(answers(self.address, timeout_seconds=5.0))

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _format(self) -> None:
        """Write the settings of this start, and the storage at the first one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        controller = f"127.0.0.1:{free_port()}"
        places = {
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": self.folder / "data",
        }
        settings = BROKER | places | self.own
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        if not (self.folder / "data" / "meta.properties").is_file():
            tool = ("kafka.tools.StorageTool", "format", "-t", self.cluster_id, "-c", self._properties)
            run_tool(self._java(*tool), timeout_seconds=START_SECONDS)

    def _java(self, *arguments: str | Path) -> list[str | Path]:
        return [need("java", "openjdk-17-jre-headless"), *JVM, "-cp", f"{self.lib}/*", *arguments]


def default_version() -> str:
    """Return the Kafka version that the pom names."""
    found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", POM.read_text())
    if found is None:
        raise LocalError(f"{POM} names no kafka.version. Restore the file.")
    return found.group(1)


def need(program: str, package: str) -> str:
    """Find a program on the PATH; say which Debian package has it if there is none."""
    path = shutil.which(program)
    if path is None:
        raise LocalError(f"`{program}` is not on the PATH. Install it: `apt-get install {package}` (as root).")
    return path


async def answers(bootstrap: str, *, timeout_seconds: float) -> bool:
    """Ask a broker who is in the cluster; False: no answer in time, or nobody is in it yet."""
    from aiokafka.client import AIOKafkaClient

    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # "unable to connect" is an answer here, not an error
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_seconds * 1000))
    try:
        await asyncio.wait_for(client.bootstrap(), timeout_seconds)
        return bool(client.cluster.brokers())
    except (Exception, TimeoutError):
        return False
    finally:
        await client.close()
        logger.setLevel(level)


def new_cluster_id() -> str:
    """Make the id of a cluster, as Kafka writes them: its own tool takes one that begins with `-` for an option."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not made.startswith("-"):
            return made
