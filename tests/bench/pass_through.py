"""The engine's cost alone: each record of `web-events` goes on as it is, in the engine's batches and transactions."""

import logging
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import faust
from aiokafka.structs import ConsumerRecord

from agents import settings
from agents.metrics import WorkerMetrics
from agents.runtime.contract import Effects, Job, Lane, Rows
from agents.runtime.engine import Engine
from streams import topics


class Pass:
    """A processor without any logic."""

    def __init__(self, lane: Lane, rows: Rows, target: str) -> None:
        self._target = target

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int) -> Effects:
        """Pass records on."""
        return Effects(sends={(self._target, batch[0].partition): [(one.key, one.value, ()) for one in batch]})

    def idle(self, told_until: int) -> Effects | None:
        """Do nothing."""
        return None


def main(target: str) -> None:
    """Run until a signal."""
    chosen = settings.load()
    app = faust.App(
        chosen.app_id,
        broker=f"kafka://{chosen.kafka_bootstrap}",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=chosen.partitions,
        stream_wait_empty=False,
        stream_buffer_maxsize=64,
        broker_max_poll_records=chosen.batch_records,
        broker_session_timeout=chosen.session_timeout_ms / 1000,
        broker_heartbeat_interval=chosen.session_timeout_ms / 5000,
        broker_request_timeout=90.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 << 20,
        datadir=str(chosen.data_dir / "faust"),
    )
    job = Job("pass-on", (topics.WEB_EVENTS.name,), "pass", lambda lane, rows: Pass(lane, rows, target), None)
    engine = Engine(
        app,
        [job],
        bootstrap=chosen.kafka_bootstrap,
        app_id=chosen.app_id,
        changelog=lambda table: topics.changelog(chosen.app_id, table).name,
        observer=WorkerMetrics(),
        rocks_dir=None,
        batch_records=chosen.batch_records,
        stall_seconds=chosen.stall_seconds,
    )

    @app.agent(app.topic(topics.WEB_EVENTS.name, key_serializer="raw", value_serializer="as-is"), name="pass-on")
    async def pass_on(batches: AsyncIterator[Any]) -> None:
        """Consume `web-events`; produce the same elsewhere."""
        await engine.take(batches)

    @app.on_before_shutdown.connect
    async def let_go(*_: Any, **__: Any) -> None:
        await engine.stop()

    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True, loglevel=logging.WARNING)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1])
