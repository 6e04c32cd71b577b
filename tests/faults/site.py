"""Where runs take place: Kafka on loopback, one node or three, and Redis; each of them can go away."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition

from agents.local.kafka import Kafka, new_cluster_id
from agents.local.processes import free_port, silent
from agents.local.stack import Stack
from agents.settings import Settings
from tests.faults.proxy import Proxy

LOCAL = Path(__file__).parents[2] / ".local"
TRANSACTION_COORDINATOR = 1
CALL_SECONDS = 30.0


class Site(Protocol):
    """A Kafka and a Redis of one child of the fault tests."""

    bootstrap: str
    redis_url: str
    replication: int

    async def up(self) -> None:
        """Start everything with empty data."""

    async def down(self) -> None:
        """Stop everything, and free the disk."""


class OneNode:
    """One broker.  It listens twice: directly, and for who goes through a network that can be slow or cut."""

    replication = 1

    def __init__(self, folder: Path, kafka_version: str) -> None:
        self.folder = folder
        ports = {"local_kafka_port": free_port(), "local_redis_port": free_port()}
        settings = Settings(_env_file=None, data_dir=folder, **ports)  # type: ignore[arg-type, call-arg]
        self.stack = Stack(settings, cache=LOCAL, kafka_version=kafka_version)
        inner, outer = free_port(), free_port()
        self.proxy = Proxy(outer, inner)
        self.proxied = f"127.0.0.1:{outer}"
        self.bootstrap, self.redis_url = self.stack.bootstrap, self.stack.redis_url
        controller = f"127.0.0.1:{free_port()}"
        self.stack.kafka.own |= {
            "listeners": f"PLAINTEXT://{self.bootstrap},FAR://127.0.0.1:{inner},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap},FAR://{self.proxied}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": f"1@{controller}",
            "log.cleaner.backoff.ms": 500,
        }

    async def up(self) -> None:
        await asyncio.to_thread(self.stack.up)
        await self.proxy.start()

    async def down(self) -> None:
        await self.proxy.stop()
        await asyncio.to_thread(self.stack.down)
        shutil.rmtree(self.folder / "kafka" / "data", ignore_errors=True)

    async def stop_kafka(self) -> None:
        """End the broker in good order."""
        await asyncio.to_thread(self.stack.kafka.daemon.stop)

    async def kill_kafka(self) -> None:
        """Kill the broker (SIGKILL)."""
        _kill(self.stack.kafka_pid)

    async def start_kafka(self) -> None:
        """Start the broker again, and wait until it answers."""
        await asyncio.to_thread(self.stack.kafka.start, silent)

    async def stop_redis(self) -> None:
        """End Redis; what it held is gone."""
        await asyncio.to_thread(self.stack.redis.daemon.stop)

    async def start_redis(self) -> None:
        """Start an empty Redis."""
        await asyncio.to_thread(self.stack.redis.start, silent)


class ThreeNodes:
    """Three brokers; each record is on all three, and counts once two have it."""

    replication = 3

    def __init__(self, folder: Path, kafka_version: str) -> None:
        self.folder = folder
        cluster_id = new_cluster_id()
        controllers = {number: f"127.0.0.1:{free_port()}" for number in (1, 2, 3)}
        voters = ",".join(f"{number}@{address}" for number, address in controllers.items())
        self.nodes = {
            number: _node(folder / f"node-{number}", kafka_version, number, controller, voters, cluster_id)
            for number, controller in controllers.items()
        }
        self.bootstrap = ",".join(node.address for node in self.nodes.values())
        settings = Settings(_env_file=None, data_dir=folder, local_redis_port=free_port())  # type: ignore[call-arg]
        self._redis = Stack(settings, cache=LOCAL).redis
        self.redis_url = self._redis.address

    async def up(self) -> None:
        await asyncio.to_thread(self._redis.start, silent)
        await asyncio.gather(*(asyncio.to_thread(node.start, silent) for node in self.nodes.values()))

    async def down(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(node.daemon.stop) for node in self.nodes.values()))
        await asyncio.to_thread(self._redis.daemon.stop)
        for node in self.nodes.values():
            shutil.rmtree(node.folder / "data", ignore_errors=True)

    async def leader(self, topic: str, partition: int) -> int:
        """Name the node that leads a partition."""
        client = await self._client()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                while (found := client.cluster.leader_for_partition(TopicPartition(topic, partition))) is None:
                    client.add_topic(topic)
                    await client.force_metadata_update()
            return int(found)
        finally:
            await client.close()

    async def coordinator(self, transactional_id: str) -> int:
        """Name the node that coordinates a producer's transactions."""
        client = await self._client()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return int(await client.coordinator_lookup(TRANSACTION_COORDINATOR, transactional_id))
        finally:
            await client.close()

    async def kill(self, number: int) -> None:
        """Kill a node (SIGKILL)."""
        _kill(self.nodes[number].daemon.pid)

    async def start(self, number: int) -> None:
        """Start a node again, and wait until it answers."""
        await asyncio.to_thread(self.nodes[number].start, silent)

    async def _client(self) -> AIOKafkaClient:
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap)
        async with asyncio.timeout(CALL_SECONDS):
            await client.bootstrap()
        return client


def _node(folder: Path, version: str, number: int, controller: str, voters: str, cluster_id: str) -> Kafka:
    port = free_port()
    own: dict[str, str | int] = {
        "node.id": number,
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://{controller}",
        "controller.quorum.voters": voters,
        "min.insync.replicas": 2,
        "offsets.topic.replication.factor": 3,
        "transaction.state.log.replication.factor": 3,
        "transaction.state.log.min.isr": 2,
        # A dead node is seen dead soon: the default of 9 s is longer than what these runs take.
        "broker.session.timeout.ms": 5000,
    }
    return Kafka(folder, LOCAL / "kafka-lib", port, version, own=own, cluster_id=cluster_id)


def _kill(pid: int | None) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


Make = Callable[[Path, str], Site]
