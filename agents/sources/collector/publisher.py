"""Room 1e.  Publisher: messages in, and an answer only when Kafka has them all.

A message is either confirmed by every in-sync replica, or the caller hears `UnavailableError`; then it may still
arrive later (an idempotent producer goes on trying): the sender's repetition has the same messageId and counts once.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, ProducerClosed

from agents.sources.collector.limits import Budget
from agents.sources.collector.metrics import CollectorMetrics
from agents.sources.collector.wire import Message

log = structlog.get_logger(__name__)

DEADLINE_SECONDS = 10.0
PUBLISHING_BYTES = 64 << 20
"""Most bytes that wait for Kafka's word, those of requests that gave up waiting included."""
PROBE_SECONDS = 1.0
"""Between two looks whether Kafka is there: so long at most, requests wait in vain before they fail fast."""
PROBE_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 5.0
STUCK_SECONDS = 60.0
"""After so long without a confirmation, although Kafka is there, the producer is replaced."""
RETIRE_SECONDS = 2.0
REQUEST_TIMEOUT_MS = 8_000


class UnavailableError(Exception):
    """Kafka does not have all the messages; worth another try after `retry_after_seconds`."""

    def __init__(self, reason: str, retry_after_seconds: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class Publisher:
    """An idempotent producer that is replaced when it breaks, and knows when Kafka is away."""

    def __init__(
        self, bootstrap: str, topic: str, metrics: CollectorMetrics, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._metrics = metrics
        self._deadline = deadline_seconds
        self._budget = Budget(PUBLISHING_BYTES)
        self._producer: AIOKafkaProducer | None = None
        self._away: str | None = "not connected to Kafka yet"
        """Why Kafka can't take events; None: it can."""
        self._broken = asyncio.Event()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._overdue: dict[asyncio.Task[None], float] = {}
        """{delivery that nobody waits for any more: loop time of its deadline}.  Any: new requests fail fast."""
        self._waits: set[asyncio.Timeout] = set()
        self._keeper: asyncio.Task[None] | None = None
        metrics.publishing_bytes.set_function(lambda: self._budget.held_bytes)
        metrics.kafka_up.set_function(lambda: self.trouble is None)

    @property
    def trouble(self) -> str | None:
        """Why events can't be published now; None: they can."""
        if self._overdue:
            return "Kafka is too slow: earlier events are still waiting"
        return self._away

    async def start(self) -> None:
        """Begin to connect; returns at once, Kafka may come later."""
        self._keeper = asyncio.create_task(self._keep(), name="collector-keep-producer")

    async def publish(self, messages: Sequence[Message]) -> None:
        """Wait until Kafka has all the messages; those of one key stay in their order.

        Raises `UnavailableError`: at once while Kafka is known to be away or too many bytes wait, else at the
        deadline.  Some of the messages may be in Kafka then.
        """
        producer = self._producer
        if producer is None or self.trouble is not None:
            raise UnavailableError(self.trouble or "not connected to Kafka yet", 5)
        size = sum(len(message.value) for message in messages)
        if not self._budget.take(size):
            raise UnavailableError("too many events are waiting for Kafka", 1)
        delivery = asyncio.create_task(self._deliver(producer, messages))
        self._deliveries.add(delivery)
        delivery.add_done_callback(lambda task: self._settle(task, producer, size))
        with self._metrics.publish_seconds.time():
            await self._wait(delivery)
        self._metrics.events.inc(len(messages))
        self._metrics.event_bytes.inc(size)

    async def _deliver(self, producer: AIOKafkaProducer, messages: Sequence[Message]) -> None:
        sent: list[asyncio.Future[object]] = []
        try:
            for key, value in messages:
                sent.append(await producer.send(self._topic, value=value, key=key))
        except KafkaError:
            if sent:  # their bytes are still the producer's: only when they end may the budget have them back
                await asyncio.wait(sent)
            raise
        await asyncio.gather(*sent)

    async def _wait(self, delivery: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(self._deadline) as wait:
                self._waits.add(wait)
                try:
                    await asyncio.shield(delivery)
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            self._overdue[delivery] = asyncio.get_running_loop().time()
            raise UnavailableError(f"Kafka did not confirm the events within {self._deadline:g} s", 5) from None
        except KafkaError as error:
            raise UnavailableError(f"Kafka did not take the events ({type(error).__name__})", 5) from None
        except asyncio.CancelledError:
            if delivery.cancelled():  # its producer was replaced; otherwise it is the request that ends
                raise UnavailableError("the connection to Kafka was replaced", 1) from None
            raise

    def _settle(self, delivery: asyncio.Task[None], producer: AIOKafkaProducer, size: int) -> None:
        self._budget.give(size)
        self._deliveries.discard(delivery)
        self._overdue.pop(delivery, None)
        error = None if delivery.cancelled() else delivery.exception()
        if error is not None and producer is self._producer and _breaks(error):
            log.error("the producer failed for good and is replaced", error=type(error).__name__)
            self._away = "the connection to Kafka is being replaced"
            self._broken.set()

    async def _keep(self) -> None:
        """Have a working producer for as long as the collector runs."""
        failures = 0
        while True:
            producer = await self._connect()
            if producer is None:
                failures += 1
                await asyncio.sleep(_pause_seconds(failures))
                continue
            failures = 0
            self._broken.clear()
            self._producer = producer
            await self._watch(producer)
            self._producer = None
            await self._retire(producer)

    async def _connect(self) -> AIOKafkaProducer | None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id="touchline-collector",
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_batch_size=256 << 10,
        )
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            self._tell(f"Kafka cannot be reached ({type(error).__name__})")
            await _close(producer)
            return None
        except asyncio.CancelledError:
            await _close(producer)
            raise
        return producer

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        while not self._broken.is_set():
            self._tell(await self._probe(producer))
            if self._away is None and self._stuck():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._broken.wait(), PROBE_SECONDS)

    def _stuck(self) -> bool:
        oldest = min(self._overdue.values(), default=float("inf"))
        return asyncio.get_running_loop().time() - oldest > STUCK_SECONDS

    async def _probe(self, producer: AIOKafkaProducer) -> str | None:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                cluster = await producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError) as error:
            return f"Kafka cannot be reached ({type(error).__name__})"
        if not cluster.partitions_for_topic(self._topic):
            # A send would make some brokers create the topic, with the wrong number of partitions.
            return f"the topic {self._topic} is missing; `touchline topics create` makes it"
        return None

    def _tell(self, away: str | None) -> None:
        if away != self._away:
            if away is None:
                log.info("Kafka takes events", topic=self._topic)
            else:
                log.warning("Kafka takes no events; senders get 503 and keep theirs", reason=away)
        self._away = away

    async def _retire(self, producer: AIOKafkaProducer) -> None:
        await _close(producer)
        for delivery in list(self._deliveries):
            delivery.cancel()

    def hurry(self, seconds: float) -> None:
        """Let nobody wait longer than `seconds` from now: the collector is about to stop."""
        self._deadline = min(self._deadline, seconds)
        latest = asyncio.get_running_loop().time() + seconds
        for wait in self._waits:
            wait.reschedule(min(wait.when() or latest, latest))

    async def stop(self) -> None:
        """Flush and leave, within `RETIRE_SECONDS`.  What is unconfirmed then was never acknowledged."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        self._away = "the collector is stopping"
        if self._producer is not None:
            await self._retire(self._producer)


async def _close(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(RETIRE_SECONDS):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("the producer did not end in good order", error=type(error).__name__)
        await producer.client.close()


def _breaks(error: BaseException) -> bool:
    """Tell whether a producer is of no use after this error.

    A numbered record that the broker refused leaves a gap in the sequence: everything after would be refused too.
    """
    if isinstance(error, KafkaTimeoutError):  # never numbered: there was no room for it
        return False
    return isinstance(error, ProducerClosed) or not getattr(error, "retriable", False)


def _pause_seconds(failures: int) -> float:
    longest = min(LONGEST_PAUSE_SECONDS, 0.25 * 2.0 ** min(failures, 8))
    return longest * random.uniform(0.5, 1)  # noqa: S311  jitter, not a secret
